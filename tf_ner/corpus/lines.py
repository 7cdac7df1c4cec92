"""Text files, line by line."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tf_ner.corpus.findings import Finding, Report
from tf_ner.errors import DataError


def numbered_lines(path: Path, report: Report, *, keep_ends: bool = False) -> Iterator[tuple[int, str]]:
    """Lines of UTF-8 text, from 1; only line feeds and carriage returns end a line.

    A byte order mark at the beginning is left out. A line that is not text is reported and left out.

    Args:
        path: The file.
        report: What to do with a line that is not text.
        keep_ends: Lines keep their ends.

    Raises:
        DataError: The file is missing, is a folder, or cannot be unpacked.
    """
    number = 0
    with open_corpus_file(path) as file:
        for chunk in file:
            for line in chunk.splitlines(keep_ends):
                number += 1
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    report(Finding("encoding", path, number, _NOT_UTF8.format(reason=error.reason)))
                    continue
                if "\0" in text:
                    report(Finding("encoding", path, number, _NUL))
                    continue
                yield number, text


def whole_text(path: Path) -> str:
    """The text of a file in UTF-8, with a byte order mark where it has one.

    Raises:
        DataError: The file is missing, is a folder, or is not UTF-8.
    """
    with open_corpus_file(path) as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Received {path}, which is not UTF-8 ({error.reason}); expected UTF-8 text. Convert it, for example with "
            "iconv."
        ) from None


def refuse_pointer(path: Path) -> None:
    """Stops at what Git leaves in the place of a large file that it has not fetched.

    Raises:
        DataError: It is such.
    """
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(len(_POINTER))
        if head == _POINTER:
            raise DataError(
                f"Received {path}, which only says where Git LFS keeps the file; expected the file itself. Run `git "
                "lfs pull` in its folder."
            )


def suffix_of(path: Path) -> str:
    """What a file's name ends in, in small letters; of a compressed file, what is before `.gz`."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == COMPRESSED else suffix


COMPRESSED = ".gz"
_POINTER = b"version https://git-lfs.github.com/spec/"


@contextmanager
def open_corpus_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a corpus file for reading bytes; those of a compressed one as they are unpacked.

    Raises:
        DataError: The file is missing, or is a folder; or, also while it is read, it cannot be unpacked.
    """
    try:
        opened = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"Received {path}, which does not exist; expected a corpus file. Check the path.") from None
    except IsADirectoryError:
        raise DataError(f"Received the folder {path}; expected a corpus file. Pass a folder with --dataset.") from None
    with opened as file:
        if path.suffix.lower() != COMPRESSED:
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"Received {path}, which cannot be unpacked ({error}); expected a complete gzip file. Copy it again, "
                "or unpack it."
            ) from None


_NOT_UTF8 = (
    "received bytes that are not UTF-8 ({reason}); expected UTF-8 text. Convert the file, for example with iconv."
)
_NUL = "received a NUL byte; expected UTF-8 text. Convert the file, for example with iconv -f UTF-16."

"""Text files, line by line."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar, cast

from tf_ner.corpus.findings import Finding, Report
from tf_ner.errors import DataError

Item = TypeVar("Item")


class Piece(NamedTuple):
    """Lines that follow each other.

    Attributes:
        number: Of the first, from 1.
        text: With the ends of the lines.
        keep_ends: Whether `lines` are with them.
    """

    number: int
    text: str
    keep_ends: bool

    def lines(self) -> list[str]:
        """The lines; only line feeds and carriage returns end one."""
        if self.keep_ends:
            # A byte order mark alone is an empty line.
            return list(io.StringIO(self.text, newline="")) or [""]
        lines = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(lines) > 1 and not lines[-1]:
            del lines[-1]
        return lines


def pieces_of(path: Path, report: Report, *, keep_ends: bool = False) -> Iterator[Piece]:
    """The text of a file in UTF-8, some lines at a time, which is quicker than line by line.

    A byte order mark at the beginning is left out. A line that is not text is reported and left out; it is reported
    after what stands before it was given.

    Args:
        path: The file.
        report: What to do with a line that is not text.
        keep_ends: Lines keep their ends.

    Raises:
        DataError: The file is missing, is a folder, or cannot be unpacked.
    """
    number = 1
    with open_corpus_file(path) as file:
        for data in _blocks(file):
            text = _decoded(data)
            if text is None:
                yield from _sound_lines(path, number, data, report, keep_ends=keep_ends)
                number += len(data.splitlines())
                continue
            yield Piece(number, text.removeprefix(_MARK) if number == 1 else text, keep_ends)
            number += num_line_ends(text)


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
    for piece in pieces_of(path, report, keep_ends=keep_ends):
        yield from enumerate(piece.lines(), piece.number)


def num_line_ends(text: str, start: int = 0, end: int | None = None) -> int:
    """How many lines end in a part of a text."""
    returns = text.count("\r", start, end)
    return text.count("\n", start, end) + (returns - text.count("\r\n", start, end) if returns else 0)


def before_each_blank(items: list[Item], blank: Item) -> Iterator[int]:
    """How many lines or rows that are not blank stand before each blank one."""
    place = -1
    with suppress(ValueError):
        for num_blank in count():
            place = items.index(blank, place + 1)
            yield place - num_blank


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file in pieces that end with line feeds.

    What a damaged file still gives before its damage is given too.
    """
    begun: list[bytes] = []
    while data := file.read1(_BLOCK):  # type: ignore[attr-defined]
        end = data.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, data[:end]])
            begun = []
        begun.append(data[end:])
    if last := b"".join(begun):
        yield last


def _decoded(data: bytes) -> str | None:
    """The text; None where something is none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _sound_lines(path: Path, first: int, data: bytes, report: Report, *, keep_ends: bool) -> Iterator[Piece]:
    """Those lines that are text, each as a piece; the others are reported."""
    for number, (line, with_end) in enumerate(
        zip(data.splitlines(keep_ends), data.splitlines(True), strict=True), first
    ):
        encoding = "utf-8-sig" if number == 1 else "utf-8"
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            report(Finding("encoding", path, number, _NOT_UTF8.format(reason=error.reason)))
            continue
        if "\0" in text:
            report(Finding("encoding", path, number, _NUL))
            continue
        yield Piece(number, with_end.decode(encoding), keep_ends)


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
_MARK = "\ufeff"
_BLOCK = io.DEFAULT_BUFFER_SIZE
"""In bytes. As many as are read of a file at once line by line."""
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

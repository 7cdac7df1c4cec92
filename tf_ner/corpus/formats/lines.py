"""Text files, line by line."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
        DataError: The file is missing, or is a folder.
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


def open_corpus_file(path: Path) -> BinaryIO:
    """Opens a corpus file for reading bytes.

    Raises:
        DataError: The file is missing, or is a folder.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise DataError(f"Received {path}, which does not exist; expected a corpus file. Check the path.") from None
    except IsADirectoryError:
        raise DataError(f"Received the folder {path}; expected a corpus file. Pass a folder with --dataset.") from None


_NOT_UTF8 = (
    "received bytes that are not UTF-8 ({reason}); expected UTF-8 text. Convert the file, for example with iconv."
)
_NUL = "received a NUL byte; expected UTF-8 text. Convert the file, for example with iconv -f UTF-16."

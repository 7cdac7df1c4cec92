"""Text files, line by line."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tf_ner.corpus.encodings import in_another_encoding
from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.opened import open_corpus_file
from tf_ner.errors import DataError


def numbered_lines(
    path: Path, report: Report, *, encoding: str | None = None, keep_ends: bool = False
) -> Iterator[tuple[int, str]]:
    """Lines of text, from 1; only line feeds and carriage returns end a line.

    A byte order mark at the beginning is left out. A line that is not text is reported and left out.

    Args:
        path: The file.
        report: What to do with a line that is not text.
        encoding: What its bytes are; UTF-8 if not given.
        keep_ends: Lines keep their ends.

    Raises:
        DataError: The file is missing, is a folder, or cannot be unpacked.
    """
    number = 0
    with open_corpus_file(path, encoding=encoding) as file:
        for chunk in file:
            for line in chunk.splitlines(keep_ends):
                number += 1
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    report(Finding("encoding", path, number, _not_text(encoding, error)))
                    continue
                if "\0" in text:
                    report(Finding("encoding", path, number, _NUL))
                    continue
                yield number, text


def whole_text(path: Path, *, encoding: str | None = None) -> str:
    """The text of a file, in UTF-8 if no encoding is given; with a byte order mark where it has one.

    Raises:
        DataError: The file is missing, is a folder, or has another encoding.
    """
    with open_corpus_file(path, encoding=encoding) as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {_not_text(encoding, error)}") from None


def another_encoding(path: Path) -> Finding | None:
    """What to say of a file whose lines are in another encoding than UTF-8; None of one that is text, or damaged.

    Raises:
        DataError: The file is missing, is a folder, or cannot be unpacked.
    """
    with open_corpus_file(path) as file:
        lines = chain.from_iterable(chunk.splitlines() for chunk in file)
        return in_another_encoding(path, lines)


def _not_text(encoding: str | None, error: UnicodeDecodeError) -> str:
    if encoding is not None:
        return f"received bytes that are not {encoding}; expected text in it. Name another --encoding, or fix the line."
    return (
        f"received bytes that are not UTF-8 ({error.reason}); expected UTF-8 text. Fix the line, or name the encoding "
        "of the file with --encoding."
    )


_NUL = "received a NUL byte; expected text without. Remove it."

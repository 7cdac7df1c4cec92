"""Text files, line by line."""

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from tf_ner.corpus.encodings import in_another_encoding
from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.opened import open_corpus_file
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


def pieces_of(path: Path, report: Report, *, encoding: str | None = None, keep_ends: bool = False) -> Iterator[Piece]:
    """The text of a file, some lines at a time, which is quicker than line by line.

    A byte order mark at the beginning is left out. A line that is not text is reported and left out; it is reported
    after what stands before it was given.

    Args:
        path: The file.
        report: What to do with a line that is not text.
        encoding: What its bytes are; UTF-8 if not given.
        keep_ends: Lines keep their ends.

    Raises:
        DataError: The file is missing, is a folder, or cannot be unpacked.
    """
    number = 1
    with open_corpus_file(path, encoding=encoding) as file:
        for data in _blocks(file):
            text = _decoded(data)
            if text is None:
                yield from _sound_lines(path, number, data, report, encoding=encoding, keep_ends=keep_ends)
                number += len(data.splitlines())
                continue
            yield Piece(number, text.removeprefix(_MARK) if number == 1 else text, keep_ends)
            number += num_line_ends(text)


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
    for piece in pieces_of(path, report, encoding=encoding, keep_ends=keep_ends):
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


def _sound_lines(
    path: Path, first: int, data: bytes, report: Report, *, encoding: str | None, keep_ends: bool
) -> Iterator[Piece]:
    """Those lines that are text, each as a piece; the others are reported."""
    for number, (line, with_end) in enumerate(
        zip(data.splitlines(keep_ends), data.splitlines(True), strict=True), first
    ):
        codec = "utf-8-sig" if number == 1 else "utf-8"
        try:
            text = line.decode(codec)
        except UnicodeDecodeError as error:
            report(Finding("encoding", path, number, _not_text(encoding, error)))
            continue
        if "\0" in text:
            report(Finding("encoding", path, number, _NUL))
            continue
        yield Piece(number, with_end.decode(codec), keep_ends)


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
        if _is_utf8(file):
            return None
    with open_corpus_file(path) as file:
        return in_another_encoding(path, chain.from_iterable(chunk.splitlines() for chunk in file))


def _is_utf8(file: BinaryIO) -> bool:
    """Whether all bytes of a file are text in UTF-8: quick, since most are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while data := file.read(_LARGE_BLOCK):
            if b"\0" in data:
                return False
            decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _not_text(encoding: str | None, error: UnicodeDecodeError) -> str:
    if encoding is not None:
        return f"received bytes that are not {encoding}; expected text in it. Name another --encoding, or fix the line."
    return (
        f"received bytes that are not UTF-8 ({error.reason}); expected UTF-8 text. Fix the line, or name the encoding "
        "of the file with --encoding."
    )


_MARK = "\ufeff"
_BLOCK = io.DEFAULT_BUFFER_SIZE
"""In bytes. As many as are read of a file at once line by line."""
_LARGE_BLOCK = 2**20
_NUL = "received a NUL byte; expected text without. Remove it."

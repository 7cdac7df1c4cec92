"""Corpus files ↔ sentences of words and tags."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from tf_ner.errors import DataError

CONLL_EXTENSIONS = frozenset({".bio", ".conll", ".iob", ".iob2", ".testa", ".testb", ".train", ".tsv", ".txt"})

_DOCUMENT_START = "-DOCSTART-"


class Sentence(NamedTuple):
    """Words with one tag each, and the line of the file (from 1) on which the first word stands."""

    words: list[str]
    tags: list[str]
    line: int


def read_conll(
    path: Path,
    *,
    word_column: int = 0,
    tag_column: int = -1,
    num_columns: int = 0,
    check_tag: Callable[[str], str | None] | None = None,
) -> Iterator[Sentence]:
    """Reads a CoNLL column file: one word a line, a blank line after each sentence.

    Columns are divided by tabs where a line has one, otherwise by spaces; every line must have as many as the first.
    Lines of white space end a sentence, and so do `-DOCSTART-` lines, which are no words. UTF-8, with or without a
    byte order mark; any line ending.

    Args:
        path: The file.
        word_column: Which column holds the word; negative counts from the right.
        tag_column: Which column holds the tag; negative counts from the right.
        num_columns: How many columns there are; as many as the first line has if 0.
        check_tag: Says what is wrong with a tag, or None where nothing is.

    Raises:
        DataError: The file is missing or not UTF-8; a row has too few or too many columns, or an empty cell; a tag
            is refused by `check_tag`. Names the file and the line.
    """
    needed = max(_columns_needed(word_column), _columns_needed(tag_column), 2)
    words: list[str] = []
    tags: list[str] = []
    first_line = 0
    for number, line in _lines(path):
        row = [] if line.isspace() or not line else _split_row(line)
        if not row or row[0] == _DOCUMENT_START:
            if words:
                yield Sentence(words, tags, first_line)
                words, tags = [], []
            continue
        num_columns = num_columns or max(len(row), needed)
        if len(row) != num_columns:
            raise DataError(_ragged_row(path, number, row, num_columns))
        word, tag = row[word_column], row[tag_column]
        if not word or not tag:
            raise DataError(
                f"{path}:{number}: received an empty {'word' if not word else 'tag'} in {line.strip()!r}; "
                "expected a word and a tag. Fill the cell in or remove the line."
            )
        problem = check_tag(tag) if check_tag else None
        if problem:
            raise DataError(f"{path}:{number}: {problem}")
        if not words:
            first_line = number
        words.append(word)
        tags.append(tag)
    if words:
        yield Sentence(words, tags, first_line)


def write_conll(file: TextIO, sentences: Iterable[Sequence[Sequence[str]]]) -> None:
    """Writes sentences given as columns (words, tags, …): one word a line, tabs between, a blank line after each.

    Line breaks and tabs inside a word, which would break the columns, are written as spaces.
    """
    for columns in sentences:
        for row in zip(*columns, strict=True):
            file.write("\t".join(_CELL_BREAK.sub(" ", cell) for cell in row) + "\n")
        file.write("\n")


_CELL_BREAK = re.compile(r"[\t\r\n]")
_SPACES = re.compile(" +")


def _split_row(line: str) -> list[str]:
    """Only tabs and plain spaces divide columns: other Unicode spaces may be words."""
    if "\t" in line:
        return line.rstrip("\t ").split("\t")
    return _SPACES.split(line.strip(" "))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends; only line feeds and carriage returns end a line."""
    number = 0
    try:
        with path.open("rb") as file:
            for chunk in file:
                for line in chunk.splitlines():
                    number += 1
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except FileNotFoundError:
        raise DataError(
            f"Received {path}, which does not exist; expected a CoNLL column file. Check the path."
        ) from None
    except IsADirectoryError:
        raise DataError(
            f"Received the folder {path}; expected a CoNLL column file. Pass a folder with --dataset."
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}:{number}: received bytes that are not UTF-8 ({error.reason}); expected UTF-8 text. "
            "Convert the file, for example with iconv."
        ) from None


def _columns_needed(column: int) -> int:
    return column + 1 if column >= 0 else -column


def _ragged_row(path: Path, number: int, row: list[str], num_columns: int) -> str:
    columns = f"{len(row)} column{'s' if len(row) != 1 else ''}"
    fix = (
        "Add what is missing, or a blank line between sentences."
        if len(row) < num_columns
        else "Remove what is too much; use tabs between columns if words hold spaces."
    )
    return f"{path}:{number}: received {columns} ({' '.join(row)!r}); expected {num_columns}. {fix}"

"""What the columns of a file without a header hold, found out before it is read, so that it is told once."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from tf_ner.corpus.characters import repaired
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.lines import numbered_lines
from tf_ner.corpus.sentences import Layout

_MOST_LINES = 2000
_LEAST_WORDS = 5
"""Of so many words the same beginning is no chance."""

_TAG = re.compile(r"O|[BIESLU]-\S+")
_PREFIX = re.compile(r"[^\W\d_]{1,12}:")
_SPACES = re.compile(" +")


class SeenColumns(NamedTuple):
    """What the first lines of a file show.

    Attributes:
        num_columns: How many columns most lines have; None without lines.
        comment: The first line that begins with # and has other columns than most; None if there is none.
        first: The first line of a word; None without one.
        is_numbered: The first column numbers the words of each sentence.
        tag_places: The columns, from 0, in which there are tags with prefixes.
        prefix: What all words begin with, such as `en:`; nothing if they do not.
    """

    num_columns: int | None
    comment: int | None
    first: int | None
    is_numbered: bool
    tag_places: Sequence[int]
    prefix: str


def split_row(line: str) -> list[str]:
    """Only tabs and plain spaces separate columns: other Unicode spaces may be words."""
    if "\t" in line:
        return line.rstrip("\t ").split("\t")
    return _SPACES.split(line.strip(" "))


def look_at_columns(path: Path, layout: Layout) -> SeenColumns:
    """Looks at the first lines of a file; what cannot be read is left to the reader.

    Raises:
        DataError: The file is missing, is a folder, or cannot be unpacked.
    """
    lines = islice(numbered_lines(path, lambda finding: None, encoding=layout.encoding), _MOST_LINES)
    numbered = [(number, split_row(line) if line.strip() else []) for number, line in lines]
    rows = [(number, row) for number, row in numbered if row]
    # A word and its tag are two at least.
    full = [row for _, row in rows if len(row) > 1]
    counts = Counter(map(len, [row for row in full if not _has_sign(row)] or full))
    # Of equals the number that the options ask for.
    num_columns = max(counts, key=lambda number: (counts[number], not _asks_for_others(number, layout)), default=None)
    words = [(number, row) for number, row in rows if len(row) == num_columns]
    place = layout.word_column if isinstance(layout.word_column, int) else 0
    texts = [row[place] for _, row in words if -len(row) <= place < len(row)]
    return SeenColumns(
        num_columns=num_columns,
        comment=next((number for number, row in rows if _has_sign(row) and len(row) != num_columns), None),
        first=words[0][0] if words else None,
        is_numbered=(num_columns or 0) > 2 and _is_numbered(numbered, num_columns),
        tag_places=[
            column
            for column in range(1, num_columns or 0)
            if words and all(_TAG.fullmatch(row[column]) for _, row in words)
        ],
        prefix=_prefix_of(texts),
    )


def _asks_for_others(number: int, layout: Layout) -> str | None:
    """Says what is asked for where lines have so many columns, and others are named or counted; None if none is."""
    names = layout.columns
    if names is not None and len(names) != number:
        return _NAMES.format(number=number, names=len(names), given=" ".join(names)[:60])
    for option, column in {"--word-column": layout.word_column, "--tag-column": layout.tag_column}.items():
        if isinstance(column, int) and not -number <= column < number:
            return _NO_COLUMN.format(number=number, option=option, column=column, last=number - 1)
    return None


def _has_sign(row: Sequence[str]) -> bool:
    """Whether a line looks as if it began with the sign of comments, whatever invisible stands before it."""
    return repaired(row[0]).startswith("#")


def _is_numbered(rows: Sequence[tuple[int, Sequence[str]]], num_columns: int | None) -> bool:
    """Whether the first column counts from 0 or 1 in each sentence, and to more than that in one."""
    sentences = [
        [row[0] for _, row in of_sentence if len(row) == num_columns and not _has_sign(row)]
        for is_sentence, of_sentence in groupby(rows, key=lambda row: bool(row[1]))
        if is_sentence
    ]
    counted = [
        any(numbers == list(map(str, range(first, first + len(numbers)))) for first in (0, 1)) for numbers in sentences
    ]
    return bool(counted) and all(counted) and max(map(len, sentences)) > 1


def _prefix_of(words: Sequence[str]) -> str:
    found = _PREFIX.match(words[0]) if len(words) >= _LEAST_WORDS else None
    prefix = found[0] if found else ""
    return prefix if all(word.startswith(prefix) and word != prefix for word in words) else ""


def what_to_say(path: Path, columns: SeenColumns, layout: Layout) -> list[Finding]:
    """One finding of what the columns ask for, if the options do not say it; and whether all words begin alike."""
    findings = []
    if columns.prefix and not layout.word_prefix and columns.first is not None:
        message = (
            f"received only words that begin with {columns.prefix!r}; --word-prefix {columns.prefix} leaves it out."
        )
        findings.append(Finding("word-prefix", path, columns.first, message, is_error=False))
    if columns.num_columns is not None and (others := _asks_for_others(columns.num_columns, layout)):
        findings.append(Finding("columns", path, columns.first or 1, others))
    received, options = [], []
    if columns.comment is not None and not layout.comments:
        received.append(f"lines that begin with # and are no words (the first is {columns.comment})")
        options.append("--comments")
    is_open = layout.columns is None and layout.word_column is None
    if columns.is_numbered and is_open:
        received.append("a first column that numbers the words")
        options.append("--word-column 1")
        if len(columns.tag_places) > 1 and layout.tag_column is None:
            places = [str(place) for place in columns.tag_places]
            received.append(f"tags in the columns {', '.join(places[:-1])} and {places[-1]}, counted from 0")
            options.append(f"--tag-column {' or '.join(places)}")
    if received:
        line = min(number for number in (columns.comment, columns.first) if number is not None)
        message = f"received {', '.join(received)}; expected a word first, and its tag last. Give {' '.join(options)}."
        findings.append(Finding("columns", path, line, message))
    return findings


_NAMES = (
    "received lines of {number} columns, and --columns with {names} ({given}); expected a name for each column. Name "
    "all of them with --columns, in their order."
)
_NO_COLUMN = (
    "received lines of {number} columns, and {option} {column}; expected a number from 0 to {last}, or from -{number} "
    "to -1. Change {option}."
)

"""CoNLL column files: one word per line, a blank line after each sentence."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.formats.columns import look_at_columns, split_row, what_to_say
from tf_ner.corpus.lines import before_each_blank, pieces_of
from tf_ner.corpus.opened import suffix_of
from tf_ner.corpus.sentences import Layout, Sentence, is_header, raise_same_column

_DOCUMENT_START = "-DOCSTART-"

_FEW = 20
"""Of so many lines, in which something is odd, each is read on its own."""


def read_conll(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads a CoNLL column file.

    Columns are divided by tabs where a line has one, otherwise by spaces; every line must have as many as most of the
    first lines, or as `layout` names. Lines of white space end a sentence, and so do `-DOCSTART-` lines, which are not
    words. UTF-8, with or without a byte order mark; any line ending.

    Args:
        path: The file.
        layout: Which column holds what; the first the word and the last the tag if not given.
        report: What to do with a line that cannot be read: not UTF-8, too few or too many columns, an empty cell, a
            word without the prefix, the names of the columns in the first line.

    Raises:
        DataError: The file is missing, the columns cannot be told, or words and tags are to be the same one.
    """
    layout = layout or Layout()
    seen = look_at_columns(path, layout)
    said = what_to_say(path, seen, layout)
    for finding in said:
        report(finding)
    if any(finding.is_error for finding in said):
        # What is read until options say it would be told line by line.
        return
    rows = _Rows(path, layout, seen.num_columns, report)
    for piece in pieces_of(path, report, encoding=layout.encoding):
        yield from rows.read(piece.number, piece.lines())
    if rows.sentence.words:
        yield rows.sentence


class _Rows:
    """Puts the lines of a file together to sentences.

    Args:
        path: The file.
        layout: Which column holds what.
        usual: How many columns most lines have.
        report: What to do with a line that cannot be read.

    Attributes:
        sentence: The words since the last one that ended.
    """

    def __init__(self, path: Path, layout: Layout, usual: int | None, report: Report) -> None:
        self._path = path
        self._layout = layout
        self._usual = usual
        self._report = report
        self._word_place, self._tag_place = layout.place_of_word(), layout.place_of_tag()
        self._num_columns = len(layout.columns or ()) or usual or 0
        self._is_first = True
        self.sentence = Sentence([], [], [])

    def read(self, number: int, lines: list[str]) -> Iterator[Sentence]:
        """The sentences that end in some lines, of which the first has this number."""
        if (ended := self._at_once(number, lines)) is not None:
            yield from ended
        elif len(lines) > _FEW:
            for start in range(0, len(lines), _FEW):
                yield from self.read(number + start, lines[start : start + _FEW])
        else:
            for place, line in enumerate(lines, number):
                if self._ends_sentence(place, line):
                    if self.sentence.words:
                        yield self._take()
                    if _DOCUMENT_START in line:
                        self.sentence = Sentence([], [], [], begins_document=True)

    def _take(self) -> Sentence:
        sentence, self.sentence = self.sentence, Sentence([], [], [])
        return sentence

    def _at_once(self, number: int, lines: list[str]) -> list[Sentence] | None:
        """Reads lines in which nothing is odd as `_ends_sentence` does, and quicker; None if something may be odd."""
        if self._is_first or self._layout.word_prefix:
            return None
        full = list(filter(None, lines))
        if self._layout.comments and any(line.startswith("#") for line in full):
            return None
        columns = _columns_of(full, self._num_columns) if full else [[] for _ in range(self._num_columns)]
        if columns is None:
            return None
        words, tags = columns[self._word_place], columns[self._tag_place]
        ended = []
        start = 0
        for end in before_each_blank(lines, ""):
            self._extend(words[start:end], tags[start:end], number)
            if self.sentence.words:
                ended.append(self._take())
            number += end - start + 1
            start = end
        self._extend(words[start:], tags[start:], number)
        return ended

    def _extend(self, words: list[str], tags: list[str], number: int) -> None:
        numbers = range(number, number + len(words))
        if self.sentence.words:
            self.sentence.words.extend(words)
            self.sentence.tags.extend(tags)
            self.sentence.lines.extend(numbers)
        else:
            self.sentence = Sentence(words, tags, list(numbers), self.sentence.begins_document)

    def _ends_sentence(self, number: int, line: str) -> bool:
        """Reads any line; whether a sentence ends with it."""
        row = [] if line.isspace() or not line else split_row(line)
        if self._layout.comments and line.startswith("#") and _is_comment(line, row, self._usual):
            return False
        if not row or (_DOCUMENT_START in line and _begins_document(row, self._word_place, self._layout)):
            return True
        if self._has_columns(number, line, row):
            self._add(number, line, row)
        return False

    def _has_columns(self, number: int, line: str, row: list[str]) -> bool:
        """Whether a line has the columns of a word; says so if not."""
        least = max(_columns_needed(self._word_place), _columns_needed(self._tag_place), 2)
        expected = self._num_columns or max(len(row), least)
        if self._is_first and (self._num_columns or len(row) >= least):
            self._num_columns = expected
            if self._word_place % expected == self._tag_place % expected:
                raise_same_column(self._path, self._layout)
        if len(row) != expected:
            self._report(Finding("ragged-row", self._path, number, _ragged_row(line, row, expected)))
            return False
        was_first, self._is_first = self._is_first, False
        if was_first and is_header(row):
            self._report(Finding("header", self._path, number, _header(self._path, number, line, row, self._layout)))
            return False
        return True

    def _add(self, number: int, line: str, row: list[str]) -> None:
        word, tag = row[self._word_place], row[self._tag_place]
        prefix = self._layout.word_prefix
        may_be_empty = self._layout.empty_words != "error" and word.startswith(prefix)
        if prefix:
            word = self._layout.without_prefix(word)
        if not tag or (not word and not may_be_empty):
            self._report(_empty_cell(self._path, number, line, is_word=not word, prefix=prefix))
            return
        self.sentence.add(word, tag, number)


def _columns_of(lines: Sequence[str], num_columns: int) -> list[list[str]] | None:
    """The columns of lines that all have as many, divided by one tab or one space each; None of other lines."""
    mark = "\t" if "\t" in lines[0] else " "
    text = f"{mark}\n{mark}".join(lines)
    cells = text.split(mark)
    # Between the cells of two lines there is a line feed.
    width = num_columns + 1
    are_as_many = len(cells) == width * len(lines) - 1 and cells[num_columns::width].count("\n") == len(lines) - 1
    if not are_as_many or "" in cells or _DOCUMENT_START in text or (mark == " " and "\t" in text):
        return None
    columns = [cells[place::width] for place in range(num_columns)]
    # White space at its end is no part of a line, and one that is nothing else is a blank line.
    return None if any(cell[-1].isspace() for cell in set(columns[-1])) else columns


def write_conll(file: TextIO, sentences: Iterable[Sequence[Sequence[str]]]) -> None:
    """Writes sentences given as columns (words, tags, …): one word per line, tabs between, a blank line after each.

    Line breaks and tabs inside a word, which would break the columns, are written as spaces.
    """
    for columns in sentences:
        for row in zip(*columns, strict=True):
            file.write("\t".join(_CELL_BREAK.sub(" ", cell) for cell in row) + "\n")
        file.write("\n")


def what_conll_cannot_hold(word: str, tag: str) -> str | None:
    """Says why a word with its tag cannot be written as a line, beyond tabs and line breaks; None if it can."""
    if word == _DOCUMENT_START:
        return f"received the word {word}; expected another, because this begins a document"
    if tag.endswith(" ") or f"{word}{tag}".isspace():
        return f"received {word!r} with the tag {tag!r}; expected a tag that does not end in white space"
    if is_header((word, tag)):
        return f"received the word {word!r} with the tag {tag!r}; expected others, because these are column names"
    return None


_CELL_BREAK = re.compile(r"[\t\r\n]")


def _is_comment(line: str, row: list[str], num_columns: int | None) -> bool:
    """Whether a line that begins with # is no word such as `#1`."""
    return line[1:2] in (" ", "") or len(row) != num_columns


def _begins_document(row: list[str], word_place: int, layout: Layout) -> bool:
    word = row[word_place] if _columns_needed(word_place) <= len(row) else row[0]
    return _DOCUMENT_START in (row[0], word, layout.without_prefix(word))


def _columns_needed(column: int) -> int:
    return column + 1 if column >= 0 else -column


def _header(path: Path, number: int, line: str, row: list[str], layout: Layout) -> str:
    if "\t" not in line or number > 1:
        fix = "Remove the line."
    elif layout.columns is not None and suffix_of(path) in (".tsv", ".txt"):
        fix = "Remove the line, or leave out --columns: then the file is read by these names."
    elif layout.columns is not None:
        fix = "Remove the line, or leave out --columns and let the name end in .tsv: then it is read by these names."
    else:
        fix = "Remove the line, or let the name of the file end in .tsv: then it is read by these names."
    return f"received column names ({' '.join(row)[:60]!r}); expected words. {fix}"


def _ragged_row(line: str, row: list[str], num_columns: int) -> str:
    columns = f"{len(row)} column{'s' if len(row) != 1 else ''}"
    if len(row) > num_columns:
        fix = "Remove the extra ones; use tabs between columns if words contain spaces."
    elif "\t" in line and len(line.split()) >= num_columns:
        fix = "Put tabs between all columns, or none in the line: where there is a tab, spaces do not separate columns."
    else:
        fix = "Add the missing ones, or leave the line blank if it only divides sentences."
    return f"received {columns} ({' '.join(row)!r}); expected {num_columns}. {fix}"


def _empty_cell(path: Path, number: int, line: str, *, is_word: bool, prefix: str) -> Finding:
    cell = "word" if is_word else "tag"
    expected, fix = "a word and a tag", "Fill the cell in or remove the line"
    if is_word and prefix:
        expected, fix = f"{prefix!r} and a word", "Write both there or remove the line"
    elif is_word:
        fix += ", or choose with --empty-words what becomes of such words"
    return Finding(
        f"empty-{cell}", path, number, f"received an empty {cell} in {line.strip()!r}; expected {expected}. {fix}."
    )

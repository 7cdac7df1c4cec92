"""CoNLL column files: one word per line, a blank line after each sentence."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.formats.columns import look_at_columns, split_row, what_to_say
from tf_ner.corpus.lines import numbered_lines
from tf_ner.corpus.opened import suffix_of
from tf_ner.corpus.sentences import Layout, Sentence, is_header, raise_same_column

_DOCUMENT_START = "-DOCSTART-"


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
    word_place, tag_place = layout.place_of_word(), layout.place_of_tag()
    num_columns = len(layout.columns or ()) or seen.num_columns or 0
    least_columns = max(_columns_needed(word_place), _columns_needed(tag_place), 2)
    sentence, is_first = Sentence([], [], []), True
    begins = False
    for number, line in numbered_lines(path, report, encoding=layout.encoding):
        row = [] if line.isspace() or not line else split_row(line)
        if layout.comments and line.startswith("#") and _is_comment(line, row, seen.num_columns):
            continue
        begins_document = _DOCUMENT_START in line and _begins_document(row, word_place, layout)
        if not row or begins_document:
            if sentence.words:
                yield sentence
                begins = False
            begins |= begins_document
            sentence = Sentence([], [], [], begins)
            continue
        if is_first and not num_columns and len(row) < least_columns:
            report(Finding("ragged-row", path, number, _ragged_row(line, row, least_columns)))
            continue
        if is_first:
            num_columns = num_columns or len(row)
            if word_place % num_columns == tag_place % num_columns:
                raise_same_column(path, layout)
        if len(row) != num_columns:
            report(Finding("ragged-row", path, number, _ragged_row(line, row, num_columns)))
            continue
        was_first, is_first = is_first, False
        if was_first and is_header(row):
            report(Finding("header", path, number, _header(path, number, line, row, layout)))
            continue
        word, tag = row[word_place], row[tag_place]
        may_be_empty = layout.empty_words != "error" and word.startswith(layout.word_prefix)
        if layout.word_prefix:
            word = layout.without_prefix(word)
        if not tag or (not word and not may_be_empty):
            report(_empty_cell(path, number, line, is_word=not word, prefix=layout.word_prefix))
            continue
        sentence.add(word, tag, number)
    if sentence.words:
        yield sentence


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

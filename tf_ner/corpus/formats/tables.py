"""Tables with a header: CSV, and columns separated by tabs."""

import ast
import csv
import json
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain, compress, count
from operator import ne
from pathlib import Path
from typing import Any

from tf_ner.corpus.annotated_text import read_span, tagged
from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.lines import Piece, before_each_blank, pieces_of
from tf_ner.corpus.marked_text import MarkedText, SpanError
from tf_ner.corpus.opened import open_corpus_file, suffix_of
from tf_ner.corpus.sentences import (
    Columns,
    Layout,
    Sentence,
    find_columns,
    find_text,
    is_header,
    require_columns,
    sentence_of_lists,
)
from tf_ner.corpus.words import words_at_spaces
from tf_ner.options.train import EmptyWords

Row = Sequence[str]
Batch = tuple[int, list[Row]]
"""Rows that begin on lines that follow each other, and the number of the first."""

HEADER = ("sentence", "word", "tag")

# In characters. The csv module's own limit is too low for a long document in one cell.
_LARGEST_CELL = 16_000_000
_LARGEST_HEADER = 10_000

_FEW = 20
"""Of so many rows, in which something is odd, each is read on its own."""

# In words. A file of one sentence may be intended; one that long hardly is.
_UNLIKELY_LENGTH = 100


def read_csv(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads a CSV file with a header.

    It has a sentence in each row: words and tags as lists in JSON or Python, or a text with a list of tags for its
    words between spaces or of spans; or it has one word per row. Then a new value in a column such as `sentence` or
    `Sentence #` begins a sentence (no value: the same sentence), and without such a column a blank row ends one. Cells
    are divided by commas, or by semicolons or tabs where the header has more of them, and quoted as RFC 4180 says.

    Args:
        path: The file.
        layout: The columns of words and tags, by name or number, if they are called otherwise.
        report: What to do with a row that cannot be read, and with warnings.

    Raises:
        DataError: The file is missing, or the header does not name words and tags.
    """
    layout = layout or Layout()
    return _read_table(path, _csv_batches(path, report, layout.encoding), layout, report)


def read_tsv(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads a file of columns with a header as `read_csv` does; tabs divide the cells, and quotes are characters."""
    layout = layout or Layout()
    return _read_table(path, _unquoted_batches(path, report, "\t", layout.encoding), layout, report)


def write_csv(path: Path, sentences: Iterable[Sentence]) -> None:
    """Writes one word per row: the number of its sentence, the word and its tag."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(chain([HEADER], _rows(sentences)))


def write_tsv(path: Path, sentences: Iterable[Sentence]) -> None:
    """Writes one word per line as `write_csv` does, with tabs between the cells and without quotes."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines("\t".join(row) + "\n" for row in chain([HEADER], _rows(sentences)))


def what_tables_cannot_hold(word: str, tag: str) -> str | None:
    """Says why a word with its tag cannot be written as a row, beyond its characters; None if it can."""
    if _holds_several(word, tag):
        return f"received {word!r} with the tag {tag!r}; expected cells that cannot be mistaken for lists of both"
    return None


def is_tsv(path: Path, layout: Layout) -> bool:
    """Whether the first line of a file is a header with tabs that names words and tags.

    Raises:
        DataError: The file is missing, or is a folder.
    """
    if layout.columns is not None:
        return False
    with open_corpus_file(path, encoding=layout.encoding) as file:
        line = file.readline(_LARGEST_HEADER).decode("utf-8-sig", errors="replace")
    names = re.split("[\r\n]", line)[0].split("\t")
    return is_header(names) or (_names_columns(layout) and find_columns(names, layout) is not None)


def _names_columns(layout: Layout) -> bool:
    return isinstance(layout.word_column, str) or isinstance(layout.tag_column, str)


def _rows(sentences: Iterable[Sentence]) -> Iterator[Row]:
    for number, sentence in enumerate(sentences, start=1):
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            yield str(number), word, tag


def unquoted_rows(
    path: Path, report: Report, *, encoding: str | None = None, delimiter: str = "\t"
) -> Iterator[tuple[int, Row]]:
    """Each line's cells, with its number; quotes are characters."""
    return _rows_of(_unquoted_batches(path, report, delimiter, encoding))


def csv_rows(path: Path, report: Report, *, encoding: str | None = None) -> Iterator[tuple[int, Row]]:
    """Each row with the line it begins at. After an error in the quotes the rest cannot be read."""
    return _rows_of(_csv_batches(path, report, encoding))


def _rows_of(batches: Iterable[Batch]) -> Iterator[tuple[int, Row]]:
    return chain.from_iterable(enumerate(rows, number) for number, rows in batches)


def _unquoted_batches(path: Path, report: Report, delimiter: str, encoding: str | None) -> Iterator[Batch]:
    for piece in pieces_of(path, report, encoding=encoding):
        yield piece.number, [line.split(delimiter) if line else [] for line in piece.lines()]


def _csv_batches(path: Path, report: Report, encoding: str | None) -> Iterator[Batch]:
    pieces = pieces_of(path, report, encoding=encoding, keep_ends=True)
    delimiter = ""
    for piece in pieces:
        lines = piece.lines()
        if not delimiter:
            delimiter = "\t" if suffix_of(path) == ".tsv" else max(",;\t", key=lines[0].count)
        if (rows := _one_of_each(lines, delimiter)) is not None:
            yield piece.number, rows
        elif not (yield from _one_by_one(path, piece, pieces, delimiter, report)):
            return


def _one_of_each(lines: list[str], delimiter: str) -> list[Row] | None:
    """A row of each line; None where one goes over several lines, or cannot be read."""
    try:
        with _large_cells():
            rows: list[Row] = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows if len(rows) == len(lines) else None


def _one_by_one(
    path: Path, piece: Piece, pieces: Iterator[Piece], delimiter: str, report: Report
) -> Generator[Batch, None, bool]:
    """The rows of a piece, and of what follows until one ends where a piece does; returns whether there may be more."""
    remaining = deque(enumerate(piece.lines(), piece.number))
    of_row: list[tuple[int, str]] = []

    def lines() -> Iterator[str]:
        while True:
            if not remaining:
                following = next(pieces, None)
                if following is None:
                    return
                remaining.extend(enumerate(following.lines(), following.number))
            of_row.append(remaining.popleft())
            yield of_row[-1][1]

    rows = csv.reader(lines(), delimiter=delimiter, strict=True)
    while remaining:
        of_row.clear()
        try:
            with _large_cells():
                row = next(rows)
        except csv.Error as error:
            report(Finding("bad-quotes", path, _line_of_open_quote(of_row), _BAD_QUOTES.format(reason=error)))
            return False
        yield of_row[0][0], [row]
    return True


@contextmanager
def _large_cells() -> Iterator[None]:
    limit = csv.field_size_limit(_LARGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _line_of_open_quote(lines: Sequence[tuple[int, str]]) -> int:
    """Where the last quoted cell begins, in the lines of one row."""
    text = "".join(line for _, line in lines)
    opened = max((match.start() for match in _QUOTED_CELL.finditer(text)), default=0)
    ends = list(accumulate(len(line) for _, line in lines))
    return lines[bisect_right(ends, opened)][0]


def _read_table(path: Path, batches: Iterator[Batch], layout: Layout, report: Report) -> Iterator[Sentence]:
    first_batch = next(batches, None)
    if first_batch is None:
        return
    number, (header, *rows) = first_batch
    batches = chain([(number + 1, rows)], batches)
    if find_columns(header, layout) is None and (places := find_text(header, layout)) is not None:
        full = full_rows(path, _rows_of(batches), len(header), report)
        yield from tagged(_of_texts(path, full, *places, report), layout, report)
        return
    columns = require_columns(header, layout, path)
    first, batches = _first_full(path, batches, len(header), report)
    if first is None:
        return
    if _is_list(first[columns.word]) and _is_list(first[columns.tag]):
        full = full_rows(path, _rows_of(batches), len(header), report)
        yield from _sentences_of_lists(path, full, columns, layout, report)
        return
    words = _WordRows(path, columns, report, layout.empty_words)
    for number, rows in batches:
        yield from words.read(number, rows, len(header))
    yield from words.rest()


def _first_full(
    path: Path, batches: Iterator[Batch], num_columns: int, report: Report
) -> tuple[Row | None, Iterator[Batch]]:
    """The first row that is full, and the rows from this one on; None if there is none."""
    for number, rows in batches:
        full = full_rows(path, enumerate(rows, number), num_columns, report)
        if (first := next((numbered for numbered in full if numbered[1]), None)) is not None:
            return first[1], chain([(first[0], rows[first[0] - number :])], batches)
    return None, batches


def _has_nothing(row: Row) -> bool:
    return not any(row)


def full_rows(
    path: Path,
    rows: Iterator[tuple[int, Row]],
    num_columns: int,
    report: Report,
    *,
    is_blank: Callable[[Row], bool] = _has_nothing,
) -> Iterator[tuple[int, Row]]:
    """Rows of as many cells as the header, and blank ones, which have none."""
    for number, row in rows:
        if is_blank(row):
            yield number, ()
        elif len(row) == num_columns:
            yield number, row
        else:
            report(
                Finding(
                    "ragged-row",
                    path,
                    number,
                    f"received {len(row)} cell{'s' if len(row) != 1 else ''}; expected {num_columns}, as in the "
                    "header. Fix the row; where cells are quoted, as in CSV, quote those that contain the delimiter.",
                )
            )


def sentences_of_words(
    path: Path,
    rows: Iterable[tuple[int, Row]],
    columns: Columns,
    report: Report,
    *,
    empty_words: EmptyWords = "error",
) -> Iterator[Sentence]:
    """Puts rows of one word each together to sentences."""
    words = _WordRows(path, columns, report, empty_words)
    yield from words.read_each(rows)
    yield from words.rest()


class _WordRows:
    """Puts rows of one word each together to sentences.

    Args:
        path: The file.
        columns: The places of the cells.
        report: What to do with rows that cannot be read, and with warnings.
        empty_words: What becomes of words that are empty.
    """

    def __init__(self, path: Path, columns: Columns, report: Report, empty_words: EmptyWords) -> None:
        self._empty_words = empty_words
        self._path = path
        self._columns = columns
        self._report = report
        self._sentence, self._name = Sentence([], [], []), ""
        self._is_divided = columns.sentence is not None
        self._ended: set[str] = set()
        self._comes_back = False

    def rest(self) -> Iterator[Sentence]:
        """The sentence that the file ends with."""
        if len(self._sentence.words) > _UNLIKELY_LENGTH and not self._is_divided:
            finding = Finding("one-sentence", self._path, self._sentence.lines[0], _ONE_SENTENCE, is_error=False)
            self._report(finding)
        if self._sentence.words:
            yield self._sentence

    def read(self, number: int, rows: list[Row], num_columns: int) -> Iterator[Sentence]:
        """The sentences that end in some rows of a file, of which the first has this number."""
        if (cells := _cells_of(rows, self._columns, num_columns)) is not None:
            yield from self._at_once(number, rows, *cells)
        elif len(rows) > _FEW:
            for start in range(0, len(rows), _FEW):
                yield from self.read(number + start, rows[start : start + _FEW], num_columns)
        else:
            yield from self.read_each(full_rows(self._path, enumerate(rows, number), num_columns, self._report))

    def _at_once(self, number: int, rows: list[Row], words: Row, tags: Row, names: Row) -> Iterator[Sentence]:
        """Reads rows in which nothing is odd as `read_each` does, and quicker."""
        numbers: Sequence[int] = range(number, number + len(rows))
        if len(words) < len(rows):
            numbers = list(compress(numbers, rows))
        if self._columns.sentence is None:
            borders = [(end, "") for end in before_each_blank(rows, [])]
            self._is_divided |= bool(borders)
        else:
            changed = chain([0], compress(count(1), map(ne, names, names[1:]))) if names else ()
            borders = [(place, names[place]) for place in changed if names[place]]
        start = 0
        for end, name in borders:
            if not name or name != self._name:
                self._extend(words[start:end], tags[start:end], numbers[start:end])
                yield from self._begin(name, numbers[end] if name else 0)
                start = end
        self._extend(words[start:], tags[start:], numbers[start:])

    def _extend(self, words: Row, tags: Row, numbers: Sequence[int]) -> None:
        self._sentence.words.extend(words)
        self._sentence.tags.extend(tags)
        self._sentence.lines.extend(numbers)

    def read_each(self, rows: Iterable[tuple[int, Row]]) -> Iterator[Sentence]:
        """The sentences that end in rows that are full, or blank."""
        columns = self._columns
        for number, row in rows:
            self._is_divided |= not row
            name = row[columns.sentence] if row and columns.sentence is not None else ""
            if (name and name != self._name) or (not row and columns.sentence is None):
                yield from self._begin(name, number)
            if row:
                self._add(number, row[columns.word], row[columns.tag])

    def _begin(self, name: str, number: int) -> Iterator[Sentence]:
        """Begins a sentence; the one before, if there is one, ends."""
        if self._sentence.words:
            yield self._sentence
        self._ended.add(self._name)
        if name and name in self._ended and not self._comes_back:
            self._comes_back = True
            message = _COMES_BACK.format(name=name[:40])
            self._report(Finding("sentence-again", self._path, number, message, is_error=False))
        self._sentence, self._name = Sentence([], [], []), name

    def _add(self, number: int, word: str, tag: str) -> None:
        if not tag or (not word and self._empty_words == "error"):
            cell = "tag" if word else "word"
            received = f"received an empty {cell} next to {(word or tag)[:40]!r}"
            message = f"{received}; expected a word and a tag. {_FILL_IN[cell]}"
            self._report(Finding(f"empty-{cell}", self._path, number, message))
        elif _holds_several(word, tag):
            self._report(Finding("bad-record", self._path, number, _SEVERAL.format(word=word[:40], tag=tag[:40])))
        else:
            self._sentence.add(word, tag, number)


def _cells_of(rows: list[Row], columns: Columns, num_columns: int) -> tuple[Row, Row, Row] | None:
    """The words, tags and names of sentences in full rows between empty ones; None where something may be odd."""
    full = list(filter(None, rows))
    if not full:
        return (), (), ()
    if set(map(len, full)) != {num_columns}:
        return None
    cells: list[Row] = list(zip(*full, strict=True))
    words, tags = cells[columns.word], cells[columns.tag]
    if "" in words or "" in tags:
        return None
    may_hold_several = "[" in "".join(words) or " " in "".join(set(tags))
    if may_hold_several and any(map(_holds_several, words, tags)):
        return None
    return words, tags, () if columns.sentence is None else cells[columns.sentence]


def _holds_several(word: str, tag: str) -> bool:
    """Whether cells of a word and its tag hold a whole sentence: two lists, or as many tags as words between spaces."""
    if " " in tag:
        tags = tag.split()
        if len(tags) == len(word.split()) > 1 and all(map(_TAG.fullmatch, tags)):
            return True
    return "[" in word and _is_list(word) and _is_list(tag)


def _sentences_of_lists(
    path: Path, rows: Iterable[tuple[int, Row]], columns: Columns, layout: Layout, report: Report
) -> Iterator[Sentence]:
    for number, row in rows:
        if not row:
            continue
        words, tags = parse_list(row[columns.word]), layout.named(parse_list(row[columns.tag]))
        yield from sentence_of_lists(path, number, words, tags, report, empty_words=layout.empty_words)


def _of_texts(
    path: Path, rows: Iterable[tuple[int, Row]], text_place: int, tags_place: int, report: Report
) -> Iterator[MarkedText | Sentence]:
    """Rows of a text and a list: of tags, one for each word between spaces, or of spans in JSON."""
    for number, row in rows:
        if not row:
            continue
        if not row[tags_place].strip():
            report(Finding("not-annotated", path, number, _NOTHING_MARKED, is_error=False))
            continue
        text, found = row[text_place], parse_list(row[tags_place])
        if isinstance(found, list) and all(isinstance(each, str) for each in found) and found:
            words = [word.text for word in words_at_spaces(text)]
            yield from sentence_of_lists(path, number, words, found, report)
            continue
        try:
            if not isinstance(found, list):
                raise SpanError("bad-record", _NO_LIST.format(cell=row[tags_place][:40]))
            yield MarkedText(text=text, spans=list(map(read_span, found)), source=path, line=number)
        except SpanError as error:
            report(Finding(error.kind, path, number, str(error)))


def _is_list(cell: str) -> bool:
    return cell.lstrip().startswith("[") and cell.rstrip().endswith("]")


def parse_list(cell: str) -> Any:
    """Reads a list of strings or numbers in JSON or as Python shows it; another cell stays as it is."""
    try:
        values = json.loads(cell)
        return values if isinstance(values, list) else cell
    except (ValueError, RecursionError):
        # Only items with commas between: Python would join strings without them, which is how numpy prints arrays.
        return ast.literal_eval(cell.strip()) if _PYTHON_LIST.fullmatch(cell) else cell


_FILL_IN = {
    "tag": "Fill the cell in or remove the row.",
    "word": "Fill the cell in, remove the row, or choose with --empty-words what becomes of such words.",
}
_NOTHING_MARKED = "received a text without anything marked, not even an empty list; it is left out."
_NO_LIST = (
    "received {cell!r} next to a text; expected a list of tags, one for each word between spaces, or of spans in JSON. "
    "Fix the row, or name another column with --word-column or --tag-column."
)
_TAG = re.compile("O|[BIELSU]-.+")
_SEVERAL = (
    "received the word {word!r} with the tag {tag!r}; expected one word and one tag per row, or JSON lists of both in "
    "each row. Fix the row; if all rows are like this, write lists."
)
_COMES_BACK = (
    "received the sentence {name!r} again, after others; expected the words of a sentence next to each other. They are "
    "read as several sentences: sort the rows by sentence, keeping their order, or name another --sentence-column."
)
_ONE_SENTENCE = (
    "received no column that tells sentences apart, and no blank row: the whole file is read as one sentence. Name the "
    "column with --sentence-column if there is one."
)

_ESCAPE = r"""\\(?:[\\'"abfnrtv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|U0010[0-9a-f]{4})"""
_PYTHON_ITEM = rf"""(?:'(?:[^'\\\r\n]|{_ESCAPE})*+'|"(?:[^"\\\r\n]|{_ESCAPE})*+"|-?(?:0|[1-9][0-9]{{0,18}}))"""
_GAP = r"[ \t\r\n]*"
_PYTHON_LIST = re.compile(
    rf"{_GAP}\[{_GAP}(?:{_PYTHON_ITEM}{_GAP}(?:,{_GAP}{_PYTHON_ITEM}{_GAP})*+(?:,{_GAP})?)?\]{_GAP}"
)
_QUOTED_CELL = re.compile(r'(?<![^,;\t\r\n])"(?:[^"]|"")*+"?')
_BAD_QUOTES = (
    "received a quote that is not closed, or closed inside a cell ({reason}); expected cells with quotes around them "
    'and "" for a quote inside. Fix it: the rest of the file is not read.'
)

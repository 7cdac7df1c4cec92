"""Texts, or pairs of texts, with one label each, from files."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from tf_ner.corpus.encodings import require_encoding
from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.formats import refuse_packed_parquet, shards_of
from tf_ner.corpus.formats.json_lines import records_of
from tf_ner.corpus.formats.parquet import parquet_rows
from tf_ner.corpus.formats.tables import csv_rows, full_rows, unquoted_rows
from tf_ner.corpus.lines import another_encoding
from tf_ner.corpus.opened import open_corpus_file, refuse_pointer, suffix_of
from tf_ner.corpus.sentences import what_is_no_text
from tf_ner.errors import DataError
from tf_ner.options.train import Quoting

# The first that are all present count. In lowercase; the header may use any case.
_USUAL_TEXTS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text", "text_pair"),
    ("text",),
    ("sentence",),
)
_USUAL_LABELS = ("label", "labels")

Values = Iterator[tuple[int, Sequence[Any]]]
"""For each row its line, and the values of the chosen columns."""


class LabelledText(NamedTuple):
    """A text, or a pair; its label, which is None where the file has none; and its line (from 1) or row."""

    texts: tuple[str, ...]
    label: str | int | float | bool | None
    line: int


class TextColumns(NamedTuple):
    """The columns of the texts, and of the labels if there are any."""

    texts: tuple[str, ...]
    label: str | None

    @property
    def all(self) -> list[str]:
        return [*self.texts, *([self.label] if self.label else [])]


@dataclass(frozen=True, kw_only=True)
class TextLayout:
    """Where texts and labels are in a table.

    Attributes:
        text_columns: The column of the texts, or the two columns of pairs; found by their usual names if not given.
        label_column: The column of the labels; the same.
        quoting: Whether quotes around a cell of a CSV or TSV file are no part of it; `auto`: on in `.csv`.
        may_lack_labels: The labels may be hidden, and their column left out.
        encoding: What the bytes of files of text are; UTF-8 if not given.

    Raises:
        DataError: There are more columns than two, or no such encoding.
    """

    text_columns: tuple[str, ...] | None = None
    label_column: str | None = None
    quoting: Quoting = "auto"
    may_lack_labels: bool = False
    encoding: str | None = None

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        if self.text_columns is not None and len(self.text_columns) not in (1, 2):
            raise DataError(
                f"Received the text columns {', '.join(map(repr, self.text_columns)) or 'without a name'}; expected "
                "one, or two for pairs. Choose again."
            )

    def choose(self, names: Sequence[str], place: str, *, has_header: bool = False) -> TextColumns:
        """Finds the columns.

        Args:
            names: All there are.
            place: Where they are, for errors.
            has_header: They are the first line of the file, which may be a row if it has none.

        Raises:
            DataError: One is missing, or is there or was named twice.
        """
        usual = {name.strip().casefold(): name for name in names}
        found = (tuple(usual[name] for name in known) for known in _USUAL_TEXTS if usual.keys() >= set(known))
        texts = self.text_columns or next(found, ())
        label = self.label_column or next((usual[known] for known in _USUAL_LABELS if known in usual), None)
        if self.may_lack_labels and label not in names:
            label = None
        wanted = [*texts, *([] if self.may_lack_labels and label is None else [label])]
        is_each_once = all(name is not None and [*names].count(name) == wanted.count(name) == 1 for name in wanted)
        if not texts or not is_each_once:
            received = ", ".join(map(repr, names[:12])) or "no columns"
            if any(names.count(name) > 1 for name in wanted if name is not None):
                fix = "Rename those that are there twice."
            else:
                fix = "Name them with --text-columns and --label-column."
                fix += " If that is no header, put one before it." if has_header else ""
            raise DataError(f"{place}: received the columns {received}; expected {self._wanted()}, each once. {fix}")
        return TextColumns(tuple(texts), label)

    def _wanted(self) -> str:
        texts = " and ".join(map(repr, self.text_columns)) if self.text_columns else "text, or a pair of texts,"
        return f"{texts} and {self.label_column or 'label'!r}"


def read_texts(path: Path, layout: TextLayout | None = None, *, report: Report = raise_error) -> Iterator[LabelledText]:
    """Reads texts and labels: CSV and TSV with a header, JSON lines, or Parquet, told by the extension.

    Of a shard all others are read too.

    Args:
        path: The file.
        layout: Its columns, and whether cells are quoted.
        report: What to do with a row that cannot be read, and with warnings.

    Raises:
        DataError: The file is missing or damaged, has no such columns, or another extension.
    """
    for shard in shards_of(path):
        yield from _read_file(shard, layout or TextLayout(), report)


def _read_file(path: Path, layout: TextLayout, report: Report) -> Iterator[LabelledText]:
    refuse_pointer(path)
    refuse_packed_parquet(path)
    read = _READERS.get(suffix_of(path))
    if read is None:
        # A folder, or what is not there, is told as such.
        with open_corpus_file(path):
            pass
        raise DataError(
            f"Received {path}; expected one of {', '.join(sorted(TEXT_EXTENSIONS))}. Rename or convert the file."
        )
    is_text = suffix_of(path) != ".parquet"
    if layout.encoding is not None and not is_text:
        raise DataError(f"Received --encoding for {path}; expected it only for files of text. Leave it out.")
    if layout.encoding is None and is_text and (finding := another_encoding(path)):
        report(finding)
        return
    chosen: list[TextColumns] = []

    def choose(names: Sequence[str]) -> list[str]:
        chosen.append(layout.choose(names, f"{path}:1", has_header=read is _read_table))
        if layout.label_column is not None and chosen[0].label is None:
            listed = ", ".join(map(repr, names[:12]))
            message = f"received no {layout.label_column!r} among the columns {listed}; {_NOT_SCORED}"
            report(Finding("no-label-column", path, 1, message, is_error=False))
        return chosen[0].all

    for line, values in read(path, choose, layout, report):
        num_texts = len(chosen[0].texts)
        texts, label = values[:num_texts], values[num_texts] if chosen[0].label else None
        if problem := _what_is_wrong(texts, label, has_label=bool(chosen[0].label)):
            report(Finding("bad-record", path, line, problem))
            continue
        if "" in texts:
            report(Finding("empty-text", path, line, _EMPTY_TEXT, is_error=False))
        yield LabelledText(tuple(texts), label, line)


def _what_is_wrong(texts: Sequence[Any], label: Any, *, has_label: bool) -> str | None:
    for text in texts:
        if not isinstance(text, str):
            return f"received {str(text)[:40]!r} as text; expected a string. Fix the row."
    # NaN differs from itself.
    if has_label and (label is None or label != label or not str(label).strip()):
        return "received no label; expected one. Fill it in or remove the row."
    if not isinstance(label, str | int | float | None):
        return f"received {str(label)[:40]!r} as label; expected a string or a number. Fix the row."
    return what_is_no_text(*texts, *([label] if isinstance(label, str) else []))


def _read_table(path: Path, choose: Callable[[Sequence[str]], list[str]], layout: TextLayout, report: Report) -> Values:
    is_csv = suffix_of(path) == ".csv"
    is_quoted = layout.quoting == "on" or (layout.quoting == "auto" and is_csv)
    if is_quoted:
        rows = csv_rows(path, report, encoding=layout.encoding)
    else:
        rows = unquoted_rows(path, report, encoding=layout.encoding, delimiter="," if is_csv else "\t")
    header = next(rows, None)
    if header is None:
        return
    places = [header[1].index(name) for name in choose(header[1])]
    for line, row in full_rows(path, rows, len(header[1]), report, is_blank=operator.not_):
        if row:
            yield line, [row[place] for place in places]


def _read_records(
    path: Path, choose: Callable[[Sequence[str]], list[str]], layout: TextLayout, report: Report
) -> Values:
    records = records_of(path, report, encoding=layout.encoding)
    first = next(records, None)
    if first is None:
        return
    keys = choose(list(first[1]) if isinstance(first[1], dict) else [])
    read_alike: set[tuple[str, ...]] = set()
    for line, record in chain([first], records):
        missing = [key for key in keys if not isinstance(record, dict) or key not in record]
        if missing:
            received = ", ".join(map(repr, list(record)[:10])) if isinstance(record, dict) else "no object"
            message = f"received {received}; expected {', '.join(map(repr, missing))} too. Fix the line."
            report(Finding("bad-record", path, line, message))
            continue
        if (names := tuple(record)) not in read_alike:
            if others := [name for name in layout.choose(names, f"{path}:{line}").all if name not in keys]:
                listed = " and ".join(map(repr, others))
                message = (
                    f"received {listed} too; expected the keys of the first record. Give all records the same keys."
                )
                report(Finding("bad-record", path, line, message))
                continue
            read_alike.add(names)
        yield line, [record[key] for key in keys]


def _read_parquet(
    path: Path, choose: Callable[[Sequence[str]], list[str]], layout: TextLayout, report: Report
) -> Values:
    return parquet_rows(path, choose)


_READERS = {
    **dict.fromkeys((".csv", ".tsv"), _read_table),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), _read_records),
    ".parquet": _read_parquet,
}

TEXT_EXTENSIONS = frozenset(_READERS)
"""What the names of files of texts end in."""

_NOT_SCORED = "its rows are predicted and not scored. Correct --label-column if they have labels."
_EMPTY_TEXT = "received an empty text; expected some text. It is read as it is: fix the row, or leave it."

"""WebAnno and INCEpTION: TSV 3, a word a line with what each layer says of it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.lines import numbered_lines
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.opened import open_corpus_file
from tf_ner.corpus.overlaps import without_overlaps
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.tags import Span
from tf_ner.errors import DataError

_HEAD = b"#FORMAT=WebAnno TSV 3"
_NUM_FIXED = 3
"""Columns before those of layers: the number of the word, its place in the text, the word."""


def is_webanno(path: Path) -> bool:
    """Whether a file says that it is such."""
    if not path.is_file():
        return False
    with open_corpus_file(path) as file:
        return file.read(len(_HEAD) + 3).removeprefix(b"\xef\xbb\xbf").startswith(_HEAD)


def read_webanno(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads words and what one feature of a layer of spans says of them.

    Args:
        path: The file.
        layout: The feature, under `tag_column`, if there are several that it could be; what becomes of spans that
            overlap. For parts of speech, each word has one value.
        report: What to do with lines that cannot be read, and with warnings.

    Raises:
        DataError: The file is missing, or the feature cannot be told.
    """
    layout = layout or Layout()
    column: int | None = None
    layers: list[tuple[str, list[str]]] = []
    rows: list[tuple[int, list[str]]] = []
    for number, line in numbered_lines(path, report, encoding=layout.encoding):
        if line.startswith("#"):
            if found := _LAYER.match(line):
                layers.append(
                    (f"{found['kind']}|{found['name']}", found["features"].split("|") if found["features"] else [])
                )
            continue
        if line.strip():
            rows.append((number, line.split("\t")))
            continue
        if rows:
            column = _column_of(path, layers, layout) if column is None else column
            yield from _sentence(path, rows, column, layout, report)
            rows = []
    if rows:
        yield from _sentence(path, rows, _column_of(path, layers, layout), layout, report)


def _column_of(path: Path, layers: Sequence[tuple[str, Sequence[str]]], layout: Layout) -> int:
    """The column of the feature that is read."""
    features: list[tuple[str, str, int]] = []
    column = _NUM_FIXED
    for layer, names in layers:
        # A layer without features has a column too.
        for name in names or [""]:
            features.append((layer, name, column))
            column += 1
    wanted = str(layout.tag_column) if layout.tag_column is not None else None
    usual = _LAYERS[layout.task]
    of_spans = [feature for feature in features if feature[0].startswith("SP|")]
    chosen = [feature for feature in of_spans if feature[1] == wanted] if wanted else [
        feature for feature in of_spans if usual[0] in feature[0] and feature[1] == usual[1]
    ] or [feature for feature in of_spans if feature[1] and feature[1] != "identifier"]  # fmt: skip
    if len(chosen) != 1:
        counts = Counter(name for _, name, _ in of_spans if name)
        fix = "Name it with --tag-column." if 1 in counts.values() else "Export the file with one such layer."
        shown = ", ".join(f"{name or '(none)'} of {layer.rpartition('.')[2]}" for layer, name, _ in of_spans) or "none"
        raise DataError(
            f"Received {path} with the features {shown}; expected one that tells tags for the task {layout.task!r}. "
            f"{fix}"
        )
    return chosen[0][2]


def _sentence(
    path: Path, rows: Sequence[tuple[int, list[str]]], column: int, layout: Layout, report: Report
) -> Iterator[Sentence]:
    words, lines, cells = [], [], []
    for number, row in rows:
        # A line ends in a tab.
        row = row[:-1] if row[-1] == "" else row
        if len(row) <= column or not row[column] or not row[2]:
            report(Finding("ragged-row", path, number, _MISSING.format(number=len(row), needed=column + 1)))
            return
        if "." in row[0]:
            # Other layers may have one here.
            is_read = row[column] != "_"
            report(Finding("span-inside-word", path, number, _OF_A_PART.format(part=row[2][:40]), is_error=is_read))
            continue
        words.append(_UNESCAPED.sub(r"\1", row[2]))
        lines.append(number)
        cells.append(row[column])
    if layout.task == "pos":
        tags = [_UNESCAPED.sub(r"\1", cell) for cell in cells]
    else:
        found = list(_spans(cells))
        if any(span.label == "*" for span in found):
            report(Finding("bad-span", path, lines[0], _NO_VALUE))
            return
        try:
            kept = without_overlaps(
                found,
                layout.overlaps,
                show=partial(_show, words),
                warn=lambda kind, message: report(Finding(kind, path, lines[0], message, is_error=False)),
            )
        except SpanError as error:
            report(Finding(error.kind, path, lines[0], str(error)))
            return
        tags = spans_to_tags(kept, len(words))
    yield Sentence(words, tags, lines)


def _spans(cells: Sequence[str]) -> Iterator[Span]:
    """The spans of a feature's cells: of one word, or of those with the same number in brackets."""
    numbered: dict[str, Span] = {}
    for place, cell in enumerate(cells):
        for value in _BETWEEN.split(cell) if cell != "_" else []:
            found = _VALUE.fullmatch(value)
            assert found is not None
            label = _UNESCAPED.sub(r"\1", found["label"])
            if found["number"] is None:
                yield Span(place, place + 1, label)
            else:
                before = numbered.get(found["number"])
                numbered[found["number"]] = Span(place if before is None else before.start, place + 1, label)
    yield from numbered.values()


def _show(words: Sequence[str], span: Span) -> str:
    return f"the span {' '.join(words[span.start : span.end])[:40]!r} ({span.label[:40]})"


_LAYER = re.compile(r"#T_(?P<kind>SP|CH|RL)=(?P<name>[^|]*)(?:\|(?P<features>.*))?")
_BETWEEN = re.compile(r"(?<!\\)\|")
_VALUE = re.compile(r"(?P<label>.*?)(?:\[(?P<number>\d+)\])?", re.DOTALL)
_UNESCAPED = re.compile(r"\\([\\\[\]|_;*>-])")
_LAYERS = {"ner": ("NamedEntity", "value"), "pos": ("POS", "PosValue"), "chunk": ("Chunk", "chunkValue")}
_MISSING = "received {number} columns, or an empty one; expected {needed} with something in each. Fix the line."
_OF_A_PART = "received {part!r}, an annotation of a part of a word; expected whole words. Mark all of it."
_NO_VALUE = "received an annotation without a value; expected a label for each. Give it one, or remove it."

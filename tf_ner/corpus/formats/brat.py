"""brat: texts, and beside each a file of its annotations (`.txt` and `.ann`)."""

import re
from collections.abc import Iterator
from pathlib import Path

from tf_ner.corpus.annotated_text import tagged
from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.lines import numbered_lines, whole_text
from tf_ner.corpus.marked_text import MarkedSpan, MarkedText
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.options.train import OverlapChoice

ANNOTATIONS = ".ann"


def has_brat_files(path: Path) -> bool:
    """Whether a path is a file of annotations, or a folder with some."""
    return path.suffix.lower() == ANNOTATIONS or (path.is_dir() and any(path.glob(f"*{ANNOTATIONS}")))


def read_brat(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads the entities of texts, each line of which is a sentence.

    What brat notes of an entity that goes on in another place is joined if nothing but white space is between; an
    entity that goes on elsewhere has a gap, and overlaps what is in it. Relations, events and notes are not read.

    Args:
        path: A file of annotations, or a folder of them.
        layout: What becomes of entities that overlap or have gaps, and what offsets count.
        report: What to do with entities that cannot be read, and with warnings.

    Raises:
        DataError: A text is missing, or not UTF-8.
    """
    layout = layout or Layout()
    files = sorted(path.glob(f"*{ANNOTATIONS}")) if path.is_dir() else [path]
    if path.is_dir():
        for other in _others(path):
            report(Finding("not-annotated", other, 1, _NOT_READ, is_error=False))
    yield from tagged((_read_text(file, layout, report) for file in files), layout, report)


def _others(folder: Path) -> list[Path]:
    """Texts of a folder without annotations, and folders in it that have some."""
    texts = [file for file in folder.glob("*.txt") if not file.with_suffix(ANNOTATIONS).exists()]
    return sorted([*texts, *{file.parent for file in folder.glob(f"*/**/*{ANNOTATIONS}")}])


def _read_text(file: Path, layout: Layout, report: Report) -> MarkedText:
    source = file.with_suffix(".txt")
    text = whole_text(source, encoding=layout.encoding)
    if text.startswith(_MARK):
        # Whether it counts can be seen where the first entity is.
        text = text if _counts_mark(file, text, layout.encoding) else text.removeprefix(_MARK)
    spans = []
    for number, line in numbered_lines(file, report, encoding=layout.encoding):
        if line.startswith("T") and (span := _read_entity(file, number, line, text, layout.overlaps, report)):
            spans.append(span)
    return MarkedText(text=text, spans=spans, source=source, line=1, has_lines=True, marks=file)


def _counts_mark(file: Path, text: str, encoding: str | None) -> bool:
    """Whether offsets of annotations count the byte order mark of their text."""
    entities = (_ENTITY.fullmatch(line) for _, line in numbered_lines(file, lambda finding: None, encoding=encoding))
    found = next((entity for entity in entities if entity and ";" not in entity["parts"]), None)
    if found is None:
        return False
    start, end = map(int, found["parts"].split())
    return text[start:end] == found["quote"]


def _read_entity(
    file: Path, number: int, line: str, text: str, overlaps: OverlapChoice, report: Report
) -> MarkedSpan | None:
    found = _ENTITY.fullmatch(line)
    if found is None:
        report(Finding("bad-span", file, number, _NO_ENTITY.format(line=line[:60])))
        return None
    parts = [(int(start), int(end)) for start, end in _PART.findall(found["parts"])]
    joined = [parts[0]]
    for start, end in parts[1:]:
        if start >= joined[-1][1] and not text[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    if len(joined) == 1:
        [(start, end)] = joined
        # What is between its parts is one space in the quote.
        is_whole = end - start == len(found["quote"])
        return MarkedSpan(start, end, found["label"], found["quote"] if is_whole or len(parts) == 1 else None, number)
    shown = f"an entity with gaps, {found['quote'][:40]!r} ({found['label'][:40]})"
    if overlaps == "error":
        message = f"received {shown}; expected one without, because tags have none. {_CHOOSE}"
        report(Finding("overlapping-spans", file, number, message))
        return None
    kept = {"longest": max(joined, key=lambda part: part[1] - part[0]), "first": joined[0]}.get(overlaps)
    left = "it is left out" if kept is None else f"{text[slice(*kept)][:40]!r} of it is read"
    message = f"received {shown}; {left}, by --overlaps {overlaps}."
    report(Finding("overlapping-spans", file, number, message, is_error=False))
    return None if kept is None else MarkedSpan(*kept, found["label"], line=number)


_MARK = "\ufeff"
_ENTITY = re.compile(r"T\d+\t(?P<label>\S+) (?P<parts>\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\t(?P<quote>.*)", re.DOTALL)
_PART = re.compile(r"(\d+) (\d+)")
_NO_ENTITY = "received {line!r}; expected an entity such as 'T1<tab>PER 0 5<tab>Greta'. Fix the line."
_NOT_READ = "received a text without annotations, or a folder in a folder of annotations; it is not read."
_CHOOSE = "Choose a part with --overlaps (longest or first), or leave such entities out (drop)."

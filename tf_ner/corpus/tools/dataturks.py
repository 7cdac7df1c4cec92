"""DataTurks: `content` and `annotation`, whose points end at the last character itself."""

from collections.abc import Iterator
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools.marks import Marks, Read


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A record; None if it is none of theirs."""
    if not isinstance(record, dict) or not isinstance(record.get("content"), str) or "annotation" not in record:
        return None
    annotations = record["annotation"] or []
    if not isinstance(annotations, list):
        return None
    if not all(isinstance(each, dict) and "points" in each for each in annotations):
        return None
    return _spans_of(record["content"], annotations)


def _spans_of(text: str, annotations: list[dict[str, Any]]) -> Iterator[Read]:
    spans = [
        read_span({**point, "label": label})
        for each in annotations
        for label in _list(each.get("label"))
        for point in _list(each["points"])
        if isinstance(point, dict)
    ]
    yield Marks(text, spans)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

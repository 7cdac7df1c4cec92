"""LightTag: examples with their annotations, in a list or under `examples`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools.marks import Marks, Read


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """An example; None if it is none."""
    if not isinstance(record, dict) or not isinstance(record.get("content"), str):
        return None
    annotations = record.get("annotations")
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        return None
    return _of_example(record["content"], annotations)


def _of_example(text: str, annotations: list[dict[str, Any]]) -> Iterator[Read]:
    yield Marks(text, [read_span(span, quote_key="value") for span in annotations])


def records(document: Any, path: Path) -> Iterator[Any] | None:
    """The examples of a whole export; None if it is none."""
    examples = document.get("examples")
    is_export = isinstance(examples, list) and all(isinstance(each, dict) and "content" in each for each in examples)
    return iter(examples) if is_export else None

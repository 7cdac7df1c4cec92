"""GATE: documents as `bdocjs`, and the older JSON in the form of tweets."""

from collections.abc import Iterator
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import Convention, MarkedSpan, SpanError
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools.marks import Marks, Read
from tf_ner.options.train import OffsetUnit

_NO_ENTITIES = {"Token", "SpaceToken", "Sentence", "Split", "Paragraph", "Document"}
"""Types that GATE's own tools leave in a document."""


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A document; None if it is none."""
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        return None
    if isinstance(record.get("annotation_sets"), dict):
        return _of_sets(record, layout)
    entities = record.get("entities")
    if isinstance(entities, dict) and entities and all(map(_have_indices, entities.values())):
        return _of_tweet(record["text"], entities)
    return None


def _of_sets(record: dict[str, Any], layout: Layout) -> Iterator[Read]:
    sets = {}
    for name, each in record["annotation_sets"].items():
        annotations = each.get("annotations") if isinstance(each, dict) else None
        if not isinstance(annotations, list):
            raise SpanError(
                "bad-record", f"received the annotation set {name[:40]!r} without a list of annotations; expected one."
            )
        sets[name] = [
            each for each in annotations if isinstance(each, dict) and str(each.get("type")) not in _NO_ENTITIES
        ]
    full = [name for name, annotations in sets.items() if annotations]
    name = str(layout.tag_column) if layout.tag_column is not None else full[0] if len(full) == 1 else ""
    if name not in sets or (len(full) > 1 and layout.tag_column is None):
        fix = "Name it with --tag-column." if sets else "Add one, which may be empty, or remove the document."
        raise SpanError(
            "bad-record",
            f"received the annotation sets {', '.join(map(repr, sets)) or 'none'}; expected one with entities. {fix}",
        )
    unit: OffsetUnit = "utf-16" if record.get("offset_type") == "j" else "characters"
    spans = [read_span(annotation) for annotation in sets[name]]
    yield Marks(record["text"], spans, convention=Convention(unit, "exclusive"), has_lines=True)


def _of_tweet(text: str, entities: dict[str, list[dict[str, Any]]]) -> Iterator[Read]:
    spans: list[MarkedSpan] = [
        read_span([*entity["indices"], label]) for label, found in entities.items() for entity in found
    ]
    yield Marks(text, spans)


def _have_indices(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(each, dict) and isinstance(each.get("indices"), list) for each in found
    )

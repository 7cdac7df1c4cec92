"""spaCy's older JSON: `[text, {"entities": [...]}]`, files with `classes`, and training JSON of version 2."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.sentences import Layout, what_is_wrong
from tf_ner.corpus.tags import OUTSIDE
from tf_ner.corpus.tools.marks import Marks, Read, Remark, TaggedWords

_UNKNOWN = "-"


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A text with its entities, or a document of training JSON; None if it is neither."""
    if isinstance(record, list) and len(record) == 2 and isinstance(record[0], str) and isinstance(record[1], dict):
        entities = record[1].get("entities")
        return _of_pair(record[0], entities) if isinstance(entities, list) else None
    if isinstance(record, dict) and isinstance(record.get("paragraphs"), list):
        return _of_document(record["paragraphs"], layout)
    return None


def records(document: Any, path: Path) -> Iterator[Any] | None:
    """The texts of an annotator's file; None if it is none."""
    annotations = document.get("annotations")
    if "classes" not in document or "text" in document or not isinstance(annotations, list):
        return None
    # What has not been annotated yet is null.
    return (each for each in annotations if each is not None)


def _of_pair(text: str, entities: list[Any]) -> Iterator[Read]:
    if text.strip():
        yield Marks(text, [read_span(span) for span in entities])


def _of_document(paragraphs: list[Any], layout: Layout) -> Iterator[Read]:
    for paragraph in paragraphs:
        for sentence in _list_of(paragraph, "sentences"):
            tokens = [token for token in _list_of(sentence, "tokens") if isinstance(token, dict)]
            key = str(layout.tag_column) if layout.tag_column else {"ner": "ner", "pos": "tag"}.get(layout.task, "")
            words = [token.get("orth") for token in tokens]
            tags = [token.get(key) for token in tokens]
            if _UNKNOWN in tags and key == "ner":
                yield Remark("unknown-tag", f"received the tag {_UNKNOWN!r}, which says nothing; it is read as O.")
                tags = [OUTSIDE if tag == _UNKNOWN else tag for tag in tags]
            if problem := what_is_wrong(words, tags, empty_words=layout.empty_words):
                raise SpanError("bad-record", problem)
            yield TaggedWords([str(word) for word in words], [str(tag) for tag in tags])


def _list_of(record: Any, key: str) -> list[Any]:
    found = record.get(key) if isinstance(record, dict) else None
    if not isinstance(found, list):
        raise SpanError(
            "bad-record", f"received training JSON without a list of {key!r}; expected one. Fix the record."
        )
    return found

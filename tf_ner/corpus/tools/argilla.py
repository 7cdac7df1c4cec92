"""Argilla: a text with its tokens as strings (version 1), or with responses to a question of spans (version 2)."""

from collections.abc import Iterator
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools.marks import Marks, Read, Remark

_RESPONSES = ".responses"
_STATUS = ".responses.status"
_DONE = "submitted"

_NOT_ANNOTATED = Remark("not-annotated", "received a record without annotation; it is left out.")


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A record; None if it is none of theirs."""
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("text"), str) and "annotation" in record and "status" in record:
        return _of_version_1(record)
    fields = record.get("fields", record)
    # All names together can be searched quicker than one after another.
    may_have_responses = "responses" in record or _RESPONSES in "\n".join(record)
    if not may_have_responses or not _has_responses(record) or not isinstance(fields, dict):
        return None
    return _of_version_2(fields, _answers(record), layout)


def _has_responses(record: dict[str, Any]) -> bool:
    return isinstance(record.get("responses"), dict | list) or any(key.endswith(_RESPONSES) for key in record)


def _of_version_1(record: dict[str, Any]) -> Iterator[Read]:
    if record["annotation"] is None or record["status"] == "Discarded":
        yield _NOT_ANNOTATED
        return
    yield Marks(record["text"], _read_spans(record["annotation"]), tokens=record.get("tokens"))


def _answers(record: dict[str, Any]) -> dict[str, list[Any]]:
    """The answers that annotators have submitted to each question of spans."""
    given: dict[str, list[tuple[Any, Any]]] = {}
    responses = record.get("responses")
    for name, of_question in responses.items() if isinstance(responses, dict) else ():
        listed = of_question if isinstance(of_question, list) else []
        given[name] = [(each.get("value"), each.get("status", _DONE)) for each in listed if isinstance(each, dict)]
    for key, values in record.items():
        if key.endswith(_RESPONSES) and isinstance(values, list):
            name = key.removesuffix(_RESPONSES)
            statuses = record.get(name + _STATUS)
            if not isinstance(statuses, list) or len(statuses) != len(values):
                statuses = [_DONE] * len(values)
            given[name] = list(zip(values, statuses, strict=True))
    found = {
        name: [value for value, status in answers if status == _DONE and _are_spans(value)]
        for name, answers in given.items()
    }
    return {name: values for name, values in found.items() if values}


def _of_version_2(fields: dict[str, Any], answers: dict[str, list[Any]], layout: Layout) -> Iterator[Read]:
    question = str(layout.tag_column) if layout.tag_column else next(iter(answers), None)
    if question not in answers:
        yield _NOT_ANNOTATED
        return
    text = fields.get(str(layout.word_column or "text"))
    if not isinstance(text, str) or (len(answers) > 1 and not layout.tag_column):
        texts = [name for name, value in fields.items() if isinstance(value, str)]
        raise SpanError(
            "bad-record",
            f"received the texts {', '.join(texts) or 'none'} and answers to {', '.join(answers)}; expected a text and "
            "one question of spans. Name them with --word-column and --tag-column.",
        )
    if len(answers[question]) > 1:
        yield Remark("several-annotations", f"received {len(answers[question])} responses; the first is read.")
    yield Marks(text, _read_spans(answers[question][0]))


def _read_spans(spans: Any) -> list[Any]:
    if not isinstance(spans, list):
        raise SpanError("bad-span", "received spans that are not a list; expected a list of spans. Fix the record.")
    # Its oldest exports put the label first.
    return [
        read_span([*span[1:], span[0]] if isinstance(span, list) and span and isinstance(span[0], str) else span)
        for span in spans
    ]


def _are_spans(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "start" in each for each in value)

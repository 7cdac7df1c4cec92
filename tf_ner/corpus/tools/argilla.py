"""Argilla: a text with its tokens as strings (version 1), or with responses to a question of spans (version 2)."""

from collections.abc import Iterator
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools.marks import Marks, Read, Remark

_RESPONSES = ".responses"


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A record; None if it is none of theirs."""
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("text"), str) and "annotation" in record and "status" in record:
        return _of_version_1(record)
    fields = record.get("fields", record)
    questions = _questions(record)
    if not questions or not isinstance(fields, dict):
        return None
    return _of_version_2(fields, questions, layout)


def _of_version_1(record: dict[str, Any]) -> Iterator[Read]:
    if record["annotation"] is None or record["status"] == "Discarded":
        yield Remark("not-annotated", "received a record without annotation; it is left out.")
        return
    yield Marks(record["text"], _read_spans(record["annotation"]), tokens=record.get("tokens"))


def _questions(record: dict[str, Any]) -> dict[str, Any]:
    """The values of each question of spans."""
    found = {}
    responses = record.get("responses")
    if isinstance(responses, dict):
        for name, given in responses.items():
            values = [each.get("value") for each in given if isinstance(each, dict)] if isinstance(given, list) else []
            found[name] = [value for value in values if _are_spans(value)]
    for key, given in record.items():
        if key.endswith(_RESPONSES) and isinstance(given, list):
            found[key.removesuffix(_RESPONSES)] = [value for value in given if _are_spans(value)]
    return {name: values for name, values in found.items() if values}


def _of_version_2(fields: dict[str, Any], questions: dict[str, Any], layout: Layout) -> Iterator[Read]:
    question = str(layout.tag_column) if layout.tag_column else next(iter(questions))
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    text = texts.get(str(layout.word_column or "text"))
    if text is None or question not in questions or (len(questions) > 1 and not layout.tag_column):
        raise SpanError(
            "bad-record",
            f"received the texts {', '.join(texts) or 'none'} and the questions {', '.join(questions)}; expected a "
            "text and one question of spans. Name them with --word-column and --tag-column.",
        )
    answers = questions[question]
    if len(answers) > 1:
        yield Remark("several-annotations", f"received {len(answers)} responses; the first is read.")
    yield Marks(text, _read_spans(answers[0]))


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

"""Answers as files: JSON lines, CSV, columns, or a page."""

import csv
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

from tf_ner.corpus.formats.conll import write_conll
from tf_ner.errors import ConfigError
from tf_ner.inference.page import write_page
from tf_ner.options.commands import AnswerFormat
from tf_ner.tasks.records import INPUT_KEYS, record_of
from tf_ner.tasks.text_classification import ClassifiedText
from tf_ner.tasks.token_classification import AnnotatedText, TaggedWords

Answers = Iterable[tuple[str, Any]]
"""Each line of input and its answer."""


def write_answers(file: TextIO, answers: Answers, form: AnswerFormat) -> None:
    """Writes answers as they come.

    Args:
        file: Where to.
        answers: Entities, words with tags, or whole texts with labels; for `conll` words with tags.
        form: How; `text` is for terminals, and nothing that a file has.

    Raises:
        ConfigError: `conll` is asked for, and texts have been classified.
    """
    _WRITERS[form](file, answers)


def _write_json_lines(file: TextIO, answers: Answers) -> None:
    for line, answer in answers:
        file.write(json.dumps(_with_others(line, answer), ensure_ascii=False) + "\n")


def _with_others(line: str, answer: Any) -> dict[str, Any]:
    """The answer behind all else of a record that was given; what has the name of an answer is called `input_…`."""
    own = {name: value for name, value in dataclasses.asdict(answer).items() if value is not None}
    record: Mapping[str, Any] = record_of(line) or {}
    others = {key: value for key, value in record.items() if key not in INPUT_KEYS}
    return {**{f"input_{key}" if key in own else key: value for key, value in others.items()}, **own}


def _write_csv(file: TextIO, answers: Answers) -> None:
    writer = csv.writer(file, lineterminator="\n")
    header: tuple[str, ...] = ()
    for number, (_, answer) in enumerate(answers, start=1):
        if not header:
            header = _HEADERS[type(answer)]
            writer.writerow(("input", *header))
        writer.writerows((number, *row) for row in _rows(answer))


def _rows(answer: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(answer, AnnotatedText):
        for entity in answer.entities:
            yield entity.start, entity.end, entity.label, entity.text, entity.score
    elif isinstance(answer, TaggedWords):
        yield from zip(answer.words, answer.tags, answer.scores, strict=True)
    else:
        yield answer.text, answer.text_pair or "", answer.label or "", answer.score


_HEADERS: dict[type, tuple[str, ...]] = {
    AnnotatedText: ("start", "end", "label", "text", "score"),
    TaggedWords: ("word", "tag", "score"),
    ClassifiedText: ("text", "text_pair", "label", "score"),
}


def _write_columns(file: TextIO, answers: Answers) -> None:
    for _, answer in answers:
        if not isinstance(answer, TaggedWords):
            raise ConfigError(
                "Received --to conll and a model for texts; expected one that tags words. Use --to jsonl or csv."
            )
        write_conll(file, [(answer.words, answer.tags)])


_WRITERS: dict[AnswerFormat, Callable[[TextIO, Answers], None]] = {
    "jsonl": _write_json_lines,
    "csv": _write_csv,
    "conll": _write_columns,
    "html": write_page,
}

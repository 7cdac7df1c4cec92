"""Answers as files: JSON lines, CSV, columns, or a page."""

import csv
import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from tf_ner.corpus.formats.conll import write_conll
from tf_ner.corpus.sentences import what_is_no_text
from tf_ner.errors import ConfigError
from tf_ner.inference.page import write_page
from tf_ner.options.commands import AnswerFormat
from tf_ner.tasks.records import record_of
from tf_ner.tasks.text_classification import ClassifiedText
from tf_ner.tasks.token_classification import AnnotatedText, TaggedWords

Answers = Iterable[tuple[str, Any]]
"""Each line of input and its answer."""


def write_answers(file: TextIO, answers: Answers, form: AnswerFormat, *, first_line: int = 1) -> None:
    """Writes answers as they come.

    Args:
        file: Where to.
        answers: Entities, words with tags, or whole texts with labels; for `conll` words with tags.
        form: How; `text` is for terminals, and nothing that a file has.
        first_line: The number of the first line of input.

    Raises:
        ConfigError: `conll` is asked for, and texts have been classified.
    """
    if form == "csv":
        _write_csv(file, answers, first_line)
    else:
        _WRITERS[form](file, answers)


def begun(answers: Answers) -> Answers:
    """The same answers, of which the first is there: what cannot be read at all replaces no earlier file."""
    answers = iter(answers)
    first = list(islice(answers, 1))
    return chain(first, answers)


def cut_half_line(path: Path) -> bool:
    """Cuts off what a process that was killed left of a line, and says whether there was any.

    Args:
        path: Of lines; it need not be there.
    """
    if not path.exists():
        return False
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = end
        while start > 0:
            before = max(start - _BLOCK, 0)
            file.seek(before)
            place = file.read(start - before).rfind(b"\n")
            if place >= 0:
                start = before + place + 1
                break
            start = before
        file.truncate(start)
    return start < end


_BLOCK = 2**16


def _write_json_lines(file: TextIO, answers: Answers) -> None:
    for line, answer in answers:
        file.write(_as_json(_with_others(line, answer)) + "\n")


def _as_json(record: Mapping[str, Any]) -> str:
    written = json.dumps(record, ensure_ascii=False)
    # Half a character, which only escapes can say.
    return json.dumps(record) if what_is_no_text(written) else written


def _with_others(line: str, answer: Any) -> dict[str, Any]:
    """The answer behind all else of a record that was given; what has the name of an answer is called `input_…`."""
    own = {name: value for name, value in dataclasses.asdict(answer).items() if value is not None}
    record: Mapping[str, Any] = record_of(line) or {}
    if isinstance(answer, ClassifiedText):
        read = {"text", "text_pair"}
    else:
        read = {"words"} if isinstance(record.get("words"), list) else {"text"}
    others: dict[str, Any] = {}
    for key, value in record.items():
        name = key
        while name in own or (name != key and name in record):
            name = f"input_{name}"
        others |= {} if key in read else {name: value}
    return {**others, **own}


def _write_csv(file: TextIO, answers: Answers, first_line: int) -> None:
    writer = csv.writer(file, lineterminator="\n")
    header: tuple[str, ...] = ()
    for number, (_, answer) in enumerate(answers, start=first_line):
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
    "conll": _write_columns,
    "html": write_page,
}

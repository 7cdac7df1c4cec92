"""Lines of input for a fine-tuned model: text as it is, or a JSON object with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tf_ner.corpus.sentences import what_is_no_text
from tf_ner.corpus.words import Word, split_words, words_at_spaces
from tf_ner.options.train import WordRule


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a line, as the end of a message."""

    problem: str


class PlainLine(str):
    """A line that is text, whatever it looks like."""


def record_of(line: str) -> dict[str, Any] | None:
    """The JSON object that a line is; None of any other text."""
    if isinstance(line, PlainLine) or not line.lstrip().startswith("{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def words_of(line: str | Mapping[str, Any], rule: WordRule, *, at_spaces: bool) -> tuple[str, list[Word]] | Wrong:
    """The text of a line and its words; or what is wrong with it.

    Args:
        line: Text, or a record with `words` (list of str) or `text` (str).
        rule: How text is split.
        at_spaces: The text is split into words already, with spaces between.
    """
    found = _text_or_words(line)
    if isinstance(found, list):
        return _joined(found)
    if isinstance(found, Wrong):
        return found
    return found, words_at_spaces(found) if at_spaces else split_words(found, rule)


def text_of(line: str | Mapping[str, Any]) -> str | Wrong:
    """The text of a line, or its words with spaces between; or what is wrong with it."""
    found = _text_or_words(line)
    return " ".join(found) if isinstance(found, list) else found


def _text_or_words(line: str | Mapping[str, Any]) -> str | list[str] | Wrong:
    record = record_of(line) if isinstance(line, str) else line
    if record is None:
        assert isinstance(line, str)
        return line
    words, text = record.get("words"), record.get("text")
    if isinstance(words, list):
        if not all(isinstance(word, str) and word for word in words) or what_is_no_text(*words):
            return Wrong("whose words are not strings with something in them; expected a list of strings")
        return words
    if not isinstance(text, str) or what_is_no_text(text):
        return Wrong("an object without a text; expected a string under the key text, or a list under words")
    return text


def _joined(words: list[str]) -> tuple[str, list[Word]]:
    """Words with spaces between, and where they stand."""
    found = []
    start = 0
    for word in words:
        found.append(Word(word, start, start + len(word)))
        start += len(word) + 1
    return " ".join(words), found

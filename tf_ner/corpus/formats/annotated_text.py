"""Raw text with entities marked by character offsets: which words they cover."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeGuard

from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import what_is_no_text
from tf_ner.corpus.tags import Span
from tf_ner.corpus.words import Word, split_words

Warn = Callable[[str, str], None]
"""Takes the kind of a warning and its message."""


_LABEL_KEYS = ("label", "type", "entity", "entity_group", "labels")
_KEYS = " or ".join(map(repr, _LABEL_KEYS))


class TextSpan(NamedTuple):
    """An entity: half-open, in characters, so that `text[span.start:span.end]` is its text."""

    start: int
    end: int
    label: str


class SpanError(ValueError):
    """Spans or tokens that do not fit their text."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def tag_text(text: str, spans: Any, tokens: Any, warn: Warn) -> tuple[list[str], list[str]]:
    """Splits text into words and tags those that a span covers.

    Where a span begins or ends inside a word, the word is split there, unless the words are given. White space at the
    ends of a span is not part of it. Both are reported to `warn`; nothing else about a span is changed.

    Args:
        text: A sentence, or more.
        spans: A list of `[start, end, label]`, or of objects with `start` or `start_offset`, `end` or `end_offset`, and
            `label`, `type`, `entity`, `entity_group` or `labels`; in characters.
        tokens: The words as objects with `start` and `end`; None if the text is to be split.
        warn: What to do with a warning.

    Returns:
        Words and IOB2 tags.

    Raises:
        SpanError: A span cannot be read, is empty, overlaps another, is not in the text or no word's; or a token is so.
    """
    if problem := what_is_no_text(text):
        raise SpanError("bad-record", problem)
    words = split_words(text) if tokens is None else _given_words(text, tokens)
    if not isinstance(spans, list):
        raise SpanError("bad-span", "received spans that are not a list; expected a list of spans. Fix the record.")
    read = sorted(_read_span(text, span) for span in spans)
    fitted = [_without_spaces(text, span, words, warn) for span in read]
    for before, span in pairwise(fitted):
        if span.start < before.end:
            raise SpanError(
                "overlapping-spans",
                f"received {_show(text, span)} and {_show(text, before)}; expected spans that do not overlap, because "
                "a word has one tag. Remove one.",
            )
    words = _split_at(text, words, fitted, may_split=tokens is None, warn=warn)
    starts = {word.start: place for place, word in enumerate(words)}
    ends = {word.end: place + 1 for place, word in enumerate(words)}
    covered = [Span(starts[span.start], ends[span.end], span.label) for span in fitted]
    return [word.text for word in words], spans_to_tags(covered, len(words))


def _given_words(text: str, tokens: Any) -> list[Word]:
    """Reads the words of a record, which hold all of its text but white space."""
    words: list[Word] = []
    end = 0
    for token in _objects(tokens):
        word = _read_token(text, token, least=end)
        _refuse_gap(text, end, word.start)
        words.append(word)
        end = word.end
    _refuse_gap(text, end, len(text))
    return words


def _read_token(text: str, token: dict[str, Any], *, least: int) -> Word:
    start, end = token.get("start"), token.get("end")
    if not _is_place(start) or not _is_place(end) or not least <= start < end <= len(text):
        raise SpanError(
            "bad-token",
            f"received a token from {_number(start)} to {_number(end)}, after {least} characters of {len(text)}; "
            "expected whole numbers of characters, in order. Fix the tokens, or leave them out.",
        )
    word = Word(text[start:end], start, end)
    if token.get("text", word.text) != word.text:
        raise SpanError(
            "bad-token",
            f"received a token whose text differs from {word.text[:40]!r}, the text from {start} to {end}; expected "
            "the same. Count in characters, not in bytes.",
        )
    return word


def _refuse_gap(text: str, start: int, end: int) -> None:
    if lost := text[start:end].strip():
        raise SpanError(
            "bad-token",
            f"received {lost[:40]!r} (in {start} to {end}) outside all tokens; expected tokens for all words. Fix "
            "the tokens, or leave them out.",
        )


def _objects(tokens: Any) -> list[dict[str, Any]]:
    if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
        raise SpanError(
            "bad-token",
            "received tokens without a start and an end; expected objects with both. Leave them out to have the text "
            "split into words.",
        )
    return tokens


def _read_span(text: str, span: Any) -> TextSpan:
    if isinstance(span, dict):
        start = span.get("start", span.get("start_offset"))
        end = span.get("end", span.get("end_offset"))
        label = next((span[key] for key in _LABEL_KEYS if key in span), None)
        if isinstance(label, list) and len(label) == 1:
            label = label[0]
    elif isinstance(span, list) and len(span) == 3:
        start, end, label = span
    else:
        raise SpanError(
            "bad-span", "received a span that is neither [start, end, label] nor an object; expected one of the two."
        )
    if not _is_place(start) or not _is_place(end):
        raise SpanError(
            "bad-span",
            f"received a span from {_number(start)} to {_number(end)}; expected whole numbers of characters. "
            "Fix the span.",
        )
    if not isinstance(label, str) or not label or what_is_no_text(label):
        raise SpanError(
            "bad-span",
            f"received a span from {start} to {end} without a label; expected one name under {_KEYS}. Fix the span.",
        )
    if not 0 <= start < end <= len(text):
        raise SpanError(
            "bad-span",
            f"received a span from {_number(start)} to {_number(end)} ({label}) in a text of {len(text)} characters; "
            "expected 0 <= start < end <= length. Count in characters, not in bytes.",
        )
    return TextSpan(start, end, label)


def _without_spaces(text: str, span: TextSpan, words: Sequence[Word], warn: Warn) -> TextSpan:
    """The span without white space at its ends, unless that is a given word."""
    start, end, label = span
    at_start, at_end = _word_at(words, start), _word_at(words, end - 1)
    if at_start is None or (at_start.start < start and text[start].isspace()):
        start += len(text[start:end]) - len(text[start:end].lstrip())
    if at_end is None or (at_end.end > end and text[end - 1].isspace()):
        end -= len(text[start:end]) - len(text[start:end].rstrip())
    if start == end:
        raise SpanError(
            "bad-span", f"received {_show(text, span)}, which is only white space; expected words. Remove it."
        )
    trimmed = TextSpan(start, end, label)
    if trimmed != span:
        warn(
            "span-with-spaces",
            f"received {_show(text, span)}, with white space at its ends; it is read without that, from {start} to "
            f"{end}.",
        )
    return trimmed


def _split_at(text: str, words: list[Word], spans: Sequence[TextSpan], *, may_split: bool, warn: Warn) -> list[Word]:
    """Splits the words that a span begins or ends in."""
    borders: dict[Word, list[int]] = {}
    for span in spans:
        for border in (span.start, span.end):
            word = _word_at(words, border)
            if word is None or word.start == border:
                continue
            received = f"received {_show(text, span)}, which {'begins' if border == span.start else 'ends'} inside the"
            if not may_split:
                raise SpanError(
                    "span-inside-word",
                    f"{received} token {word.text[:40]!r} ({word.start} to {word.end}); expected whole tokens. "
                    "Fix the span, or leave the tokens out.",
                )
            warn(
                "span-inside-word",
                f"{received} word {word.text[:40]!r} ({word.start} to {word.end}); the word is split there.",
            )
            borders.setdefault(word, []).append(border)
    if not borders:
        return words
    split: list[Word] = []
    for word in words:
        places = sorted({word.start, *borders.get(word, ()), word.end})
        split += [Word(text[start:end], start, end) for start, end in pairwise(places)]
    return split


def _word_at(words: Sequence[Word], place: int) -> Word | None:
    """The word that holds a character."""
    number = bisect_right(words, place, key=lambda word: word.start) - 1
    return words[number] if number >= 0 and place < words[number].end else None


def _show(text: str, span: TextSpan) -> str:
    return f"the span {text[span.start : span.end][:40]!r} ({span.start} to {span.end}, {span.label[:40]})"


def _is_place(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> str:
    return str(value) if _is_place(value) and abs(value) < 10**20 else "something that is not a number of characters"

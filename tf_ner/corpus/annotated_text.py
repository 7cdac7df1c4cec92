"""Raw text with entities marked by character offsets: which words they cover."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple, TypeGuard

from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.marked_text import MarkedSpan, MarkedText, Offsets, SpanError, lines_of
from tf_ner.corpus.overlaps import without_overlaps
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import NO_WORD, Layout, Sentence, what_is_no_text
from tf_ner.corpus.tags import OUTSIDE, Span
from tf_ner.corpus.words import Word, split_texts, split_words
from tf_ner.options.train import OverlapChoice, WordRule

Warn = Callable[[str, str], None]
"""Takes the kind of a warning and its message."""


_LABEL_KEYS = ("label", "type", "entity", "entity_group", "tag", "labels")
_KEYS = " or ".join(map(repr, _LABEL_KEYS))


class TextSpan(NamedTuple):
    """An entity: half-open, in characters, so that `text[span.start:span.end]` is its text."""

    start: int
    end: int
    label: str


class TaggedText(NamedTuple):
    """Words and their IOB2 tags, and the labels of the spans that no words stand for."""

    words: list[str]
    tags: list[str]
    missed: tuple[str, ...]


def tagged(items: Iterable[MarkedText | Sentence], layout: Layout, report: Report) -> Iterator[Sentence]:
    """Sentences of the texts of a file, with IOB2 tags; what is one already stays as it is.

    Words are made by a rule that sees the text alone, unless they are given. White space at the ends of a
    span is not part of it. A span that begins or ends inside a word is left out of the tags, and its label is one of
    `Sentence.missed`; of given words it is an error. Both are reported; nothing else about a span is changed.

    Args:
        items: What a reader has read.
        layout: What offsets count, and what becomes of spans that overlap.
        report: What to do with texts that cannot be read, and with warnings.
    """
    offsets = Offsets(report, unit=layout.offset_unit, ends=layout.offset_ends)
    for item in items:
        if isinstance(item, Sentence):
            yield item
        elif (found := offsets.in_characters(item)) is not None:
            yield from _sentences_of(item, found, layout, report)


def _sentences_of(
    marked: MarkedText, found: list[tuple[int, int, MarkedSpan]], layout: Layout, report: Report
) -> Iterator[Sentence]:
    is_plain = marked.tokens is None and not marked.has_lines
    rule = layout.word_rule or "text"
    if is_plain and (at_once := _tagged_at_once(marked.text, found, rule)) is not None:
        words, tags = at_once
        yield Sentence(words, tags, [marked.line] * len(words), word_rule=rule)
        return

    def warn(kind: str, message: str) -> None:
        report(Finding(kind, marked.source, marked.line, message, is_error=False))

    has_words = False
    remaining = deque(sorted(found, key=itemgetter(0)))
    line = marked.line
    for start, end in lines_of(marked, found) if marked.has_lines else [(0, len(marked.text))]:
        spans = []
        while remaining and remaining[0][0] < end:
            of_span, behind, span = remaining.popleft()
            spans.append(TextSpan(of_span - start, behind - start, span.label))
        try:
            tagged_text = tag_text(
                marked.text[start:end], spans, marked.tokens, warn, overlaps=layout.overlaps, rule=rule
            )
        except SpanError as error:
            report(Finding(error.kind, marked.source, line, str(error)))
            return
        if words := tagged_text.words:
            yield Sentence(
                words,
                tagged_text.tags,
                [line] * len(words),
                marked.has_lines and not has_words,
                missed=tagged_text.missed,
                word_rule=rule if marked.tokens is None else None,
            )
            has_words = True
        line += marked.text.count("\n", start, end + 1) if marked.has_lines else 0
    if not has_words:
        warn("no-word", NO_WORD)


def _tagged_at_once(
    text: str, found: list[tuple[int, int, MarkedSpan]], rule: WordRule
) -> tuple[list[str], list[str]] | None:
    """As `tag_text`, and quicker; None without a word, and where a span does not begin and end where words do."""
    words = split_texts(text, rule)
    tags = [OUTSIDE] * len(words)
    if not words or not found:
        return (words, tags) if words else None
    # White space is in no word: counted without it, the words lie one next to another.
    places = {place: number for number, place in enumerate(accumulate(map(len, words), initial=0))}
    num_characters = behind = 0
    for start, end, span in sorted(found, key=itemgetter(0)):
        if start < behind or text[start].isspace() or text[end - 1].isspace():
            return None
        num_characters += len("".join(text[behind:start].split()))
        first = places.get(num_characters)
        num_characters += len("".join(text[start:end].split()))
        last = places.get(num_characters)
        if first is None or last is None:
            return None
        tags[first:last] = [f"B-{span.label}", *[f"I-{span.label}"] * (last - first - 1)]
        behind = end
    return words, tags


def tag_text(
    text: str,
    spans: Sequence[TextSpan],
    tokens: Sequence[Word] | None,
    warn: Warn,
    *,
    overlaps: OverlapChoice = "error",
    rule: WordRule = "text",
) -> TaggedText:
    """Splits text into words and tags those that a span covers.

    Args:
        text: A sentence, or more.
        spans: In characters.
        tokens: The words, if they are given; all of the text but white space is in them.
        warn: What to do with a warning.
        overlaps: What becomes of spans that overlap.
        rule: How the text is split where words are not given.

    Raises:
        SpanError: A span overlaps another, is only white space, or ends inside a given word.
    """
    words = split_words(text, rule) if tokens is None else list(tokens)
    fitted = [_without_spaces(text, span, words, warn) for span in spans]
    fitted = without_overlaps(fitted, overlaps, show=partial(_show, text), warn=warn)
    starts = {word.start: place for place, word in enumerate(words)}
    ends = {word.end: place + 1 for place, word in enumerate(words)}
    covered: list[Span] = []
    missed: list[str] = []
    for span in fitted:
        if span.start in starts and span.end in ends:
            covered.append(Span(starts[span.start], ends[span.end], span.label))
        else:
            _tell_borders(text, span, words, warn, are_given=tokens is not None)
            missed.append(span.label)
    return TaggedText([word.text for word in words], spans_to_tags(covered, len(words)), tuple(missed))


def words_of_tokens(text: str, tokens: Any) -> list[Word]:
    """Reads the words of a record, which hold all of its text but white space.

    Args:
        text: The text.
        tokens: The words as objects with `start` and `end`, in characters, or as strings in the order of the text.

    Raises:
        SpanError: They are not in the text, or not all of it.
    """
    if isinstance(tokens, list) and tokens and all(isinstance(token, str) for token in tokens):
        return _found_words(text, tokens)
    return _given_words(text, tokens)


def _found_words(text: str, tokens: Sequence[str]) -> list[Word]:
    words: list[Word] = []
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if not token or start < 0:
            raise SpanError(
                "bad-token",
                f"received the token {token[:40]!r}, which the text does not have after {end} characters; expected "
                "tokens in the order of the text. Fix the tokens, or leave them out.",
            )
        _refuse_gap(text, end, start)
        end = start + len(token)
        words.append(Word(token, start, end))
    _refuse_gap(text, end, len(text))
    return words


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


def read_span(span: Any, *, quote_key: str = "text") -> MarkedSpan:
    """Reads a span as JSON has it.

    Args:
        span: `[start, end, label]`, or an object with `start` or `start_offset`, `end` or `end_offset`, and `label`,
            `type`, `entity`, `entity_group`, `tag` or `labels`.
        quote_key: Under which key an object may have its text.

    Raises:
        SpanError: It is nothing of that.
    """
    quote = None
    if isinstance(span, dict):
        start = span.get("start", span.get("start_offset"))
        end = span.get("end", span.get("end_offset"))
        label = _label_of(span)
        quote = span.get(quote_key)
        if isinstance(label, list) and len(label) == 1:
            label = label[0]
    elif isinstance(span, list) and len(span) == 3:
        start, end, label = span
    else:
        raise SpanError(
            "bad-span", "received a span that is neither [start, end, label] nor an object; expected one of the two."
        )
    if type(start) is int is type(end) and type(label) is str and label.isascii() and label:
        return MarkedSpan(start, end, label, quote if isinstance(quote, str) else None)
    if not _is_place(start) or not _is_place(end):
        raise SpanError(
            "bad-span",
            f"received a span from {_number(start)} to {_number(end)}; expected whole numbers of characters. "
            "Fix the span.",
        )
    if isinstance(label, list) and len(label) > 1:
        raise SpanError(
            "bad-span", f"received a span from {start} to {end} with {len(label)} labels; expected one. Fix the span."
        )
    if _is_place(label) and abs(label) < 10**6:
        label = str(label)
    if not isinstance(label, str) or not label or what_is_no_text(label):
        raise SpanError(
            "bad-span",
            f"received a span from {_number(start)} to {_number(end)} without a label; expected one name under "
            f"{_KEYS}. Fix the span.",
        )
    return MarkedSpan(start, end, label, quote if isinstance(quote, str) else None)


def _label_of(span: dict[str, Any]) -> Any:
    for key in _LABEL_KEYS:
        if key in span:
            return span[key]
    return None


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


def _tell_borders(text: str, span: TextSpan, words: Sequence[Word], warn: Warn, *, are_given: bool) -> None:
    """Reports the first border of a span that is inside a word.

    Raises:
        SpanError: The words are given.
    """
    for border in (span.start, span.end):
        word = _word_at(words, border)
        if word is None or word.start == border:
            continue
        received = f"received {_show(text, span)}, which {'begins' if border == span.start else 'ends'} inside the"
        place = f"{word.text[:40]!r} ({word.start} to {word.end})"
        if are_given:
            raise SpanError(
                "span-inside-word",
                f"{received} token {place}; expected whole tokens. Fix the span, or leave the tokens out.",
            )
        warn(
            "span-inside-word",
            f"{received} word {place}; expected whole words, because a model tags words. The span is left out, and "
            "counts as missed in scores. Fix the span, or give the words of the text as tokens.",
        )
        return


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

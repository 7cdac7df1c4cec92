"""Words with spans that count words: GLiNER, DyGIE, SpERT."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.overlaps import without_overlaps
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import TAG_NAMES, WORD_NAMES, Layout
from tf_ner.corpus.tags import Span
from tf_ner.corpus.tools.marks import Read, Remark, TaggedWords
from tf_ner.options.train import OffsetEnds

_SPAN_KEYS = ("entities", "spans", "ner")


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A record; None if it has no words, has tags for them, or has a text, whose characters its spans count."""
    if not isinstance(record, dict) or "text" in record or layout.task == "pos":
        return None
    keys = _SPAN_KEYS if layout.tag_column is None else (str(layout.tag_column),)
    if "ner" not in record and record.keys().isdisjoint(keys):
        return None
    sentences, spans = record.get("sentences"), record.get("ner")
    if isinstance(sentences, list) and isinstance(spans, list) and sentences and all(map(_are_words, sentences)):
        return _of_sentences(sentences, spans, "inclusive", layout)
    key = next((key for key in keys if isinstance(record.get(key), list)), None)
    if key is None:
        return None
    word_keys = WORD_NAMES if layout.word_column is None else (str(layout.word_column),)
    for word_key in ("tokenized_text", *word_keys):
        words: Any = record.get(word_key)
        if not _are_words(words) or _has_tags(record, words, layout):
            continue
        found = record[key]
        if all(isinstance(each, list | dict) for each in found):
            ends: OffsetEnds = "inclusive" if word_key == "tokenized_text" else "exclusive"
            return _of_sentences([words], [found], ends, layout)
    return None


def _has_tags(record: dict[str, Any], words: Sequence[str], layout: Layout) -> bool:
    """Whether one of the usual keys of tags has one for each word."""
    names = TAG_NAMES[layout.task] if layout.tag_column is None else (str(layout.tag_column),)
    of_names = (record.get(name) for name in names)
    return any(
        isinstance(tags, list) and len(tags) == len(words) and all(isinstance(tag, str | int) for tag in tags)
        for tags in of_names
    )


def _of_sentences(sentences: Sequence[Any], spans: Sequence[Any], ends: OffsetEnds, layout: Layout) -> Iterator[Read]:
    """Spans of each sentence, which count the words of all of them, from 0."""
    ends = layout.offset_ends or ends
    if len(spans) != len(sentences):
        raise SpanError(
            "bad-record", f"received {len(sentences)} sentences and {len(spans)} lists of spans; expected as many."
        )
    if any(spans) and layout.offset_ends is None:
        yield Remark("words-counted", _COUNTED.format(ends=ends))
    borders = accumulate(map(len, sentences[:-1]), initial=0)
    for first, words, of_sentence in zip(borders, sentences, spans, strict=True):
        if not isinstance(of_sentence, list):
            raise SpanError("bad-span", "received spans that are not a list; expected a list of spans. Fix the record.")
        found = [_in_words(span, words, first, ends) for span in of_sentence]
        remarks: list[tuple[str, str]] = []
        kept = without_overlaps(
            found, layout.overlaps, show=partial(_show, words), warn=lambda *remark, to=remarks: to.append(remark)
        )
        yield from (Remark(*remark) for remark in remarks)
        yield TaggedWords(list(words), spans_to_tags(kept, len(words)))


def _in_words(span: Any, words: Sequence[str], first: int, ends: OffsetEnds) -> Span:
    """The place of a span in a sentence whose first word has this number."""
    if isinstance(span, dict) and "start_offset" in span:
        raise SpanError(
            "bad-span", "received a span of characters and no text; expected its text, or numbers of words."
        )
    read = read_span(span)
    behind = read.end + (ends == "inclusive")
    end = first + len(words)
    if not first <= read.start < behind <= end:
        other = "exclusive" if ends == "inclusive" else "inclusive"
        other_end = read.end + (other == "inclusive")
        advice = f", or give --offset-ends {other}" if first <= read.start < other_end <= end else ""
        raise SpanError(
            "bad-span",
            f"received a span from {read.start} to {read.end} ({read.label[:40]}) among the words {first} to "
            f"{end - 1}, with ends that are {ends}; expected it among them. Fix it{advice}.",
        )
    found = words[read.start - first : behind - first]
    if read.quote is not None and "".join(found) != "".join(read.quote.split()):
        raise SpanError(
            "bad-span",
            f"received a span from {read.start} to {read.end} ({read.label[:40]}) that quotes {read.quote[:40]!r}, "
            f"where the words are {' '.join(found)[:40]!r} (with ends that are {ends}); expected what is quoted. Give "
            "--offset-ends, or fix the span.",
        )
    return Span(read.start - first, behind - first, read.label)


def _show(words: Sequence[str], span: Span) -> str:
    return f"the span {' '.join(words[span.start : span.end])[:40]!r} ({span.start} to {span.end}, {span.label[:40]})"


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)


_COUNTED = "received spans that count words, with ends that are {ends}; --offset-ends says otherwise."

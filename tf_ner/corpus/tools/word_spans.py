"""Words with spans that count words: GLiNER, DyGIE, SpERT."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.overlaps import without_overlaps
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tags import Span
from tf_ner.corpus.tools.marks import Read, Remark, TaggedWords
from tf_ner.options.train import OffsetEnds


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A record; None if it has no words, or a text, whose characters its spans count."""
    if not isinstance(record, dict) or "text" in record:
        return None
    if _are_words(record.get("tokenized_text")) and isinstance(record.get("ner"), list):
        return _of_sentences([record["tokenized_text"]], [record["ner"]], "inclusive", layout)
    sentences, spans = record.get("sentences"), record.get("ner")
    if isinstance(sentences, list) and isinstance(spans, list) and sentences and all(map(_are_words, sentences)):
        return _of_sentences(sentences, spans, "inclusive", layout)
    for words_key in ("tokens", "words"):
        for key in ("entities", "spans", "ner"):
            spans = record.get(key)
            if _are_words(record.get(words_key)) and isinstance(spans, list) and spans and not _are_words(spans):
                return _of_sentences([record[words_key]], [spans], "exclusive", layout)
    return None


def _of_sentences(sentences: Sequence[Any], spans: Sequence[Any], ends: OffsetEnds, layout: Layout) -> Iterator[Read]:
    """Spans of each sentence, which count the words of all of them, from 0."""
    ends = layout.offset_ends or ends
    if len(spans) != len(sentences):
        raise SpanError(
            "bad-record", f"received {len(sentences)} sentences and {len(spans)} lists of spans; expected as many."
        )
    if any(spans):
        yield Remark(
            "words-counted",
            f"received spans that count words, with ends that are {ends}; --offset-ends says otherwise.",
        )
    borders = accumulate(map(len, sentences), initial=0)
    for (first, end), words, of_sentence in zip(pairwise(borders), sentences, spans, strict=True):
        if not isinstance(of_sentence, list):
            raise SpanError("bad-span", "received spans that are not a list; expected a list of spans. Fix the record.")
        found = [_in_words(span, first, end, ends) for span in of_sentence]
        remarks: list[tuple[str, str]] = []
        kept = without_overlaps(
            found, layout.overlaps, show=partial(_show, words), warn=lambda *remark, to=remarks: to.append(remark)
        )
        yield from (Remark(*remark) for remark in remarks)
        yield TaggedWords(list(words), spans_to_tags(kept, len(words)))


def _in_words(span: Any, first: int, end: int, ends: OffsetEnds) -> Span:
    read = read_span(span)
    behind = read.end + (ends == "inclusive")
    if not first <= read.start < behind <= end:
        other = "exclusive" if ends == "inclusive" else "inclusive"
        raise SpanError(
            "bad-span",
            f"received a span from {read.start} to {read.end} ({read.label[:40]}) among the words {first} to "
            f"{end - 1}, with ends that are {ends}; expected it among them. Fix it, or give --offset-ends {other}.",
        )
    return Span(read.start - first, behind - first, read.label)


def _show(words: Sequence[str], span: Span) -> str:
    return f"the span {' '.join(words[span.start : span.end])[:40]!r} ({span.start} to {span.end}, {span.label[:40]})"


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)

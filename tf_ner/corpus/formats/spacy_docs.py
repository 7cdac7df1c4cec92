"""spaCy: documents as `spacy convert`, Prodigy and others write them for version 3 (`.spacy`)."""

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.opened import open_corpus_file, suffix_of
from tf_ner.corpus.overlaps import without_overlaps
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.tags import Span
from tf_ner.errors import DataError

DOCUMENTS = ".spacy"


def is_spacy(path: Path) -> bool:
    """Whether a file's name says that it is such."""
    return path.is_file() and suffix_of(path) == DOCUMENTS


def read_spacy(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads the words, and the entities or parts of speech, of documents.

    Entities are those of `doc.ents`, or, where there are none, of one group of `doc.spans`. Sentences are those of the
    documents, or else their lines. Tokens of white space are left out. `Sentence.lines` are documents, from 1.

    Args:
        path: The file; all of it is held in memory.
        layout: The task; and under `tag_column` a group of spans, or `tag` for `token.tag_` where `pos` reads
            `token.pos_`.
        report: What to do with documents that cannot be read, and with warnings.

    Raises:
        DataError: spaCy is not installed, or the file cannot be read.
    """
    layout = layout or Layout()
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError:
        raise DataError(
            f"Received {path}, which spaCy writes; expected spaCy to read it with. Install it with `pip install "
            "spacy`, or write another format, for example JSON lines of texts and spans."
        ) from None
    with open_corpus_file(path) as file:
        data = file.read()
    try:
        for number, document in enumerate(DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab), start=1):
            # At once, since only what is looked at shows that it is damaged.
            yield from list(_sentences(path, number, document, layout, report))
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(
            f"Received {path}, which cannot be read ({reason}); expected what DocBin of spaCy 3 writes. Write or copy "
            "it again."
        ) from None


# What zlib, msgpack, numpy and spaCy raise for bytes that are something else.
_DAMAGE = (zlib.error, ArithmeticError, AssertionError, AttributeError, LookupError, OSError, TypeError, ValueError)


def _sentences(path: Path, number: int, document: Any, layout: Layout, report: Report) -> Iterator[Sentence]:
    def tell(kind: str, message: str, *, is_error: bool = False) -> None:
        report(Finding(kind, path, number, message, is_error))

    try:
        tags = _parts_of_speech(document, layout) if layout.task == "pos" else _entities(document, layout, tell)
    except SpanError as error:
        tell(error.kind, str(error), is_error=True)
        return
    if tags is None:
        tell("not-annotated", _NOTHING)
        return
    words = [(token.text, tags[token.i]) for token in document]
    begins = True
    for _, places in groupby(range(len(words)), key=_sentence_numbers(document, tags).__getitem__):
        kept = [words[place] for place in places if not words[place][0].isspace()]
        if kept:
            yield Sentence([word for word, _ in kept], [tag for _, tag in kept], [number] * len(kept), begins)
            begins = False


def _sentence_numbers(document: Any, tags: Sequence[str]) -> list[int]:
    """For each token the number of its sentence; no entity is divided."""
    has_sentences = document.has_annotation("SENT_START")
    numbers, current = [], 0
    for token in document:
        begins = token.is_sent_start if has_sentences else token.i and "\n" in document[token.i - 1].text_with_ws
        current += bool(begins) and not tags[token.i].startswith("I-")
        numbers.append(current)
    return numbers


def _parts_of_speech(document: Any, layout: Layout) -> list[str] | None:
    fine = layout.tag_column == "tag"
    tags = [token.tag_ if fine else token.pos_ for token in document]
    if not any(tags):
        return None
    missing = next((token for token in document if not tags[token.i] and not token.is_space), None)
    if missing is not None:
        raise SpanError("empty-tag", f"received {missing.text[:40]!r} without a part of speech; expected one. Add it.")
    return tags


def _entities(document: Any, layout: Layout, tell: Any) -> list[str] | None:
    """IOB2 tags of the tokens; None where nothing says what is an entity."""
    groups = document.spans
    wanted = None if layout.tag_column is None else str(layout.tag_column)
    if wanted is None and document.has_annotation("ENT_IOB"):
        found = document.ents
        if not document.has_annotation("ENT_IOB", require_complete=True):
            tell("unknown-tag", "received tokens of which spaCy does not know whether they are entities; they are O.")
    elif wanted in groups or (wanted is None and len(groups) == 1):
        found = groups[wanted] if wanted is not None else next(iter(groups.values()))
    elif wanted is None and not groups:
        return None
    else:
        listed = ", ".join(sorted(groups)) or "none"
        raise SpanError("bad-span", f"received the groups of spans {listed}; expected one. Name it with --tag-column.")
    spans = [Span(span.start, span.end, span.label_) for span in found if span.label_]
    kept = without_overlaps(spans, layout.overlaps, show=partial(_show, document), warn=tell)
    return spans_to_tags(kept, len(document))


def _show(document: Any, span: Span) -> str:
    return f"the span {document[span.start : span.end].text[:40]!r} ({span.label[:40]})"


_NOTHING = "received a document without entities or parts of speech, not even none; it is left out."

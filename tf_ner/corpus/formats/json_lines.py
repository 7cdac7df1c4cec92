"""JSON: a sentence in each record, as words and tags, as text and spans, or as a tool has it."""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate, chain, dropwhile, islice
from pathlib import Path
from typing import Any

from tf_ner.corpus.annotated_text import read_span, tagged, words_of_tokens
from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.lines import Piece, num_line_ends, pieces_of
from tf_ner.corpus.marked_text import MarkedText, SpanError
from tf_ner.corpus.opened import suffix_of
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.sentences import (
    NO_WORD,
    TAG_NAMES,
    WORD_NAMES,
    Layout,
    Sentence,
    Unwritable,
    what_is_no_text,
    what_is_wrong,
)
from tf_ner.corpus.tags import tags_to_spans
from tf_ner.corpus.tools import DOCUMENTS, RECORDS
from tf_ner.corpus.tools.marks import Marks, Read, Remark, TaggedWords
from tf_ner.errors import DataError

_SPAN_NAMES = ("spans", "entities", "annotations", "label", "labels")
_OFFSET_NAMES = {"start", "start_offset", "begin", "offset", "startOffset", "indices"}

Record = dict[str, Any]
_Tell = Callable[..., None]


def read_json_lines(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads JSON records, each on a line of its own, or all in one list.

    A record holds either words and tags (lists of strings under `words` or `tokens`, and under `ner_tags`, `tags` or
    `labels`, or what the task's tags are usually called), or `text` and the spans in it under `spans`, `entities`,
    `annotations`, `label` or `labels`, or what the tools of `tf_ner.corpus.tools` write. Tags of spans are IOB2.
    Records that an annotator has refused (`"answer": "reject"` or `"ignore"`), that nobody has annotated, and those
    without a word are left out with a warning.

    Args:
        path: The file.
        layout: The keys of the words (or the text) and the tags (or the spans), if they are called otherwise.
        report: What to do with a record that cannot be read, and with warnings.

    Raises:
        DataError: The file is missing, or the keys are given as numbers.
    """
    layout = layout or Layout()
    if isinstance(layout.word_column, int) or isinstance(layout.tag_column, int):
        raise DataError(
            f"Received a column number for {path}, whose records have keys; expected names. "
            "Change --word-column or --tag-column."
        )
    yield from tagged(_read_records(path, layout, report), layout, report)


def _read_records(path: Path, layout: Layout, report: Report) -> Iterator[MarkedText | Sentence]:
    for number, record in records_of(path, report, encoding=layout.encoding, documents=DOCUMENTS):
        tell = partial(_tell, path, number, report)
        try:
            for part in _parts_of(record, path, layout, tell):
                if isinstance(part, TaggedWords):
                    if part.words:
                        yield Sentence(part.words, part.tags, [number] * len(part.words))
                    else:
                        tell("no-word", NO_WORD, is_error=False)
                elif isinstance(part, Marks):
                    yield _marked(part, path, number)
                else:
                    tell(part.kind, part.message, is_error=False)
        except SpanError as error:
            tell(error.kind, str(error))


def _parts_of(record: Any, path: Path, layout: Layout, tell: _Tell) -> Iterable[Read]:
    """What a record holds, as the first reader that knows it says."""
    for reader in RECORDS:
        if (found := reader(record, layout)) is not None:
            return found
    return _read_record(record, path, layout, tell)


def _marked(marks: Marks, path: Path, number: int) -> MarkedText:
    text, spans, tokens, convention, has_lines = marks
    if problem := what_is_no_text(text):
        raise SpanError("bad-record", problem)
    return MarkedText(
        text=text,
        spans=spans,
        source=path,
        line=number,
        tokens=None if tokens is None else words_of_tokens(text, tokens),
        convention=convention,
        has_lines=has_lines,
    )


def _read_record(record: Any, path: Path, layout: Layout, tell: _Tell) -> Iterable[Read]:
    """A record with words and tags, or with a text and its spans, under the names that most tools give them."""
    if not isinstance(record, dict):
        tell("bad-record", _A_LIST if isinstance(record, list) and suffix_of(path) != ".json" else _NO_OBJECT)
        return ()
    if record.get("answer") in ("reject", "ignore"):
        return (Remark("refused-record", "received a record that an annotator refused; it is left out."),)
    found = _words_and_tags(record, layout, tell)
    return () if found is None else (found,)


def write_json_lines(path: Path, sentences: Iterable[Sentence]) -> None:
    """Writes words and tags: `{"words": ["EU"], "tags": ["B-ORG"]}`."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for sentence in sentences:
            record = {"words": sentence.words, "tags": sentence.tags}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def write_json_spans(path: Path, sentences: Iterable[Sentence]) -> None:
    """Writes text, its tokens and its spans; the text is the words with spaces between.

    Args:
        path: The file.
        sentences: With IOB2 tags.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for sentence in sentences:
            file.write(json.dumps(text_and_spans(sentence.words, sentence.tags), ensure_ascii=False) + "\n")


def what_spans_cannot_hold(sentence: Sentence) -> Unwritable | None:
    """Says which tag is not IOB2, and where, so that spans would not give it back; None if there is none."""
    again = spans_to_tags(tags_to_spans(sentence.tags), len(sentence.tags))
    for place, (tag, read) in enumerate(zip(sentence.tags, again, strict=True)):
        if tag != read:
            return Unwritable(
                place,
                f"received the tag {tag!r} where IOB2 has {read!r}; expected IOB2, because spans begin and end. "
                "Correct the tag, or pass --scheme iob1 if an I- may begin an entity.",
            )
    return None


def text_and_spans(words: list[str], tags: list[str]) -> Record:
    """A record of `write_json_spans`, of the words and the IOB2 tags of a sentence."""
    tokens, start = [], 0
    for number, word in enumerate(words):
        tokens.append({"text": word, "start": start, "end": start + len(word), "id": number})
        start += len(word) + 1
    spans = [
        {
            "start": tokens[span.start]["start"],
            "end": tokens[span.end - 1]["end"],
            "label": span.label,
            "token_start": span.start,
            "token_end": span.end - 1,
        }
        for span in tags_to_spans(tags)
    ]
    return {"text": " ".join(words), "tokens": tokens, "spans": spans}


def _words_and_tags(record: Record, layout: Layout, tell: _Tell) -> TaggedWords | Marks | None:
    """What a record holds; None where it cannot be read, which is reported."""
    word_names = WORD_NAMES if layout.word_column is None else (str(layout.word_column),)
    tag_names = TAG_NAMES[layout.task] if layout.tag_column is None else (str(layout.tag_column),)
    text = record.get(str(layout.word_column or "text"))
    has_text = isinstance(text, str)
    if isinstance(text, str) and (layout.word_column or _first(word_names, record) is None):
        return _from_text(record, text, layout, tell)
    # Next to a text, tools leave keys empty, and use for spans the names that tags have elsewhere.
    keys: Collection[str] = record
    if has_text:
        keys = {key for key, value in record.items() if not _is_empty(value)}
    word_key = _first(word_names, keys)
    if word_key is not None and _is_list_of_objects(record[word_key]):
        word_key = _first([name for name in word_names if not _is_list_of_objects(record.get(name))], keys)
    tag_key = _first(tag_names, keys)
    if isinstance(text, str) and (word_key is None or tag_key is None):
        return _from_text(record, text, layout, tell)
    if word_key is None or tag_key is None:
        received = ", ".join(repr(key[:40]) for key in list(record)[:10])
        tell(
            "bad-record",
            f"received an object with the keys {received or 'none'}; expected words ({' or '.join(word_names)}) and "
            f"tags ({' or '.join(tag_names)}), or text and spans. Name the keys with --word-column and --tag-column.",
        )
        return None
    if word_key == tag_key:
        tell("bad-record", f"received {word_key!r} for both words and tags; expected two keys. Change --tag-column.")
        return None
    words, tags = record[word_key], layout.named(record[tag_key])
    if problem := what_is_wrong(words, tags, empty_words=layout.empty_words):
        tell("bad-record", problem)
        return None
    return TaggedWords(words, tags)


def _first(names: Iterable[str], keys: Collection[str]) -> str | None:
    for name in names:
        if name in keys:
            return name
    return None


def _from_text(record: Record, text: str, layout: Layout, tell: _Tell) -> Marks | None:
    if layout.task == "pos":
        tell("bad-record", "received text and spans for the task 'pos'; expected words and tags. Use --task ner.")
        return None
    if layout.tag_column is not None:
        spans = record.get(str(layout.tag_column))
    else:
        # Some tools write an empty list, null or a label of the whole text under one name and the spans under another.
        named = {name: value for name, value in record.items() if name.lower() in _SPAN_NAMES}
        full = [name for name, value in named.items() if value not in (None, [])]
        found = [name for name in full if _is_list_of_spans(record[name])] or full
        if len(found) > 1 or (found and not isinstance(record[found[0]], list)):
            tell(
                "bad-record", f"received {' and '.join(found)} next to the text; expected one list of spans. {_NAME_IT}"
            )
            return None
        spans = record[found[0]] if found else [] if [] in named.values() else None
    if not spans and (hidden := _hidden_spans(record)):
        tell(
            "unknown-key",
            f"received offsets under {hidden[:40]!r}, which nothing reads; expected spans under one of "
            f"{', '.join(_SPAN_NAMES)}. {_NAME_IT}",
        )
        return None
    if spans is None:
        tell("no-spans", "received text without spans; it is read as a sentence without entities.", is_error=False)
    if spans is not None and not isinstance(spans, list):
        raise SpanError("bad-span", "received spans that are not a list; expected a list of spans. Fix the record.")
    read = list(map(read_span, spans or []))
    if numbers := sorted({span.label for span in read if span.label.isdecimal()}.difference(layout.renamed)):
        message = (
            f"received labels that are numbers ({', '.join(numbers[:5])}); --map-label {numbers[0]}=NAME names them."
        )
        tell("number-label", message, is_error=False)
    return Marks(text, read, tokens=record.get("tokens"))


def _hidden_spans(record: Record) -> str | None:
    """The key of what looks like spans, other than where spans are looked for."""
    for name, value in record.items():
        is_known = name.lower() in (*_SPAN_NAMES, "tokens", "relations", "sentences", "comments")
        if not is_known and isinstance(value, list) and value and all(map(_looks_like_span, value)):
            return name
    return None


def _looks_like_span(value: Any) -> bool:
    if isinstance(value, dict):
        return not _OFFSET_NAMES.isdisjoint(value)
    return isinstance(value, list) and [type(part) for part in value] == [int, int, str]


def _tell(path: Path, number: int, report: Report, kind: str, message: str, *, is_error: bool = True) -> None:
    report(Finding(kind, path, number, message, is_error))


def _is_empty(value: Any) -> bool:
    return value is None or (bool(value) and _is_list_of_spans(value))


def _is_list_of_spans(value: Any) -> bool:
    return isinstance(value, list) and {list, dict}.issuperset(map(type, value))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and dict in map(type, value)


DocumentReader = Callable[[Record, Path], Iterator[Any] | None]
"""Gives the records of a file that is one object; None if it has another form."""


def records_of(
    path: Path, report: Report, *, encoding: str | None = None, documents: Sequence[DocumentReader] = ()
) -> Iterator[tuple[int, Any]]:
    """Each record with its line: of lines, of one list, or of one object over many lines.

    Args:
        path: The file.
        report: What to do with what is no JSON.
        encoding: What the bytes of the file are; UTF-8 if not given.
        documents: How records are found in an object that is no record itself.
    """
    pieces: Iterator[Piece] = dropwhile(
        lambda piece: piece.text.isspace(), pieces_of(path, report, encoding=encoding, keep_ends=True)
    )
    first_piece = next(pieces, None)
    if first_piece is None:
        return
    pieces = chain([first_piece], pieces)
    number, line = next(_full_lines([first_piece]))
    begins_list = line.lstrip().startswith("[")
    if begins_list and (suffix_of(path) == ".json" or not _is_json(line)):
        yield from _records_of_list(path, list(pieces), report)
        return
    lines = _full_lines(pieces)
    if suffix_of(path) == ".json" and not begins_list and not _is_json(line):
        lines = iter([(number, "".join(text for _, text in lines))])
    first = next(lines)
    second = next(lines, None)
    for number, line in chain([first], [second] if second else [], lines):
        try:
            record = _record_of(line)
        except (ValueError, RecursionError) as error:
            report(Finding("bad-record", path, number, _NO_JSON.format(reason=_reason(error))))
            continue
        if second is None and isinstance(record, dict):
            found = (reader(record, path) for reader in documents)
            records = next((records for records in found if records is not None), [record])
            yield from ((number, part) for part in records)
        else:
            yield number, record


def _record_of(line: str) -> Any:
    """What a line holds.

    Raises:
        ValueError, RecursionError: It is no JSON.
    """
    if line.startswith("{"):
        record, end = _DECODER.raw_decode(line)
        # Looking for more white space around it takes as long as a short record itself.
        if line[end:] in ("", "\n"):
            return record
    return _DECODER.decode(line)


def _is_json(line: str) -> bool:
    try:
        _DECODER.decode(line)
    except (ValueError, RecursionError):
        return False
    return True


def _full_lines(pieces: Iterable[Piece]) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    for piece in pieces:
        for number, line in enumerate(piece.lines(), piece.number):
            if not line.isspace():
                yield number, line


class _NotListError(ValueError):
    """A text is no list.

    Attributes:
        place: Of what cannot be read, in the text.
    """

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def _records_of_list(path: Path, pieces: Sequence[Piece], report: Report) -> Iterator[tuple[int, Any]]:
    """The records of a file that is one list; what follows one that cannot be read is left out."""
    num_read = 0
    with suppress(_NotListError):
        for number_and_record in _numbered_items(pieces):
            num_read += 1
            yield number_and_record
        return
    # Without lines of white space, which may be none to JSON, and where what is wrong is told.
    numbers, texts = zip(*_full_lines(pieces), strict=True)
    ends = list(accumulate(map(len, texts)))
    try:
        for place, record in islice(_items("".join(texts)), num_read, None):
            yield numbers[bisect_right(ends, place)], record
    except _NotListError as error:
        number = numbers[min(bisect_right(ends, error.place), len(ends) - 1)]
        report(Finding("bad-list", path, number, _NO_LIST.format(reason=error)))


def _numbered_items(pieces: Sequence[Piece]) -> Iterator[tuple[int, Any]]:
    """The records of a list, with their lines.

    Raises:
        _NotListError: There is something else in it, or behind it.
    """
    text = "".join(piece.text for piece in pieces)
    starts = accumulate((len(piece.text) for piece in pieces), initial=0)
    following = zip(starts, pieces, strict=False)
    number = counted = 0
    upcoming = next(following, None)
    for place, record in _items(text):
        while upcoming is not None and upcoming[0] <= place:
            counted, number = upcoming[0], upcoming[1].number
            upcoming = next(following, None)
        number += num_line_ends(text, counted, place)
        counted = place
        yield number, record


def _items(text: str) -> Iterator[tuple[int, Any]]:
    """What a list holds, each with its place.

    Raises:
        _NotListError: There is something else in it, or behind it.
    """
    place, expected = _SPACES.match(text).end(), "["  # type: ignore[union-attr]
    while text[place : place + 1] == expected:
        place = _SPACES.match(text, place + 1).end()  # type: ignore[union-attr]
        if expected == "[" and text[place : place + 1] == "]":
            break
        try:
            record, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise _NotListError(place, _reason(error)) from error
        yield place, record
        place, expected = _SPACES.match(text, end).end(), ","  # type: ignore[union-attr]
    if text[place : place + 1] != "]":
        raise _NotListError(place, "neither a comma nor the end of the list")
    if text[place + 1 :].strip():
        raise _NotListError(place, "more after the end of the list")


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error).partition(";")[0]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("the same key twice in an object")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
_SPACES = re.compile(r"\s*")
_NAME_IT = "Name its key with --tag-column."
_NO_OBJECT = "received JSON that is not an object; expected an object for each sentence. Fix the record."
_A_LIST = "received a list; expected an object for each sentence. A file that is one list of records ends in .json."
_NO_JSON = "received invalid JSON ({reason}); expected an object on each line. Fix it, and write one record per line."
_NO_LIST = "received invalid JSON ({reason}); expected a list of objects. Fix it: the rest of the file is not read."

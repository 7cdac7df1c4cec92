"""Text with entities marked by offsets, as annotation tools export it, and what the offsets count."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.words import Word
from tf_ner.options.train import OffsetEnds, OffsetUnit


class SpanError(ValueError):
    """Spans or tokens that do not fit their text."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MarkedSpan(NamedTuple):
    """An entity as a tool has it.

    Attributes:
        start: Where it begins, from 0, in whatever the file counts.
        end: Where it ends, before or behind its last unit.
        label: Its label.
        quote: Its text, if the tool says it.
        line: Of the file in which it stands, if that is not the one of the text.
    """

    start: int
    end: int
    label: str
    quote: str | None = None
    line: int | None = None


class Convention(NamedTuple):
    """What offsets count, and whether an end is that of the last unit itself or the place behind it."""

    unit: OffsetUnit
    ends: OffsetEnds

    def __str__(self) -> str:
        return f"{_SHOWN[self.unit]}{', with ends that are inclusive' if self.ends == 'inclusive' else ''}"


_ENDS: tuple[OffsetEnds, ...] = ("exclusive", "inclusive")
_UNITS: tuple[OffsetUnit, ...] = ("characters", "utf-16", "bytes")

CONVENTIONS = [Convention(unit, ends) for ends in _ENDS for unit in _UNITS]
"""In the order in which they are tried."""


class MarkedText(NamedTuple):
    """A text and its entities.

    Attributes:
        text: A sentence, or more.
        spans: Its entities.
        source: The file.
        line: Of the file, from 1.
        tokens: Its words, if the tool says them.
        convention: What offsets count, if the tool says it.
        has_lines: Whether each of its lines is a sentence.
        marks: The file in which its entities stand, if that is another one.
    """

    text: str
    spans: Sequence[MarkedSpan]
    source: Path
    line: int
    tokens: Sequence[Word] | None = None
    convention: Convention | None = None
    has_lines: bool = False
    marks: Path | None = None

    def place_of(self, span: MarkedSpan) -> tuple[Path, int]:
        """The file and the line in which a span stands."""
        return (self.marks, span.line) if self.marks and span.line else (self.source, self.line)


_SHOWN: dict[OffsetUnit, str] = {"characters": "characters", "utf-16": "UTF-16 units", "bytes": "bytes of UTF-8"}


class Offsets:
    """Finds out what the offsets of a file count, by the texts that its spans quote.

    What a quote refutes is no longer possible for the rest of the file; of what is possible, the first of `CONVENTIONS`
    counts. Without quotes that is characters, with ends that are exclusive.

    Args:
        report: What to do with spans that nothing confirms, and with the remark that offsets do not count characters.
        unit: What they count, if it is known.
        ends: The same for ends.
    """

    def __init__(self, report: Report, *, unit: OffsetUnit | None = None, ends: OffsetEnds | None = None) -> None:
        self._report = report
        self._possible = [
            convention for convention in CONVENTIONS
            if unit in (None, convention.unit) and ends in (None, convention.ends)
        ]  # fmt: skip
        self._first_guess: int | None = None
        self._first = self._possible[0]
        # What is possible differs in units alone, from what counted at first too.
        self._has_known_ends = ends is not None
        # How many quotes have refuted what counted at first.
        self._evidence = 0

    def in_characters(self, marked: MarkedText) -> list[tuple[int, int, MarkedSpan]] | None:
        """The places of a text's spans, `text[start:end]`; None where a quote refutes each way to count them."""
        if marked.convention is not None:
            return self._read(marked, marked.convention, _Places(marked.text))
        places = _Places(marked.text)
        for span in marked.spans:
            if span.quote is None or self._says_nothing_new(places, span):
                continue
            if not self._confirm(places, span, marked):
                return None
        if self._rests_on_one(marked):
            return None
        found = self._read(marked, self._possible[0], places)
        is_guess = self._first_guess is None and any(span.quote is None for span in marked.spans)
        # With other evidence later, these would have been somewhere else.
        if is_guess and any(len({places.of(span, each) for each in self._possible}) > 1 for span in marked.spans):
            self._first_guess = marked.line
        return found

    def _rests_on_one(self, marked: MarkedText) -> bool:
        """Whether spans without quotes would be read as a single quote says, which may be wrong; reports it."""
        if self._evidence != 1:
            return False
        unquoted = next((span for span in marked.spans if span.quote is None), None)
        if unquoted is None:
            return False
        message = _ONE_QUOTE.format(unit=self._possible[0], options=_options(self._possible[0]))
        self._report(Finding("offsets", *marked.place_of(unquoted), message))
        return True

    def _says_nothing_new(self, places: "_Places", span: MarkedSpan) -> bool:
        """Whether a quote confirms, as in a text in which all units are the same, whatever is possible."""
        return self._has_known_ends and places.is_ascii and places.quotes(span, self._first)

    def _confirm(self, places: "_Places", span: MarkedSpan, marked: MarkedText) -> bool:
        """Leaves out what a quote refutes; says so if that is all that was possible."""
        before = self._possible[0]
        left = [convention for convention in self._possible if places.confirm(span, convention)]
        if not left:
            found = places.of(span, before)
            received = repr(marked.text[slice(*found)][:40]) if found else "nothing"
            others = [each for each in CONVENTIONS if each not in self._possible and places.confirm(span, each)]
            hint = f" In {others[0]} it would be; others in this file are not." if others else ""
            message = _REFUTED.format(
                start=span.start, end=span.end, label=span.label[:40], quote=(span.quote or "")[:40],
                received=received, unit=before, hint=hint,
            )  # fmt: skip
            self._report(Finding("bad-span", *marked.place_of(span), message))
            return False
        self._possible = left
        self._has_known_ends = {each.ends for each in left} == {self._first.ends}
        self._evidence += not places.confirm(span, self._first)
        if left[0] != before:
            if self._first_guess is not None:
                message = _TOO_LATE.format(unit=left[0], line=self._first_guess, options=_options(left[0]))
                self._report(Finding("offsets", *marked.place_of(span), message))
            else:
                message = _COUNTED.format(unit=left[0])
                self._report(Finding("offsets", *marked.place_of(span), message, is_error=False))
        return True

    def _read(
        self, marked: MarkedText, convention: Convention, places: "_Places"
    ) -> list[tuple[int, int, MarkedSpan]] | None:
        found = []
        for span in marked.spans:
            place = places.of(span, convention)
            if place is None:
                self._report(Finding("bad-span", *marked.place_of(span), _not_in(marked, span, convention)))
                return None
            found.append((*place, span))
        return found


class _Places:
    """The places of a text, by what is counted."""

    def __init__(self, text: str):
        self._text = text
        self.is_ascii = text.isascii()
        self._starts: dict[OffsetUnit, list[int]] = {}

    def of(self, span: MarkedSpan, convention: Convention) -> tuple[int, int] | None:
        """Where a span is, in characters; None if it is not in the text, or in the middle of a character."""
        start, end = span.start, span.end + (convention.ends == "inclusive")
        if self.is_ascii or convention.unit == "characters":
            return (start, end) if 0 <= start < end <= len(self._text) else None
        start_place, end_place = self._place(start, convention.unit), self._place(end, convention.unit)
        return (
            None if start_place is None or end_place is None or start_place >= end_place else (start_place, end_place)
        )

    def quotes(self, span: MarkedSpan, convention: Convention) -> bool:
        """Whether a span quotes exactly what stands there."""
        found = self.of(span, convention)
        return found is not None and self._text[found[0] : found[1]] == span.quote

    def confirm(self, span: MarkedSpan, convention: Convention) -> bool:
        """Whether what stands there is what the span quotes; any white space is as good as another."""
        found = self.of(span, convention)
        if found is None or span.quote is None:
            return False
        text = self._text[slice(*found)]
        return text == span.quote or _SPACE.sub(" ", text) == _SPACE.sub(" ", span.quote)

    def _place(self, offset: int, unit: OffsetUnit) -> int | None:
        if unit not in self._starts:
            widths = map(_utf16_width if unit == "utf-16" else _utf8_width, self._text)
            self._starts[unit] = list(accumulate(widths, initial=0))
        starts = self._starts[unit]
        place = bisect_left(starts, offset)
        return place if place < len(starts) and starts[place] == offset else None


def _utf16_width(character: str) -> int:
    return 2 if character > "\uffff" else 1


def _utf8_width(character: str) -> int:
    return 1 if character < "\x80" else 2 if character < "\u0800" else 3 if character <= "\uffff" else 4


def lines_of(marked: MarkedText, spans: list[tuple[int, int, MarkedSpan]]) -> Iterator[tuple[int, int]]:
    """The places of the lines of a text; a line goes on where a span does."""
    inside = set()
    for start, end, _ in spans:
        place = marked.text.find("\n", start, end)
        while place >= 0:
            inside.add(place)
            place = marked.text.find("\n", place + 1, end)
    start, place = 0, marked.text.find("\n")
    while place >= 0:
        if place not in inside:
            yield start, place
            start = place + 1
        place = marked.text.find("\n", place + 1)
    yield start, len(marked.text)


def _options(convention: Convention) -> str:
    return f"--offset-unit {convention.unit} --offset-ends {convention.ends}"


def _not_in(marked: MarkedText, span: MarkedSpan, convention: Convention) -> str:
    start, end = (str(place) if abs(place) < 10**20 else "a huge number" for place in (span.start, span.end))
    # What the tool says itself is not for options to say.
    fix = _OTHER_OFFSETS if marked.convention is None else "Fix the span."
    return (
        f"received a span from {start} to {end} ({span.label[:40]}) in a text of {len(marked.text)} characters, "
        f"counted in {convention}; expected one that begins in it and ends behind that. {fix}"
    )


_SPACE = re.compile(r"\s")
_OTHER_OFFSETS = (
    "If offsets count something else, say so with --offset-unit (characters, utf-16, bytes) and --offset-ends "
    "(exclusive, inclusive); otherwise fix the span."
)
_COUNTED = "received offsets that count {unit}, as the texts that spans quote say; all of this file is read so."
_TOO_LATE = (
    "received a quoted text by which offsets count {unit}, after spans without quotes (from line {line} on) that were "
    "read as characters; expected one way to count in a file. Give {options}."
)
_ONE_QUOTE = (
    "received a span without a quoted text, after one quote alone said that offsets count {unit}; expected more of "
    "them. Give {options} if that is so; otherwise look at that quote."
)
_REFUTED = (
    "received a span from {start} to {end} ({label}) that quotes {quote!r}, where the text has {received} (counted in "
    "{unit}); expected the quoted text there.{hint} Fix the span or its quote."
)

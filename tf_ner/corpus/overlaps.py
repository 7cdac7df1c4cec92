"""Spans that overlap, of which a word can have but one."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, zip_longest
from typing import Protocol, TypeVar

from tf_ner.corpus.marked_text import SpanError
from tf_ner.options.train import OverlapChoice


class _Place(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def label(self) -> str: ...


Place = TypeVar("Place", bound=_Place)


def without_overlaps(
    spans: Iterable[Place],
    overlaps: OverlapChoice,
    *,
    show: Callable[[Place], str],
    warn: Callable[[str, str], None],
) -> list[Place]:
    """The spans that are kept, in their order in the text.

    Args:
        spans: Of a sentence; half-open, in words or characters.
        overlaps: What becomes of those that overlap.
        show: Says which span it is, in a message.
        warn: What to do with the kind of a warning and its message, of which there is one for each that is left out.

    Raises:
        SpanError: Two overlap, and nothing is said of what to do.
    """
    # Of the same place, in the order in which they come.
    ordered = sorted(spans, key=lambda span: (span.start, span.end))
    if all(before.end <= span.start for before, span in pairwise(ordered)):
        return ordered
    if overlaps == "error":
        before, span = next(pair for pair in pairwise(ordered) if pair[0].end > pair[1].start)
        raise SpanError(
            "overlapping-spans",
            f"received {show(span)} and {show(before)}; expected spans that do not overlap, because a word has one "
            "tag. Remove one, or choose with --overlaps: longest, first or drop.",
        )
    if overlaps == "drop":
        kept = _alone(ordered)
    elif overlaps == "first":
        kept = _first(ordered)
    else:
        kept = _longest(ordered)
    places = {id(span) for span in kept}
    for span in ordered:
        if id(span) not in places:
            message = f"received {show(span)}, which overlaps another; it is left out, by --overlaps {overlaps}."
            warn("overlapping-spans", message)
    return kept


def _alone(ordered: Sequence[Place]) -> list[Place]:
    kept = []
    furthest = 0
    for span, behind in zip_longest(ordered, ordered[1:]):
        if span.start >= furthest and (behind is None or behind.start >= span.end):
            kept.append(span)
        furthest = max(furthest, span.end)
    return kept


def _first(ordered: Sequence[Place]) -> list[Place]:
    kept: list[Place] = []
    for span in ordered:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _longest(ordered: Sequence[Place]) -> list[Place]:
    """Of equals, the first."""
    kept: list[Place] = []
    for span in sorted(ordered, key=lambda span: span.start - span.end):
        place = bisect_right(kept, span.start, key=lambda other: other.start)
        ends_before = place == 0 or kept[place - 1].end <= span.start
        if ends_before and (place == len(kept) or span.end <= kept[place].start):
            kept.insert(place, span)
    return kept

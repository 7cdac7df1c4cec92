"""Spans that overlap, of which a word can have but one."""

from collections.abc import Callable, Iterable
from itertools import pairwise
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
    kept: list[Place] = []
    if overlaps == "drop":
        kept = [span for span in ordered if not any(other is not span and _overlap(span, other) for other in ordered)]
    else:
        # Of equals, the first.
        for span in sorted(ordered, key=lambda span: span.start - span.end) if overlaps == "longest" else ordered:
            if not any(_overlap(span, other) for other in kept):
                kept.append(span)
    for span in ordered:
        if not any(span is other for other in kept):
            message = f"received {show(span)}, which overlaps another; it is left out, by --overlaps {overlaps}."
            warn("overlapping-spans", message)
    return sorted(kept, key=lambda span: span.start)


def _overlap(span: _Place, other: _Place) -> bool:
    return span.start < other.end and other.start < span.end

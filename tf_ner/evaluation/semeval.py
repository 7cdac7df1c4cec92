"""Credit for entities that were found with a wrong border or under a wrong label.

Source: SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013).
"""

from collections.abc import Iterator, Sequence
from functools import partial

from tf_ner.corpus.tags import Span


def count_overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> tuple[float, int]:
    """Matches the entities of one sentence that share a word.

    From left to right each predicted entity takes one gold entity that none has taken yet. For `partial` it is the
    first that shares a word with it; for `type` the one of its own label whose borders are nearest, both together in
    words, and where there is none the first of another label. A predicted entity that takes none is spurious, a gold
    entity that none takes is missed. The task does not say who is matched with whom; this is what nervaluate 1.2.1
    does. It differs in one thing: nervaluate passes over a gold entity of which less than 1 % is predicted (one word
    of more than a hundred), while the task asks for some overlap, and so does this.

    Args:
        gold: Entities in the order of the words; no two share a word.
        predicted: The same.

    Returns:
        The credit under `partial`: 1 where both borders are right and 0.5 otherwise, whatever the label. And how many
        are right under `type`: those that took one of their own label.
    """
    credit, num_right_types = 0.0, 0
    taken: set[Span] = set()
    taken_by_type: set[Span] = set()
    for span, overlapping in _overlaps(gold, predicted):
        if free := [other for other in overlapping if other not in taken]:
            credit += 1.0 if free[0][:2] == span[:2] else 0.5
            taken.add(free[0])
        if free := [other for other in overlapping if other not in taken_by_type]:
            alike = [other for other in free if other.label == span.label]
            num_right_types += bool(alike)
            taken_by_type.add(min(alike, key=partial(_distance, span)) if alike else free[0])
    return credit, num_right_types


def _overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[Span, Sequence[Span]]]:
    """Each predicted entity with the gold ones that share a word with it."""
    begin = 0
    for span in predicted:
        while begin < len(gold) and gold[begin].end <= span.start:
            begin += 1
        end = begin
        while end < len(gold) and gold[end].start < span.end:
            end += 1
        yield span, gold[begin:end]


def _distance(span: Span, other: Span) -> int:
    return abs(span.start - other.start) + abs(span.end - other.end)

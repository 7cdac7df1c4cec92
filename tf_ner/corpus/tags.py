"""Tags such as `B-PER`, and the spans they spell.

A *tag* is a prefix and a label (`B-PER`), or `O` outside of every entity. A *label* is the kind of entity (`PER`).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"

# The order of the Hub's conll2003, so that label ids agree with those of published models.
_CONLL_2003_ORDER = ("PER", "ORG", "LOC", "MISC")


class Span(NamedTuple):
    """An entity: half-open, in words, so that `words[span.start:span.end]` is its text."""

    start: int
    end: int
    label: str


def split_tag(tag: str) -> tuple[str, str]:
    """`B-PER` → `("B", "PER")`; `O` → `("O", "")`."""
    prefix, _, label = tag.partition("-")
    return prefix, label


def is_iob(tag: str) -> bool:
    """Whether `tag` is `O`, `B-X` or `I-X`."""
    prefix, label = split_tag(tag)
    return tag == OUTSIDE or (prefix in ("B", "I") and label != "")


def inside(tag: str) -> str:
    """The tag of a later piece of the same entity: `B-PER` → `I-PER`; every other tag stays."""
    prefix, label = split_tag(tag)
    return f"I-{label}" if prefix == "B" and label else tag


def begun(tag: str) -> str:
    """The tag of an entity that begins here: `I-PER` → `B-PER`; every other tag stays."""
    prefix, label = split_tag(tag)
    return f"B-{label}" if prefix == "I" and label else tag


def iob2_tag_names(tags: Iterable[str]) -> tuple[str, ...]:
    """All tags a model needs for these: `O`, then `B-X` and `I-X` for each label X.

    The labels of CoNLL-2003 come first and in its order, others follow by name.
    """
    labels = {label for _, label in map(split_tag, set(tags)) if label}
    known = [label for label in _CONLL_2003_ORDER if label in labels]
    ordered = known + sorted(labels.difference(known))
    return (OUTSIDE, *(f"{prefix}-{label}" for label in ordered for prefix in "BI"))


def tags_to_spans(tags: Sequence[str], *, strict: bool = False) -> list[Span]:
    """Reads the entities of one sentence.

    Args:
        tags: IOB tags, one a word.
        strict: An entity begins only at B-, as IOB2 says. Otherwise, as in conlleval, an I- with no entity of its
            label before it begins one too.

    Source: seqeval 1.2.2 (`get_entities`, and `scheme.IOB2` for strict).
    """
    spans: list[Span] = []
    start, open_label = 0, ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, label = split_tag(tag)
        if open_label and prefix == "I" and label == open_label:
            continue
        if open_label:
            spans.append(Span(start, position, open_label))
        begins = prefix == "B" or (prefix == "I" and not strict)
        start, open_label = position, label if begins else ""
    return spans

"""The labels of texts: names, or numbers, the same in all splits."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from tf_ner.errors import DataError

logger = logging.getLogger(__name__)

Label = str | int | float | bool | None
"""As it is in a file; None where it is hidden."""

HIDDEN = -1
"""The id of a hidden label, as on the Hub."""

# Labels are names that rows share; where this many differ, another column was mistaken for them.
_MOST_LABELS = 100
_MOST_LABELS_A_ROW = 0.5

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# What programs write for a missing number, or one that is not finite.
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_LARGEST_NUMBER = 3.4e38  # Of float32, in which they are learnt.


class TextLabels(NamedTuple):
    """The labels of all splits.

    Attributes:
        names: By id; None where the labels are numbers.
        splits: For each split the ids, or the numbers; -1, or NaN, where they are hidden.
    """

    names: list[str] | None
    splits: dict[str, list[int] | list[float]]


def read_labels(
    splits: Mapping[str, Sequence[Label]],
    *,
    names: Sequence[str] | None = None,
    are_numbers: bool | None = None,
    new_names: Mapping[str, str | None] | None = None,
) -> TextLabels:
    """Tells what kind of labels there are.

    If nothing is said, labels are numbers where all are, and not all are whole; otherwise names, in the order of
    numbers if all are. A split whose labels are all -1 hides them, if -1 does not occur with other labels elsewhere.

    Args:
        splits: The labels of each split, row by row.
        names: All there are, in their order, if the data set says so.
        are_numbers: Whether they are numbers to be learnt as such, if that is known.
        new_names: New names of labels.

    Raises:
        DataError: There is no label, or nearly every row has one of its own, or it is not a number and should be.
    """
    told = _without_hidden(splits, names)
    used = {_spell(label) for label in chain.from_iterable(told.values()) if label is not None}
    if not used:
        raise DataError(
            f"Received the splits {', '.join(splits)}, whose labels are all hidden; expected labels in at least one. "
            "Use `tf-ner predict` for texts without labels."
        )
    if are_numbers is None:
        are_numbers = names is None and _are_numbers(used)
    if are_numbers:
        if others := sorted(label for label in used if not _is_number(label)):
            raise DataError(
                f"Received the label {_first(told, others[0])}; expected numbers that float32 can hold. Fix the row, "
                "choose another column with --label-column, or pass --label-type names."
            )
        if new_names:
            logger.warning(
                "Received %s to be renamed, but labels that are numbers; expected names. Leave out --map-label.",
                ", ".join(map(repr, new_names)),
            )
        numbers = {split: [_number(label) for label in labels] for split, labels in told.items()}
        return TextLabels(None, dict(numbers))
    new = {name: (new_names or {}).get(name) or name for name in names or _in_order(used)}
    for name in sorted((new_names or {}).keys() - new.keys()):
        logger.warning(
            "Received %r to be renamed, which is not a label of this data; expected one of %s. Correct --map-label.",
            name,
            ", ".join(new),
        )
    final = list(dict.fromkeys(new.values()))
    _require_shared(final, sum(label is not None for labels in told.values() for label in labels))
    ids = {name: final.index(new[name]) for name in new}
    found = {
        split: [HIDDEN if label is None else ids[_spell(label)] for label in labels] for split, labels in told.items()
    }
    return TextLabels(final, dict(found))


def is_hidden(label: int | float) -> bool:
    """Whether an id or a number of `TextLabels` stands for a hidden label."""
    return math.isnan(label) if isinstance(label, float) else label == HIDDEN


def _without_hidden(splits: Mapping[str, Sequence[Label]], names: Sequence[str] | None) -> dict[str, Sequence[Label]]:
    """The labels, None for each of a split that says -1 only; unless -1 is a label, as another split shows."""
    used = {split: {_spell(label) for label in labels if label is not None} for split, labels in splits.items()}
    is_label = "-1" in names if names is not None else any({"-1"} < labels for labels in used.values())
    return {
        split: [None] * len(labels) if used[split] == {"-1"} and not is_label else labels
        for split, labels in splits.items()
    }


def _spell(label: Any) -> str:
    """A label as text, without space around it; whole numbers without a point, however the file has them."""
    text = str(label).strip()
    has_point = _NUMBER.fullmatch(text) and not _WHOLE.fullmatch(text)
    return str(int(float(text))) if has_point and float(text).is_integer() else text


def _are_numbers(labels: set[str]) -> bool:
    """Whether these are to be learnt as numbers; one that is missing among whole ones makes no names of them."""
    others = {label for label in labels if _NO_NUMBER.fullmatch(label)}
    numbers = labels - others
    return bool(numbers) and all(map(_NUMBER.fullmatch, numbers)) and (bool(others) or not all(map(_is_whole, numbers)))


def _is_whole(number: str) -> bool:
    return bool(_WHOLE.fullmatch(number)) or float(number).is_integer()


def _is_number(label: str) -> bool:
    return bool(_NUMBER.fullmatch(label)) and abs(float(label)) <= _LARGEST_NUMBER


def _first(splits: Mapping[str, Sequence[Label]], wanted: str) -> str:
    """A label as the data has it, and where it occurs first."""
    return next(
        f"{str(label)[:40]!r} (row {row} of {split})"
        for split, labels in splits.items()
        for row, label in enumerate(labels, start=1)
        if label is not None and _spell(label) == wanted
    )


def _number(label: Label) -> float:
    return math.nan if label is None else float(label)


def _in_order(labels: set[str]) -> list[str]:
    are_whole = all(map(_WHOLE.fullmatch, labels))
    # Not as whole numbers: Python refuses those of more than 4,300 digits.
    return sorted(labels, key=lambda label: (float(label), label)) if are_whole else sorted(labels)


def _require_shared(names: Sequence[str], num_rows: int) -> None:
    if len(names) > max(_MOST_LABELS, _MOST_LABELS_A_ROW * num_rows):
        raise DataError(
            f"Received {len(names)} different labels ({', '.join(names[:3])}, …) in {num_rows} rows; expected labels "
            "that many rows share. Choose another column with --label-column."
        )

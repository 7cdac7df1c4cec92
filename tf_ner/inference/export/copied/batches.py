"""Rows of subwords of any length → what a model says of each, computed in padded batches of similar length."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_USUAL_LENGTH = 64
_MOST_ROWS = 512


def computed(
    run: Callable[[dict[str, Any]], dict[str, Any]],
    columns: Mapping[str, Sequence[Any]],
    *,
    padding: Mapping[str, int],
    is_padded_left: bool = False,
    batch_size: int = 32,
) -> list[dict[str, Any]]:
    """Runs a model over rows, the longest first.

    Args:
        run: Takes `input_ids` and so on by name, each <int32>[batch, subwords], and gives arrays [batch, subwords, …],
            or [batch, …], by name.
        columns: By name, the list of int of each row; there may be more than the model reads.
        padding: What the model reads, each with what stands where a row has ended.
        is_padded_left: It stands before a row instead.
        batch_size: How many rows of 64 subwords a batch has; of shorter ones it has more, of longer ones fewer.

    Returns:
        For each row what the model says, by name: an array [subwords, …] without what was padded, or a single value.
    """
    lengths = np.array([len(row) for row in columns["input_ids"]], np.int64)
    order = np.argsort(-lengths, kind="stable").tolist()
    found: list[dict[str, Any]] = [{} for _ in order]
    start = 0
    while start < len(order):
        width = max(int(lengths[order[start]]), 1)
        rows = order[start : start + min(max(batch_size * _USUAL_LENGTH // width, 1), _MOST_ROWS)]
        start += len(rows)
        places = [slice(width - lengths[row], width) if is_padded_left else slice(lengths[row]) for row in rows]
        inputs = {}
        for name, filler in padding.items():
            inputs[name] = np.full((len(rows), width), filler, np.int32)
            for number, (row, place) in enumerate(zip(rows, places, strict=True)):
                inputs[name][number, place] = columns[name][row]
        outputs = run(inputs)
        is_by_subword = outputs["predictions"].ndim > 1
        for number, (row, place) in enumerate(zip(rows, places, strict=True)):
            found[row] = {
                name: array[number, place] if is_by_subword else array[number] for name, array in outputs.items()
            }
    return found

"""Sentences of a batch laid one behind the other in rows, so that hardly any position is padding."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tf_ner.batches.sampling import Ids
from tf_ner.tables import ranges

# How long a row is when attention, which grows with its square, costs as much as all the rest: between 500 and 800 for
# MiniLM on a CPU, where softmax and dropout of the probabilities are most of it.
_COSTLY_LENGTH = 800
_HARDLY_MORE = 1.03

_NO_SUBWORDS = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Packing:
    """Where each sentence of a batch lies.

    Attributes:
        starts: The first position of each <int>[sentences], counted through all rows.
        lengths: Of each <int>[sentences], in subwords.
        num_rows: How many rows there are.
        row_length: Of all of them, in subwords.
    """

    starts: Ids
    lengths: Ids
    num_rows: int
    row_length: int

    @property
    def num_positions(self) -> int:
        return self.num_rows * self.row_length

    @property
    def positions(self) -> Ids:
        """Where each subword lies <int>[subwords], sentence by sentence, counted through all rows."""
        return ranges(self.starts, self.lengths)

    @property
    def position_ids(self) -> Ids:
        """The position of each subword in its sentence <int>[subwords], from 0."""
        return ranges(np.zeros_like(self.lengths), self.lengths)

    def lengthened(self, row_length: int) -> "Packing":
        """The same in rows of another length, which must have room for them."""
        rows, starts = np.divmod(self.starts, self.row_length)
        return Packing(rows * row_length + starts, self.lengths, self.num_rows, row_length)

    def spread(self, values: NDArray[np.generic], padding: int) -> NDArray[np.int32]:
        """Values of all subwords [subwords] in rows <int32>[rows, subwords]."""
        spread = np.full(self.num_positions, padding, np.int32)
        spread[self.positions] = values
        return spread.reshape(self.num_rows, self.row_length)

    def collect(self, values: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        """What stands in rows [rows, subwords], for each sentence [subwords]."""
        return np.split(values.reshape(-1)[self.positions], np.cumsum(self.lengths))[:-1]


def pack(lengths: Ids, *, num_rows: int | None = None) -> Packing:
    """Lays sentences into rows of nearly the same content.

    In few rows hardly anything is padding, but in many attention has less to do: of the packings that cost hardly more
    than the cheapest, this is the one with the least padding.

    Args:
        lengths: <int>[sentences], in subwords; at least one.
        num_rows: How many rows, if it is known.
    """
    if num_rows is not None:
        return _into_rows(lengths, num_rows)
    total, longest = int(lengths.sum()), int(lengths.max())
    num_full = -(-total // longest)
    found = [_into_rows(lengths, num_full)]
    # Once a row is no longer than the longest sentence, more of them are only padding.
    while found[-1].row_length > longest:
        found.append(_into_rows(lengths, found[-1].num_rows + 1))
    cheapest = min(map(_cost, found))
    for number in range(num_full - 1, 0, -1):
        # Even without padding, rows this long would cost too much.
        if _cost_of(total, total / number) > _HARDLY_MORE * cheapest:
            break
        found.append(_into_rows(lengths, number))
        cheapest = min(cheapest, _cost(found[-1]))
    cheap = [packing for packing in found if _cost(packing) <= _HARDLY_MORE * cheapest]
    return min(cheap, key=lambda packing: packing.num_positions)


def _cost(packing: Packing) -> float:
    return _cost_of(packing.num_positions, packing.row_length)


def _cost_of(num_positions: int, row_length: float) -> float:
    return num_positions * (1 + row_length / _COSTLY_LENGTH)


def _into_rows(lengths: Ids, num_rows: int) -> Packing:
    """The longest first, each into the row that has least (Graham 1969)."""
    rows = [(0, row) for row in range(num_rows)]
    row_of, start_in_row = np.zeros((2, len(lengths)), np.int64)
    for sentence in np.argsort(-lengths, kind="stable"):
        filled, row = heapq.heappop(rows)
        row_of[sentence], start_in_row[sentence] = row, filled
        heapq.heappush(rows, (filled + int(lengths[sentence]), row))
    row_length = max(filled for filled, _ in rows)
    return Packing(row_of * row_length + start_in_row, lengths, num_rows, row_length)


def packed_in_rows(lengths: Ids, rows: Ids, num_rows: int, row_length: int) -> Packing:
    """Lays sentences into the rows that are told, each behind those that came before it.

    Args:
        lengths: <int>[sentences], in subwords.
        rows: The row of each <int>[sentences].
        num_rows: How many there are.
        row_length: In subwords.
    """
    order = np.argsort(rows, kind="stable")
    begins = np.cumsum(lengths[order]) - lengths[order]
    num_in_row = np.bincount(rows, minlength=num_rows)
    first_in_row = np.repeat(np.cumsum(num_in_row) - num_in_row, num_in_row)
    starts = np.zeros_like(lengths)
    starts[order] = rows[order] * row_length + begins - begins[first_in_row]
    return Packing(starts, lengths, num_rows, row_length)


def packed_inputs(
    columns: Mapping[str, Sequence[NDArray[np.generic]]], packing: Packing, *, padding_id: int
) -> dict[str, NDArray[np.int32]]:
    """A batch as packed encoders read it.

    Args:
        columns: The tokenizer's without its mask, for each sentence an array [subwords].
        packing: Where the sentences lie.
        padding_id: Of the tokenizer.

    Returns:
        Each <int32>[rows, subwords]: the tokenizer's columns; `position_ids`, from 0 in each sentence; and
        `segment_ids`, the number of the sentence from 1, or 0 for padding.
    """
    numbers = np.repeat(np.arange(1, len(packing.lengths) + 1), packing.lengths)
    return {
        **{
            name: packing.spread(np.concatenate([_NO_SUBWORDS, *column]), padding_id if name == "input_ids" else 0)
            for name, column in columns.items()
        },
        "position_ids": packing.spread(packing.position_ids, 0),
        "segment_ids": packing.spread(numbers, 0),
    }

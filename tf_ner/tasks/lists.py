"""Columns of lists, flat in memory: the values of all rows one after the other, and how many each row has."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """A column of lists.

    Attributes:
        values: Those of all rows.
        lengths: Of the lists <int64>[rows].
    """

    values: pa.Array
    lengths: Ids

    @classmethod
    def of(cls, rows: Dataset, name: str) -> "Lists":
        """A column of a data set."""
        lists = rows.with_format("arrow")[:][name].combine_chunks()
        # So it stays where pyarrow has nothing to combine.
        if isinstance(lists, pa.ChunkedArray):
            lists = lists.chunk(0) if lists.num_chunks else pa.array([], lists.type)
        return cls(lists.flatten(), np.diff(lists.offsets.to_numpy()).astype(np.int64))

    @staticmethod
    def array(values: NDArray[Any], lengths: Ids) -> pa.ListArray:
        """Values of all rows as lists <int32>."""
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.int32()))

    @cached_property
    def _numbers(self) -> NDArray[Any]:
        return np.asarray(self.values.to_numpy())

    @cached_property
    def _ends(self) -> Ids:
        return np.cumsum(self.lengths)

    def of_rows(self, rows: Ids) -> list[NDArray[Any]]:
        """The numbers of some rows."""
        return [self._numbers[self._ends[row] - self.lengths[row] : self._ends[row]] for row in rows]


def ranges(starts: Ids, lengths: Ids) -> Ids:
    """Consecutive numbers from each start, as many as its length, one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)

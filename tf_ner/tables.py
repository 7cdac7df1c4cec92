"""Tables of any number of rows: kept on disk, and read column by column."""

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features
from datasets.fingerprint import generate_random_fingerprint
from numpy.typing import NDArray

from tf_ner.errors import DataError

Ids = NDArray[np.int64]


def stored(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Writes rows to a temporary file as they come, and reads them from there as they are asked for.

    The file has no name and is gone with the table. What was read of it lies in the system's cache, which gives way
    where memory is needed.

    Args:
        batches: The rows.
        schema: Of all of them.

    Raises:
        DataError: There is no room for the file.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        with _room_asked_for():
            writer = pa.ipc.new_stream(file, schema)
        for batch in batches:
            with _room_asked_for():
                writer.write_batch(batch)
        with _room_asked_for():
            writer.close()
            file.flush()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    finally:
        # What could not be written cannot be flushed now either, and was told.
        with suppress(OSError):
            file.close()
    return pa.ipc.open_stream(pa.py_buffer(mapped)).read_all()


def dataset_of(table: pa.Table, features: Features | None = None) -> Dataset:
    """A table as a data set, without a look at its rows, of which it would else make a fingerprint.

    Args:
        table: The rows.
        features: What its columns hold, if their types do not say it.
    """
    return Dataset(table, info=DatasetInfo(features=features), fingerprint=generate_random_fingerprint())


@contextmanager
def _room_asked_for() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Cannot keep the data in {tempfile.gettempdir()} ({error.strerror or error}); expected room for it in the "
            "folder for temporary files. Free up space there, or name another folder with TMPDIR=FOLDER."
        ) from error


@dataclass(frozen=True)
class Lists:
    """A column of lists, flat: the values of all rows one after the other, and how many each row has.

    Attributes:
        column: As Arrow has it.
    """

    column: pa.ChunkedArray

    @classmethod
    def of(cls, rows: Dataset | pa.Table, name: str) -> "Lists":
        """A column of a data set."""
        return cls(rows[name] if isinstance(rows, pa.Table) else _column(rows, name))

    @staticmethod
    def array(values: NDArray[Any], lengths: Ids) -> pa.ListArray:
        """Values of all rows as lists <int32>."""
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.int32()))

    @cached_property
    def lengths(self) -> Ids:
        """Of the lists <int64>[rows]."""
        return _joined([np.diff(chunk.offsets.to_numpy()) for chunk in self.column.chunks])

    @property
    def values(self) -> pa.ChunkedArray:
        """Those of all rows."""
        return pa.chunked_array([chunk.flatten() for chunk in self.column.chunks], self.column.type.value_type)

    def numbers(self) -> Ids:
        """A copy of the values <int64>[values]."""
        return _joined(self._views)

    @cached_property
    def _views(self) -> list[NDArray[Any]]:
        return [chunk.flatten().to_numpy() for chunk in self.column.chunks]

    @cached_property
    def _first_rows(self) -> Ids:
        """Of each chunk its first row, and behind the last one."""
        return np.cumsum([0, *map(len, self.column.chunks)])

    @cached_property
    def _begins(self) -> Ids:
        """Where the values of each row begin in its chunk."""
        ends = np.cumsum(self.lengths)
        before = np.concatenate([[0], ends])[self._first_rows[:-1]]
        return ends - self.lengths - np.repeat(before, np.diff(self._first_rows))

    def of_rows(self, rows: Ids) -> list[NDArray[Any]]:
        """The numbers of some rows."""
        chunks = np.searchsorted(self._first_rows, rows, side="right") - 1
        begins = self._begins[rows]
        ends = begins + self.lengths[rows]
        return [self._views[chunk][begin:end] for chunk, begin, end in zip(chunks, begins, ends, strict=True)]


def numbers_of(rows: Dataset, name: str) -> NDArray[Any]:
    """A column with one number a row."""
    return np.asarray(_column(rows, name).to_numpy())


def values_of(rows: Dataset, name: str) -> Iterator[Any]:
    """The values of a column, row by row; read many at a time, which takes a tenth of the time."""
    return chain.from_iterable(part[name] for part in rows.select_columns(name).iter(_ROWS_AT_A_TIME))


_ROWS_AT_A_TIME = 1000


def _column(rows: Dataset, name: str) -> pa.ChunkedArray:
    return rows.select_columns(name).with_format("arrow")[:][name]


def _joined(arrays: Iterable[NDArray[Any]]) -> Ids:
    return np.concatenate([np.zeros(0, np.int64), *arrays], dtype=np.int64)


def ranges(starts: Ids, lengths: Ids) -> Ids:
    """Consecutive numbers from each start, as many as its length, one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)

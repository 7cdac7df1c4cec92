"""Which examples form which batch."""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

Batches = list[Ids]
"""The rows of each batch."""

# Grouped, examples are sorted by length within pools of so many batches: little padding, and still random company.
_BATCHES_A_POOL = 50


def training_batches(lengths: Ids, *, batch_size: int, seed: int, epoch: int, group_by_length: bool = False) -> Batches:
    """Forms an epoch's batches at random.

    Each example is in exactly one batch. The order differs from epoch to epoch and is the same for the same seed
    and epoch. All batches but one are full.

    Args:
        lengths: <int>[examples], in subwords.
        batch_size: Examples a batch.
        seed: Seed of the run.
        epoch: From 0.
        group_by_length: Whether a batch holds examples of similar length, which saves padding.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(len(lengths))
    pool_size = batch_size * (_BATCHES_A_POOL if group_by_length else 1)
    pools = [shuffled[start : start + pool_size] for start in range(0, len(shuffled), pool_size)]
    batches = [batch for pool in pools for batch in _by_length(pool, lengths, batch_size)]
    return [batches[position] for position in rng.permutation(len(batches))]


def batches_of_epochs(
    lengths: Ids, *, batch_size: int, epochs: int, seed: int, group_by_length: bool = False
) -> Batches:
    """The `training_batches` of one epoch after the other."""
    return [
        batch
        for epoch in range(epochs)
        for batch in training_batches(
            lengths, batch_size=batch_size, seed=seed, epoch=epoch, group_by_length=group_by_length
        )
    ]


def evaluation_batches(lengths: Ids, *, batch_size: int) -> Batches:
    """Forms batches of nearly equal lengths, the longest first, so that a lack of memory shows at once."""
    return _by_length(np.arange(len(lengths)), lengths, batch_size)


def num_batches(num_examples: int, batch_size: int) -> int:
    """The number of steps in an epoch, including the last partial batch."""
    return -(-num_examples // batch_size)


def share_out(batches: Batches, num_replicas: int, *, num_rows: int | None = None) -> Batches:
    """Cuts each batch into a share for each replica, one share after the other.

    Where a replica would have fewer rows than it needs, it gets one of the batch again, as a filler.

    Args:
        batches: Of all replicas together.
        num_replicas: How many shares a batch has.
        num_rows: How many rows each share must have; at least one if not given.
    """
    shares = []
    for batch in batches:
        for share in np.array_split(batch, num_replicas):
            num_missing = max((num_rows or 1) - len(share), 0)
            shares.append(np.concatenate([share, np.full(num_missing, filler_of(batch[-1]))]))
    return shares


def filler_of(row: int) -> int:
    """The number that stands for a row without its labels: no loss and no score looks at it."""
    return ~row


def is_filler(rows: Ids) -> NDArray[np.bool_]:
    """Which rows are there only to fill a batch."""
    return rows < 0


def rows_behind(rows: Ids) -> Ids:
    """The rows themselves, also of fillers."""
    return np.where(is_filler(rows), ~rows, rows)


def split_batches(batches: Batches, size: int) -> Batches:
    """Cuts batches into pieces of at most so many examples."""
    return [batch[start : start + size] for batch in batches for start in range(0, len(batch), size)]


def _by_length(rows: Ids, lengths: Ids, batch_size: int) -> Batches:
    longest_first = rows[np.argsort(-lengths[rows], kind="stable")]
    return split_batches([longest_first], batch_size)

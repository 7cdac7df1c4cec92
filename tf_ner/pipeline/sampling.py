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


def evaluation_batches(lengths: Ids, *, batch_size: int) -> Batches:
    """Forms batches of nearly equal lengths, the longest first, so that a lack of memory shows at once."""
    return _by_length(np.arange(len(lengths)), lengths, batch_size)


def num_batches(num_examples: int, batch_size: int) -> int:
    """How many steps an epoch takes; the last partial batch counts."""
    return -(-num_examples // batch_size)


def padding_ratio(lengths: Ids, batches: Batches) -> float:
    """Share of a run's subword positions that are padding."""
    positions = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    return 1 - sum(int(lengths[batch].sum()) for batch in batches) / positions


def _by_length(rows: Ids, lengths: Ids, batch_size: int) -> Batches:
    longest_first = rows[np.argsort(-lengths[rows], kind="stable")]
    return [longest_first[start : start + batch_size] for start in range(0, len(rows), batch_size)]

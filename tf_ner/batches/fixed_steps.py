"""Which sentences a step has, where all rows have one shape."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from tf_ner.batches.layouts import first_fit
from tf_ner.batches.sampling import Batches, Ids, training_batches

_ROOM_FOR = 0.999
"""Share of the batches for which there must be room; the others become two steps."""

_MOST_PASSED_OVER = 32
"""How many sentences may find no room in a step before it is taken for full."""


def steps_of_sentences(
    lengths: Ids,
    *,
    batch_size: int,
    num_pieces: int,
    row_length: int,
    epochs: int,
    seed: int,
    group_by_length: bool = False,
) -> tuple[Batches, int]:
    """Random batches of so many sentences, with room for all but one in a thousand, which become two.

    Args:
        lengths: <int>[examples], in subwords.
        batch_size: Examples a step, over all replicas and pieces.
        num_pieces: Of a step, over all replicas.
        row_length: In subwords.
        epochs: How many there are.
        seed: Of the order.
        group_by_length: As for `training_batches`.

    Returns:
        The examples of each step, with as many steps in each epoch; and how many rows a piece has.
    """
    # Each with its longest sentences first, behind which short ones fit.
    of_epochs = [
        training_batches(lengths, batch_size=batch_size, seed=seed, epoch=epoch, group_by_length=group_by_length)
        for epoch in range(epochs)
    ]
    needed = [_num_rows(lengths[batch], row_length) for batches in of_epochs for batch in batches]
    enough = int(np.quantile(needed, _ROOM_FOR, method="inverted_cdf"))
    # However many share a step, there is room for the same batches.
    fitting = [
        [part for batch in batches for part in _fitting(batch, lengths, row_length, enough)] for batches in of_epochs
    ]
    return _as_many_each(fitting), -(-enough // num_pieces)


def steps_of_rows(lengths: Ids, *, num_rows: int, num_pieces: int, row_length: int, epochs: int, seed: int) -> Batches:
    """Steps that are full: so many sentences, in random order, as so many rows have room for.

    Args:
        lengths: <int>[examples], in subwords.
        num_rows: Of a piece.
        num_pieces: Of a step, over all replicas.
        row_length: In subwords.
        epochs: How many there are.
        seed: Of the order.

    Returns:
        The examples of each step, with as many steps in each epoch.
    """
    orders = [np.random.default_rng([seed, epoch]).permutation(len(lengths)) for epoch in range(epochs)]
    room = num_rows * num_pieces
    filled = [full_batches(order, lengths, num_rows=room, row_length=row_length) for order in orders]
    return _as_many_each(filled)


def full_batches(order: Ids, lengths: Ids, *, num_rows: int, row_length: int) -> Batches:
    """Fills rows with sentences in their order, but for a few that wait for the next batch, where they come first.

    Args:
        order: The examples, each once.
        lengths: Of all of them <int>[examples], in subwords.
        num_rows: Of a batch.
        row_length: In subwords.
    """
    batches = []
    waiting = deque(order.tolist())
    while waiting:
        rooms, batch, passed_over = [row_length] * num_rows, [], []
        while waiting:
            example = waiting.popleft()
            length = lengths[example]
            row = next((row for row, room in enumerate(rooms) if room >= length), None)
            if row is not None:
                rooms[row] -= length
                batch.append(example)
                continue
            passed_over.append(example)
            if len(passed_over) == _MOST_PASSED_OVER:
                break
        waiting.extendleft(reversed(passed_over))
        batches.append(np.array(batch))
    return batches


def _num_rows(lengths: Ids, row_length: int) -> int:
    return int(first_fit(lengths, row_length).max()) + 1


def _fitting(batch: Ids, lengths: Ids, row_length: int, room: int) -> Batches:
    """A batch, or halves of it, each with sentences of all lengths, for which there is room."""
    if _num_rows(lengths[batch], row_length) <= room:
        return [batch]
    return [part for half in (batch[::2], batch[1::2]) for part in _fitting(half, lengths, row_length, room)]


def _as_many_each(of_epochs: Sequence[Batches]) -> Batches:
    """All epochs one after the other, the largest batches of some divided so that each has as many."""
    num_steps = max(map(len, of_epochs))
    for batches in of_epochs:
        while len(batches) < num_steps:
            largest = max(range(len(batches)), key=lambda number: len(batches[number]))
            batches[largest : largest + 1] = [batches[largest][::2], batches[largest][1::2]]
    return [batch for batches in of_epochs for batch in batches]

"""What a training learns from, step by step, told before the first one."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from tf_ner.batches.sampling import Batches, training_batches
from tf_ner.options.train import TrainConfig
from tf_ner.tasks.task import EncodedRows


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of a training.

    Attributes:
        encoded: What is learnt from.
        validation: What says which state is the best.
        batches: The rows of each step, over all replicas; the epochs follow one another.
        epochs: How many there are, of equally many steps.
    """

    encoded: EncodedRows
    validation: EncodedRows
    batches: Batches
    epochs: int

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches) // self.epochs

    @cached_property
    def digest(self) -> str:
        """SHA-256 of both splits and of the rows of each step: the same for the same training only."""
        digest = hashlib.sha256()
        for split in (self.encoded, self.validation):
            digest.update(split.lengths.tobytes())
            columns = split.windows.with_format("arrow")[:]
            for chunk in (*columns["input_ids"].chunks, *columns["labels"].chunks):
                values = chunk.flatten() if isinstance(chunk, pa.ListArray) else chunk
                digest.update(values.to_numpy(zero_copy_only=False).tobytes())
        for rows in (np.array([len(batch) for batch in self.batches]), *self.batches):
            digest.update(rows.tobytes())
        return digest.hexdigest()


def make_plan(encoded: EncodedRows, validation: EncodedRows, config: TrainConfig, *, num_replicas: int) -> Plan:
    """Forms the batches of all epochs.

    Args:
        encoded: What is learnt from.
        validation: What says which state is the best.
        config: Says how batches are formed; the batch size is that of a replica.
        num_replicas: How many replicas share each batch.
    """
    # With --accumulate a step has one larger batch, in pieces: so 4 batches of 4 take the very step of one of 16.
    batch_size = config.batch_size * config.accumulate * num_replicas
    batches = [
        batch
        for epoch in range(config.epochs)
        for batch in training_batches(
            encoded.lengths,
            batch_size=batch_size,
            seed=config.seed,
            epoch=epoch,
            group_by_length=config.group_by_length,
        )
    ]
    return Plan(encoded=encoded, validation=validation, batches=batches, epochs=config.epochs)


# What a new head needs at the least, as the sum of the learning rates of all steps: 100 steps at the default rate.
_LEAST_LEARNING = 100 * 2e-5
# Learning rate and steps by which encoders of this width, and wider ones, learn from little.
_SMALL, _LARGE = (3e-4, 100), (1e-4, 200)
_LARGE_WIDTH = 768


def hint_of_few_steps(plan: Plan, *, learning_rate: float, hidden_size: int) -> str | None:
    """What to type where a new head will hardly learn anything in so few steps; None where there are enough."""
    num_steps = len(plan.batches)
    if num_steps * learning_rate >= _LEAST_LEARNING:
        return None
    rate, least_steps = _LARGE if hidden_size >= _LARGE_WIDTH else _SMALL
    epochs = max(plan.epochs, math.ceil(least_steps / plan.steps_per_epoch))
    return (
        f"{num_steps} steps at a learning rate of {learning_rate:g} will hardly teach a new head anything: for so "
        f"little data try --epochs {epochs} --learning-rate {rate:g}"
    )

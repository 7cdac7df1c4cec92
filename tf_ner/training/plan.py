"""What a training learns from, step by step, told before the first one."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import tensorflow as tf
from transformers import TFPreTrainedModel

from tf_ner.batches.fixed_steps import steps_of_rows, steps_of_sentences
from tf_ner.batches.layouts import Layout, Packed, PackedFixed, Padded, padding_ratio
from tf_ner.batches.sampling import Batches, batches_of_epochs
from tf_ner.errors import ConfigError
from tf_ner.learning.best import BestScore
from tf_ner.learning.losses import MeanLoss, balanced_weights, make_loss, named_weights
from tf_ner.models.layers import rate_shares, variables_to_train
from tf_ner.tasks.task import EncodedRows, Task


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of a training.

    Attributes:
        encoded: What is learnt from.
        validation: What says which state is the best.
        batches: The rows of each step, over all replicas; the epochs follow one another.
        epochs: How many there are, of equally many steps.
        layout: Of the batches.
    """

    encoded: EncodedRows
    validation: EncodedRows
    batches: Batches
    epochs: int
    layout: Layout

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches) // self.epochs

    def padding_ratio(self, num_replicas: int, *, num_steps: int | None = None) -> float:
        """Share of the positions that are padding, of all steps or of the first ones."""
        shares = self.layout.share_out(self.batches[:num_steps], self.encoded.lengths, num_replicas)
        return padding_ratio(self.layout, self.encoded.lengths, shares)

    def sizes(self, begin: int, end: int) -> tuple[int, int]:
        """How many windows, and how many subwords, the steps have that come after so many, up to so many."""
        batches = self.batches[begin:end]
        return sum(map(len, batches)), sum(int(self.encoded.lengths[rows].sum()) for rows in batches)

    def remark(self, num_replicas: int) -> str | None:
        """How much rows of one shape hold; None where each batch has its own."""
        if not isinstance(self.layout, PackedFixed):
            return None
        layout, num_examples = self.layout, len(self.encoded.lengths)
        mean = self.epochs * num_examples / len(self.batches)
        return (
            f"each step packs {mean:.1f} of the {num_examples} examples into {layout.num_rows} rows of "
            f"{layout.row_length} subwords"
            + (f", {layout.num_pieces} times" if layout.is_in_pieces else "")
            + (f", on each of {num_replicas} replicas" if num_replicas > 1 else "")
            + f"; {self.padding_ratio(num_replicas):.1%} of the positions are padding"
        ).replace("%", " %")

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


def make_plan(
    encoded: EncodedRows,
    validation: EncodedRows,
    *,
    batch_size: int,
    accumulate: int = 1,
    num_replicas: int = 1,
    epochs: int,
    seed: int,
    group_by_length: bool = False,
    packing: bool = False,
    row_length: int | None = None,
    rows_per_step: int | None = None,
) -> Plan:
    """Forms the batches of all epochs.

    Args:
        encoded: What is learnt from.
        validation: What says which state is the best.
        batch_size: Examples that a replica computes at once.
        accumulate: How many such batches a step adds up: 4 batches of 4 take the very step of one of 16.
        num_replicas: How many replicas share a step.
        epochs: How many there are.
        seed: Of the order, another one each epoch.
        group_by_length: Whether examples of like length form a batch.
        packing: Whether the examples of a batch are packed.
        row_length: Of the rows of all batches, in subwords, if it is one.
        rows_per_step: How many packed rows of that length a replica computes at once, instead of so many examples.
    """
    lengths, num_pieces = encoded.lengths, accumulate * num_replicas
    order: dict[str, Any] = {"epochs": epochs, "seed": seed}
    of_sentences = {**order, "batch_size": batch_size * num_pieces, "group_by_length": group_by_length}
    layout: Layout
    if packing and row_length is not None:
        rows: dict[str, Any] = {"num_pieces": num_pieces, "row_length": row_length}
        if rows_per_step is not None:
            batches, num_rows = steps_of_rows(lengths, num_rows=rows_per_step, **rows, **order), rows_per_step
        else:
            batches, num_rows = steps_of_sentences(lengths, **rows, **of_sentences)
        layout = PackedFixed(num_rows, row_length, accumulate)
    else:
        batches = batches_of_epochs(lengths, **of_sentences)
        piece_size = batch_size if accumulate > 1 else None
        if packing:
            layout = Packed(piece_size)
        else:
            # A batch of one length has one number of rows too, if need be some without labels.
            layout = Padded(batch_size * accumulate if row_length else None, row_length, piece_size)
    return Plan(encoded=encoded, validation=validation, batches=batches, epochs=epochs, layout=layout)


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
        f"{num_steps} steps at a learning rate of {learning_rate:g} will hardly teach a new head anything: with so "
        f"little data, try --epochs {epochs} --learning-rate {rate:g}"
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model learns.

    Attributes:
        loss: What is made small in training; scores on validation have the loss without smoothing and weights.
        variables: What is trained; the others have no part in a step.
        rate_shares: For names of variables the share of the learning rate that they have, if not the whole.
        best_metric: Which score on validation says what is best.
    """

    loss: MeanLoss
    variables: Sequence[tf.Variable]
    rate_shares: Mapping[str, float]
    best_metric: str


def make_recipe(
    model: TFPreTrainedModel,
    task: Task,
    encoded: EncodedRows,
    *,
    best_metric: str | None = None,
    label_smoothing: float = 0.0,
    class_weights: Mapping[str, float] | Literal["balanced"] | None = None,
    freeze_embeddings: bool = False,
    freeze_layers: int = 0,
    layer_decay: float = 1.0,
) -> Recipe:
    """Works out what the options say of this model and this data.

    Args:
        model: Its weights must be there.
        task: What is learnt.
        encoded: What it is learnt from.
        best_metric: Which score on validation says what is best; the task's headline if not given.
        label_smoothing: Share of each label that is spread evenly over all labels.
        class_weights: By the name of a label or tag; `balanced` has them worked out.
        freeze_embeddings: They are not trained.
        freeze_layers: How many of the lowest layers are not trained.
        layer_decay: A layer's learning rate is that of the layer above times this.

    Raises:
        ConfigError: They say something that model or data do not have.
    """
    best_metric = best_metric or task.headline
    BestScore(best_metric).require(task.log_names)
    return Recipe(
        loss=_make_loss(task, encoded, label_smoothing, class_weights),
        variables=variables_to_train(model, freeze_embeddings=freeze_embeddings, freeze_layers=freeze_layers),
        rate_shares=rate_shares(model, layer_decay=layer_decay),
        best_metric=best_metric,
    )


def _make_loss(
    task: Task,
    encoded: EncodedRows,
    label_smoothing: float,
    class_weights: Mapping[str, float] | Literal["balanced"] | None,
) -> MeanLoss:
    if task.output_kind == "classes":
        weights = None
        if class_weights == "balanced":
            weights = balanced_weights(encoded.windows["labels"], len(task.output_names))
        elif class_weights is not None:
            weights = named_weights(class_weights, task.output_names)
        return make_loss(task, label_smoothing=label_smoothing, class_weights=weights)
    if label_smoothing or class_weights:
        option = "--class-weights" if class_weights else "--label-smoothing"
        raise ConfigError(f"Received {option} and data with numbers; expected labels. Leave out {option}.")
    return make_loss(task)

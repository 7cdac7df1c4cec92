"""What training makes small, and scores report as the loss."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from tf_ner.corpus.tags import is_iob, split_tag
from tf_ner.errors import ConfigError
from tf_ner.tasks.task import IGNORED, Task


def balanced_weights(labels: Iterable[int | Sequence[int]], num_labels: int) -> list[float]:
    """Weights by which all labels together weigh the same, and a label 1 on average, as scikit-learn has it.

    Args:
        labels: What is learnt, a row a window: label ids and -100, or one id.
        num_labels: How many ids there are; one that does not occur weighs 1.
    """
    label_ids = np.concatenate([np.atleast_1d(row) for row in labels])
    label_ids = label_ids[label_ids != IGNORED]
    counts = np.bincount(label_ids, minlength=num_labels)
    shares = len(label_ids) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, shares, 1.0).tolist()


def named_weights(weights: Mapping[str, float], label_names: Sequence[str]) -> list[float]:
    """Weights of those that are named, and 1 of all others.

    Args:
        weights: By name; where all are IOB tags also by label, such as `PER` for B-PER and I-PER, but a tag's own comes
            first.
        label_names: The tags, or the labels of texts, by label id.

    Raises:
        ConfigError: A name is neither.
    """
    # Other names may hold a hyphen too, and it divides nothing there: non-fiction is no kind of fiction.
    are_iob = all(map(is_iob, label_names))
    labels = [split_tag(name)[1] if are_iob else "" for name in label_names]
    known = dict.fromkeys([*label_names, *filter(None, labels)])
    for name in weights:
        if name not in known:
            raise ConfigError(
                f"Received --class-weights {name}={weights[name]:g}; expected names of {', '.join(known)}. "
                "Change --class-weights."
            )
    found = [weights.get(tag, weights.get(label or tag, 1.0)) for tag, label in zip(label_names, labels, strict=True)]
    if not any(found):
        raise ConfigError(
            "Received --class-weights that are 0 for all labels; expected more for at least one, or nothing is learnt. "
            "Change --class-weights."
        )
    return found


class MeanLoss(keras.losses.Loss, ABC):
    """The mean loss of all that has a label, over all replicas.

    Computed in float32 whatever the model computes in. The sum is divided by the number of labels in the global batch,
    so that every label weighs the same however they are spread over rows and replicas; a batch without labels gives 0.

    A `sample_weight` multiplies the losses and not what their sum is divided by, as with Keras's own losses.
    """

    def __init__(self, *, name: str):
        super().__init__(reduction=keras.losses.Reduction.SUM, name=name)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tf.Tensor:
        """Computes this replica's part of the loss.

        Args:
            y_true: [batch, …], labels.
            y_pred: <float>[batch, …, outputs], logits.
            sample_weight: <float>[batch], or [batch, …] as the labels have it.

        Returns:
            <float32>[], to be summed over replicas.

        Raises:
            ConfigError: The weights have another shape.
        """
        with keras.backend.name_scope(self.name):
            return self._mean(tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred), sample_weight)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """As `__call__`, without weights of samples."""
        return self._mean(y_true, y_pred, None)

    def _mean(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any) -> tf.Tensor:
        # Keras turns labels [batch] into [batch, 1].
        labels = tf.reshape(y_true, tf.shape(y_pred)[:-1])
        labels.set_shape(y_pred.shape[:-1])
        weights = None if sample_weight is None else _of_each_label(sample_weight, labels)
        return tf.math.divide_no_nan(self.total(labels, y_pred, weights), sum_over_replicas(self.weight(labels)))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again; how the losses are added up is not one of them."""
        return {"name": self.name}

    @abstractmethod
    def total(self, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """The losses of all labels, added up.

        Args:
            labels: [batch, …]
            logits: <float>[batch, …, outputs]
            weights: By which each is multiplied, <float32>[batch, …] or what can be spread over that.

        Returns:
            <float32>[]
        """

    @abstractmethod
    def weight(self, labels: tf.Tensor) -> tf.Tensor:
        """What `total` is divided by <float32>[]: how many labels [batch, …] there are."""


def _of_each_label(sample_weight: Any, labels: tf.Tensor) -> tf.Tensor:
    """Weights of rows or positions in a shape that goes with that of the labels."""
    weights = tf.cast(tf.convert_to_tensor(sample_weight), tf.float32)
    if weights.shape.rank == 2 and labels.shape.rank == 1 and weights.shape[1] == 1:
        weights = tf.reshape(weights, [-1])
    if weights.shape.rank == 1 and labels.shape.rank == 2:
        weights = weights[:, tf.newaxis]
    fits = weights.shape.rank == labels.shape.rank and all(
        None in (own, of_labels) or own == of_labels or (place > 0 and own == 1)
        for place, (own, of_labels) in enumerate(zip(weights.shape, labels.shape, strict=True))
    )
    if not fits:
        shape = tuple(tf.convert_to_tensor(sample_weight).shape)
        raise ConfigError(
            f"Received sample weights of the shape {shape} for labels of the shape {tuple(labels.shape)}; expected one "
            "for each row, or one for each label. Change sample_weight."
        )
    return weights


@keras.saving.register_keras_serializable(package="tf_ner")
class TokenClassificationLoss(MeanLoss):
    """Mean cross-entropy of all labels, over all replicas; see `MeanLoss`.

    Labels are ids, or -100, which is masked before the cross-entropy: <int>[batch, subwords] for words, or <int>[batch]
    for texts; logits are <float>[batch, subwords, labels] or <float>[batch, labels].

    Args:
        label_smoothing: The share of each label that is spread evenly over all labels.
        class_weights: The weight of each label, by label id: a list or an array with all of them, or a dictionary with
            some, where others weigh 1. The sum is divided by the labels' weights instead of their number. Both work as
            in PyTorch's `CrossEntropyLoss`. (The `class_weight` of Keras's `fit` is not for labels of subwords: it
            would weigh whole rows.)

    Raises:
        ConfigError: The weights are not numbers, or, when the loss is computed, not those of its labels.
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weights: Mapping[int, float] | Sequence[float] | NDArray[Any] | None = None,
        name: str = "token_classification_loss",
    ):
        super().__init__(name=name)
        self._label_smoothing = label_smoothing
        self._class_weights = None if class_weights is None else _ClassWeights.of(class_weights)

    def get_config(self) -> dict[str, Any]:
        weights = None if self._class_weights is None else self._class_weights.given
        return {**super().get_config(), "label_smoothing": self._label_smoothing, "class_weights": weights}

    def total(self, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        is_labelled = tf.not_equal(labels, IGNORED)
        logits = tf.cast(logits, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.where(is_labelled, labels, 0), logits=logits)
        if self._class_weights is not None:
            of_classes = tf.constant(self._class_weights.of_all(logits.shape[-1]))
            losses *= self._weights(labels)
        if self._label_smoothing:
            of_all_labels = -tf.nn.log_softmax(logits)
            if self._class_weights is not None:
                of_all_labels *= of_classes
            smooth = tf.reduce_mean(of_all_labels, axis=-1)
            losses = (1 - self._label_smoothing) * losses + self._label_smoothing * smooth
        losses = losses if weights is None else losses * weights
        # Selected, not multiplied: a NaN behind the mask must not come through.
        return tf.reduce_sum(tf.where(is_labelled, losses, 0.0))

    def weight(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(self._weights(labels))

    def _weights(self, labels: tf.Tensor) -> tf.Tensor:
        """How much each position weighs <float32>[batch, …]; nothing where it has no label."""
        is_labelled = tf.not_equal(labels, IGNORED)
        if self._class_weights is None:
            return tf.cast(is_labelled, tf.float32)
        table = self._class_weights.table
        is_in_table = is_labelled & (labels < len(table))
        found = tf.gather(tf.constant(table), tf.where(is_in_table, labels, 0))
        return tf.where(is_in_table, found, tf.cast(is_labelled, tf.float32))


@dataclass(frozen=True)
class _ClassWeights:
    """The weights of labels.

    Attributes:
        given: A list with all of them, or a dictionary with some, by label id.
        table: By label id, as far as they are given <float32>[labels].
    """

    given: list[float] | dict[int, float]
    table: NDArray[np.float32]

    @classmethod
    def of(cls, weights: Any) -> Self:
        given: list[float] | dict[int, float] = []
        table = np.zeros(0, np.float32)
        # What has another form ends in one of these errors.
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if isinstance(weights, Mapping):
                # JSON makes strings of the numbers.
                given = {int(number): float(weight) for number, weight in weights.items()}
                table = np.array([given.get(number, 1.0) for number in range(max(given) + 1)], np.float32)
            else:
                given = [float(weight) for weight in weights]
                table = np.array(given, np.float32)
        if not len(table) or min(given) < 0 or not np.isfinite(table).all() or (table < 0).any():
            raise ConfigError(
                f"Received class weights {' '.join(str(weights).split())[:80]}; expected one number, 0 or more, for "
                "each label id: a list or an array of all, or a dictionary by label id. Change class_weights."
            )
        return cls(given, table)

    def of_all(self, num_labels: int) -> NDArray[np.float32]:
        """The weights of all labels.

        Raises:
            ConfigError: There are weights for more, or a list of fewer.
        """
        if len(self.table) > num_labels or (isinstance(self.given, list) and len(self.table) < num_labels):
            raise ConfigError(
                f"Received class weights for the label ids 0 to {len(self.table) - 1}, and logits of {num_labels} "
                "labels; expected as many. Change class_weights."
            )
        return np.concatenate([self.table, np.ones(num_labels - len(self.table), np.float32)])


@keras.saving.register_keras_serializable(package="tf_ner")
class RegressionLoss(MeanLoss):
    """Mean squared error of all texts with a number, over all replicas; see `MeanLoss`.

    Labels are numbers <float>[batch], or NaN if there is none; logits are <float>[batch, 1].
    """

    def __init__(self, *, name: str = "regression_loss"):
        super().__init__(name=name)

    def total(self, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        is_told = ~tf.math.is_nan(labels)
        errors = tf.cast(logits[..., 0], tf.float32) - tf.where(is_told, tf.cast(labels, tf.float32), 0.0)
        squares = tf.square(errors) if weights is None else tf.square(errors) * weights
        return tf.reduce_sum(tf.where(is_told, squares, 0.0))

    def weight(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.cast(~tf.math.is_nan(labels), tf.float32))


def make_loss(task: Task, **options: Any) -> MeanLoss:
    """Makes the loss of a task; `options` are those of its class."""
    return _LOSSES[task.output_kind](**options)


_LOSSES: dict[str, type[MeanLoss]] = {"classes": TokenClassificationLoss, "values": RegressionLoss}


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Adds up what each replica has; outside of replicas nothing is added."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return value
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)

"""What training makes small, and scores report as the loss."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

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
    """

    def __init__(self, *, name: str):
        super().__init__(reduction=keras.losses.Reduction.SUM, name=name)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes this replica's part of the loss.

        Args:
            y_true: [batch, …], labels.
            y_pred: <float>[batch, …, outputs], logits.

        Returns:
            <float32>[], to be summed over replicas.
        """
        # Keras turns labels [batch] into [batch, 1].
        labels = tf.reshape(y_true, tf.shape(y_pred)[:-1])
        return tf.math.divide_no_nan(self.total(labels, y_pred), sum_over_replicas(self.weight(labels)))

    @abstractmethod
    def total(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The losses of all labels, added up.

        Args:
            labels: [batch, …]
            logits: <float>[batch, …, outputs]

        Returns:
            <float32>[]
        """

    @abstractmethod
    def weight(self, labels: tf.Tensor) -> tf.Tensor:
        """What `total` is divided by <float32>[]: how many labels [batch, …] there are."""


class TokenClassificationLoss(MeanLoss):
    """Mean cross-entropy of all labels, over all replicas; see `MeanLoss`.

    Labels are ids, or -100, which is masked before the cross-entropy: <int>[batch, subwords] for words, or <int>[batch]
    for texts; logits are <float>[batch, subwords, labels] or <float>[batch, labels].

    Args:
        label_smoothing: The share of each label that is spread evenly over all labels.
        class_weights: The weight of each label, by label id; the sum is divided by the labels' weights instead of
            their number. Both work as in PyTorch's `CrossEntropyLoss`.
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        name: str = "token_classification_loss",
    ):
        super().__init__(name=name)
        self._label_smoothing = label_smoothing
        self._class_weights = class_weights

    def total(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        is_labelled = tf.not_equal(labels, IGNORED)
        logits = tf.cast(logits, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.where(is_labelled, labels, 0), logits=logits)
        if self._class_weights is not None:
            losses *= self._weights(labels)
        if self._label_smoothing:
            of_all_labels = -tf.nn.log_softmax(logits)
            if self._class_weights is not None:
                of_all_labels *= tf.constant(self._class_weights)
            smooth = tf.reduce_mean(of_all_labels, axis=-1)
            losses = (1 - self._label_smoothing) * losses + self._label_smoothing * smooth
        # Selected, not multiplied: a NaN behind the mask must not come through.
        return tf.reduce_sum(tf.where(is_labelled, losses, 0.0))

    def weight(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(self._weights(labels))

    def _weights(self, labels: tf.Tensor) -> tf.Tensor:
        """How much each position weighs <float32>[batch, …]; nothing where it has no label."""
        is_labelled = tf.not_equal(labels, IGNORED)
        if self._class_weights is None:
            return tf.cast(is_labelled, tf.float32)
        return tf.where(is_labelled, tf.gather(tf.constant(self._class_weights), tf.where(is_labelled, labels, 0)), 0.0)


class RegressionLoss(MeanLoss):
    """Mean squared error of all texts with a number, over all replicas; see `MeanLoss`.

    Labels are numbers <float>[batch], or NaN if there is none; logits are <float>[batch, 1].
    """

    def __init__(self, *, name: str = "regression_loss"):
        super().__init__(name=name)

    def total(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        is_told = ~tf.math.is_nan(labels)
        errors = tf.cast(logits[..., 0], tf.float32) - tf.where(is_told, tf.cast(labels, tf.float32), 0.0)
        return tf.reduce_sum(tf.where(is_told, tf.square(errors), 0.0))

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

"""What training makes small."""

import tensorflow as tf
import tf_keras as keras

from tf_ner.tasks.token_classification import IGNORED


class TokenClassificationLoss(keras.losses.Loss):
    """Cross-entropy a labelled subword, over all replicas.

    Computed in float32 whatever the model computes in. Positions with the label -100 are masked before the
    cross-entropy. The sum is divided by the number of labels in the global batch, so that every label weighs the
    same however they are spread over rows and replicas; a batch without labels gives 0.
    """

    def __init__(self, name: str = "token_classification_loss"):
        super().__init__(reduction=keras.losses.Reduction.SUM, name=name)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes this replica's part of the loss.

        Args:
            y_true: <int>[batch, subwords], label ids or -100.
            y_pred: <float>[batch, subwords, labels], logits.

        Returns:
            <float32>[], to be summed over replicas.
        """
        total, count = sum_of_losses(y_true, y_pred)
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            count = replica.all_reduce(tf.distribute.ReduceOp.SUM, count)
        return tf.math.divide_no_nan(total, count)


def sum_of_losses(labels: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums the cross-entropy of all labelled subwords.

    Args:
        labels: <int>[batch, subwords], label ids or -100.
        logits: <float>[batch, subwords, labels]

    Returns:
        The sum <float32>[], and how many labels there are <float32>[].
    """
    is_labelled = tf.not_equal(labels, IGNORED)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.where(is_labelled, labels, 0), logits=tf.cast(logits, tf.float32)
    )
    mask = tf.cast(is_labelled, tf.float32)
    # Selected, not multiplied: a NaN behind the mask must not come through.
    return tf.reduce_sum(tf.where(is_labelled, losses, 0.0)), tf.reduce_sum(mask)

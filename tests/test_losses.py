"""Label smoothing and class weights, against formulas and libraries."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from tf_ner import TokenClassificationLoss
from tf_ner.errors import ConfigError
from tf_ner.learning.losses import balanced_weights, named_weights

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def pytorch_loss(labels, logits, label_smoothing, class_weights):
    """The formula in the documentation of PyTorch's `CrossEntropyLoss` with `reduction="mean"`, in float64."""
    kept = labels != -100
    labels, logits = labels[kept], logits[kept].astype(np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    smoothed = np.eye(logits.shape[-1])[labels] * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    return -(smoothed * class_weights * log_probabilities).sum() / class_weights[labels].sum()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (4, 7))
    labels[:, 0] = labels[2, 3:] = -100
    return labels, rng.normal(size=(4, 7, 5)).astype(np.float32)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0, 0.0, 3.0)])
def test_the_loss_is_that_of_pytorch(batch, label_smoothing, weights):
    labels, logits = batch
    loss = TokenClassificationLoss(label_smoothing=label_smoothing, class_weights=weights)
    expected = pytorch_loss(labels, logits, label_smoothing, np.ones(5) if weights is None else np.array(weights))
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-6)


def test_smoothing_is_that_of_keras(batch):
    labels, logits = batch
    kept = labels != -100
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    expected = float(keras_loss(np.eye(5, dtype=np.float32)[labels[kept]], logits[kept]))
    assert float(TokenClassificationLoss(label_smoothing=0.2)(labels, logits)) == pytest.approx(expected, rel=1e-6)


def test_what_is_ignored_plays_no_part_even_if_it_is_not_a_number(batch):
    labels, logits = batch
    spoilt = np.where((labels == -100)[..., None], np.float32("nan"), logits)
    loss = TokenClassificationLoss(label_smoothing=0.1, class_weights=(1.0, 2.0, 1.0, 1.0, 1.0))
    assert float(loss(labels, spoilt)) == float(loss(labels, logits))
    nothing = np.full_like(labels, -100)
    assert float(loss(nothing, logits)) == float(loss.weight(nothing)) == 0.0


def test_one_label_a_row_is_scored_alike(batch):
    labels, logits = batch
    loss = TokenClassificationLoss(label_smoothing=0.1, class_weights=(1.0, 2.0, 1.0, 1.0, 1.0))
    assert float(loss(labels.reshape(-1), logits.reshape(-1, 5))) == pytest.approx(float(loss(labels, logits)))


def test_parts_of_a_batch_add_up(batch):
    labels, logits = batch
    loss = TokenClassificationLoss(label_smoothing=0.1, class_weights=(1.0, 2.0, 1.0, 1.0, 1.0))
    total = sum(loss.total(labels[rows], logits[rows]) for rows in (slice(0, 1), slice(1, 4)))
    assert float(total / loss.weight(tf.constant(labels))) == pytest.approx(float(loss(labels, logits)))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_balanced_weights_are_those_of_scikit_learn(label_ids):
    there = np.unique(label_ids)
    weights = np.array(balanced_weights(np.array(label_ids), 5))
    np.testing.assert_allclose(weights[there], compute_class_weight("balanced", classes=there, y=label_ids))
    assert all(np.delete(weights, there) == 1.0)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"O": 0.5}, [0.5, 1, 1, 1, 1]),
        ({"PER": 2}, [1, 2, 2, 1, 1]),
        ({"I-PER": 3, "PER": 2, "LOC": 0}, [1, 2, 3, 0, 0]),
    ],
)
def test_weights_by_tag_or_by_label(weights, expected):
    assert named_weights(weights, TAGS) == expected


def test_a_tag_that_stands_for_itself_is_named_whole():
    assert named_weights({"NN": 2}, ("NN", "-LRB-", "O")) == [2, 1, 1]
    # A hyphen divides prefix and label in IOB tags only.
    assert named_weights({"fiction": 2.0}, ("fiction", "non-fiction")) == [2, 1]
    with pytest.raises(ConfigError, match="expected names of science-fiction, non-fiction"):
        named_weights({"fiction": 2.0}, ("science-fiction", "non-fiction"))


def test_an_unknown_name_is_named():
    message = r"Received --class-weights GPE=2; expected names of O, B-PER, I-PER, B-LOC, I-LOC, PER, LOC\."
    with pytest.raises(ConfigError, match=message):
        named_weights({"O": 1.0, "GPE": 2.0}, TAGS)


def test_subwords_without_a_label_do_not_count():
    assert balanced_weights([[-100, 0, 0, -100], [0, 1]], 5) == pytest.approx([4 / 6, 4 / 2, 1, 1, 1])

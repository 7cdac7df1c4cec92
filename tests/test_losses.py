"""Label smoothing and class weights, against formulas and libraries."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from tf_ner import RegressionLoss, TokenClassificationLoss
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


def keras_mean(labels, logits, sample_weight):
    """What Keras makes of weights: they multiply losses, and the sum is divided by how many labels there are."""
    of_each = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    kept = labels != -100
    return float(of_each(labels[kept], logits[kept], sample_weight=np.broadcast_to(sample_weight, labels.shape)[kept]))


def test_sample_weights_have_the_values_of_keras(batch):
    labels, logits = batch
    rng = np.random.default_rng(1)
    loss = TokenClassificationLoss()
    by_row, by_position = rng.random(4).astype(np.float32), rng.random((4, 7)).astype(np.float32)
    assert float(loss(labels, logits, by_row)) == pytest.approx(keras_mean(labels, logits, by_row[:, None]), rel=1e-6)
    assert float(loss(labels, logits, by_row[:, None])) == float(loss(labels, logits, by_row))
    found = float(loss(labels, logits, sample_weight=by_position))
    assert found == pytest.approx(keras_mean(labels, logits, by_position), rel=1e-6)
    assert float(loss(labels, logits, np.ones(4))) == float(loss(labels, logits))
    # Of texts too, which have one label.
    found = float(loss(labels[:, 1], logits[:, 1], by_row))
    assert found == pytest.approx(keras_mean(labels[:, 1], logits[:, 1], by_row), rel=1e-6)
    assert float(loss(labels[:, 1:2], logits[:, 1], by_row[:, None])) == pytest.approx(found)
    numbers = rng.normal(size=4).astype(np.float32)
    found = float(RegressionLoss()(numbers, logits[:, 0, :1], by_row))
    assert found == pytest.approx(float(keras.losses.MeanSquaredError()(numbers[:, None], logits[:, 0, :1], by_row)))


@pytest.mark.parametrize("shape", [(7,), (1, 7), (4, 6), (4, 7, 1), ()])
def test_sample_weights_of_another_shape(batch, shape):
    with pytest.raises(ConfigError, match="Received sample weights of the shape"):
        TokenClassificationLoss()(*batch, np.ones(shape, np.float32))


def test_fit_takes_sample_weights(batch):
    """A row that weighs nothing is not learnt, and one that weighs double as if it were there twice."""
    labels, logits = batch
    learnt = []
    for rows, weights in (([0, 1, 3], [2.0, 0.0, 1.0]), ([0, 0, 3], None)):
        model = keras.Sequential([keras.layers.Dense(5, kernel_initializer="ones")])
        model.compile(keras.optimizers.SGD(0.1), loss=TokenClassificationLoss())
        weights = None if weights is None else np.array(weights)
        model.fit(logits[rows], labels[rows], sample_weight=weights, epochs=3, shuffle=False, verbose=0)
        learnt.append(model.get_weights()[0])
    np.testing.assert_allclose(*learnt, atol=1e-6)


ALL = (0.5, 2.0, 1.0, 0.0, 3.0)


@pytest.mark.parametrize(
    "weights",
    [list(ALL), np.array(ALL), ALL, dict(enumerate(ALL)), {"0": 0.5, 1: 2, 3: 0.0, 4: 3.0}],
    ids=["list", "array", "tensor", "dictionary", "some"],
)
def test_class_weights_in_any_form(batch, weights):
    weights = tf.constant(weights) if isinstance(weights, tuple) else weights
    expected = float(TokenClassificationLoss(class_weights=list(ALL), label_smoothing=0.1)(*batch))
    assert float(TokenClassificationLoss(class_weights=weights, label_smoothing=0.1)(*batch)) == expected


@pytest.mark.parametrize(
    "weights", [[], {}, [1.0, -1.0], [1.0, float("nan")], {-1: 1.0}, {"O": 1.0}, 3, [[1.0]], ["a"]]
)
def test_class_weights_that_are_none(weights):
    with pytest.raises(ConfigError, match="Received class weights"):
        TokenClassificationLoss(class_weights=weights)


@pytest.mark.parametrize("weights", [[1.0] * 4, [1.0] * 6, {5: 1.0}])
def test_class_weights_of_other_labels(batch, weights):
    with pytest.raises(ConfigError, match="logits of 5 labels; expected as many"):
        TokenClassificationLoss(class_weights=weights)(*batch)


@pytest.mark.parametrize("weights", [None, ALL, {1: 2.0}])
def test_losses_are_saved_and_loaded(batch, tmp_path, weights):
    loss = TokenClassificationLoss(label_smoothing=0.1, class_weights=weights, name="mine")
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    again = keras.losses.deserialize(config)
    assert (type(again), again.name) == (TokenClassificationLoss, "mine")
    assert float(again(*batch)) == float(loss(*batch))
    assert keras.losses.deserialize(keras.losses.serialize(RegressionLoss())).name == "regression_loss"
    model = keras.Sequential([keras.layers.Dense(5, input_shape=(7, 5))])
    model.compile("sgd", loss=loss)
    model.fit(batch[1], batch[0], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = model.evaluate(batch[1], batch[0], verbose=0)
    assert loaded.evaluate(batch[1], batch[0], verbose=0) == pytest.approx(expected)

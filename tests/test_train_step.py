"""One step of a training: its loss, its gradients, and what it changes."""

import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from transformers import MPNetConfig, TFMPNetForTokenClassification

from tests import processes
from tf_ner import TokenClassificationLoss, load_untrained, make_dataset, make_optimizer
from tf_ner.errors import ConfigError
from tf_ner.learning.train_step import make_train_step
from tf_ner.models.layers import variables_to_train

pytestmark = pytest.mark.usefixtures("graphs")

NUM_STEPS = 6


@pytest.fixture(scope="module")
def windows(corpus, task):
    return task.encode_split(corpus["train"]).windows


@pytest.fixture
def batches(windows, task):
    """Batches of five and of three rows, shuffled differently in each epoch."""
    epochs = NUM_STEPS // 2
    return make_dataset(windows, tokenizer=task.tokenizer, batch_size=5, epochs=epochs, shuffle=True)


def new_model(encoder, task):
    keras.utils.set_random_seed(1)
    return load_untrained(str(encoder), tag_names=task.tag_names)


def new_optimizer(**options):
    return make_optimizer(learning_rate=1e-2, num_steps=NUM_STEPS, **options)


def take_steps(model, batches, loss=None, **options):
    """Trains; gives the losses, and how often the step was traced."""
    step = make_train_step(
        model, loss=loss or TokenClassificationLoss(), optimizer=new_optimizer(max_grad_norm=None), **options
    )
    compiled = tf.function(step, input_signature=batches.element_spec)
    return [float(compiled(*batch)) for batch in batches], compiled.experimental_get_tracing_count()


def test_the_norm_of_the_gradients_is_told(tiny_bert, task, batches):
    model, norm = new_model(tiny_bert, task), tf.Variable(0.0)
    inputs, labels = next(iter(batches))
    with tf.GradientTape() as tape:
        loss = TokenClassificationLoss()(labels, model(inputs, training=True).logits)
    gradients = [gradient for gradient in tape.gradient(loss, model.trainable_variables) if gradient is not None]
    expected = np.sqrt(sum(np.sum(np.square(tf.convert_to_tensor(gradient))) for gradient in gradients))
    options = {"loss": TokenClassificationLoss(), "optimizer": new_optimizer(max_grad_norm=None), "grad_norm": norm}
    make_train_step(model, max_grad_norm=expected / 10, **options)(inputs, labels)
    assert float(norm) == pytest.approx(expected, rel=1e-4)


class LossOfEachStep(keras.callbacks.Callback):
    """What Keras shows is the mean since its metrics were last reset."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


@pytest.mark.parametrize("max_grad_norm", [pytest.param(1.0, marks=pytest.mark.slow), 0.05])
def test_the_step_is_that_of_keras(tiny_bert, task, batches, max_grad_norm):
    """Against the step of transformers, in `fit`, with an optimizer that clips."""
    reference = new_model(tiny_bert, task)
    reference.compile(new_optimizer(max_grad_norm=max_grad_norm), loss=TokenClassificationLoss())
    watch = LossOfEachStep()
    reference.fit(batches, callbacks=[watch], verbose=0)
    model = new_model(tiny_bert, task)
    losses, num_traces = take_steps(model, batches, max_grad_norm=max_grad_norm)
    np.testing.assert_allclose(losses, watch.losses, rtol=1e-5)
    for weight, expected in zip(model.trainable_variables, reference.trainable_variables, strict=True):
        np.testing.assert_allclose(weight.numpy(), expected.numpy(), atol=2e-4)
    assert (len(losses), num_traces) == (NUM_STEPS, 1)
    assert losses[-1] < losses[0]


PLAIN = TokenClassificationLoss()
WEIGHTED = TokenClassificationLoss(label_smoothing=0.1, class_weights=[0.2, *[1.0] * 8])


@pytest.mark.parametrize(
    ("piece_size", "loss"),
    [pytest.param(2, PLAIN, marks=pytest.mark.slow), pytest.param(9, PLAIN, marks=pytest.mark.slow), (1, WEIGHTED)],
)
def test_pieces_take_the_step_of_the_whole_batch(tiny_bert, task, batches, piece_size, loss):
    whole, pieces = new_model(tiny_bert, task), new_model(tiny_bert, task)
    expected, _ = take_steps(whole, batches, loss)
    losses, num_traces = take_steps(pieces, batches, loss, piece_size=piece_size)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    np.testing.assert_allclose(losses[:4], expected[:4], rtol=1e-6)
    assert num_traces == 1


def test_pieces_are_padded_no_more_than_they_need(tiny_bert, task, batches):
    """A piece as long as the longest row of the whole batch would cost what accumulation saves."""
    model, shapes = new_model(tiny_bert, task), []
    call = model.call

    def watched(inputs, **options):
        tf.py_function(lambda ids: shapes.append(tuple(ids.shape)), [inputs["input_ids"]], [])
        return call(inputs, **options)

    model.call = watched
    inputs, labels = next(iter(batches))
    lengths = np.sum(inputs["attention_mask"].numpy(), axis=1)
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=new_optimizer(), piece_size=1)
    step(inputs, labels)
    assert sorted(shapes) == sorted((1, length) for length in lengths)
    assert len(set(lengths)) > 1


def test_a_piece_or_a_batch_without_labels_counts_nothing(tiny_bert, task, batches):
    inputs, labels = next(iter(batches))
    labels = tf.concat([tf.fill(tf.shape(labels[:2]), tf.cast(-100, labels.dtype)), labels[2:]], axis=0)
    model = new_model(tiny_bert, task)
    expected = TokenClassificationLoss()(labels, model(inputs).logits)
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=new_optimizer(), piece_size=2)
    assert float(step(inputs, labels)) == pytest.approx(float(expected), rel=1e-5)
    before = [weight.numpy() for weight in model.trainable_variables]
    assert float(step(inputs, tf.fill(tf.shape(labels), tf.cast(-100, labels.dtype)))) == 0.0
    assert all(np.isfinite(weight.numpy()).all() for weight in model.trainable_variables)
    assert not all(np.array_equal(w.numpy(), b) for w, b in zip(model.trainable_variables, before, strict=True))


@pytest.mark.parametrize("piece_size", [None, 1])
def test_weights_that_play_no_part_stay_as_they_are(piece_size):
    """MPNet has a pooler that tagging does not use: no gradient, and so no decay either."""
    sizes = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = TFMPNetForTokenClassification(MPNetConfig(**sizes, intermediate_size=8, max_position_embeddings=9))
    model.build_in_name_scope()
    before = {weight.name: weight.numpy() for weight in model.trainable_variables}
    optimizer = make_optimizer(learning_rate=0.1, num_steps=9, weight_decay=0.5, max_grad_norm=None)
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, piece_size=piece_size)
    inputs = {"input_ids": tf.constant([[3, 4, 5], [6, 7, 8]]), "attention_mask": tf.ones((2, 3), tf.int32)}
    tf.function(step)(inputs, tf.constant([[0, 1, 0], [1, 1, 0]]))
    unchanged = {w.name.split("/")[2] for w in model.trainable_variables if np.array_equal(w.numpy(), before[w.name])}
    assert unchanged == {"pooler"}


def test_a_model_of_keras_may_decide_by_what_it_reads():
    """AutoGraph reads its source, but not that of transformers' models."""

    class Deciding(keras.Model):
        def __init__(self):
            super().__init__()
            self.embed = keras.layers.Embedding(9, 2)

        def call(self, inputs, training=None):
            logits = self.embed(inputs["input_ids"])
            if tf.reduce_max(inputs["input_ids"]) > 7:
                logits = -logits
            return logits

    model = Deciding()
    inputs = {"input_ids": tf.constant([[3, 4, 8]])}
    expected = TokenClassificationLoss()(tf.constant([[0, 1, 0]]), model(inputs))
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=new_optimizer())
    assert float(tf.function(step)(inputs, tf.constant([[0, 1, 0]]))) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("frozen", "first_trained"),
    [
        ({}, "embeddings"),
        ({"freeze_embeddings": True}, "layer_._0"),
        ({"freeze_layers": 1}, "layer_._1"),
        ({"freeze_layers": 2}, "classifier"),
        ({"freeze_embeddings": True, "freeze_layers": 1}, "layer_._1"),
    ],
)
def test_what_is_frozen_has_no_part_in_a_step(deeper_bert, task, batches, frozen, first_trained):
    model = new_model(deeper_bert, task)
    before = {weight.name: weight.numpy() for weight in model.trainable_variables}
    optimizer = make_optimizer(learning_rate=0.1, num_steps=9, weight_decay=0.5, max_grad_norm=None)
    variables = variables_to_train(model, **frozen)
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, variables=variables)
    inputs, labels = next(iter(batches))
    step(inputs, labels)
    changed = {w.name for w in model.trainable_variables if not np.array_equal(w.numpy(), before[w.name])}
    places = ["embeddings", "layer_._0", "layer_._1", "classifier"]
    trained = places[places.index(first_trained) :]
    assert {place for place in places for name in changed if f"/{place}/" in name} == set(trained)
    assert changed == {variable.name for variable in variables}
    assert len(optimizer.variables) == 1 + 2 * len(variables)


def test_more_layers_than_there_are_cannot_be_frozen(deeper_bert, task):
    with pytest.raises(ConfigError, match="Received --freeze-layers 3; expected at most 2, the layers"):
        variables_to_train(new_model(deeper_bert, task), freeze_layers=3)


REPLICAS = """
import sys
import numpy as np, tensorflow as tf, tf_keras as keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tf_ner import TokenClassificationLoss, load_untrained, make_optimizer
from tf_ner.learning.train_step import make_train_step

def losses_and_weights(strategy, **options):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = load_untrained(sys.argv[1], tag_names=("O", "B-X", "I-X"))
        optimizer = make_optimizer(learning_rate=1e-2, num_steps=9, max_grad_norm=None)
        step = make_train_step(
            model, loss=TokenClassificationLoss(class_weights=[0.5, 1.0, 2.0]), optimizer=optimizer,
            max_grad_norm=0.1, **options,
        )
    rng = np.random.default_rng(0)
    ids, labels = rng.integers(5, 60, (24, 7)), rng.integers(0, 3, (24, 7))
    labels[rng.random((24, 1)) * 7 < np.arange(7)] = -100
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(4)
    take = tf.function(lambda *batch: strategy.run(step, args=batch))
    all_losses = [
        [float(loss) for loss in strategy.experimental_local_results(take(*batch))]
        for batch in strategy.experimental_distribute_dataset(dataset)
    ]
    return all_losses, [variable.numpy() for variable in model.trainable_variables]

mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
expected, weights = losses_and_weights(tf.distribute.get_strategy())
# With pieces no gradient comes as slices any more.
for options in ({}, {"piece_size": 1}):
    losses, mirrored_weights = losses_and_weights(mirrored, **options)
    np.testing.assert_allclose(losses, np.repeat(expected, 2, axis=1), rtol=1e-5)
    for one, two in zip(weights, mirrored_weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
"""


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one(tiny_bert):
    processes.run([sys.executable, "-c", REPLICAS, tiny_bert], check=True)

"""Rows of an embedding that wait while no step uses them: what plain AdamW makes of them, whoever looks when."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors.numpy import load_file
from transformers import GPT2Config, TFGPT2Model

from tests.families import make_tokenizer
from tf_ner import (
    TokenClassificationLoss,
    TrainConfig,
    load_untrained,
    make_optimizer,
    make_train_step,
    packed,
    save_model,
    train,
)
from tf_ner.errors import ConfigError
from tf_ner.learning.lazy_rows import WINDOW
from tf_ner.learning.optimizer import weights_settled

NUM_ROWS, WIDTH, NUM_STEPS = 300, 8, 300
BETAS = (0.9, 0.999)
EMBEDDING = "bert.embeddings.word_embeddings.weight"


def steps(seed=0):
    """The rows of each step, some often and most seldom, and their gradients, of very different sizes."""
    rng = np.random.default_rng(seed)
    frequencies = 1 / np.arange(1, NUM_ROWS + 1)
    for _ in range(NUM_STEPS):
        rows = rng.choice(NUM_ROWS, 8, replace=False, p=frequencies / frequencies.sum())
        sizes = rng.lognormal(sigma=3, size=(8, WIDTH)) * 1e-5
        yield rows, (rng.normal(size=(8, WIDTH)) * sizes).astype(np.float32)


def first_weights():
    return (np.random.default_rng(1).normal(size=(NUM_ROWS, WIDTH)) * 0.05).astype(np.float32)


def plain(rates, *, decay):
    """AdamW as Loshchilov and Hutter have it, in double precision: weights and moments after the last step."""
    weights, first, second = first_weights().astype(float), np.zeros((NUM_ROWS, WIDTH)), np.zeros((NUM_ROWS, WIDTH))
    for step, (rate, (rows, values)) in enumerate(zip(rates, steps(), strict=True), start=1):
        gradient = np.zeros((NUM_ROWS, WIDTH))
        gradient[rows] = values
        first, second = (
            beta * moment + (1 - beta) * power
            for beta, moment, power in zip(BETAS, (first, second), (gradient, gradient**2), strict=True)
        )
        corrected, spread = first / (1 - BETAS[0] ** step), second / (1 - BETAS[1] ** step)
        weights = weights * (1 - rate * decay) - rate * corrected / (np.sqrt(spread) + 1e-8)
    return weights, first, second


class Lazily:
    """An embedding that is trained by the steps above."""

    def __init__(self, *, rate, decay, is_lazy=True, **options):
        self.optimizer = make_optimizer(
            learning_rate=rate, num_steps=NUM_STEPS, weight_decay=decay, max_grad_norm=None, **options
        )
        self.weights = tf.Variable(first_weights(), name="embedding")
        self.optimizer.build([self.weights])
        self.lazy = self.optimizer.follow_rows(self.weights) if is_lazy else None

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, WIDTH])])
        def take(rows, values):
            if self.lazy is not None:
                self.lazy.make_ready(rows)
            gradient = tf.IndexedSlices(values, rows, [NUM_ROWS, WIDTH])
            self.optimizer.apply_gradients([(gradient, self.weights)])
            if self.lazy is not None:
                self.lazy.settle_if_due()

        self.take = take

    def state(self):
        tables = [self.weights, *self.optimizer._momentums, *self.optimizer._velocities]
        return [table.numpy() for table in (*tables, *([self.lazy.since] if self.lazy else []))]


@pytest.mark.parametrize(
    ("rate", "decay", "options"),
    [
        (2e-5, 0.01, {}),
        (1e-3, 0.1, {"schedule": "constant", "warmup_ratio": 0.5}),
        (1e-3, 0.0, {"schedule": "cosine", "rate_shares": {"embedding:0": 0.3}}),
    ],
)
def test_rows_are_what_plain_adamw_makes_of_them(graphs, rate, decay, options):
    trained = Lazily(rate=rate, decay=decay, **options)
    for number, (rows, values) in enumerate(steps()):
        trained.take(rows, values)
        if number % 77 == 0:
            trained.lazy.settle()
    trained.lazy.settle()
    share = options.get("rate_shares", {}).get("embedding:0", 1.0)
    rates = trained.optimizer._learning_rate(tf.range(NUM_STEPS)).numpy().astype(float) * share
    weights, first, second = plain(rates, decay=decay)
    assert np.abs(weights - first_weights()).max() > 3 * rate
    np.testing.assert_allclose(trained.state()[0], weights, rtol=0, atol=1e-6)
    np.testing.assert_allclose(trained.state()[1], first, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(trained.state()[2], second, rtol=1e-4, atol=1e-20)
    assert trained.take.experimental_get_tracing_count() == 1


def test_who_looks_changes_nothing(graphs):
    looked_at, alone = (Lazily(rate=1e-3, decay=0.1) for _ in range(2))
    for number, batch in enumerate(steps()):
        looked_at.take(*batch)
        alone.take(*batch)
        if number % 50 == 20:
            with weights_settled(looked_at.optimizer):
                shown = looked_at.weights.numpy()
                # Who looks may call somebody who does too.
                with weights_settled(looked_at.optimizer):
                    np.testing.assert_array_equal(looked_at.weights, shown)
                np.testing.assert_array_equal(looked_at.weights, shown)
            assert np.abs(shown - looked_at.weights.numpy()).max() > 1e-6
    for mine, its in zip(looked_at.state(), alone.state(), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_what_somebody_writes_is_kept(graphs):
    trained, untouched = (Lazily(rate=1e-3, decay=0.1) for _ in range(2))
    for batch in list(steps())[:50]:
        trained.take(*batch)
        untouched.take(*batch)
    untouched.lazy.settle()
    with weights_settled(trained.optimizer):
        np.testing.assert_array_equal(trained.weights, untouched.weights)
        trained.weights.assign_add(tf.ones_like(trained.weights))
    np.testing.assert_array_equal(trained.weights, untouched.weights + 1)
    # Its moments are those of now too, so that the next step goes on from there.
    for mine, its in zip(trained.state()[1:], untouched.state()[1:], strict=True):
        np.testing.assert_array_equal(mine, its)


def test_no_row_waits_for_longer_than_a_window(graphs):
    trained = Lazily(rate=1e-3, decay=0.1)
    for number, batch in enumerate(list(steps())[: 2 * WINDOW], start=1):
        trained.take(*batch)
        assert trained.lazy.since.numpy().min() == number // WINDOW * WINDOW


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir):
    return TrainConfig(
        model=str(tiny_bert), dataset=str(corpus_dir), epochs=2, batch_size=4, learning_rate=1e-2, weight_decay=0.1
    )


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """A run that keeps the checkpoint of its second step, of four."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return train(replace(config, output_dir=folder, keep_checkpoints=4), verbose=0)


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"packing": "off"},
        {"batch_size": 2, "accumulate": 2},
        pytest.param({"batch_size": 2, "logical_devices": 2}, marks=pytest.mark.slow),
    ],
    ids=["lazily", "padded", "in pieces", "on two devices"],
)
def test_going_on_from_rows_that_wait(config, whole, tmp_path, options):
    checkpoint = whole.output_dir / "checkpoints" / "step-2"
    weights = load_file(checkpoint / "waiting.safetensors")["weights"]
    assert np.abs(weights - load_file(checkpoint / "model.safetensors")[EMBEDDING]).max() > 1e-4
    resumed = train(replace(config, output_dir=tmp_path / "run", resume_from=str(checkpoint), **options), verbose=0)
    for split in ("validation", "test"):
        assert resumed.metrics[split]["loss"] == pytest.approx(whole.metrics[split]["loss"], abs=1e-4)
    if not options:
        assert resumed.history[-1]["val_loss"] == whole.history[-1]["val_loss"]


@pytest.mark.usefixtures("graphs")
def test_going_on_lazily_from_where_no_row_waited(config, whole, tmp_path):
    padded = replace(config, output_dir=tmp_path / "padded", keep_checkpoints=4, packing="off")
    train(padded, verbose=0)
    checkpoint = tmp_path / "padded" / "checkpoints" / "step-2"
    assert not (checkpoint / "waiting.safetensors").exists()
    resumed = train(replace(config, output_dir=tmp_path / "run", resume_from=str(checkpoint)), verbose=0)
    assert resumed.metrics["test"]["loss"] == pytest.approx(whole.metrics["test"]["loss"], abs=1e-4)


@pytest.mark.parametrize(
    "options", [{"jit_compile": True}, {"piece_size": 2}, {"scale_loss": True}, {"packing": False}], ids=str
)
def test_where_rows_cannot_wait(tiny_bert, task, options):
    model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
    optimizer = make_optimizer(learning_rate=1e-2, num_steps=9, scale_loss=options.pop("scale_loss", False))
    reader = packed(model) if options.pop("packing", True) else model
    with pytest.raises(ConfigError, match="lazy_rows for padded or divided batches, a scaled loss or XLA"):
        make_train_step(reader, loss=TokenClassificationLoss(), optimizer=optimizer, lazy_rows=True, **options)


def test_nor_can_those_of_a_strategy_for_several_devices(tiny_bert, task):
    """Even of one: what it calls a variable is not the one that a step updates."""
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = packed(load_untrained(str(tiny_bert), tag_names=task.tag_names))
        optimizer = make_optimizer(learning_rate=1e-2, num_steps=9)
        with pytest.raises(ConfigError, match="embedding of a strategy for several devices, whose rows cannot wait"):
            make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, lazy_rows=True)


def test_an_encoder_whose_embedding_is_a_layer_of_keras(graphs, tmp_path):
    tokenizer = make_tokenizer("Roberta")
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "pad_token_id": tokenizer.pad_token_id}
    encoder = TFGPT2Model(GPT2Config(vocab_size=len(tokenizer), **sizes))
    encoder.build_in_name_scope()
    save_model(encoder, tokenizer, tmp_path / "encoder")
    (tmp_path / "data").mkdir()
    for split in ("train", "validation", "test"):
        (tmp_path / "data" / f"{split}.tsv").write_text("text\tlabel\nAda came\tgood\nNobody came\tbad\n")
    config = TrainConfig(
        model=str(tmp_path / "encoder"), task="text-classification", dataset=str(tmp_path / "data"),
        output_dir=tmp_path / "run", epochs=2, batch_size=2, keep_checkpoints=3,
    )  # fmt: skip
    whole = train(config, verbose=0)
    checkpoint = tmp_path / "run" / "checkpoints" / "step-1"
    resumed = train(replace(config, output_dir=tmp_path / "resumed", resume_from=str(checkpoint)), verbose=0)
    assert resumed.metrics["test"] == whole.metrics["test"]
    assert whole.metrics["training"]["packed"] is False


class Looks(keras.callbacks.Callback):
    """Remembers the embedding as it is whenever Keras calls."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _look(self):
        self.seen.append(self.model.get_input_embeddings().weight.numpy())

    def on_train_begin(self, logs=None):
        self._look()

    def on_epoch_begin(self, epoch, logs=None):
        self._look()

    def on_train_batch_end(self, batch, logs=None):
        self._look()

    def on_epoch_end(self, epoch, logs=None):
        self._look()

    def on_train_end(self, logs=None):
        self._look()


@pytest.mark.parametrize("loop", ["fit", "custom"])
def test_callbacks_see_what_plain_adamw_gives(graphs, config, tmp_path, loop):
    config = replace(config, output_dir=tmp_path / "lazy", batch_size=2, loop=loop)
    lazily, plainly, by_batch = Looks(), Looks(), []
    # By a name that older versions of Keras gave the same, and not by a method of a class.
    looks = keras.callbacks.LambdaCallback(
        on_batch_end=lambda batch, logs: by_batch.append(looks.model.get_input_embeddings().weight.numpy())
    )
    train(config, callbacks=[lazily, looks], verbose=0)
    train(replace(config, output_dir=tmp_path / "plain", packing="off"), callbacks=[plainly], verbose=0)
    assert len(lazily.seen) == len(plainly.seen) == 1 + 2 * (1 + 4 + 1) + 1
    for mine, its in zip(lazily.seen, plainly.seen, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(
        by_batch, [seen for number, seen in enumerate(lazily.seen) if number % 6 in (2, 3, 4, 5)]
    )

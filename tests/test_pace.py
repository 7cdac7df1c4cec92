"""Runs that are scored, logged, saved and stopped at other steps than the end of an epoch."""

import csv
import logging
import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors.numpy import load_file

from tests.conftest import SENTENCES, conll
from tf_ner import TokenClassificationLoss, TrainConfig, load_trained, train
from tf_ner.errors import ConfigError
from tf_ner.learning.best import BestScore
from tf_ner.learning.losses import balanced_weights, named_weights
from tf_ner.options.commands import EvaluateConfig
from tf_ner.training.job import prepare_job
from tf_ner.training.scoring import evaluate

LOOPS = ["fit", "custom"]


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir):
    """Three steps an epoch."""
    return TrainConfig(
        model=str(tiny_bert), dataset=str(corpus_dir), epochs=3, batch_size=3, learning_rate=3e-3, schedule="constant"
    )


class StepsSeen(keras.callbacks.Callback):
    """The user's own callback: the loss of each step, and what stands in the logs of each epoch."""

    def __init__(self):
        super().__init__()
        self.losses, self.epochs, self.begun = [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


def rows_of(path):
    with path.open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("loop", ["fit", pytest.param("custom", marks=pytest.mark.slow)])
def test_scored_and_logged_and_saved_every_few_steps(config, tmp_path, capsys, loop):
    seen = StepsSeen()
    often = {"eval_every": 2, "log_every": 4, "save_every": 5, "keep_checkpoints": 9}
    result = train(replace(config, output_dir=tmp_path / "run", loop=loop, **often), callbacks=[seen], verbose=0)
    rows = rows_of(tmp_path / "run" / "history.csv")
    assert [(row["step"], row["epoch"]) for row in rows] == [(2, 1), (4, 2), (6, 2), (8, 3), (9, 3)]
    assert rows == [pytest.approx(row) for row in result.history]
    means = [np.mean(seen.losses[begin:end]) for begin, end in ((0, 2), (2, 4), (4, 6), (6, 8), (8, 9))]
    assert [row["loss"] for row in rows] == pytest.approx(means)
    losses = rows_of(tmp_path / "run" / "losses.csv")
    assert losses[0].keys() == {"epoch", "step", "seconds", "learning_rate", "loss"}
    assert [row["step"] for row in losses] == [4, 8, 9]
    means = [np.mean(seen.losses[begin:end]) for begin, end in ((0, 4), (4, 8), (8, 9))]
    assert [row["loss"] for row in losses] == pytest.approx(means)
    assert sorted(folder.name for folder in (tmp_path / "run" / "checkpoints").iterdir()) == [
        f"step-{step}" for step in (2, 4, 5, 6, 8, 9)
    ]
    # The second and the third epoch end with an evaluation.
    assert ["val_f1" in logs for logs in seen.epochs] == [False, True, True]
    means = [np.mean(seen.losses[begin:end]) for begin, end in ((0, 3), (3, 6), (6, 9))]
    assert [logs["loss"] for logs in seen.epochs] == pytest.approx(means)
    assert seen.begun == [0, 1, 2] * 3
    training = result.metrics["training"]
    best = max(rows, key=lambda row: row["val_f1"])
    assert (training["best_step"], training["best_epoch"]) == (best["step"], best["epoch"])
    assert (training["steps"], training["epochs"]) == (9, 3)
    assert capsys.readouterr().out == ""
    # What is saved on the way can be loaded.
    last = tmp_path / "run" / "checkpoints" / "step-9"
    load_trained(str(last))
    assert TrainConfig.load(last / "run_config.json") == TrainConfig.load(tmp_path / "run" / "run_config.json")
    weights = [load_file(folder / "model.safetensors") for folder in (last, last.with_name("step-4"))]
    assert any(not np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("loop", "often", "patience", "steps", "epochs"),
    [("fit", {}, 2, 9, 3), ("fit", {"eval_every": 1}, 1, 2, 1), ("custom", {"eval_every": 2}, 2, 6, 2)],
)
def test_it_stops_when_nothing_becomes_better(config, tmp_path, loop, often, patience, steps, epochs):
    still = replace(config, output_dir=tmp_path / "run", epochs=9, learning_rate=1e-9, loop=loop, **often)
    result = train(replace(still, early_stopping_patience=patience), verbose=0)
    training = result.metrics["training"]
    assert (training["steps"], training["epochs"]) == (steps, epochs)
    assert len(result.history) == patience + 1
    assert training["best_step"] == result.history[0]["step"]


@pytest.mark.slow
def test_it_stops_by_the_score_that_is_asked_for(config, tmp_path):
    # The loss falls from the first evaluation on, while nothing of one label is found so soon.
    still = replace(config, epochs=6, learning_rate=3e-3, early_stopping_patience=1)
    by_loss = train(replace(still, output_dir=tmp_path / "loss", best_metric="loss"), verbose=0)
    by_f1 = train(replace(still, output_dir=tmp_path / "f1", best_metric="f1_MISC"), verbose=0)
    assert len(by_f1.history) == 2
    assert len(by_loss.history) > 2
    losses = [row["val_loss"] for row in by_loss.history]
    assert losses[:-1] == sorted(losses[:-1], reverse=True)


def test_what_the_users_callbacks_do_and_see_is_the_same_in_both_loops(config, tmp_path):
    class Shrink(keras.callbacks.Callback):
        """Changes a weight after each step, and notes what it is told."""

        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_begin(self, batch, logs=None):
            self.seen.append((batch, int(self.model.optimizer.iterations)))

        def on_train_batch_end(self, batch, logs=None):
            self.model.trainable_variables[-1].assign(self.model.trainable_variables[-1] * 0.5)
            self.model.stop_training = int(self.model.optimizer.iterations) == 8

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(sorted(logs))

    runs = {}
    for loop in LOOPS:
        shrink = Shrink()
        result = train(replace(config, output_dir=tmp_path / loop, loop=loop), callbacks=[shrink], verbose=0)
        assert result.metrics["validation"]["loss"] == pytest.approx(
            min(result.history, key=lambda row: -row["val_f1"])["val_loss"], rel=1e-4
        )
        runs[loop] = shrink.seen, [row["val_loss"] for row in result.history]
    assert runs["custom"][0] == runs["fit"][0]
    assert runs["custom"][1] == pytest.approx(runs["fit"][1], rel=1e-4)


def test_a_callback_stops_it_between_two_evaluations(config, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    result = train(replace(config, output_dir=tmp_path / "run", eval_every=5), callbacks=[Stop()], verbose=0)
    assert [row["step"] for row in result.history] == [2]
    assert (result.metrics["training"]["steps"], result.metrics["training"]["best_step"]) == (2, 2)


@pytest.mark.parametrize(
    ("metric", "best"), [("val_loss", min), pytest.param("strict_f1", max, marks=pytest.mark.slow)]
)
def test_best_by_any_score(config, tmp_path, metric, best):
    # Fast enough to become worse at times.
    result = train(replace(config, output_dir=tmp_path, learning_rate=0.02, best_metric=metric), verbose=0)
    name = f"val_{metric.removeprefix('val_')}"
    values = [row[name] for row in result.history]
    assert result.metrics["training"]["best_epoch"] == values.index(best(values)) + 1
    own = {**result.metrics["validation"], "strict_f1": result.metrics["validation"]["strict"]["f1"]}
    own["f1_LOC"] = own["per_label"]["LOC"]["f1"]
    assert own[name.removeprefix("val_")] == pytest.approx(best(values), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"best_metric": "f2"},
            "Received --best-metric f2; expected one of loss, precision, recall, f1, strict_f1, acc",
        ),
        ({"freeze_layers": 3}, "Received --freeze-layers 3; expected at most 1"),
        ({"class_weights": ("GPE=2",)}, "Received --class-weights GPE=2; expected names of O, B-PER"),
    ],
)
def test_what_the_model_or_the_data_does_not_have_is_found_before_the_training(config, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        train(replace(config, output_dir=tmp_path / "run", **options), verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "option", [{"label_smoothing": 0.3}, {"class_weights": ("O=0.1",)}, {"class_weights": ("balanced",)}], ids=repr
)
def test_smoothing_and_weights_are_those_of_the_options(config, option):
    job = prepare_job(replace(config, **option), tf.distribute.get_strategy())
    recipe, task = job.recipe, job.task
    by_option = {
        ("O=0.1",): named_weights({"O": 0.1}, task.tag_names),
        ("balanced",): balanced_weights(job.plan.encoded.windows["labels"], len(task.tag_names)),
    }
    weights = by_option.get(option.get("class_weights"))
    expected = TokenClassificationLoss(label_smoothing=option.get("label_smoothing", 0.0), class_weights=weights)
    labels = np.array([[0, 1, 4, -100]])
    logits = np.random.default_rng(0).normal(size=(1, 4, len(task.tag_names))).astype(np.float32)
    assert float(recipe.loss(labels, logits)) == float(expected(labels, logits))
    assert float(recipe.loss(labels, logits)) != pytest.approx(float(TokenClassificationLoss()(labels, logits)), 1e-2)


def test_validation_is_scored_without_smoothing_and_weights(config, tmp_path):
    shaped = {"label_smoothing": 0.3, "class_weights": ("O=0.1",)}
    result = train(replace(config, output_dir=tmp_path / "run", epochs=1, **shaped), verbose=0)
    scores = evaluate(EvaluateConfig(model=str(tmp_path / "run"), dataset=config.dataset))
    assert result.history[0]["val_loss"] == pytest.approx(scores["validation"]["loss"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_accumulation_takes_the_steps_of_the_larger_batch(config, corpus_dir, tmp_path):
    (tmp_path / "train.conll").write_text(conll(SENTENCES * 3 + SENTENCES[:2]), encoding="utf-8")
    files = {"train_file": tmp_path / "train.conll", "validation_file": corpus_dir / "valid.conll"}
    runs = {}
    for batch_size, accumulate in ((16, 1), (4, 4)):
        runs[accumulate] = seen = StepsSeen()
        many = replace(config, **files, output_dir=tmp_path / str(accumulate), epochs=6)
        result = train(
            replace(many, batch_size=batch_size, accumulate=accumulate, eval_every=1), callbacks=[seen], verbose=0
        )
        # 26 sentences: the second step of an epoch has ten, that is three batches of four at most.
        assert [row["step"] for row in result.history] == list(range(1, 13))
        assert [row["epoch"] for row in result.history] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
        assert result.metrics["training"]["trace_count"] == 1
    np.testing.assert_allclose(runs[4].losses, runs[1].losses, rtol=1e-3)
    np.testing.assert_allclose(runs[4].losses[:6], runs[1].losses[:6], rtol=1e-5)
    assert runs[1].losses[-1] < runs[1].losses[0]


def test_lines_stand_in_for_the_bar(config, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, logger="tf_ner")
    often = {"eval_every": 2, "log_every": 3}
    train(replace(config, output_dir=tmp_path / "a", epochs=1, **often), verbose=2)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch ")]
    assert [line.split(": ")[0] for line in lines] == ["epoch 1, step 2", "epoch 1, step 3", "epoch 1, step 3"]
    assert [("val_f1 " in line, "loss " in line) for line in lines] == [(True, True), (True, True), (False, True)]
    printed = capsys.readouterr().out
    assert "\b" not in printed
    assert "val_f1: " in printed


@pytest.mark.parametrize(
    ("name", "logs", "expected"),
    [
        (None, [{"val_f1": 0.0}, {"val_f1": 0.5}, {"val_f1": 0.5}, {"val_f1": 0.6}], [1, 1, 0, 1]),
        (None, [{"val_accuracy": 0.5}, {"val_accuracy": 0.4, "loss": 9.0}], [1, 0]),
        ("loss", [{"loss": 1.0, "val_loss": 2.0}, {"loss": 2.0, "val_loss": 1.0}], [1, 1]),
        ("loss", [{"loss": 1.0}, {"loss": 2.0}], [1, 0]),
        ("pearson", [{"val_pearson": -0.5}, {"val_pearson": -0.1}], [1, 1]),
        # The first is saved whatever it is, and any number is better than none.
        ("loss", [{"loss": math.nan}, {"loss": math.nan}, {"loss": 3.0}, {"loss": math.nan}], [1, 0, 1, 0]),
    ],
)  # fmt: skip
def test_what_is_better(name, logs, expected):
    best = BestScore(name)
    assert [best.update(row) for row in logs] == [bool(value) for value in expected]


def test_evaluations_since_the_best_are_counted():
    best = BestScore("f1")
    assert [(best.update({"f1": value}), best.num_since)[1] for value in (0.5, 0.5, 0.4, 0.6, 0.1)] == [0, 1, 2, 0, 1]


def test_a_label_may_be_called_loss():
    best = BestScore("f1_loss")
    assert [best.update({"val_f1_loss": value}) for value in (0.5, 0.8, 0.7)] == [True, True, False]
    least = BestScore("mse")
    assert [least.update({"val_mse": value}) for value in (0.5, 0.8, 0.4)] == [True, False, True]
    assert BestScore().update({"val_pearson": 0.1})


def test_the_best_so_far_is_remembered():
    best = BestScore("loss")
    assert [best.update({"val_loss": value}) for value in (0.5, math.nan, 0.5)] == [True, False, False]
    again = BestScore("loss")
    again.set_state(best.get_state())
    assert (again.value, again.num_since, again.update({"val_loss": math.nan})) == (0.5, 2, False)
    nothing, again = BestScore("loss"), BestScore("loss")
    nothing.update({"val_loss": math.nan})
    again.set_state(nothing.get_state())
    assert [again.update({"val_loss": value}) for value in (math.nan, 0.5)] == [False, True]

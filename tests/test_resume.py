"""Trainings that are cut short and go on."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors.numpy import load_file

from tests import processes
from tests.conftest import IS_RELEASE
from tf_ner import TrainConfig, cli, load_trained, train
from tf_ner.errors import ConfigError, ModelError, OutputError, TrainingError, TrainingInterruptedError
from tf_ner.training.checkpoints import checkpoints
from tf_ner.training.checkpoints.checkpoints import TrainingState, newest_checkpoint
from tf_ner.training.checkpoints.resume import ResumePoint, find_resume_point
from tf_ner.training.job import prepare_job

ROOT = Path(__file__).parents[1]

TIMES = ("seconds", "examples_per_second")
OF_A_PROCESS = ("peak_memory_mb", "trace_count")


@pytest.fixture(scope="module")
def dropping_bert(tiny_bert, tmp_path_factory):
    """The tiny encoder, with dropout."""
    folder = tmp_path_factory.mktemp("dropping") / "bert"
    folder.mkdir()
    for file in tiny_bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.1}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def config(dropping_bert, corpus_dir):
    """Nine steps, three an epoch."""
    return TrainConfig(
        model=str(dropping_bert), dataset=str(corpus_dir), epochs=3, batch_size=3, learning_rate=3e-3, save_every=1
    )


class KilledError(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Ends a training after some of its steps, when the checkpoint of the step before is written."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) in self.steps:
            raise KilledError


def left_by(folder):
    """What a run leaves, without what differs from time to time."""
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["training"] = {k: v for k, v in metrics["training"].items() if k not in (*TIMES, *OF_A_PROCESS)}
    tables = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open() as file:
            tables[path.name] = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return metrics, tables, load_file(folder / "model.safetensors")


def assert_same(folder, other):
    (metrics, tables, weights), (expected_metrics, expected_tables, expected) = left_by(folder), left_by(other)
    assert metrics == expected_metrics
    assert tables == expected_tables
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)


OFTEN = {"eval_every": 2, "log_every": 4, "save_every": 3, "group_by_length": True}
PATIENCE = {"accumulate": 2, "batch_size": 1, "schedule": "cosine", "early_stopping_patience": 2, "eval_every": 2}
PATIENCE |= {"log_every": 5}


@pytest.mark.parametrize(
    ("loop", "options"),
    [
        pytest.param("fit", OFTEN, id="fit"),
        pytest.param("custom", OFTEN, marks=pytest.mark.slow, id="custom"),
        pytest.param("fit", {}, marks=pytest.mark.slow, id="each epoch"),
        pytest.param("fit", PATIENCE, marks=pytest.mark.slow, id="accumulated and stopped early, fit"),
        pytest.param("custom", PATIENCE, marks=pytest.mark.slow, id="accumulated and stopped early, custom"),
    ],
)
def test_it_goes_on_as_if_it_had_never_stopped(config, tmp_path, loop, options):
    config = replace(config, loop=loop, **options)
    train(replace(config, output_dir=tmp_path / "whole"), verbose=0)
    resumed = replace(config, output_dir=tmp_path / "resumed", resume=True)
    num_kills = 0
    # The second is killed at once where the checkpoint before it was not written yet.
    for steps in ((2,), (4, 5)):
        try:
            train(resumed, callbacks=[KillAt(*steps)], verbose=0)
        except KilledError:
            num_kills += 1
    assert num_kills == 2
    result = train(resumed, verbose=0)
    assert_same(tmp_path / "resumed", tmp_path / "whole")
    assert not (tmp_path / "resumed" / "checkpoints").exists()
    assert TrainConfig.load(tmp_path / "resumed" / "run_config.json") == replace(resumed, resume=False)
    # Once more: it is finished, and nothing is done.
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "resumed").iterdir()}
    again = train(resumed, verbose=0)
    assert (again.metrics, again.history) == (result.metrics, result.history)
    after = {file: file.stat().st_mtime_ns for file in (tmp_path / "resumed").iterdir()}
    assert after == before


@pytest.fixture(scope="module")
def killed_run(config, tmp_path_factory):
    """A run that was killed after five steps, with checkpoints after the third, fourth and fifth."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    options = {"output_dir": folder, "keep_checkpoints": 3, "overwrite": True}
    with pytest.raises(KilledError):
        train(replace(config, **options), callbacks=[KillAt(6)], verbose=0)
    return folder


@pytest.fixture(scope="module")
def whole_run(config, tmp_path_factory):
    """The same run, not killed, with its last checkpoint."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(replace(config, output_dir=folder, keep_checkpoints=1), verbose=0)
    return folder


@pytest.fixture
def cut_short(config, killed_run, tmp_path):
    """The options that go on with a copy of it, in `tmp_path / "run"`."""
    subprocess.run(["cp", "-a", killed_run, tmp_path / "run"], check=True)
    return replace(config, output_dir=tmp_path / "run", keep_checkpoints=3, resume=True)


def steps_in(folder):
    return sorted(int(path.name.removeprefix("step-")) for path in (folder / "checkpoints").iterdir())


def test_checkpoints_are_whole_models_and_only_the_newest_are_kept(cut_short, tmp_path):
    folder = tmp_path / "run"
    assert steps_in(folder) == [3, 4, 5]
    newest, state = newest_checkpoint(folder)
    assert (newest.name, state.step, state.is_stopped) == ("step-5", 5, False)
    _, task = load_trained(str(newest))
    assert task.max_length == 64
    weights = [load_file(folder / "checkpoints" / f"step-{step}" / "model.safetensors") for step in (4, 5)]
    assert any(not np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    # The best model is there once, whatever it is called.
    assert (newest / "best.safetensors").stat().st_ino == (folder / "model.safetensors").stat().st_ino


def damaged(path):
    """A file with one bit turned over."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "training_state.json", "sha256.json", "config.json"]
)
@pytest.mark.parametrize("harm", ["cut", "gone", "turned"])
def test_a_torn_checkpoint_is_named_and_the_one_before_it_is_used(cut_short, tmp_path, caplog, name, harm):
    torn = tmp_path / "run" / "checkpoints" / "step-5"
    file = torn / name
    if harm == "cut":
        os.truncate(file, file.stat().st_size // 2)
    elif harm == "gone":
        file.unlink()
    else:
        damaged(file)
    checkpoint, state = newest_checkpoint(tmp_path / "run")
    assert (checkpoint.name, state.step) == ("step-4", 4)
    assert f"Received {torn}" in caplog.text
    with pytest.raises(OutputError, match=f"Received {torn}.*Resume from another one"):
        train(replace(cut_short, resume=False, resume_from=str(torn), output_dir=tmp_path / "other"), verbose=0)
    assert not (tmp_path / "other").exists()


def test_where_no_checkpoint_is_whole_nothing_is_begun_anew(cut_short, tmp_path):
    for checkpoint in (tmp_path / "run" / "checkpoints").iterdir():
        damaged(checkpoint / "optimizer.safetensors")
    with pytest.raises(OutputError, match="checkpoints with no complete checkpoint; expected one"):
        train(cut_short, verbose=0)
    assert steps_in(tmp_path / "run") == [3, 4, 5]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"learning_rate": 1e-4},
            ConfigError,
            "--learning-rate 0.0001 to resume .*started with --learning-rate 0.003",
        ),
        ({"epochs": 4}, ConfigError, "--epochs 4 to resume"),
        ({"precision": "bfloat16"}, ConfigError, "--precision bfloat16 to resume"),
        ({"max_train_examples": 6}, OutputError, "step-5, written while training on other sentences"),
        ({"batch_size": 4}, OutputError, "with other batches; expected the same data"),
        ({"group_by_length": True}, OutputError, "with other batches"),
    ],
)
def test_a_training_of_another_kind_does_not_go_on(cut_short, options, error, message):
    with pytest.raises(error, match=message):
        train(replace(cut_short, **options), verbose=0)
    assert steps_in(cut_short.run_dir) == [3, 4, 5]


def test_the_commits_of_the_checkpoint_are_gone_on_with(tmp_path):
    """Also in another folder, whatever a branch names now."""
    begun = TrainConfig(model="a/b", dataset="c/d", model_revision="0" * 40, dataset_revision="1" * 40)
    options = TrainConfig(model="a/b", dataset="c/d", model_revision="main", output_dir=tmp_path / "elsewhere")
    pinned = options.with_commits_of(begun)
    assert (pinned.model_revision, pinned.dataset_revision) == ("0" * 40, "1" * 40)
    assert replace(options, dataset="e/f").with_commits_of(begun).dataset_revision is None
    # What was read from a folder has no commit.
    assert options.with_commits_of(replace(begun, model_revision=None)).model_revision == "main"


def test_the_commits_of_a_run_without_a_checkpoint_are_gone_on_with(config, tmp_path):
    begun = replace(config, output_dir=tmp_path, model_revision="0" * 40)
    begun.save(tmp_path / "run_config.json")
    asked = replace(begun, model_revision=None, resume=True)
    assert prepare_job(asked, tf.distribute.get_strategy()).config.model_revision == "0" * 40


def test_a_folder_is_a_run_from_the_first_file_on(cut_short, tmp_path, monkeypatch):
    """Cut short again, it can be gone on with."""
    checkpoint = str(cut_short.run_dir / "checkpoints" / "step-4")
    moved = replace(cut_short, output_dir=tmp_path / "moved", resume=False, resume_from=checkpoint)

    def cut_short_again(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ResumePoint, "bring_best", cut_short_again)
    with pytest.raises(KeyboardInterrupt):
        train(moved, verbose=0)
    assert TrainConfig.load(tmp_path / "moved" / "run_config.json").epochs == cut_short.epochs


@pytest.mark.parametrize(
    ("name", "settings", "error", "message"),
    [
        ("other-bert", {}, ConfigError, "--model .*other-bert to resume .*started with .*bert; expected the same"),
        ("bert", {"layer_norm_eps": 0.1}, OutputError, r"step-5.*another encoder \(layer_norm_eps differ\)"),
        ("bert", {"hidden_dropout_prob": 0.3}, OutputError, r"step-5.*another encoder \(hidden_dropout_prob differ\)"),
    ],
)
def test_another_encoder_does_not_go_on(cut_short, tmp_path, dropping_bert, name, settings, error, message):
    other = tmp_path / "elsewhere" / name
    shutil.copytree(dropping_bert, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | settings))
    with pytest.raises(error, match=message):
        train(replace(cut_short, model=str(other)), verbose=0)
    assert steps_in(cut_short.run_dir) == [3, 4, 5]


@pytest.fixture(scope="module")
def continued(config, killed_run, dropping_bert, tmp_path_factory):
    """The options that went on with a copy of it, the encoder in another folder, a copy of a checkpoint beside them."""
    folder = tmp_path_factory.mktemp("continued")
    shutil.copytree(dropping_bert, folder / "elsewhere" / "bert")
    subprocess.run(["cp", "-a", killed_run, folder / "run"], check=True)
    checkpoints = folder / "run" / "checkpoints"
    shutil.copytree(checkpoints / "step-4", checkpoints / "step-99.before")
    options = {"model": str(folder / "elsewhere" / "bert"), "output_dir": folder / "run"}
    goes_on = replace(config, **options, keep_checkpoints=3, resume=True)
    train(goes_on, verbose=0)
    return goes_on


def test_the_same_encoder_in_another_folder_goes_on(continued, whole_run):
    assert_same(continued.run_dir, whole_run)


def test_a_copy_that_somebody_made_of_a_checkpoint_is_none(continued):
    names = {path.name for path in (continued.run_dir / "checkpoints").iterdir()}
    assert names == {"step-7", "step-8", "step-9", "step-99.before"}
    assert newest_checkpoint(continued.run_dir)[0].name == "step-9"


def test_a_finished_run_is_that_of_the_same_options_only(continued, tmp_path):
    metrics = json.loads((continued.run_dir / "metrics.json").read_text())
    same = replace(continued, eval_batch_size=2)
    assert train(same, verbose=0).metrics == metrics
    # A branch may be named again; of commits only the one that was used.
    assert train(replace(same, model_revision="main"), verbose=0).metrics == metrics
    shutil.copytree(continued.model, tmp_path / "bert")
    for options in (
        {"model": str(tmp_path / "bert")}, {"batch_size": 4}, {"train_file": tmp_path / "a.conll"}, {"bootstrap": 500},
        {"dataset_revision": "0" * 40},
    ):  # fmt: skip
        [option] = options
        with pytest.raises(ConfigError, match=f"Received --{option.replace('_', '-')} .* to resume .*run"):
            train(replace(continued, **options), verbose=0)


def test_a_checkpoint_from_elsewhere_never_replaces_later_ones_of_the_run(cut_short, tmp_path):
    """The same command can be given again and again, as a cluster does, and an earlier state needs a new folder."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "run" / "checkpoints" / "step-3", elsewhere / "step-3")
    shutil.copytree(tmp_path / "run" / "checkpoints" / "step-5", elsewhere / "step-5")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-5")
    new = replace(cut_short, output_dir=tmp_path / "new")
    for config, name, step in ((cut_short, "step-3", 4), (new, "step-3", 3), (cut_short, "step-5", 5)):
        point = find_resume_point(replace(config, resume_from=str(elsewhere / name)))
        assert (point.state.step, point.checkpoint.name) == (step, f"step-{step}")
    # One that is gone is no reason to stop where the run has its own.
    shutil.rmtree(elsewhere)
    assert find_resume_point(replace(cut_short, resume_from=str(elsewhere / "step-5"))).state.step == 4
    with pytest.raises(OutputError, match="step-5"):
        find_resume_point(replace(new, resume_from=str(elsewhere / "step-5")))


def test_from_a_folder_into_another_one(config, cut_short, whole_run, tmp_path):
    moved = tmp_path / "elsewhere" / "step-4"
    shutil.copytree(tmp_path / "run" / "checkpoints" / "step-4", moved)
    train(replace(config, output_dir=tmp_path / "moved", resume_from=str(moved)), verbose=0)
    assert_same(tmp_path / "moved", whole_run)
    assert (tmp_path / "moved" / "tokenizer.json").exists()


def test_the_end_of_a_run_goes_into_a_folder_of_its_own_too(config, whole_run, tmp_path):
    """Nothing is left to train, and the tables and the best model are there all the same."""
    end = replace(config, output_dir=tmp_path / "end")
    train(replace(end, resume_from=str(whole_run / "checkpoints" / "step-9")), verbose=0)
    assert_same(tmp_path / "end", whole_run)
    assert len(train(replace(end, resume=True), verbose=0).history) == 3


def test_what_a_checkpoint_says_can_be_given_to_go_on(config, killed_run):
    """Also of a run that may replace another one."""
    saved = TrainConfig.load(killed_run / "checkpoints" / "step-5" / "run_config.json")
    assert saved == replace(config, output_dir=killed_run, keep_checkpoints=3)
    assert replace(saved, resume=True).resume


def test_other_sentences_to_choose_by_are_another_training(cut_short, corpus_dir, tmp_path):
    lines = (corpus_dir / "valid.conll").read_text().splitlines()
    other = tmp_path / "valid.conll"
    other.write_text("\n".join(["Lagos O", *lines[1:]]) + "\n")
    files = {name: corpus_dir / file for name, file in (("train_file", "train.conll"), ("test_file", "test.conll"))}
    with pytest.raises(OutputError, match="written while training on other sentences"):
        train(replace(cut_short, **files, validation_file=other), verbose=0)


def test_a_folder_that_the_user_made_stays(config, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ModelError):
        train(replace(config, output_dir=tmp_path / "mine", model=str(tmp_path / "nothing")), verbose=0)
    assert list((tmp_path / "mine").iterdir()) == []


def test_options_that_contradict_each_other():
    with pytest.raises(ConfigError, match="--overwrite and --resume; expected one of the two"):
        TrainConfig(resume=True, overwrite=True)
    with pytest.raises(ConfigError, match="--keep-checkpoints 0; expected at least 1"):
        TrainConfig(keep_checkpoints=0)


def test_one_run_a_folder(config, tmp_path):
    """The second is refused while the first one writes, whatever it is to do there."""

    class Second(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            for options in ({}, {"overwrite": True}, {"resume": True}):
                with pytest.raises(OutputError, match="run, to which another run is writing now; expected one run per"):
                    train(replace(config, output_dir=tmp_path / "run", **options), verbose=0)

    train(replace(config, output_dir=tmp_path / "run", epochs=1), callbacks=[Second()], verbose=0)
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize("task", ["ner", pytest.param("text-classification", marks=pytest.mark.slow)])
def test_a_loss_that_is_no_number_names_its_step_and_sentences(config, tmp_path, task):
    class Explode(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 3:
                self.model.trainable_variables[0].assign(self.model.trainable_variables[0] * float("nan"))

    rows = [("Ada lived in London .", "people"), ("Acme opened a shop .", "trade")] * 4
    options = {}
    if task != "ner":
        for split in ("train", "dev"):
            lines = ["text\tlabel", *("\t".join(row) for row in rows)]
            (tmp_path / f"{split}.tsv").write_text("\n".join(lines) + "\n")
        options = {"task": task, "dataset": str(tmp_path)}
    with pytest.raises(TrainingError, match="Received the loss nan at step 4, which trains on sentences") as raised:
        train(replace(config, output_dir=tmp_path / "run", **options), callbacks=[Explode()], verbose=0)
    numbers = raised.value.args[0].partition("sentences ")[2].partition(" of the training data")[0]
    rng = np.random.default_rng([config.seed, 1])
    shuffled = rng.permutation(8)
    assert sorted(int(number) - 1 for number in numbers.split(", ")) in [
        sorted(shuffled[start : start + 3]) for start in (0, 3, 6)
    ]
    assert "…'" in str(raised.value)
    assert steps_in(tmp_path / "run")[-1] == 3
    weights = load_file(tmp_path / "run" / "checkpoints" / "step-3" / "model.safetensors")
    assert all(np.isfinite(weight).all() for weight in weights.values())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 640 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=640k", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("a file system can only be mounted as root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_leaves_the_last_checkpoint_whole(config, whole_run, small_disk, tmp_path):
    """The model and two checkpoints of three times its size have room; a third one beside them has not."""
    with pytest.raises(OutputError, match=r"checkpoint.*(cannot be written|No space).*") as raised:
        train(replace(config, output_dir=small_disk / "run"), verbose=0)
    assert "--resume" in str(raised.value) or "Check the disk" in str(raised.value)
    checkpoint, _ = newest_checkpoint(small_disk / "run")
    assert not list((small_disk / "run" / "checkpoints").glob(".*"))
    roomy = tmp_path / "roomy"
    train(replace(config, output_dir=roomy, resume_from=str(checkpoint)), verbose=0)
    assert_same(roomy, whole_run)


class Raise(keras.callbacks.Callback):
    """Sends this process a signal, as a user or a cluster does."""

    def __init__(self, number, *, step, when="batch"):
        super().__init__()
        self.number, self.step, self.when = number, step, when

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step - 1:
            os.kill(os.getpid(), self.number)


class StopAndRaise(keras.callbacks.Callback):
    """Stops a training after five steps, as a limit of time does, and sends this process a signal."""

    def __init__(self, number=None):
        super().__init__()
        self.number = number

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 5:
            self.model.stop_training = True
            if self.number is not None:
                os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("loop", ["fit", pytest.param("custom", marks=pytest.mark.slow)])
def test_a_signal_to_a_training_that_is_stopped_loses_no_evaluation(config, tmp_path, loop):
    config = replace(config, loop=loop, save_every=None, eval_every=20, log_every=4)
    train(replace(config, output_dir=tmp_path / "whole"), callbacks=[StopAndRaise()], verbose=0)
    cut_short = replace(config, output_dir=tmp_path / "cut", resume=True)
    with pytest.raises(TrainingInterruptedError):
        train(cut_short, callbacks=[StopAndRaise(signal.SIGTERM)], verbose=0)
    train(cut_short, verbose=0)
    assert_same(tmp_path / "cut", tmp_path / "whole")


def test_a_signal_that_the_process_ignores_is_left_alone(config, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = train(
            replace(config, output_dir=tmp_path / "run", epochs=1), callbacks=[Raise(signal.SIGINT, step=2)], verbose=0
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.metrics["training"]["steps"] == 3


@pytest.fixture
def signals():
    """Those that a training heeds, as a terminal leaves them; a job in the background ignores one of them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "step", "exit_code", "options"),
    [
        (signal.SIGTERM, 2, 143, {"save_every": None}),
        (signal.SIGINT, 5, 130, {"save_every": 100, "loop": "custom"}),
        # The last step of an epoch, of which an evaluation is part; and the last of all.
        pytest.param(signal.SIGTERM, 3, 143, {}, marks=pytest.mark.slow),
        (signal.SIGTERM, 9, 143, {}),
    ],
)
def test_a_signal_saves_and_ends(config, whole_run, signals, tmp_path, number, step, exit_code, options):
    config = replace(config, output_dir=tmp_path / "run", **options)
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(TrainingInterruptedError) as raised:
        train(config, callbacks=[Raise(number, step=step)], verbose=0)
    assert raised.value.exit_code == exit_code
    assert f"Interrupted by {number.name} after step {step}" in str(raised.value)
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    assert newest_checkpoint(tmp_path / "run")[1].step == step
    if config.loop == "fit":
        train(replace(config, resume=True), verbose=0)
        assert_same(tmp_path / "run", whole_run)


def test_a_signal_while_a_checkpoint_is_written(config, tmp_path, monkeypatch):
    """Its writing is slow; the next signal-made one waits for it, and both are whole."""
    write = checkpoints.write_tensors

    def slowly(tensors, path):
        time.sleep(0.5)
        write(tensors, path)

    monkeypatch.setattr(checkpoints, "write_tensors", slowly)
    with pytest.raises(TrainingInterruptedError):
        train(replace(config, output_dir=tmp_path / "run"), callbacks=[Raise(signal.SIGTERM, step=5)], verbose=0)
    assert steps_in(tmp_path / "run") == [4, 5]
    for checkpoint in (tmp_path / "run" / "checkpoints").iterdir():
        TrainingState.read(checkpoint)


def test_training_does_not_wait_for_the_disk(config, tmp_path, monkeypatch):
    """What is written is what was there when it was taken, though the training has gone on meanwhile."""
    may_write, taken = threading.Event(), {}
    write = checkpoints.write_tensors

    def when_allowed(tensors, path):
        assert may_write.wait(timeout=600)
        write(tensors, path)

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            step = int(self.model.optimizer.iterations)
            if step == 3:
                taken.update({weight.name: weight.numpy() for weight in self.model.weights})
            if step == 5:
                # Two steps on, and the checkpoint of the third is still not written.
                assert steps_in(tmp_path / "run") == []
                may_write.set()

    def steps_in(folder):
        return [path.name for path in (folder / "checkpoints").iterdir() if not path.name.startswith(".")]

    monkeypatch.setattr(checkpoints, "write_tensors", when_allowed)
    once = replace(config, output_dir=tmp_path / "run", save_every=None, keep_checkpoints=9)
    train(once, callbacks=[Watch()], verbose=0)
    model, _ = load_trained(str(tmp_path / "run" / "checkpoints" / "step-3"))
    assert len(taken) == len(model.weights)
    for weight, (name, value) in zip(model.weights, taken.items(), strict=True):
        np.testing.assert_array_equal(weight.numpy(), value, err_msg=name)


def test_from_the_shell(config, whole_run, tmp_path, capsys):
    options = ["--model", config.model, "--dataset", config.dataset, "--output-dir", str(tmp_path / "run")]
    options += ["--epochs", "3", "--batch-size", "3", "--learning-rate", "3e-3", "--save-every", "1"]
    process = processes.Process(
        [sys.executable, "train_keras.py", *options], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    while not (tmp_path / "run" / "checkpoints" / "step-2").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors.splitlines()[-1].startswith("error: Interrupted by SIGTERM after step")
    cli.main(["train", *options, "--resume"])
    assert "Saved in" in capsys.readouterr().out
    assert_same(tmp_path / "run", whole_run)


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.usefixtures("graphs")
def test_kills_change_nothing(dropping_bert, tmp_path):
    """SIGKILL at random moments, in the middle of whatever is going on."""
    num_kills, longest_start, model, epochs = (10, 15, "minilm", 1) if IS_RELEASE else (3, 6, dropping_bert, 3)
    options = f"--dataset sample --max-eval-examples 60 --epochs {epochs} --learning-rate 3e-4 --save-every 3"
    options += " --log-every 5 --eval-every 20 --group-by-length --deterministic"
    command = [sys.executable, "train_keras.py", "--model", model, *options.split()]

    def start(name, *options):
        return processes.Process([*command, "--output-dir", tmp_path / name, *options], stdout=DEVNULL, cwd=ROOT)

    def newest_step():
        return max(steps_in(tmp_path / "killed") if (tmp_path / "killed" / "checkpoints").exists() else [], default=0)

    def steps_in(folder):
        return [int(path.name.removeprefix("step-")) for path in (folder / "checkpoints").glob("step-*")]

    assert start("whole").wait() == 0
    random_moment = random.Random(7)
    num_killed = 0
    for number in range(num_kills):
        process, before = start("killed", "--resume"), newest_step()
        if number % 3 == 2:
            # While it loads, or restores.
            time.sleep(random_moment.uniform(1, longest_start))
        else:
            while newest_step() <= before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(random_moment.uniform(0, 2))
        process.kill()
        if process.wait() == 0:
            # A machine so fast that it was finished before.
            break
        assert process.returncode == -signal.SIGKILL
        num_killed += 1
        left = sorted(path.name for path in (tmp_path / "killed" / "checkpoints").glob("*"))
        print(f"kill {number + 1}: had {before} steps before, left {left}")
    assert num_killed >= 2
    assert start("killed", "--resume").wait() == 0
    assert_same(tmp_path / "killed", tmp_path / "whole")

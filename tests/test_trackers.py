"""Runs that are reported to trackers, and what the trackers hold then."""

import csv
import json
import logging
import signal
import sys
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests import processes
from tests.wandb_files import read_wandb
from tf_ner import (
    ReportCallback,
    SeqevalCallback,
    TokenClassificationLoss,
    TrainConfig,
    load_untrained,
    make_dataset,
    train,
    train_seeds,
)
from tf_ner.cli.parsing import parse
from tf_ner.errors import ConfigError
from tf_ner.options.trackers import TRACKERS
from tf_ner.training.trackers.tensorboard import TensorBoardTracker
from tf_ner.training.trackers.tracked_run import TrackedRun, make_trackers
from tf_ner.training.trackers.tracker import Tracker

OFTEN = {"eval_every": 2, "log_every": 4, "save_every": 3}
KEY = "0123456789" * 4


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir):
    """Nine steps, three an epoch."""
    return TrainConfig(model=str(tiny_bert), dataset=str(corpus_dir), epochs=3, batch_size=3, learning_rate=3e-3)


def read_events(folder):
    """For each name in the event files of a run its values by step, in the order in which they were written."""
    values, texts = {}, {}
    for path in sorted((folder / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime_ns):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                array = tf.make_ndarray(value.tensor)
                if array.dtype == object:
                    texts[value.tag] = array.item().decode()
                else:
                    values.setdefault(value.tag, []).append((event.step, float(array)))
    return values, texts


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def assert_holds_tables(values, folder):
    """What a tracker holds is what the tables of the run hold: each name with its values by step, each step once."""
    expected = {}
    for row in rows_of(folder / "history.csv"):
        for name, value in row.items():
            if name.startswith("val_f1_"):
                name = f"validation/{name.removeprefix('val_f1_')}/f1"
            elif name == "val_strict_f1":
                name = "validation/strict/f1"
            elif name.startswith("val_"):
                name = f"validation/{name.removeprefix('val_')}"
            else:
                continue
            expected.setdefault(name, []).append((int(row["step"]), float(value)))
    table = folder / "losses.csv" if (folder / "losses.csv").exists() else folder / "history.csv"
    for row in rows_of(table):
        for name in ("loss", "learning_rate"):
            expected.setdefault(f"train/{name}", []).append((int(row["step"]), float(row[name])))
    for name, pairs in expected.items():
        assert [step for step, _ in values[name]] == [step for step, _ in pairs], name
        np.testing.assert_allclose([value for _, value in values[name]], [value for _, value in pairs], rtol=1e-6)
    steps = [step for step, _ in expected["train/loss"]]
    for name in ("train/sentences_per_second", "train/subwords_per_second", "train/grad_norm"):
        assert [step for step, _ in values[name]] == steps
        assert all(value > 0 for _, value in values[name])
    metrics = json.loads((folder / "metrics.json").read_text())
    last = metrics["training"]["steps"]
    for split in ("validation", "test"):
        [(step, f1)] = values[f"final/{split}/f1"]
        assert (step, f1) == (last, pytest.approx(metrics[split]["f1"]))
        [(_, support)] = values[f"final/{split}/LOC/support"]
        assert support == metrics[split]["per_label"]["LOC"]["support"]
    assert {name for name, pairs in values.items() if len({step for step, _ in pairs}) < len(pairs)} == set()


@pytest.mark.parametrize(
    ("loop", "options"), [("fit", OFTEN), ("custom", OFTEN), ("fit", {})], ids=["fit", "custom", "each epoch"]
)
def test_event_files_hold_what_the_tables_hold(config, tmp_path, loop, options):
    config = replace(config, output_dir=tmp_path / "run", loop=loop, report_to="tensorboard", **options)
    train(config, verbose=0)
    values, texts = read_events(tmp_path / "run")
    assert_holds_tables(values, tmp_path / "run")
    shown = json.loads(texts["options"])
    assert (shown["learning_rate"], shown["dataset"]) == (config.learning_rate, config.dataset)
    assert texts["final/test/confusion"].splitlines()[:2] == ["| gold | predicted | count |", "| --- | --- | --- |"]
    header = texts["final/test/wrong_spans"].splitlines()[0]
    assert header == "| kind | gold | predicted | before | words | after | score | sentence |"
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    counts = metrics["test"]["errors"]["counts"]
    assert len(texts["final/test/wrong_spans"].splitlines()) - 2 == sum(counts.values()) - counts["right"]
    [(_, num_missed)] = values["final/test/errors/missed"]
    assert num_missed == counts["missed"]
    # Nothing of it is among what says how the run is repeated.
    assert "--report-to" not in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize(
    "options",
    [{"steps_per_execution": 3}, {"logical_devices": 2, "batch_size": 2}, {"jit_compile": True, "pad_to_length": 32}],
    ids=repr,
)
def test_the_norm_of_gradients_is_the_same_whatever_takes_the_steps(config, tmp_path, options):
    config = replace(config, epochs=1, batch_size=4, log_every=1, report_to="tensorboard")
    norms = []
    for name, others in (("one", {}), ("other", options)):
        train(replace(config, output_dir=tmp_path / name, **others), verbose=0)
        values, _ = read_events(tmp_path / name)
        norms.append([value for _, value in values["train/grad_norm"]])
    assert len(norms[0]) == 2
    np.testing.assert_allclose(*norms, rtol=1e-3)


class KilledError(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Ends a training at one of its steps."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) in self.steps:
            raise KilledError


KILLED = """
import os, signal, sys, time
from pathlib import Path
import tf_keras as keras
from tf_ner import TrainConfig, train

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == int(sys.argv[2]):
            # What trackers hold back for a second is written.
            time.sleep(2)
            os.kill(os.getpid(), signal.SIGKILL)

config = TrainConfig.load(Path(sys.argv[1]))
train(config, callbacks=[Kill()], verbose=0)
"""


def kill_run(config, tmp_path, *, step):
    """Trains in a process of its own, which is killed after a step."""
    config.save(tmp_path / "options.json")
    done = processes.run([sys.executable, "-c", KILLED, str(tmp_path / "options.json"), str(step)])
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("save_every", [1, 3, None])
def test_a_run_that_was_killed_reports_no_step_twice(config, tmp_path, save_every):
    """Whether the last checkpoint is as late as the last report, earlier, or not there at all."""
    options = {"output_dir": tmp_path / "run", "resume": True, "log_every": 1, "save_every": save_every}
    config = replace(config, report_to="tensorboard", **options)
    # The second of them after a step that was reported and is taken again.
    for step in (3, 8) if save_every is not None else (2,):
        kill_run(config, tmp_path, step=step)
    record = json.loads((tmp_path / "run" / ".trackers.json").read_text())
    train(config, verbose=0)
    assert_holds_tables(read_events(tmp_path / "run")[0], tmp_path / "run")
    assert (
        json.loads((tmp_path / "run" / ".trackers.json").read_text())["tensorboard"]["id"]
        == (record["tensorboard"]["id"])
    )


def test_a_run_goes_on_elsewhere_with_the_id_of_its_checkpoint(config, tmp_path):
    config = replace(config, output_dir=tmp_path / "run", report_to="tensorboard", log_every=1, save_every=1)
    with pytest.raises(KilledError):
        train(config, callbacks=[KillAt(5)], verbose=0)
    checkpoint = str(tmp_path / "run" / "checkpoints" / "step-4")
    train(replace(config, output_dir=tmp_path / "other", resume_from=checkpoint), verbose=0)
    ids = {
        json.loads((tmp_path / name / ".trackers.json").read_text())["tensorboard"]["id"] for name in ("run", "other")
    }
    assert len(ids) == 1
    values, texts = read_events(tmp_path / "other")
    assert [step for step, _ in values["train/loss"]] == [5, 6, 7, 8, 9]
    assert "options" in texts


def test_what_replaces_a_run_is_a_run_of_its_own(config, tmp_path):
    config = replace(config, output_dir=tmp_path / "run", epochs=1, report_to="tensorboard")
    train(config, verbose=0)
    first = json.loads((tmp_path / "run" / ".trackers.json").read_text())
    train(replace(config, overwrite=True, learning_rate=1e-3), verbose=0)
    second = json.loads((tmp_path / "run" / ".trackers.json").read_text())
    assert first["tensorboard"]["id"] != second["tensorboard"]["id"]
    values, texts = read_events(tmp_path / "run")
    assert json.loads(texts["options"])["learning_rate"] == 1e-3
    assert_holds_tables(values, tmp_path / "run")


def test_a_run_that_goes_on_may_be_reported_elsewhere(config, tmp_path):
    """And a finished one is finished wherever it was reported."""
    config = replace(config, output_dir=tmp_path / "run", save_every=1, log_every=1)
    with pytest.raises(KilledError):
        train(config, callbacks=[KillAt(5)], verbose=0)
    train(replace(config, resume=True, report_to="tensorboard", run_name="late"), verbose=0)
    values, _ = read_events(tmp_path / "run")
    assert values["train/loss"][-1][0] == 9
    train(replace(config, resume=True), verbose=0)
    assert read_events(tmp_path / "run")[0] == values


class Faulty(Tracker):
    """Fails every second time that it is asked, with all that a package might raise."""

    name = "faulty"
    packages = ("tensorflow",)
    advice = "Look elsewhere"
    asked = 0
    reported: list
    errors = (OSError(28, "No space left on device"), RuntimeError(f"bad key\n{KEY}"), SystemExit(3), KeyError("a"))

    def _answer(self, *report):
        type(self).asked += 1
        if self.asked % 2 == 0:
            raise self.errors[self.asked // 2 % len(self.errors)]
        self.reported.append(report)

    def start(self, run):
        self._answer("start")

    def log(self, values, *, step, row):
        self._answer(step, dict(values))

    def log_table(self, name, columns, rows, *, step, row):
        self._answer(step, name)

    def finish(self, *, failed):
        self._answer("finish")


class NeverStarts(Faulty):
    name = "never"

    def start(self, run):
        raise ConnectionError("no network")

    def log(self, values, *, step, row):
        raise AssertionError("it has not begun")


@pytest.mark.parametrize(("name", "loop"), [("faulty", "fit"), ("faulty", "custom"), ("never", "fit")])
def test_a_tracker_that_fails_ends_nothing_and_is_told_of_once(config, tmp_path, monkeypatch, caplog, name, loop):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    kind = {"faulty": Faulty, "never": NeverStarts}[name]
    monkeypatch.setitem(TRACKERS, name, f"{__name__}:{kind.__name__}")
    monkeypatch.setattr(Faulty, "asked", 0)
    monkeypatch.setattr(Faulty, "reported", [], raising=False)
    often = replace(config, loop=loop, **{**OFTEN, "log_every": 1})
    train(replace(often, output_dir=tmp_path / "plain"), verbose=0)
    with caplog.at_level(logging.DEBUG):
        train(replace(often, output_dir=tmp_path / "run", report_to=(name, "tensorboard")), verbose=0)
    told = [record.getMessage() for record in caplog.records if "Could not report" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith(f"Could not report to {name} (")
    assert "Look elsewhere, or leave out --report-to" in told[0]
    assert "\n" not in told[0]
    assert KEY not in caplog.text
    own = {".trackers.json", "tensorboard"}
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files - own == {path.name for path in (tmp_path / "plain").iterdir()}
    # The others hear of everything, and so does this one of every second report.
    assert_holds_tables(read_events(tmp_path / "run")[0], tmp_path / "run")
    if name == "faulty":
        assert Faulty.asked == 1 + 9 + 5 + 1 + 4 + 1
        assert len(Faulty.reported) == (Faulty.asked + 1) // 2


def test_no_secret_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(Faulty, "asked", 3)
    monkeypatch.setattr(Faulty, "reported", [], raising=False)
    monkeypatch.setattr(Faulty, "errors", (RuntimeError(f"bad key\n{KEY}"),))
    with TrackedRun([Faulty()], tmp_path, name="a"):
        pass
    assert "RuntimeError: bad key …" in caplog.text
    assert KEY not in caplog.text
    assert KEY not in (tmp_path / ".trackers.json").read_text()


def test_what_is_remembered_may_be_lost(tmp_path):
    """A full disk, or somebody's hand, costs at most that steps are reported again."""
    for content in ("", "{", "[]", '{"tensorboard": {"id": 3}}'):
        (tmp_path / ".trackers.json").write_text(content)
        with TrackedRun([TensorBoardTracker()], tmp_path, name="a", is_resumed=True) as run:
            run.log({"a": 1.0}, step=1, kind="train")
    with TrackedRun([TensorBoardTracker()], tmp_path / "new", name="a") as run:
        (tmp_path / "new" / ".trackers.json").unlink()
        (tmp_path / "new" / ".trackers.json").mkdir()
        run.log({"a": 1.0}, step=1, kind="train")
    assert read_events(tmp_path / "new")[0] == {"a": [(1, 1.0)]}


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_package_that_is_missing_is_told_before_anything_is_done(config, tmp_path, name):
    config = replace(config, output_dir=tmp_path / "run", report_to=name)
    with mock.patch.dict(sys.modules, {name: None}):
        with pytest.raises(ConfigError, match=rf'--report-to {name} without .*`pip install "tf-ner\[{name}\]"`'):
            train(config, verbose=0)
        assert name not in [tracker.name for tracker in make_trackers(["all"])]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("--report-to tensorboard wandb", ("tensorboard", "wandb")),
        ("--report_to wandb --run_name first", ("wandb",)),
        ("--report-to none", ("none",)),
        ("--report-to all", ("all",)),
    ],
)
def test_trackers_are_named_as_in_transformers(typed, expected):
    assert parse(["train", *typed.split()]).config.report_to == expected


@pytest.mark.parametrize("names", [("mlflow",), ("none", "wandb"), ("all", "wandb"), ("wandb", "wandb"), ()])
def test_trackers_that_there_are_not(names):
    with pytest.raises(ConfigError, match=r"Received --report-to .*; expected tensorboard, wandb, trackio, each at"):
        TrainConfig(report_to=names)


def test_none_is_no_tracker():
    assert make_trackers(["none"]) == make_trackers(None) == []
    with pytest.raises(ConfigError, match="Received the tracker 'mlflow'; expected tensorboard, wandb"):
        make_trackers(["mlflow"])


def test_seeds_are_a_group(config, tmp_path):
    options = {"output_dir": tmp_path / "three", "report_to": "tensorboard", "epochs": 1}
    train_seeds(replace(config, **options), (1, 2), verbose=0)
    for seed in (1, 2):
        folder = tmp_path / "three" / f"seed-{seed}"
        saved = TrainConfig.load(folder / "run_config.json")
        assert (saved.run_name, saved.run_group) == (f"three-seed-{seed}", "three")
        assert_holds_tables(read_events(folder)[0], folder)
    # What is finished is kept, wherever it was reported.
    before = (tmp_path / "three" / "seed-1" / "metrics.json").stat().st_mtime_ns
    train_seeds(replace(config, **options | {"report_to": None}), (1,), verbose=0)
    assert (tmp_path / "three" / "seed-1" / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("log_every", [None, 2])
def test_around_a_fit_of_your_own(task, tiny_bert, corpus, tmp_path, log_every):
    windows = task.encode_split(corpus["train"]).windows
    model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
    model.compile(keras.optimizers.Adam(1e-2), loss=TokenClassificationLoss())
    scores = SeqevalCallback(corpus["validation"], task)
    report = ReportCallback(
        "tensorboard", tmp_path, options={"rate": 1e-2}, log_every=log_every, evaluation=scores if log_every else None
    )

    class AtTheEnd(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            report.log_table("wrong", ["words", "count"], [["a | b", 3]])

    dataset = make_dataset(windows, tokenizer=task.tokenizer, batch_size=4, epochs=3, shuffle=True)
    fitted = model.fit(dataset, epochs=3, steps_per_epoch=2, callbacks=[scores, report, AtTheEnd()], verbose=0).history
    values, texts = read_events(tmp_path)
    assert [step for step, _ in values["train/loss"]] == [2, 4, 6]
    assert [step for step, _ in values["validation/f1"]] == [2, 4, 6]
    np.testing.assert_allclose([value for _, value in values["validation/f1"]], fitted["val_f1"], rtol=1e-6)
    of_label = "validation/LOC/f1" if log_every else "validation/f1_LOC"
    np.testing.assert_allclose([value for _, value in values[of_label]], fitted["val_f1_LOC"], rtol=1e-6)
    np.testing.assert_allclose([value for _, value in values["train/learning_rate"]], 1e-2, rtol=1e-6)
    assert json.loads(texts["options"]) == {"rate": 1e-2}
    assert texts["wrong"].splitlines()[2] == r"| a \| b | 3 |"


SPLITS, TABLES = ("validation", "test"), ("confusion", "wrong_spans")


class TestWandb:
    """With the real client, offline, whose files are read back when it has ended."""

    @pytest.fixture(autouse=True)
    def offline(self, tmp_path, monkeypatch):
        wandb = pytest.importorskip("wandb", reason="W&B is an extra")
        # It reads the environment once.
        wandb.teardown()
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_DIR", str(tmp_path))
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_SILENT", "true")

    def test_it_holds_what_the_tables_hold_and_no_key(self, config, tmp_path):
        config = replace(config, output_dir=tmp_path / "run", report_to="wandb", run_name="first", run_group="of two")
        train(replace(config, **OFTEN), verbose=0)
        [file] = tmp_path.glob("wandb/offline-run-*/*.wandb")
        found = read_wandb([file])
        assert_holds_tables(found.values, tmp_path / "run")
        assert (found.project, found.name, found.group) == ("tf-ner", "first", "of two")
        assert found.config["learning_rate"] == config.learning_rate
        assert found.config["dataset"] == config.dataset
        assert found.tables == {f"final/{split}/{table}" for split in SPLITS for table in TABLES}
        read = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not [content for content in read if KEY.encode() in content]

    def test_a_run_that_was_killed_reports_no_step_twice(self, config, tmp_path):
        options = {"output_dir": tmp_path / "run", "resume": True, "log_every": 1, "save_every": 3}
        config = replace(config, report_to="wandb", **options)
        for step in (4, 8):
            kill_run(config, tmp_path, step=step)
        train(config, verbose=0)
        files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
        found = read_wandb(files)
        assert len(files) == 3
        assert len({file.name for file in files}) == 1
        assert_holds_tables(found.values, tmp_path / "run")
        # W&B's own steps, which must never go back.
        assert found.rows == sorted(set(found.rows))

    def test_seeds_are_a_group(self, config, tmp_path):
        config = replace(config, output_dir=tmp_path / "three", report_to="wandb", epochs=1)
        train_seeds(config, (1, 2), verbose=0)
        files = tmp_path.glob("wandb/offline-run-*/*.wandb")
        runs = [read_wandb([file]) for file in files]
        assert {run.name for run in runs} == {"three-seed-1", "three-seed-2"}
        assert {run.group for run in runs} == {"three"}

    def test_a_run_that_is_open_is_used_and_left_open(self, tmp_path):
        import wandb

        with wandb.init(project="own", name="mine", mode="offline") as own:
            own.log({"before": 1.0})
            with TrackedRun(make_trackers(["wandb"]), tmp_path / "run", name="other") as run:
                run.log({"train/loss": 1.0}, step=3, kind="train")
            own.log({"after": 1.0})
        [file] = tmp_path.glob("wandb/offline-run-*/*.wandb")
        found = read_wandb([file])
        assert (found.project, found.name) == ("own", "mine")
        assert found.values["train/loss"] == [(3, 1.0)]
        assert len(found.rows) == 3


class TestTrackio:
    """With the real package, whose database is read back."""

    @pytest.fixture(autouse=True)
    def own_database(self, tmp_path, monkeypatch):
        trackio = pytest.importorskip("trackio", reason="trackio is an extra, and needs an environment of its own")
        for module in (trackio.utils, trackio.sqlite_storage):
            monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
        # For processes, which have yet to import it.
        monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
        monkeypatch.setenv("TRACKIO_PROJECT", "towns")

    @staticmethod
    def read(tmp_path):
        """For each run its values by name and step, and its options."""
        import sqlite3

        [path] = (tmp_path / "trackio").glob("*.db")
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id").fetchall()
            configs = dict(database.execute("SELECT run_name, config FROM configs").fetchall())
        runs = {}
        for run, step, metrics in rows:
            for name, value in json.loads(metrics).items():
                if isinstance(value, int | float):
                    runs.setdefault(run, {}).setdefault(name, []).append((step, float(value)))
        return runs, {run: json.loads(config) for run, config in configs.items()}

    def test_it_holds_what_the_tables_hold(self, config, tmp_path):
        config = replace(config, output_dir=tmp_path / "run", report_to="trackio", run_group="two", **OFTEN)
        train(config, verbose=0)
        runs, configs = self.read(tmp_path)
        [name] = runs
        assert name.startswith("run-")
        assert_holds_tables(runs[name], tmp_path / "run")
        assert configs[name]["learning_rate"] == config.learning_rate
        assert configs[name]["_Group"] == "two"

    def test_a_run_that_was_killed_reports_no_step_twice(self, config, tmp_path):
        options = {"output_dir": tmp_path / "run", "resume": True, "log_every": 1, "save_every": 3}
        config = replace(config, report_to="trackio", **options)
        for step in (4, 8):
            kill_run(config, tmp_path, step=step)
        train(config, verbose=0)
        runs, _ = self.read(tmp_path)
        [name] = runs
        assert_holds_tables(runs[name], tmp_path / "run")

    def test_a_database_that_cannot_be_written_is_told_of_once(self, config, tmp_path, caplog, capfd):
        (tmp_path / "trackio").write_text("not a folder")
        config = replace(config, output_dir=tmp_path / "run", report_to=("trackio", "tensorboard"), log_every=1)
        train(config, verbose=0)
        [told] = [line for line in caplog.text.splitlines() if "Could not report" in line]
        assert "Could not report to trackio (FileExistsError: " in told
        assert "Look at the folder that TRACKIO_DIR names" in told
        assert "Traceback" not in capfd.readouterr().err
        assert_holds_tables(read_events(tmp_path / "run")[0], tmp_path / "run")

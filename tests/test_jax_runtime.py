"""The same training on JAX's devices, on several, gone on with, and begun on the other runtime."""

import csv
import dataclasses
import json
import shutil
import sys
import time
from dataclasses import replace

import jax
import numpy as np
import pytest
import tf_keras as keras

from tests.test_resume import KillAt, KilledError
from tests.test_strategies import assert_equal_runs, config, finished, run, run_left_in, start  # noqa: F401 a fixture
from tf_ner import TrainConfig, train
from tf_ner.errors import ConfigError
from tf_ner.models.dropout import drawing_from
from tf_ner.training import jax_runtime
from tf_ner.training.jax_runtime import JaxStrategy
from tf_ner.training.job import prepare_job
from tf_ner.training.loops import batches_to_train, make_step
from tf_ner.training.steps_at_once import Calls
from tf_ner.training.strategies import choose_strategy

pytestmark = pytest.mark.usefixtures("graphs")

# As many as the tests below need, before JAX is first used in this process.
jax.config.update("jax_num_cpu_devices", 4)

FIXED = {"pad_to_length": 40, "batch_size": 4}
ON_JAX = {"runtime": "jax", "logical_devices": 1, **FIXED}

ON = {"tensorflow": FIXED, "jax": ON_JAX}


@pytest.fixture(scope="module")
def expected(config, tmp_path_factory):  # noqa: F811
    return run(replace(config, **FIXED), tmp_path_factory.mktemp("tensorflow") / "run")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"logical_devices": 1}, id="one device"),
        pytest.param({"logical_devices": 2, "batch_size": 2}, id="two devices"),
        pytest.param({"logical_devices": 4, "batch_size": 1, "loop": "custom"}, id="four, the loop written out"),
        pytest.param({"logical_devices": 2, "batch_size": 1, "accumulate": 2}, id="two, accumulated"),
    ],
)
def test_the_same_training_as_tensorflow_s(config, expected, tmp_path, options):  # noqa: F811
    found = run(replace(config, **ON_JAX | options), tmp_path / "run")
    assert_equal_runs(found, expected)
    assert found[1]["training"]["replicas"] == options["logical_devices"]


@pytest.mark.parametrize("first", ["tensorflow", "jax"])
def test_a_run_begun_on_one_runtime_goes_on_with_the_other(config, expected, tmp_path, first):  # noqa: F811
    options = replace(config, save_every=1, resume=True)
    with pytest.raises(KilledError):
        train(replace(options, **ON[first], output_dir=tmp_path / "run"), callbacks=[KillAt(4)], verbose=0)
    other = "jax" if first == "tensorflow" else "tensorflow"
    losses, metrics, weights = run(replace(options, **ON[other]), tmp_path / "run")
    assert len(losses) < 6
    assert_equal_runs(([*expected[0][: -len(losses)], *losses], metrics, weights), expected)


@pytest.mark.slow
def test_a_killed_run_goes_on(config, expected, tmp_path):  # noqa: F811
    options = replace(config, **ON_JAX, save_every=1, resume=True)
    log = tmp_path / "killed"
    process = start(options, tmp_path / "run", log)
    while not (tmp_path / "run" / "checkpoints" / "step-2").exists():
        assert process.poll() is None, log.read_text()
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "run" / "metrics.json").exists()
    finished(start(options, tmp_path / "run", tmp_path / "resumed"), tmp_path / "resumed")
    assert_equal_runs(run_left_in(tmp_path / "run"), expected)


class Watch(keras.callbacks.Callback):
    """Keeps a weight as it is after each step, and halves it after one."""

    def __init__(self, *, halves_at=None):
        super().__init__()
        self.seen = []
        self._halves_at = halves_at

    def on_train_batch_end(self, batch, logs=None):
        weight = self.model.classifier.kernel
        self.seen.append(weight.numpy())
        if len(self.seen) == self._halves_at:
            weight.assign(weight / 2)


def test_tables_have_the_same_rates(config, tmp_path):  # noqa: F811
    tables = []
    for runtime in ("tensorflow", "jax"):
        options = {"output_dir": tmp_path / runtime, "epochs": 2, "log_every": 1, "warmup_ratio": 0.5}
        train(replace(config, **ON[runtime], **options), verbose=0)
        with (tmp_path / runtime / "losses.csv").open() as file:
            tables.append([float(row["learning_rate"]) for row in csv.DictReader(file)])
    assert tables[0] == tables[1]
    assert len(set(tables[0])) > 2


def test_full_rows_may_be_shared_out_otherwise_later(config, expected, tmp_path):  # noqa: F811
    options = replace(config, pad_to_length=40, runtime="jax", output_dir=tmp_path / "run", save_every=1, resume=True)
    with pytest.raises(KilledError):
        train(replace(options, rows_per_step=2, logical_devices=1), callbacks=[KillAt(2)], verbose=0)
    result = train(replace(options, rows_per_step=1, logical_devices=2), verbose=0)
    assert result.metrics["training"]["replicas"] == 2


def test_callbacks_find_the_weights_of_the_moment_and_may_change_them(config, tmp_path):  # noqa: F811
    seen = {}
    for halves_at in (None, 2):
        for runtime in ("tensorflow", "jax"):
            watch = Watch(halves_at=halves_at)
            options = replace(config, **ON[runtime], output_dir=tmp_path / f"{runtime}-{halves_at}")
            train(options, callbacks=[watch], verbose=0)
            seen[runtime, halves_at] = np.array(watch.seen)
        np.testing.assert_allclose(seen["jax", halves_at], seen["tensorflow", halves_at], atol=1e-4)
    assert len({weights.tobytes() for weights in seen["jax", None]}) == 6
    assert np.abs(seen["jax", 2][2] - seen["jax", None][2]).max() > 0.001


def test_there_is_one_program_to_train_and_one_to_score(config, tmp_path, monkeypatch):  # noqa: F811
    compiled = []
    on_each = JaxStrategy.on_each

    def count(self, program, **options):
        made = on_each(self, program, **options)
        compiled.append(made)
        return made

    monkeypatch.setattr(JaxStrategy, "on_each", count)
    result = train(replace(config, **ON_JAX, output_dir=tmp_path / "run"), verbose=0)
    assert result.metrics.keys() == {"validation", "test", "training"}
    assert [program._cache_size() for program in compiled] == [1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "--precision float16; expected bfloat16 on JAX"),
        ({"packing": "off"}, "--runtime jax and --packing off; expected one of the two"),
        ({"strategy": "mirrored"}, "--runtime jax and --strategy mirrored; expected one of the two"),
    ],
)
def test_options_that_do_not_go_with_jax(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(runtime="jax", **options)


def test_without_jax_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ConfigError, match=r'without JAX; expected it.*pip install "tf-ner\[jax\]"'):
        choose_strategy(runtime="jax", logical_devices=3)


def test_several_machines_are_not_for_jax(monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(ConfigError, match="--runtime jax and several machines in TF_CONFIG; expected one machine"):
        choose_strategy(runtime="jax")


def test_sentences_that_cannot_be_packed_are_not_for_jax(config, tmp_path, tiny_bert):  # noqa: F811
    relative = tmp_path / "relative"
    shutil.copytree(tiny_bert, relative)
    settings = json.loads((relative / "config.json").read_text())
    (relative / "config.json").write_text(json.dumps(settings | {"position_embedding_type": "relative_key"}))
    with pytest.raises(ConfigError, match=r"not packed \(its positions are relative_key\); .* for JAX"):
        train(replace(config, **ON_JAX, model=str(relative), output_dir=tmp_path / "run"), verbose=0)


def test_more_devices_than_jax_has():
    with pytest.raises(ConfigError, match="--logical-devices 5 in a process where JAX has 4"):
        choose_strategy(runtime="jax", logical_devices=5)


def test_accelerators_draw_dropout_from_a_hash(config, tmp_path, monkeypatch):  # noqa: F811
    drawn = []
    monkeypatch.setattr(jax_runtime, "drawing_from", lambda name: drawn.append(name) or drawing_from(name))
    job = prepare_job(replace(config, **ON_JAX), JaxStrategy(jax.devices()[:1]))
    for platform, expected in (("cpu", "philox"), ("gpu", "hash"), ("tpu", "hash")):
        on = dataclasses.replace(job, strategy=JaxStrategy(jax.devices()[:1], platform=platform))
        _, training = make_step(on, Calls(1, ()))
        [batch] = batches_to_train(on).dataset.take(1)
        training(*batch)
        assert drawn[-1] == expected

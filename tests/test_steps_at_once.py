"""Several steps a call of the devices: the same training, and everything at its step."""

import csv
import signal
from dataclasses import replace

import jax
import numpy as np
import pytest
import tf_keras as keras

from tests.test_resume import left_by
from tests.test_strategies import config  # noqa: F401 a fixture
from tf_ner import TrainConfig, train
from tf_ner.errors import ConfigError, TrainingError, TrainingInterruptedError
from tf_ner.training.jax_runtime import JaxStrategy
from tf_ner.training.steps_at_once import Calls, StepsAtOnce, plan_calls
from tf_ner.training.strategies import choose_strategy

pytestmark = pytest.mark.usefixtures("graphs")

jax.config.update("jax_num_cpu_devices", 4)

FIXED = {"pad_to_length": 40, "batch_size": 1}
ON = {
    "tensorflow": {"batch_size": 1},
    "tensorflow, accumulated": {"batch_size": 1, "accumulate": 2},
    "jax, accumulated": {"runtime": "jax", "logical_devices": 1, **FIXED, "accumulate": 2},
    "in fixed rows": FIXED,
    "jax": {"runtime": "jax", "logical_devices": 1, **FIXED},
    "two devices of jax": {"runtime": "jax", "logical_devices": 2, **FIXED},
}


@pytest.fixture
def calls(monkeypatch):
    """How many steps each call took; `calls.then` is called after each step, with its number in the process."""
    made = Made()
    take, step = StepsAtOnce.__init__, StepsAtOnce.__call__

    def init(self, taken, *arguments, **options):
        def counted(batches, number):
            made.append(number)
            return taken(batches, number)

        take(self, counted, *arguments, **options)

    def call(self, batches):
        loss = step(self, batches)
        made.num_steps += 1
        made.then(made.num_steps)
        return loss

    monkeypatch.setattr(StepsAtOnce, "__init__", init)
    monkeypatch.setattr(StepsAtOnce, "__call__", call)
    return made


class Made(list):
    num_steps = 0

    def then(self, step):
        pass


def assert_close(folder, other):
    """The same steps, rates and scores; what the order of additions changes is allowed."""
    (metrics, tables, weights), (expected_metrics, expected_tables, expected) = left_by(folder), left_by(other)
    for split in ("validation", "test"):
        assert metrics[split]["f1"] == expected_metrics[split]["f1"]
    assert tables.keys() == expected_tables.keys() == {"history.csv", "losses.csv"}
    for name, rows in tables.items():
        found, wanted = (
            np.array([list(map(float, row.values())) for row in of]) for of in (rows, expected_tables[name])
        )
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    for name, weight in weights.items():
        np.testing.assert_allclose(weight, expected[name], atol=1e-3)


def test_calls_end_where_somebody_looks():
    taken = []

    def take(batches, number):
        first = sum(taken)
        taken.append(number)
        return np.arange(first, first + number)

    steps = StepsAtOnce(take, Calls(4, (10, 7)), first_step=3)
    assert [steps(iter([])) for _ in range(17)] == list(range(17))
    # After 7, 10, 14 and 20.
    assert taken == [4, 3, 4, 4, 2]


@pytest.mark.parametrize("where", ON)
def test_the_same_training_with_everything_at_its_step(config, tmp_path, calls, where):  # noqa: F811
    # An epoch has seven steps, or four.
    options = replace(config, **ON[where], log_every=6, eval_every=5, save_every=3, keep_checkpoints=20)
    train(replace(options, output_dir=tmp_path / "one", steps_per_execution=1), verbose=0)
    calls.clear()
    result = train(replace(options, output_dir=tmp_path / "several", steps_per_execution=4), verbose=0)
    assert_close(tmp_path / "several", tmp_path / "one")
    assert result.metrics["training"]["trace_count"] == 1
    num_steps = result.metrics["training"]["steps"]
    looked_at = {step for step in range(1, num_steps + 1) if step in (num_steps,) or not all(map(step.__mod__, (3, 5)))}
    assert looked_at <= set(np.cumsum(calls))
    assert sum(calls) == num_steps
    assert max(calls) > 1


def test_a_signal_ends_it_behind_the_last_step_of_a_call(config, tmp_path, calls):  # noqa: F811
    options = replace(config, **ON["jax"], log_every=7, steps_per_execution=4)
    train(replace(options, output_dir=tmp_path / "whole"), verbose=0)
    calls.num_steps = 0
    calls.then = lambda step: signal.raise_signal(signal.SIGTERM) if step == 9 else None
    with pytest.raises(TrainingInterruptedError, match="step 11"):
        train(replace(options, output_dir=tmp_path / "run"), verbose=0)
    train(replace(options, output_dir=tmp_path / "run", resume=True, steps_per_execution=2), verbose=0)
    assert_close(tmp_path / "run", tmp_path / "whole")


class EachStep(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.optimizer.iterations.numpy()))


@pytest.mark.parametrize("where", ["tensorflow", "jax"])
def test_callbacks_of_steps_see_each(config, tmp_path, calls, where):  # noqa: F811
    watch = EachStep()
    options = replace(config, **ON[where], output_dir=tmp_path / "run", epochs=1, steps_per_execution=4)
    train(options, callbacks=[watch], verbose=0)
    assert watch.seen == list(range(1, 8))
    assert set(calls) <= {1}


def test_the_step_that_gave_no_number_is_named(config, tmp_path, monkeypatch):  # noqa: F811
    step = StepsAtOnce.__call__
    losses = iter([1.0, float("nan")])
    monkeypatch.setattr(StepsAtOnce, "__call__", lambda self, batches: step(self, batches) * 0 + next(losses))
    with pytest.raises(TrainingError, match="loss nan at step 2, which trains on"):
        train(replace(config, **ON["tensorflow"], output_dir=tmp_path / "run", steps_per_execution=4), verbose=0)


def test_rates_in_tables_are_those_of_their_steps(config, tmp_path):  # noqa: F811
    tables = []
    for where in ("tensorflow", "jax"):
        for number in (1, 4):
            folder = tmp_path / f"{where}-{number}"
            options = {"output_dir": folder, "log_every": 3, "warmup_ratio": 0.5, "steps_per_execution": number}
            train(replace(config, **ON[where] | options), verbose=0)
            with (folder / "losses.csv").open() as file:
                tables.append([float(row["learning_rate"]) for row in csv.DictReader(file)])
    for table in tables:
        assert table == pytest.approx(tables[0])
    assert len(tables[0]) == 7


def planned(strategy=None, *, steps_per_epoch=100, told_every=None, watches_steps=False, **options):
    strategy = strategy or choose_strategy("single")
    return plan_calls(
        TrainConfig(**options),
        strategy,
        steps_per_epoch=steps_per_epoch,
        told_every=told_every,
        watches_steps=watches_steps,
    )


def test_how_many_steps_a_call_takes():
    tpu = JaxStrategy(jax.devices()[:1], platform="tpu")
    assert planned() == Calls(1, (100,))
    assert planned(steps_per_execution=7) == Calls(7, (100,))
    assert planned(tpu) == Calls(16, (100,))
    assert planned(tpu, loop="custom").most == 1
    assert planned(tpu, watches_steps=True).most == 1
    # No more than any call could take.
    assert planned(tpu, steps_per_epoch=9).most == 9
    assert planned(tpu, log_every=1).most == 1
    assert planned(tpu, told_every=10, eval_every=50, save_every=20) == Calls(10, (100, 50, 20, 10))


@pytest.mark.parametrize("where", ["tensorflow", "jax"])
def test_epochs_end_with_a_call(config, tmp_path, calls, where):  # noqa: F811
    options = replace(config, **ON[where], epochs=2, log_every=7)
    train(replace(options, output_dir=tmp_path / "one", steps_per_execution=1, log_every=7), verbose=0)
    calls.clear()
    # One who watches epochs alone, though Keras's has a hook for steps.
    kept = keras.callbacks.ModelCheckpoint(str(tmp_path / "kept.weights.h5"), save_weights_only=True)
    train(replace(options, output_dir=tmp_path / "several", steps_per_execution=4), callbacks=[kept], verbose=0)
    assert calls == [4, 3, 4, 3]
    assert_close(tmp_path / "several", tmp_path / "one")


def test_a_loop_written_out_takes_one():
    with pytest.raises(ConfigError, match="--steps-per-execution 2 and --loop custom; expected one of the two"):
        TrainConfig(steps_per_execution=2, loop="custom")

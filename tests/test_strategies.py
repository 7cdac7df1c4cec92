"""The same training on one device, on several, on several machines, and as a TPU would run it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors.numpy import load_file
from transformers import BertConfig, TFBertForTokenClassification

from tests import processes
from tests.conftest import TEST, VALIDATION
from tests.test_loop import Losses
from tf_ner import (
    TokenClassificationLoss,
    TrainConfig,
    choose_strategy,
    evaluate,
    load_trained,
    load_untrained,
    make_dataset,
    make_optimizer,
    make_train_step,
    train,
)
from tf_ner.errors import ConfigError, ModelError
from tf_ner.models import dropout
from tf_ner.models.dropout import dropping_by, make_dropout_repeatable, seed_of_step
from tf_ner.models.loading import outputs_in_float32
from tf_ner.models.weights import load_optimizer, optimizer_values, write_tensors
from tf_ner.options.commands import EvaluateConfig
from tf_ner.training.checkpoints.checkpoints import newest_checkpoint
from tf_ner.training.strategies import computing_in

pytestmark = pytest.mark.usefixtures("graphs")

ROOT = Path(__file__).parents[1]

ONE = {"batch_size": 4}
FIXED = {"pad_to_length": 40}
SAME = {
    "padded": {"packing": "off"},
    "padded, the loop written out": {"packing": "off", "loop": "custom"},
    "padded and accumulated": {"batch_size": 1, "accumulate": 4, "packing": "off"},
    "padded on two devices": {"batch_size": 2, "logical_devices": 2, "packing": "off"},
    "two devices": {"batch_size": 2, "logical_devices": 2},
    "two devices, the loop written out": {"batch_size": 2, "logical_devices": 2, "loop": "custom"},
    "accumulated": {"batch_size": 1, "accumulate": 4},
    "two devices, accumulated": {"batch_size": 1, "accumulate": 2, "logical_devices": 2},
    "one shape": FIXED,
    "one shape, the loop written out": {**FIXED, "loop": "custom"},
    "one shape on two devices, accumulated": {**FIXED, "batch_size": 1, "accumulate": 2, "logical_devices": 2},
    "compiled": {**FIXED, "jit_compile": True},
    "compiled and accumulated": {**FIXED, "batch_size": 2, "accumulate": 2, "jit_compile": True},
}
# The step of two replicas is compared with that of one in test_train_step.py and test_loop.py too.
SLOW = {
    "padded, the loop written out",
    "padded and accumulated",
    "padded on two devices",
    "two devices, the loop written out",
    "two devices",
    "one shape, the loop written out",
    "two devices, accumulated",
    "one shape on two devices, accumulated",
    "compiled and accumulated",
}
# Compiled is among those above, with accumulation.
ONLY_BEFORE_A_RELEASE = {"compiled"}


def marks(name):
    return [pytest.mark.slow] * (name in SLOW) + [pytest.mark.release] * (name in ONLY_BEFORE_A_RELEASE)


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir):
    """Seven sentences to learn from and five to score: three times a batch of four and one of three."""
    return TrainConfig(
        model=str(tiny_bert),
        dataset=str(corpus_dir),
        epochs=3,
        learning_rate=1e-2,
        max_train_examples=7,
        max_eval_examples=5,
        eval_batch_size=3,
    )


def run(config, folder):
    """Trains; gives the loss of each step, the metrics and the weights."""
    watch = Losses()
    result = train(replace(config, output_dir=folder), callbacks=[watch], verbose=0)
    return watch.losses, result.metrics, load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def expected(config, tmp_path_factory):
    return run(replace(config, **ONE), tmp_path_factory.mktemp("one") / "run")


def assert_equal_runs(found, expected, *, num_steps=6):
    (losses, metrics, weights), (expected_losses, expected_metrics, expected_weights) = found, expected
    assert len(losses) == len(expected_losses) == num_steps
    np.testing.assert_allclose(losses, expected_losses, rtol=0, atol=1e-5)
    for split in ("validation", "test"):
        without_loss = {name: value for name, value in metrics[split].items() if name != "loss"}
        assert without_loss == {name: expected_metrics[split][name] for name in without_loss}
        assert metrics[split]["loss"] == pytest.approx(expected_metrics[split]["loss"], abs=1e-5)
        assert metrics[split]["words_scored"] == metrics[split]["words"]
    assert metrics["training"]["trace_count"] == 1
    for name, weight in weights.items():
        np.testing.assert_allclose(weight, expected_weights[name], atol=1e-3)


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in SAME])
def test_the_same_training_however_it_is_shared(config, expected, tmp_path, name):
    found = run(replace(config, **ONE | SAME[name]), tmp_path / "run")
    assert_equal_runs(found, expected)
    training = found[1]["training"]
    assert training["replicas"] == SAME[name].get("logical_devices", 1)


def start(config, folder, log, **environment):
    """Trains in a process of its own, with the losses in `losses.csv`."""
    options = replace(config, output_dir=folder, log_every=1)
    options.save(log.with_suffix(".json"))
    command = [sys.executable, str(ROOT / "train_keras.py"), "--config", str(log.with_suffix(".json"))]
    return processes.Process(
        [*command, *(["--resume"] if config.resume else [])],
        env=os.environ | {"PYTHONPATH": str(ROOT), **environment},
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )


def finished(process, log):
    assert process.wait(timeout=600) == 0, log.read_text()


def run_left_in(folder):
    """What `run` gives, of a finished run."""
    lines = (folder / "losses.csv").read_text().splitlines()
    column = lines[0].split(",").index("loss")
    metrics = json.loads((folder / "metrics.json").read_text())
    return [float(line.split(",")[column]) for line in lines[1:]], metrics, load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_four_devices(config, expected, tmp_path):
    log = tmp_path / "four"
    finished(start(replace(config, batch_size=1, logical_devices=4), tmp_path / "run", log), log)
    assert "Mirrored, 4 replicas (CPU:0, CPU:1, CPU:2, CPU:3): batches of 1 per replica, 4 in total" in log.read_text()
    assert_equal_runs(run_left_in(tmp_path / "run"), expected)


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(config, tmp_path, *, of_each=({}, {})):
    """Trains with real worker processes on the loopback interface; all have the same output folder."""
    number = len(of_each)
    addresses = [f"127.0.0.1:{port}" for port in free_ports(number)]
    logs = [tmp_path / f"worker-{index}-{time.monotonic_ns()}" for index in range(number)]
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(number)]
    workers = [
        start(replace(config, **options), tmp_path / "run", log, TF_CONFIG=json.dumps(task))
        for options, log, task in zip(of_each, logs, tasks, strict=True)
    ]
    return workers, logs


@pytest.mark.slow
def test_two_machines_take_the_steps_of_one(config, expected, tmp_path):
    workers, logs = start_workers(replace(config, batch_size=2, report_to="tensorboard"), tmp_path)
    for worker, log in zip(workers, logs, strict=True):
        finished(worker, log)
    assert "batches of 2 per replica, 4 in total" in logs[0].read_text()
    assert len(list((tmp_path / "run" / "tensorboard").glob("events.*"))) == 1
    # The other one has nothing to show.
    assert ["Saved in" in log.read_text() for log in logs] == [True, False]
    assert_equal_runs(run_left_in(tmp_path / "run"), expected)
    workers, logs = start_workers(replace(config, batch_size=2, resume=True), tmp_path)
    for worker, log in zip(workers, logs, strict=True):
        finished(worker, log)
    assert ["Saved in" in log.read_text() for log in logs] == [True, False]


@pytest.mark.slow
def test_a_machine_that_is_gone_ends_the_others_and_all_go_on_together(config, tmp_path):
    """200 steps, which are those of one machine, before and after the break."""
    # What rounding changes grows from step to step: at this rate it stays at 1e-7, at three times this rate not.
    config = replace(config, learning_rate=3e-4, batch_size=2, epochs=100, save_every=20, eval_every=50, log_every=1)
    train(replace(config, batch_size=4, output_dir=tmp_path / "one"), verbose=0)
    workers, logs = start_workers(config, tmp_path)
    while len(list((tmp_path / "run" / "checkpoints").glob("step-*"))) < 2:
        assert all(worker.poll() is None for worker in workers), logs[0].read_text()
        time.sleep(0.02)
    workers[1].kill()
    begin = time.monotonic()
    assert workers[0].wait(timeout=60) == 2
    print(f"the other machine ended {time.monotonic() - begin:.1f} s after the kill")
    assert "error: Received no response from another machine in TF_CONFIG" in logs[0].read_text()
    workers, logs = start_workers(replace(config, resume=True), tmp_path)
    for worker, log in zip(workers, logs, strict=True):
        finished(worker, log)
    assert "resuming after step" in logs[0].read_text()
    assert_equal_runs(run_left_in(tmp_path / "run"), run_left_in(tmp_path / "one"), num_steps=200)


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_a_signal_to_one_machine_ends_all_with_the_state_saved(config, tmp_path, index):
    config = replace(config, batch_size=2, epochs=100, log_every=1)
    workers, logs = start_workers(config, tmp_path)
    while not (tmp_path / "run" / "losses.csv").exists():
        assert all(worker.poll() is None for worker in workers), logs[0].read_text()
        time.sleep(0.02)
    workers[index].terminate()
    assert [worker.wait(timeout=60) for worker in workers] == [143, 143], [log.read_text() for log in logs]
    for log in logs:
        assert re.search(r"error: Interrupted by SIGTERM after step \d+; .*--resume", log.read_text())
    _, state = newest_checkpoint(tmp_path / "run")
    assert state.step == len((tmp_path / "run" / "losses.csv").read_text().splitlines()) - 1
    assert 0 < state.step < 200


@pytest.mark.slow
def test_an_address_that_is_taken_is_told(config, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses = [f"127.0.0.1:{taken.getsockname()[1]}", f"127.0.0.1:{free_ports(1)[0]}"]
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 0}}
        worker = start(config, tmp_path / "run", tmp_path / "log", TF_CONFIG=json.dumps(task))
        assert worker.wait(timeout=120) == 2
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert last.startswith("error: Received TF_CONFIG, whose machines cannot be joined")
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"max_train_examples": 6}, {"learning_rate": 1e-3}], ids=repr)
def test_machines_with_other_data_or_options_do_not_train_together(config, tmp_path, other):
    workers, logs = start_workers(config, tmp_path, of_each=[{}, other])
    assert [worker.wait(timeout=120) for worker in workers] == [2, 2]
    for log in logs:
        assert "error: Received data, options or checkpoints that differ from those of another" in log.read_text()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_as_a_tpu_would_run_it_there_is_one_program_to_train_and_one_to_score(config, tmp_path, jit_compile):
    """XLA writes down each program that it compiles."""
    log, programs = tmp_path / "log", tmp_path / "programs"
    fixed = {"pad_to_length": 16, "jit_compile": jit_compile, "batch_size": 4}
    flags = f"--xla_dump_to={programs} --xla_dump_hlo_as_text"
    finished(start(replace(config, **fixed), tmp_path / "run", log, XLA_FLAGS=flags), log)
    compiled = [path.name.split(".")[1] for path in programs.glob("*before_optimizations.txt")]
    expected = ["train_step", "step"] if jit_compile else []
    assert sorted(name.rpartition("_inference_")[2].rstrip("_0123456789") for name in compiled) == sorted(expected)
    # Most sentences are longer than 16 subwords.
    assert re.search(r"sentences exceed 16 subwords; split into \d+ windows, 0 words lost", log.read_text())
    _, metrics, _ = run_left_in(tmp_path / "run")
    for split, sentences in (("validation", VALIDATION), ("test", TEST)):
        num_words = sum(len(sentence.split()) for sentence in sentences[: config.max_eval_examples])
        assert metrics[split]["words_scored"] == metrics[split]["words"] == num_words


REFUSED = [
    ({"logical_devices": 3}, "--logical-devices 3 in a process that already has 2"),
    (
        {"logical_devices": 2, "jit_compile": True},
        "--jit-compile with 2 devices; expected one, since XLA cannot compile",
    ),
    ({"precision": "float16"}, "--precision float16 and no GPU; expected one"),
    (
        {"tpu": True},
        r"--tpu on a machine without a TPU \(no chip of one.*On Colab.*Kaggle.*Google",
    ),
    (
        {"strategy": "tpu", "tpu_name": "mine"},
        r"--tpu, whose TPU 'mine' cannot be used \(TensorFlow .*On Colab.*Kaggle.*Google",
    ),
    ({"strategy": "multiworker"}, "Received TF_CONFIG ''"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_devices_that_cannot_be(config, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        train(replace(config, output_dir=tmp_path / "run", **options), verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tpu": True, "strategy": "mirrored"}, "--tpu and --strategy mirrored; expected one of the two"),
        ({"tpu_name": "mine"}, "--tpu-name mine without --tpu; expected both or neither"),
        ({"tpu": True, "logical_devices": 2}, "--logical-devices 2 and --tpu; expected one of the two"),
        ({"tpu": True, "precision": "float16"}, "--precision float16; expected bfloat16 on a TPU"),
        ({"strategy": "horovod"}, "--strategy horovod; expected one of auto, single, mirrored, multiworker, tpu"),
        ({"rows_per_step": 2, "packing": "off"}, "--rows-per-step 2 and --packing off; expected one of the two"),
        (
            {"rows_per_step": 2, "group_by_length": True},
            "--rows-per-step 2 and --group-by-length; expected one of",
        ),
        ({"precision": "int8"}, "--precision int8; expected one of float32, bfloat16, float16"),
        ({"pad_to_length": 2}, "--pad-to-length 2; expected at least 3"),
        ({"push_checkpoints": True}, "--push-checkpoints without --push-to-hub; expected both"),
    ],
)
def test_options_that_do_not_fit_together(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**options)


def test_each_step_drops_other_values(tiny_bert, task, corpus):
    model = TFBertForTokenClassification(BertConfig.from_pretrained(tiny_bert, hidden_dropout_prob=0.5, num_labels=9))
    model(model.dummy_inputs)
    windows = task.encode_split(corpus["train"]).windows
    [batch] = make_dataset(windows, tokenizer=task.tokenizer, batch_size=8)

    def losses():
        optimizer = make_optimizer(learning_rate=1e-30, num_steps=9, weight_decay=0.0, max_grad_norm=None)
        step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, seed=5, piece_size=3)
        return [float(step(*batch)) for _ in range(3)]

    first = losses()
    assert len(set(first)) == 3
    assert losses() == first


def test_gradients_that_are_no_numbers_are_told_with_their_step(tiny_bert, task, corpus):
    """The loss may be one all the same, and the weights are spoilt."""
    model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
    model.classifier.kernel.assign(model.classifier.kernel * 1e25)
    windows = task.encode_split(corpus["train"]).windows
    [(inputs, labels)] = make_dataset(windows, tokenizer=task.tokenizer, batch_size=8)
    optimizer = make_optimizer(learning_rate=1e-3, num_steps=4, max_grad_norm=None)
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer)
    assert np.isfinite(float(TokenClassificationLoss()(labels, model(inputs).logits)))
    assert np.isnan(float(step(inputs, labels)))


def test_the_one_length_is_read_back_and_is_no_more_than_the_encoder_reads(config, tmp_path):
    short = replace(config, output_dir=tmp_path / "run", pad_to_length=10, epochs=1)
    metrics = train(short, verbose=0).metrics
    _, task = load_trained(str(tmp_path / "run"))
    assert task.max_length == 10
    again = evaluate(EvaluateConfig(model=str(tmp_path / "run"), dataset=config.dataset, max_eval_examples=5))
    assert again["test"]["loss"] == pytest.approx(metrics["test"]["loss"], rel=1e-5)
    with pytest.raises(ConfigError, match="--pad-to-length 65; expected at most 64, the encoder's limit"):
        train(replace(config, output_dir=tmp_path / "long", pad_to_length=65), verbose=0)


def test_a_tpu_has_one_shape():
    assert TrainConfig(tpu=True).fixed_length == TrainConfig(strategy="tpu").fixed_length == 128
    assert TrainConfig(tpu=True, pad_to_length=64).fixed_length == 64
    assert TrainConfig().fixed_length is None


@pytest.mark.parametrize(
    "tf_config",
    [
        "{",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "boss", "index": 0}}',
        '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_tf_config_that_is_wrong_is_told(tf_config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config)
    with pytest.raises(ConfigError, match=r"Received TF_CONFIG .*; expected something like .*cluster"):
        choose_strategy()


def test_alone_in_tf_config_nobody_is_waited_for(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}')
    with pytest.raises(ConfigError, match="Received --logical-devices and several machines; expected one of the two"):
        choose_strategy(logical_devices=2)
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}')
    assert choose_strategy() is tf.distribute.get_strategy()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_and_logits_are_float32_in_any_precision(config, tmp_path, precision):
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            inputs = {name: tf.constant([[2, 5, 6, 3]]) for name in ("input_ids", "attention_mask")}
            outputs = self.model(inputs, output_hidden_states=True)
            seen["hidden"], seen["logits"] = outputs.hidden_states[-1].dtype, outputs.logits.dtype
            seen["weights"] = {weight.dtype for weight in self.model.weights}

    config = replace(config, output_dir=tmp_path / "run", precision=precision)
    result = train(config, callbacks=[Look()], verbose=0)
    assert seen == {"hidden": tf.as_dtype(precision), "logits": tf.float32, "weights": {tf.float32}}
    assert result.metrics["training"]["precision"] == precision
    assert keras.mixed_precision.global_policy().name == "float32"
    assert result.history[-1]["loss"] < result.history[0]["loss"]


def test_the_loss_is_scaled_where_gradients_would_vanish(tiny_bert, task, corpus, tmp_path):
    """float16 as on a GPU: the same steps as float32, nearly, and one whose gradients overflow changes nothing."""
    windows = task.encode_split(corpus["train"]).windows
    batches = list(make_dataset(windows, tokenizer=task.tokenizer, batch_size=8, epochs=4, shuffle=True))
    losses = {}
    for precision in ("float32", "float16"):
        keras.utils.set_random_seed(1)
        with computing_in(precision):
            model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
            outputs_in_float32(model)
        optimizer = make_optimizer(
            learning_rate=1e-2, num_steps=4, max_grad_norm=None, scale_loss=precision == "float16"
        )
        step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer)
        losses[precision] = [float(step(*batch)) for batch in batches]
    np.testing.assert_allclose(losses["float16"], losses["float32"], rtol=2e-2)
    assert int(optimizer.iterations) == 4
    # Scaled so far that they are no numbers.
    optimizer._loss_scale._current_loss_scale.assign(1e30)
    before = [weight.numpy() for weight in model.trainable_variables]
    step(*batches[0])
    assert all(
        np.array_equal(weight.numpy(), old) for weight, old in zip(model.trainable_variables, before, strict=True)
    )
    assert (int(optimizer.iterations), float(optimizer.loss_scale)) == (5, pytest.approx(5e29))
    # A checkpoint remembers how far it is scaled.
    path = tmp_path / "optimizer.safetensors"
    write_tensors(optimizer_values(optimizer), path)
    other = make_optimizer(learning_rate=1e-2, num_steps=4, max_grad_norm=None, scale_loss=True)
    other.build(model.trainable_variables)
    load_optimizer(other, path)
    assert (int(other.iterations), float(other.loss_scale)) == (5, float(optimizer.loss_scale))
    with pytest.raises(ModelError, match="written by another optimizer or for other weights"):
        load_optimizer(make_optimizer(learning_rate=1e-2, num_steps=4), path)


def test_dropout_follows_from_seed_step_and_layer(deeper_bert, task, corpus, monkeypatch):
    config = BertConfig.from_pretrained(deeper_bert, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    keras.utils.set_random_seed(1)
    model = TFBertForTokenClassification(config)
    model(model.dummy_inputs)
    make_dropout_repeatable(model)
    make_dropout_repeatable(model)
    inputs = {"input_ids": tf.constant([[2, 5, 6, 7, 3]])}

    def outputs(seed, step):
        with dropping_by(None if seed is None else seed_of_step(seed, tf.constant(step))):
            return model(inputs, training=True, output_hidden_states=True)

    assert np.array_equal(outputs(1, 3).logits, outputs(1, 3).logits)
    for other in ((1, 4), (2, 3), (2**32 - 1, 3), (None, 3)):
        assert not np.array_equal(outputs(1, 3).logits, outputs(*other).logits)
    # After the embeddings about half is zero, and the rest is twice as large.
    dropped = outputs(1, 3).hidden_states[0].numpy()
    whole = model(inputs, training=False, output_hidden_states=True).hidden_states[0].numpy()
    assert 0.3 < (dropped == 0).mean() < 0.7
    np.testing.assert_allclose(dropped[dropped != 0], 2 * whole[dropped != 0], rtol=1e-5)
    assert np.array_equal(model(inputs, training=False).logits, model(inputs, training=False).logits)
    # Layers draw one after the other, so that those which share their weights do not drop the same.
    seeds = []
    monkeypatch.setattr(dropout, "drop", lambda values, rate, seed: seeds.append(tuple(seed.numpy())) or values)
    outputs(1, 3)
    assert len(set(seeds)) == len(seeds) == 8

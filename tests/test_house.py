"""The design, held against the code."""

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import tf_ner
from tf_ner.options.commands import (
    CheckConfig,
    CompareConfig,
    ConvertConfig,
    EvaluateConfig,
    ExportConfig,
    FindErrorsConfig,
    PredictConfig,
    PushConfig,
    TpuCheckConfig,
)
from tf_ner.options.kinds import Kind, kinds_of
from tf_ner.options.tasks import TASKS
from tf_ner.options.train import TrainConfig
from tf_ner.tasks.registry import task_class
from tf_ner.tasks.task import Task

PACKAGE = Path(tf_ner.__file__).parent
# Each room, those above it that it needs, and nothing below.
MAY_IMPORT = {
    "options": set(),
    "corpus": {"options"},
    "evaluation": {"options", "corpus"},
    "tasks": {"options", "corpus", "evaluation"},
    "batches": {"tasks"},
    "models": {"options", "tasks"},
    "learning": {"options", "corpus", "tasks", "models"},
    "card": {"options", "corpus", "evaluation", "tasks"},
    "hub": {"options", "models", "card"},
    "training": {"options", "corpus", "evaluation", "tasks", "batches", "models", "learning", "card", "hub"},
    "inference": {"options", "corpus", "evaluation", "tasks", "batches", "models", "card", "training"},
    "cli": {"options", "corpus", "evaluation", "tasks", "hub", "training", "inference"},
}
BELOW_ALL = {"tf_ner.errors", "tf_ner.files", "tf_ner.hub_client", "tf_ner.tables", "tf_ner.tensorflow_tpu"}


def imports(file: Path) -> set[str]:
    """Every module a file imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_follow_the_way_of_the_data(room):
    used = set()
    for file in (PACKAGE / room).rglob("*.py"):
        others = {name for name in imports(file) if name.startswith("tf_ner")} - BELOW_ALL
        used |= {name.split(".")[1] for name in others} - {room}
    assert used == MAY_IMPORT[room]
    rooms = [*MAY_IMPORT]
    assert all(rooms.index(name) < rooms.index(room) for name in used)


@pytest.mark.parametrize("name", sorted(BELOW_ALL))
def test_what_is_below_all_rooms_needs_none(name):
    file = PACKAGE / f"{name.removeprefix('tf_ner.')}.py"
    assert {other for other in imports(file) if other.startswith("tf_ner")} <= BELOW_ALL


def test_no_imports_go_in_a_circle():
    """Not even those inside functions or for types; a file whose imports all lead elsewhere is taken away, in turn."""
    files = {".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts): file for file in PACKAGE.rglob("*.py")}
    files = {name.removesuffix(".__init__"): file for name, file in files.items()}
    left = {name: imports(file) & files.keys() - {name} for name, file in files.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        left = {name: others for name, others in left.items() if name not in free}
    assert left == {}


def test_every_room_is_in_the_table():
    rooms = {folder.name for folder in PACKAGE.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    assert rooms == MAY_IMPORT.keys()


@pytest.mark.parametrize(
    "file", [file for room in ("options", "corpus", "evaluation") for file in (PACKAGE / room).rglob("*.py")]
)
def test_options_corpus_and_evaluation_need_no_model_library(file):
    assert not {name.partition(".")[0] for name in imports(file)} & {"tensorflow", "tf_keras", "transformers"}


@pytest.mark.parametrize(
    ("loads", "files"),
    [
        (r"\b(TFAutoModel\w*|_model_class\(\w+\))\.from_pretrained", {"models/loading.py"}),
        (r"\bAutoTokenizer\.from_pretrained", {"tasks/tokenizers.py"}),
        (r"\bAutoConfig\.from_pretrained", {"tasks/tokenizers.py"}),
    ],
)
def test_only_one_file_loads_models(loads, files):
    texts = {file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}
    assert {name for name, text in texts.items() if re.search(loads, text)} == files


def test_only_the_commands_print():
    printing = set()
    for file in PACKAGE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        called = {ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)}
        streams = {node.attr.strip("_") for node in nodes if isinstance(node, ast.Attribute)} & {"stdout", "stderr"}
        if "print" in called or streams:
            printing.add(file.relative_to(PACKAGE).as_posix())
    # The streams are made usable for them in a file of its own.
    of_commands = {f"cli/{name}.py" for name in ("commands", "parsing", "streams", "terminal")}
    # What is copied beside an exported model is a command of its own.
    assert printing == of_commands | {"inference/export/copied/predict.py"}


def read_of_configs(file: Path) -> set[str]:
    """Which attributes of what is called `config` a file reads; what defines them does not count."""
    if file.parent.name == "options":
        return set()
    attributes = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Attribute)]
    return {node.attr for node in attributes if ast.unparse(node.value).split(".")[-1].endswith("config")}


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig,
        EvaluateConfig,
        ExportConfig,
        PredictConfig,
        PushConfig,
        CompareConfig,
        ConvertConfig,
        CheckConfig,
        FindErrorsConfig,
        TpuCheckConfig,
    ],
)
def test_every_option_is_read(config):
    read = set().union(*(read_of_configs(file) for file in PACKAGE.rglob("*.py")))
    files = dict.fromkeys(("train_file", "validation_file", "test_file"), "files")
    labels = dict.fromkeys(("map_label", "ignore_label"), "new_labels")
    others = {
        "threshold": "thresholds",
        "output_dir": "run_dir",
        "pad_to_length": "fixed_length",
        "class_weights": "loss_weights",
        "output": "output" if config is not ExportConfig else "folder",
        "run_name": "tracked_name",
    }
    through_properties = {**files, **labels, **others}
    for field in dataclasses.fields(config):
        assert through_properties.get(field.name, field.name) in read, field.name


def test_every_option_of_a_run_says_what_it_is():
    kinds = kinds_of(TrainConfig)
    assert [name for name, kind in kinds.items() if not kind] == []
    # What says which training it is cannot also leave its results as they are.
    assert [name for name, kind in kinds.items() if kind & Kind.STEPS and kind & Kind.NO_RESULT] == []


@pytest.mark.parametrize("name", TASKS)
def test_each_task_of_the_table_is_whole(name):
    kind = task_class(name)
    assert issubclass(kind, Task)
    assert not inspect.isabstract(kind)
    assert kind.own_options in Kind.OF_TAGS | Kind.OF_TEXTS
    assert TrainConfig(task=name).task == name


def test_public_names_are_there():
    for name in tf_ner.__all__:
        assert getattr(tf_ner, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tf_ner.nothing


def test_every_public_name_has_a_docstring():
    for name in set(tf_ner.__all__) - {"__version__"}:
        assert getattr(tf_ner, name).__doc__, name

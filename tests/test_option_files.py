"""Options from a saved run or from YAML, and what the command line says over them."""

import json
from pathlib import Path

import pytest

from tf_ner import cli
from tf_ner.cli.parsing import parse
from tf_ner.errors import ConfigError
from tf_ner.options.commands import DEMO, TrainCommand
from tf_ner.options.train import TrainConfig

YAML = """\
# The recipe of our last paper.
model: minilm
learning-rate: 2e-5
epochs: 5
weight_decay: 0
dataset_config: 2003
class-weights: [O=0.5, PER=2]
language: bn
train-file: data/train.conll
output_dir: null
group-by-length: true
"""


@pytest.fixture
def yaml_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


def test_yaml_is_read_as_it_is_meant(yaml_file):
    assert TrainConfig.load(yaml_file) == TrainConfig(
        model="minilm",
        learning_rate=2e-5,
        epochs=5,
        weight_decay=0.0,
        dataset_config="2003",
        class_weights=("O=0.5", "PER=2"),
        language=("bn",),
        train_file=Path("data/train.conll"),
        group_by_length=True,
    )


def test_a_saved_run_is_read(tmp_path):
    config = TrainConfig(learning_rate=1e-5, columns=("word", "ner"), early_stopping_patience=2, output_dir=Path("a"))
    config.save(tmp_path / "run_config.json")
    assert parse(["train", "--config", str(tmp_path / "run_config.json")]).config == config


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ("", {}),
        ("--epochs 4", {"epochs": 4}),
        # Given, though they are the defaults without a file.
        ("--epochs 3 --no-group-by-length", {"epochs": 3, "group_by_length": False}),
        ("--language --learning-rate 2e-5", {"language": ()}),
        ("--class-weights balanced --train-file None", {"class_weights": ("balanced",), "train_file": None}),
    ],
)
def test_the_command_line_wins(yaml_file, given, changed):
    values = {**vars(TrainConfig.load(yaml_file)), **changed}
    for arguments in (["--config", str(yaml_file), *given.split()], [*given.split(), f"--config={yaml_file}"]):
        assert parse(["train", *arguments]) == TrainCommand(config=TrainConfig(**values), options_file=yaml_file)


def test_options_are_judged_together_with_those_of_the_file(tmp_path):
    (tmp_path / "a.json").write_text('{"task": "pos"}', encoding="utf-8-sig")
    config = parse(["train", "--config", str(tmp_path / "a.json"), "--map-label", "NN=O"]).config
    assert (config.task, config.map_label) == ("pos", ("NN=O",))


def test_a_file_wins_over_the_demo(tmp_path):
    (tmp_path / "a.yaml").write_text("epochs: 9")
    config = parse(["train", "--demo", "--config", str(tmp_path / "a.yaml"), "--seed", "1"]).config
    assert (config.epochs, config.seed, config.model) == (9, 1, "minilm")
    assert config.learning_rate == DEMO.learning_rate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 2\nlearning-rat: 1", "a.yaml:2: received the option learning-rat; expected .* mean learning_rate?"),
        ("tasks: pos", "a.yaml:1: received the option tasks; expected one .* mean task?"),
        ("epochs: three", 'a.yaml:1: received epochs: "three"; expected a whole number'),
        ("epochs: 2.0", "a.yaml:1: received epochs: 2.0; expected a whole number"),
        ("epochs: true", "a.yaml:1: received epochs: true; expected a whole number"),
        ("epochs:", "a.yaml:1: received epochs: null; expected a whole number"),
        ("\n\nlearning-rate: fast", 'a.yaml:3: received learning_rate: "fast"; expected a number'),
        ("group-by-length: 1", "a.yaml:1: received group_by_length: 1; expected true or false"),
        # Norway's code.
        ("language: [en, no]", r'a.yaml:1: received language: \["en", false\]; expected a list of texts.*quotes'),
        ("dataset-revision: 1.10", "a.yaml:1: received dataset_revision: 1.1; expected text"),
        ("model: [a, b]", "a.yaml:1: received model: .* expected text"),
        ("epochs: 0", "a.yaml: Received --epochs 0; expected at least 1"),
        ("schedule: step", "a.yaml: Received --schedule step; expected one of linear"),
        ("- epochs", "a.yaml: received no options; expected names with values"),
        ("", "a.yaml: received no options"),
        ("epochs: 3\nepochs: 5", r"a.yaml \(epochs is given twice\)"),
        ("learning-rate: 1\nlearning_rate: 1", "a.yaml:2: received the option learning_rate twice; expected it once"),
        ("epochs: " + "[" * 3000, r"a.yaml \(.*\); expected the run_config.json"),
        ("a: b: c", r"a.yaml \(mapping values are not allowed here.*line 1.*\); expected the run_config.json"),
        ("epochs: !!python/object/apply:os.system [false]", "could not determine a constructor"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path, text, message, capsys):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        TrainConfig.load(tmp_path / "a.yaml")
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "--config", str(tmp_path / "a.yaml")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"epochs": 1,\n "modle": "x"}', r"a.json:2: received the option modle; expected .* mean model\?"),
        ('{"epochs": "1"}', 'a.json:1: received epochs: "1"; expected a whole number'),
        ('{"epochs": 1, "epochs": 2}', r"a.json \(epochs is given twice\)"),
        ("[" * 200_000, r"a.json \(.*\); expected the run_config.json"),
        ("{", r"a.json \(.*\); expected the run_config.json"),
    ],
)
def test_a_saved_run_that_was_changed_by_hand(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        TrainConfig.load(tmp_path / "a.json")


def test_every_option_comes_back_from_json_and_from_yaml(tmp_path):
    import yaml

    values = {
        "train_file": "a", "columns": ["word", "ner"], "scheme": "bioes", "map_label": ["GPE=LOC"], "comments": True,
        "max_length": 9, "weight_decay": 1e-7, "widget": ["A: b", "c: d"], "best_metric": "f1", "eval_every": 5,
    }  # fmt: skip
    config = TrainConfig(**values)
    config.save(tmp_path / "a.json")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(json.loads((tmp_path / "a.json").read_text())), encoding="utf-8")
    assert TrainConfig.load(tmp_path / "a.json") == TrainConfig.load(tmp_path / "a.yaml") == config

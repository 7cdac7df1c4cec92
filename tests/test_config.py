import os
from pathlib import Path

import pytest

from tf_ner import EvaluateConfig, TrainConfig
from tf_ner.errors import ConfigError, OutputError
from tf_ner.files import folder_filled_whole, replaced_whole


def test_a_saved_config_loads_to_an_equal_one(tmp_path):
    config = TrainConfig(model="minilm", train_file=Path("a/train.conll"), output_dir=Path("out"), max_length=100)
    config.save(tmp_path / "run_config.json")
    assert TrainConfig.load(tmp_path / "run_config.json") == config


def test_several_values_are_saved_and_loaded(tmp_path):
    config = TrainConfig(language=("en", "bn"), license="cc-by-4.0", widget=("A: b", "c"))
    config.save(tmp_path / "run_config.json")
    assert TrainConfig.load(tmp_path / "run_config.json") == config
    assert TrainConfig(language="en", widget=[]) == TrainConfig(language=("en",), widget=())


@pytest.mark.parametrize(
    "options",
    [
        {"language": ("english",)},
        {"language": ("en", "en_US")},
        {"language": ("EN",)},
        {"license": "Apache-2.0"},
        {"license": "MIT License"},
        {"license": ""},
        {"widget": ("a", " ")},
        {"widget": ("title: ",)},
        {"widget": ("--a",)},
    ],
    ids=repr,
)
def test_a_card_that_the_hub_would_refuse(options):
    [option] = options
    with pytest.raises(ConfigError, match=f"Received --{option} "):
        TrainConfig(**options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "polynomial"}, "one of linear, cosine, constant"),
        ({"loop": "while"}, "one of fit, custom"),
        ({"layer_decay": 0.0}, "more than 0 and at most 1"),
        ({"layer_decay": 1.1}, "more than 0 and at most 1"),
        ({"label_smoothing": -0.1}, "0 or more and less than 1"),
        ({"label_smoothing": 1.0}, "0 or more and less than 1"),
        *(({name: 0}, "at least 1") for name in ("accumulate", "eval_every", "log_every", "save_every")),
        ({"rows_per_step": 0}, "at least 1"),
        ({"runtime": "torch"}, "one of auto, tensorflow, jax"),
        ({"early_stopping_patience": 0}, "at least 1"),
        ({"freeze_layers": -1}, "at least 0"),
        ({"learning_rate": float("inf")}, "a finite number above 0"),
        ({"weight_decay": float("nan")}, "a finite number of at least 0|at least 0"),
        ({"max_grad_norm": float("inf")}, "a finite number above 0"),
        ({"class_weights": ("O",)}, "`balanced`, or NAME=WEIGHT"),
        ({"class_weights": ("O=-1",)}, "`balanced`, or NAME=WEIGHT"),
        ({"class_weights": ("O=nan",)}, "`balanced`, or NAME=WEIGHT"),
        ({"class_weights": ("O=1e999",)}, "`balanced`, or NAME=WEIGHT"),
        ({"class_weights": (f"O={10**400}",)}, "`balanced`, or NAME=WEIGHT"),
        ({"class_weights": ("balanced", "O=1")}, "`balanced`, or NAME=WEIGHT"),
    ],
    ids=repr,
)
def test_a_recipe_that_cannot_work(options, expected):
    [option] = options
    with pytest.raises(ConfigError, match=f"Received --{option.replace('_', '-')} .*; expected {expected}"):
        TrainConfig(**options)


@pytest.mark.parametrize(
    "options", [{"language": ("en", "bn", "yue", "multilingual", "code")}, {"license": "llama3.1"}]
)
def test_a_card_that_the_hub_takes(options):
    TrainConfig(**options)


@pytest.mark.parametrize(
    ("given", "title", "text"),
    [
        ("Rome is old.", "", "Rome is old."),
        ("A city: Rome is old.", "A city", "Rome is old."),
        ("At 10:30 he left.", "", "At 10:30 he left."),
        ("Speech: He said: come.", "Speech", "He said: come."),
        (": He said: come.", "", "He said: come."),
        ("শহর: ঢাকা বড়।", "শহর", "ঢাকা বড়।"),
    ],
)
def test_a_title_stands_before_a_colon_and_a_space(given, title, text):
    assert TrainConfig(widget=(given,)).widget_examples == [(title, text)]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"modle": "x"}', '{"epochs": 0}', '{"epochs": "three"}'])
def test_a_file_that_is_no_config(tmp_path, text):
    (tmp_path / "run_config.json").write_text(text)
    with pytest.raises(ConfigError):
        TrainConfig.load(tmp_path / "run_config.json")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "runs/bert-base-cased-conll2003"),
        ({"model": "org/xlm r", "dataset": "my/set"}, "runs/xlm-r-set"),
        ({"model": "minilm", "train_file": Path("/data/news/train.txt")}, "runs/minilm-news"),
        ({"output_dir": Path("here")}, "here"),
    ],
)
def test_a_run_is_named_after_model_and_data(options, expected):
    assert TrainConfig(**options).run_dir == Path(expected)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), replaced_whole(path) as temporary:
        temporary.write_text(f"half{1 / 0}")
    assert path.read_text() == "before"
    with replaced_whole(path) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_filled_only_on_success(tmp_path):
    with pytest.raises(ZeroDivisionError), folder_filled_whole(tmp_path) as temporary:
        (temporary / "a").write_text(f"half{1 / 0}")
    assert list(tmp_path.iterdir()) == []
    with folder_filled_whole(tmp_path) as temporary:
        (temporary / "a").write_text("whole")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_weights_are_named():
    config = TrainConfig(class_weights=["O=0.5", "a=b=2", "PER=1e-05", "X=.25"])
    assert config.loss_weights == {"O": 0.5, "a=b": 2.0, "PER": 1e-5, "X": 0.25}
    assert TrainConfig(class_weights="balanced").loss_weights == "balanced"
    assert TrainConfig().loss_weights is None


def test_the_published_recipe_is_the_default():
    config = TrainConfig()
    assert (config.model, config.dataset, config.epochs, config.batch_size) == ("bert-base-cased", "conll2003", 3, 8)
    assert (config.learning_rate, config.weight_decay, config.warmup_ratio) == (2e-5, 0.01, 0.0)
    assert (config.max_grad_norm, config.label_alignment, config.group_by_length) == (1.0, "all", False)
    assert (config.seed, config.stride, config.max_length, config.eval_batch_size) == (42, 64, None, 32)


def test_options_of_commands_may_be_strings():
    config = EvaluateConfig(model="runs/first", output="scores.json", splits="test")
    assert (config.output, config.splits) == (Path("scores.json"), ("test",))


def test_paths_may_be_strings():
    assert TrainConfig(output_dir="runs/x", train_file="a") == TrainConfig(
        output_dir=Path("runs/x"), train_file=Path("a")
    )


def test_a_file_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="no/file, whose folder does not exist"), replaced_whole(tmp_path / "no/file"):
        pass


def test_a_file_never_takes_the_place_of_what_is_none(tmp_path):
    """As of `/dev/null`, which root could replace."""
    os.mkfifo(tmp_path / "pipe")
    for name, kind in (("pipe", "a device or a pipe"), (".", "a folder")):
        with pytest.raises(OutputError, match=f"which is {kind}; expected a file"), replaced_whole(tmp_path / name):
            pass
    assert (tmp_path / "pipe").is_fifo()
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]

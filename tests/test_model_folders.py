"""Folders of models that are torn, mixed up or half copied: one line says what is wrong with which."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.conftest import SENTENCES, conll
from tf_ner import load_tokenizer, load_trained, load_untrained
from tf_ner.cli import main
from tf_ner.errors import ModelError
from tf_ner.models.weights import save_model
from tf_ner.tasks.tokenizers import encoder_limit

TAGS = ("O", "B-LOC", "I-LOC", "B-PER")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
NO_OBJECTS = {"nothing": b"", "no JSON": b"garbage", "no text": b"\xff\xfe\x00", "null": b"null", "a list": b"[]"}


@pytest.fixture(scope="session")
def tuned(tiny_bert, tmp_path_factory) -> Path:
    """A model with a head, and its tokenizer."""
    folder = tmp_path_factory.mktemp("tuned")
    save_model(load_untrained(str(tiny_bert), tag_names=TAGS), load_tokenizer(str(tiny_bert)), folder)
    return folder


@pytest.fixture
def folder(tuned, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(tuned, tmp_path / "model"))


def change(file: Path, **entries) -> None:
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | entries), encoding="utf-8")


def load_all(folder: Path) -> None:
    """Everything that a command loads of a folder, as it does."""
    load_trained(str(folder))
    encoder_limit(str(folder), load_tokenizer(str(folder)))


def refused(load, folder: Path, *what: str) -> None:
    with pytest.raises(ModelError) as raised:
        load(folder)
    message = str(raised.value)
    assert f"'{folder}'" in message
    assert not [word for word in what if word not in message], message
    assert "network" not in message
    assert "\n" not in message


@pytest.mark.parametrize("command", ["predict", "evaluate", "check-data", "train"])
def test_a_folder_without_a_tokenizer_is_named_by_each_command(command, folder, corpus_dir, tmp_path, capsys):
    for name in TOKENIZER:
        (folder / name).unlink(missing_ok=True)
    arguments = {
        "predict": [folder, corpus_dir / "train.conll"],
        "evaluate": [folder, "--dataset", corpus_dir],
        "check-data": ["--model", folder, "--dataset", corpus_dir],
        "train": ["--model", folder, "--dataset", corpus_dir, "--output-dir", tmp_path / "out"],
    }[command]
    with pytest.raises(SystemExit) as stop:
        main([command, *map(str, arguments)])
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert stop.value.code == 2
    assert f"'{folder}'" in line
    assert "no tokenizer.json" in line


def test_a_whole_folder_is_loaded(folder):
    load_all(folder)


def test_what_is_missing_is_named(folder):
    for name in (*TOKENIZER, "config.json", "model.safetensors"):
        (folder / name).unlink(missing_ok=True)
    refused(load_trained_of, folder, "no config.json")
    refused(load_tokenizer_of, folder, "no config.json", "no tokenizer.json")


def load_trained_of(folder: Path) -> None:
    load_trained(str(folder))


def load_tokenizer_of(folder: Path) -> None:
    load_tokenizer(str(folder))


@pytest.mark.parametrize("content", NO_OBJECTS.values(), ids=NO_OBJECTS)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_is_no_json_object_is_named(name, content, folder):
    (folder / name).write_bytes(content)
    refused(load_all, folder, f"{name} is not a JSON object")


@pytest.mark.parametrize(
    ("name", "entries", "what"),
    [
        ("tokenizer.json", {"model": None}, "tokenizer"),
        ("tokenizer.json", {"model": {"type": "Nothing"}}, "tokenizer"),
        (
            "tokenizer.json",
            {
                "model": {
                    "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                    "max_input_chars_per_word": 9, "vocab": {},
                },
                "added_tokens": [],
                "post_processor": None,
            },
            "[UNK]",
        ),
        ("tokenizer_config.json", {"tokenizer_class": "NoTokenizer"}, "NoTokenizer"),
        ("tokenizer_config.json", {"tokenizer_class": 5}, "tokenizer"),
        ("tokenizer_config.json", {"model_max_length": "long"}, "model_max_length 'long'"),
        ("tokenizer_config.json", {"model_max_length": 0}, "model_max_length 0"),
        ("tokenizer_config.json", {"added_tokens_decoder": "none"}, "tokenizer"),
        ("tokenizer_config.json", {"pad_token": 5}, "pad_token"),
        ("config.json", {"model_type": "nothing"}, "`nothing`"),
        ("config.json", {"model_type": ["bert"]}, "configuration"),
        ("config.json", {"hidden_size": "32"}, "weights"),
        ("config.json", {"hidden_size": 64}, "weights"),
        ("config.json", {"num_attention_heads": 0}, "weights"),
        ("config.json", {"max_position_embeddings": "64"}, "max_position_embeddings '64'"),
        ("config.json", {"architectures": "BertForTokenClassification"}, "architectures 'BertForTokenClassification'"),
        ("config.json", {"architectures": [5]}, "architectures [5]"),
        ("config.json", {"id2label": {"0": "O", "1": "B-LOC", "2": "I-LOC", "4": "B-PER"}}, "from 0 to 3"),
        ("config.json", {"id2label": {"0": 0, "1": 1, "2": 2, "3": 3}}, "from 0 to 3"),
        ("config.json", {"id2label": {"0": None, "1": None, "2": None, "3": None}}, "from 0 to 3"),
        ("config.json", {"id2label": {"0": "O", "1": "B-LOC"}}, "weights"),
        ("config.json", {"id2label": ["O", "B-LOC", "I-LOC", "B-PER"]}, "id2label"),
        ("config.json", {"num_labels": "many", "id2label": None}, "configuration"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_is_named(name, entries, what, folder):
    change(folder / name, **entries)
    refused(load_all, folder, what)


def test_a_tokenizer_that_cannot_pad_is_named(folder):
    (folder / "special_tokens_map.json").unlink()
    change(folder / "tokenizer_config.json", pad_token=None)
    refused(load_all, folder, "pad_token")


@pytest.mark.parametrize("size", [0, 50, 5000], ids=["nothing", "half a header", "half the weights"])
def test_torn_weights_are_named(size, folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:size])
    refused(load_all, folder, "weights", "header")


def test_weights_that_git_keeps_elsewhere_are_named(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refused(load_all, folder, "git lfs pull")


def load_untrained_of(folder: Path) -> None:
    load_untrained(str(folder), tag_names=TAGS)


@pytest.mark.parametrize("load", [load_all, load_untrained_of])
def test_weights_of_another_model_are_not_taken_for_new_ones(load, folder):
    save_file({"other": np.zeros(2, np.float32)}, folder / "model.safetensors", metadata={"format": "pt"})
    refused(load, folder, "whose weights do not match its config.json", "missing")


def test_an_encoder_may_lack_its_head_alone(tiny_bert, folder):
    shutil.copy(tiny_bert / "model.safetensors", folder)
    load_untrained_of(folder)
    refused(load_all, folder, "2 are missing", "classifier")


def test_the_data_is_not_blamed_for_the_model(folder, tmp_path, capsys):
    change(folder / "config.json", max_position_embeddings="64")
    (tmp_path / "train.conll").write_text(conll(SENTENCES), encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["check-data", "--dataset", str(tmp_path), "--model", str(folder)])
    assert stop.value.code == 2
    assert "max_position_embeddings" in capsys.readouterr().err

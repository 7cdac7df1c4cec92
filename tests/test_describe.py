"""What a run tells its card: names without paths, texts to try, the command that repeats it."""

import copy
import platform
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf
from datasets import DatasetDict
from huggingface_hub import ModelCard
from tokenizers import normalizers

from tests.conftest import VALIDATION, conll
from tests.test_card import codes, sentences, table_with
from tf_ner import TrainConfig, load_corpus, train
from tf_ner.card.describe import describe_run, shell_command
from tf_ner.card.facts import Origin
from tf_ner.cli.parsing import parse
from tf_ner.options.commands import TrainCommand

TRAINING = {"best_epoch": 1, "best_step": 10}


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir, tmp_path_factory):
    return TrainConfig(
        model=str(tiny_bert),
        dataset=str(corpus_dir),
        output_dir=tmp_path_factory.mktemp("runs") / "my run",
        epochs=2,
        batch_size=3,
        learning_rate=3e-3,
        label_alignment="first",
        language=("en",),
        license="mit",
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, verbose=0)


@pytest.fixture(scope="module")
def card(result):
    return ModelCard.load(result.output_dir / "README.md")


@pytest.fixture
def describe(config, corpus, task):
    """The facts of a run with these options and without training."""

    def facts_of(*, task=task, corpus=corpus, **options):
        return describe_run(replace(config, **options), corpus, task, metrics={"training": TRAINING}, history=[])

    return facts_of


def words_of(sentence):
    return " ".join(cell.rsplit("/", 1)[0] for cell in sentence.split())


def test_the_card_of_a_run_tells_its_scores_and_its_way(card, result):
    for split in ("validation", "test"):
        scores = result.metrics[split]
        values = {r.metric_type: r.metric_value for r in card.data.eval_results if r.dataset_split == split}
        assert values == {name: scores[name] for name in ("precision", "recall", "f1", "accuracy")}
        rows = [row for row in table_with(card, "split", "label") if row["split"] == split]
        assert [(row["label"], row["support"]) for row in rows] == [
            (label, str(row["support"])) for label, row in scores["per_label"].items()
        ]
    rows = table_with(card, "epoch", "step")
    assert [row["validation F1"] for row in rows] == [f"{row['val_f1']:.4f}" for row in result.history]
    assert (card.data.language, card.data.license, card.data.model_name) == (["en"], "mit", "my run")
    options = {row["option"]: row["value"] for row in table_with(card, "option")}
    assert (options["--label-alignment"], options["--learning-rate"], options["--max-length"]) == (
        "first",
        "0.003",
        "64",
    )
    versions = {row["library"]: row["version"] for row in table_with(card, "library")}
    assert (versions["tensorflow"], versions["Python"]) == (tf.__version__, platform.python_version())
    assert versions.keys() == {"tf_ner", "tensorflow", "tf-keras", "transformers", "datasets", "Python"}
    assert re.search(r"Trained on \d+ CPU cores; TensorFlow sees CPU:0", sentences(card))


def test_the_card_of_a_run_has_no_path_and_no_made_up_name(card, config):
    text = str(card)
    for path in (Path(config.model), Path(config.dataset), config.output_dir):
        assert path.is_absolute()
        assert str(path.parent) not in text
    assert not re.search(r"(?<![\w<.])/\w", text)
    assert card.data.base_model is card.data.datasets is None
    assert f"{Path(config.model).name} (a local folder)" in sentences(card)


def test_the_tensorflow_example_of_the_card_runs(card, result, capsys):
    [example] = [code for code in codes(card, "python") if 'framework="tf"' in code]
    exec(example.replace("PATH_OF_THIS_FOLDER", result.output_dir.as_posix()), {})
    assert capsys.readouterr().out.startswith("[")
    [example] = [code for code in codes(card, "python") if "tf_ner" in code]
    exec(example.replace("PATH_OF_THIS_FOLDER", result.output_dir.as_posix()), {})
    assert capsys.readouterr().out.startswith("[")


def test_examples_are_drawn_from_validation_by_seed(describe):
    drawn = [[example.text for example in describe(seed=seed).widget] for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(map(tuple, drawn))) > 1
    assert all(len(set(texts)) == 3 and set(texts) <= set(map(words_of, VALIDATION)) for texts in drawn)
    assert [example.title for example in describe().widget] == ["Example 1", "Example 2", "Example 3"]


def test_examples_are_of_moderate_length_and_hold_an_entity(describe, tmp_path):
    moderate = [f"{name}/B-PER saw/O the/O old/O town/O from/O afar/O ./O" for name in ("Ada", "Bruno", "Eve")]
    others = ["It/O was/O a/O cold/O and/O very/O rainy/O day/O ./O"] * 20
    lengths = ["Ada/B-PER ./O"] * 20 + [" ".join(["Ada/B-PER"] * 26)] * 20
    (tmp_path / "valid.conll").write_text(conll([*others, *lengths, *moderate]), encoding="utf-8")
    drawn = describe(corpus=DatasetDict(train=[], **load_corpus(tmp_path))).widget
    assert {example.text for example in drawn} == set(map(words_of, moderate))


@pytest.mark.parametrize("length", [1, 30])
def test_a_corpus_with_no_moderate_sentence_has_examples_too(describe, tmp_path, length):
    (tmp_path / "valid.conll").write_text(conll([" ".join(["Ada/B-PER"] * length)] * 2), encoding="utf-8")
    drawn = describe(corpus=DatasetDict(train=[], **load_corpus(tmp_path))).widget
    assert [example.text for example in drawn] == [" ".join(["Ada"] * length)] * 2


def test_examples_that_were_asked_for_replace_the_drawn_ones(describe):
    drawn = describe(widget=("City: Rome is old .", "Eve left .")).widget
    assert [(example.title, example.text) for example in drawn] == [
        ("City", "Rome is old ."),
        ("Example 2", "Eve left ."),
    ]
    assert describe(widget=()).widget == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dataset": "conll2003"}, Origin(name="eriktks/conll2003", revision="refs/convert/parquet")),
        ({"dataset": "conll2003", "dataset_revision": "abc"}, Origin(name="eriktks/conll2003", revision="abc")),
        ({"dataset": "a/b", "dataset_config": "bn"}, Origin(name="a/b", config="bn")),
        ({"dataset": "sample"}, Origin(name="sample", kind="the corpus that comes with tf_ner")),
        ({"train_file": "/x/t.conll", "test_file": "/y/u.conll"}, Origin(name="t.conll, u.conll", kind="local files")),
    ],
)
def test_where_the_data_is_from(describe, options, expected):
    assert describe(**options).data == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "bert-base-cased"}, Origin(name="bert-base-cased")),
        ({"model": "a/b", "model_revision": "v1"}, Origin(name="a/b", revision="v1")),
        ({"model": "minilm"}, Origin(name="minilm", kind="the packaged encoder")),
    ],
)
def test_where_the_encoder_is_from(describe, options, expected):
    assert describe(**options).base_model == expected


def test_labels_are_named_once_and_other_tags_as_they_are(describe, task):
    assert describe().labels == ["PER", "ORG", "LOC", "MISC"]
    assert describe(task=replace(task, tag_names=("NOUN", "VERB"))).labels == ["NOUN", "VERB"]


@pytest.mark.parametrize(
    ("normalizer", "is_uncased"),
    [
        (normalizers.BertNormalizer(lowercase=True), True),
        (normalizers.BertNormalizer(lowercase=False), False),
        (normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase(), normalizers.Prepend("_")]), True),
        (normalizers.Prepend("_"), False),
        (None, False),
    ],
    ids=repr,
)
def test_an_uncased_tokenizer_is_recognised(describe, task, normalizer, is_uncased):
    tokenizer = copy.deepcopy(task.tokenizer)
    tokenizer.backend_tokenizer.normalizer = normalizer
    assert describe(task=replace(task, tokenizer=tokenizer)).is_uncased == is_uncased


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"model": "owner/name", "epochs": 5, "group_by_length": True, "max_length": 100},
        {"language": ("en", "bn"), "seed": 1},
        {"license": "mit", "widget": ("City: 'Rome' is old .", "$(Eve) `left` .", "ঢাকা বড়।"), "seed": 1},
        {"widget": (), "epochs": 1},
        {"widget": (": a: b",)},
    ],
    ids=repr,
)
def test_the_command_repeats_the_run(options):
    config = TrainConfig(**options)
    program, *arguments = shlex.split(shell_command(config))
    assert program == "tf-ner"
    assert parse(arguments) == TrainCommand(config=config)


def test_the_command_is_one_line_for_a_shell_and_pushes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    widget = ("Same: Ada's\t\\ She\u00a0lived", "a  b")
    config = TrainConfig(
        widget=widget,
        license="lab",
        push_to_hub=True,
        hub_model_id="lab/towns",
        hub_private=True,
        push_checkpoints=True,
    )
    command = shell_command(config)
    assert command.isprintable()
    shell = subprocess.run(["bash", "-c", f"printf '%s\n' {command}"], capture_output=True, text=True, check=True)
    assert shell.stdout.split("\n") == ["tf-ner", "train", "--license", "lab", "--widget", *widget, ""]


def test_the_command_has_no_path(config, corpus_dir):
    words = shlex.split(shell_command(replace(config, train_file=corpus_dir / "train.conll", overwrite=True)))
    assert [Path(word).name for word in words] == words
    assert {Path(config.model).name, corpus_dir.name, "train.conll"} <= set(words)
    assert not {"--output-dir", "--overwrite"} & set(words)

"""Whole runs for parts of speech and for chunks, from the columns of one corpus."""

import json
from collections import Counter

import pytest
from huggingface_hub import ModelCard

from tests.test_card import codes, sentences, table_with
from tf_ner import EvaluateConfig, Predictor, TrainConfig, cli, evaluate, train
from tf_ner.cli.terminal import print_scores
from tf_ner.errors import ConfigError, DataError, ModelError

ROWS = [
    ("Ada NNP B-NP B-PER", "lived VBD B-VP O", "in IN B-PP O", "London NNP B-NP B-LOC", ". . O O"),
    ("Acme NNP B-NP B-ORG", "Tools NNP I-NP I-ORG", "sold VBD B-VP O", "hammers NNS B-NP O", ". . O O"),
    ("The DT B-NP O", "Danish JJ I-NP B-MISC", "shop NN I-NP O", "opened VBD B-VP O", ". . O O"),
]
SPLITS = {"train": ROWS, "valid": ROWS[1:], "test": [*ROWS[::-1], ROWS[1]]}
TAGS = {"pos": {".", "DT", "IN", "JJ", "NN", "NNP", "NNS", "VBD"}, "chunk": {"NP", "PP", "VP"}}


pytestmark = pytest.mark.usefixtures("graphs")


@pytest.fixture(scope="module", params=["pos", "chunk"])
def config(request, tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    for split, rows in SPLITS.items():
        (folder / f"{split}.conll").write_text("\n\n".join(map("\n".join, rows)) + "\n")
    return TrainConfig(
        model=str(tiny_bert),
        dataset=str(folder),
        task=request.param,
        columns=("word", "pos", "chunk", "ner"),
        output_dir=folder / "run",
        epochs=60,
        eval_every=10,
        batch_size=3,
        learning_rate=3e-3,
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, verbose=0)


def test_each_task_is_learnt_and_scored_in_its_own_way(config, result):
    scores = result.metrics["test"]
    assert scores["accuracy"] == 1.0
    assert scores["per_label"].keys() == TAGS[config.task]
    has_entities = config.task != "pos"
    assert {"precision", "recall", "f1", "strict"} & scores.keys() == (
        {"precision", "recall", "f1", "strict"} if has_entities else set()
    )
    column = 2 if has_entities else 1
    for name, split in (("validation", "valid"), ("test", "test")):
        tags = [row.split()[column] for rows in SPLITS[split] for row in rows]
        things = Counter(tag[2:] for tag in tags if tag.startswith("B-")) if has_entities else Counter(tags)
        found = {label: row["support"] for label, row in result.metrics[name]["per_label"].items() if row["support"]}
        assert found == things
    assert json.loads((result.output_dir / "run_config.json").read_text())["task"] == config.task


def test_a_run_is_scored_again(config, result):
    again = EvaluateConfig(
        model=str(result.output_dir), dataset=config.dataset, task=config.task, columns=config.columns, splits=("test",)
    )
    assert evaluate(again)["test"]["per_label"] == result.metrics["test"]["per_label"]
    with pytest.raises(DataError, match="expected some of the model's"):
        evaluate(EvaluateConfig(model=str(result.output_dir), dataset=config.dataset))


def test_a_run_tags_new_words(config, result, tmp_path, capsys):
    predictor = Predictor.from_pretrained(str(result.output_dir))
    # Their letters would be taken for texts and words.
    with pytest.raises(ConfigError, match=r"Received one text \('Ada'\); expected a list of texts\. Pass \[text\]\."):
        list(predictor.answer_lines("Ada"))
    with pytest.raises(ConfigError, match=r"Received one sentence .*expected a list of words"):
        list(predictor.tag_words(["Ada"]))
    with pytest.raises(ConfigError, match="Received batch_size 0"):
        Predictor.from_pretrained(str(result.output_dir), batch_size=0)
    words, column = ["The", "Danish", "shop", "opened", "."], 2 if config.task == "chunk" else 1
    [tagged] = predictor.tag_words([words])
    assert tagged.tags == [row.split()[column] for row in ROWS[2]]
    (tmp_path / "text").write_text("The Danish shop opened.\n")
    cli.main(["predict", str(result.output_dir), str(tmp_path / "text")])
    printed = json.loads(capsys.readouterr().out)
    if config.task == "chunk":
        assert [(e["label"], e["text"]) for e in printed["entities"]] == [("NP", "The Danish shop"), ("VP", "opened")]
    else:
        assert (printed["words"], printed["tags"]) == (words, tagged.tags)
        with pytest.raises(ModelError, match=r"expected one for entities\. Use Predictor\.tag_words"):
            list(predictor.find_entities(["The"]))


def test_the_card_says_what_the_model_gives(config, result, capsys):
    card = ModelCard.load(result.output_dir / "README.md")
    assert {row["label"] for row in table_with(card, "split", "label")} == TAGS[config.task]
    text = sentences(card)
    assert ("one of the tags" in text, "so finds" in text) == ((True, False) if config.task == "pos" else (False, True))
    for example in codes(card, "python"):
        if 'framework="tf"' in example or "tf_ner" in example:
            exec(example.replace("PATH_OF_THIS_FOLDER", result.output_dir.as_posix()), {})
            assert capsys.readouterr().out.startswith("[")


def test_the_scores_are_shown(config, result, capsys):
    print_scores(result.metrics)
    printed = capsys.readouterr().out
    assert ("accuracy" in printed, "entities" in printed) == ((True, False) if config.task == "pos" else (False, True))

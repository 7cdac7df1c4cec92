"""Texts with spans, from the file to what a trained model finds in the same texts."""

import json
import logging
from functools import partial

import pytest
from datasets import load_from_disk

from tf_ner import Predictor, TrainConfig, load_corpus, load_trained, train
from tf_ner.corpus.convert import convert
from tf_ner.corpus.loading.sources import load_configured, word_rule_of
from tf_ner.errors import DataError
from tf_ner.evaluation.intervals import bootstrap_interval
from tf_ner.evaluation.scores import score_entities
from tf_ner.options.commands import ConvertConfig, EvaluateConfig
from tf_ner.options.train import TaskConfig
from tf_ner.tasks.token_classification import TaggedWords
from tf_ner.training.scoring import evaluate

POINTS = [
    ("unit AHU7-Ctrl is on", [[5, 9, "EQUIP"], [10, 14, "POINT"]]),
    ("see AHU2/Temp now", [[4, 8, "EQUIP"], [9, 13, "POINT"]]),
    ("Temp_AHU7 is low", [[0, 4, "POINT"], [5, 9, "EQUIP"]]),
    ("nobody is here", []),
]
CHINESE = [
    ("王明住在北京。", [[0, 2, "PER"], [4, 6, "LOC"]]),
    ("李华来到上海", [[0, 2, "PER"], [4, 6, "LOC"]]),
    ("张三喜欢广州", [[0, 2, "PER"], [4, 6, "LOC"]]),
]


def written(folder, texts, **others):
    folder.mkdir(exist_ok=True)
    for split, records in {**dict.fromkeys(("train", "valid", "test"), texts), **others}.items():
        lines = (json.dumps({"text": text, "label": spans}) + "\n" for text, spans in records)
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def trained(tiny_bert, folder, **options):
    config = TrainConfig(
        model=str(tiny_bert),
        dataset=str(folder / "data"),
        output_dir=folder / "run",
        **{"epochs": 300, "batch_size": 4, "eval_every": 300, "learning_rate": 3e-3} | options,
    )
    return train(config, verbose=0)


def counted(folder, texts):
    """Right, predicted and gold entities by their characters, as the saved model finds them in raw text."""
    found = Predictor.from_pretrained(str(folder)).find_entities([text for text, _ in texts])
    predicted = [{(entity.start, entity.end, entity.label) for entity in answer.entities} for answer in found]
    gold = [set(map(tuple, spans)) for _, spans in texts]
    return sum(map(len, map(set.intersection, predicted, gold))), sum(map(len, predicted)), sum(map(len, gold))


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("texts", [POINTS, CHINESE], ids=["points", "Chinese"])
def test_the_score_is_what_is_found_in_the_same_texts(tiny_bert, tmp_path, texts):
    written(tmp_path / "data", texts)
    result = trained(tiny_bert, tmp_path)
    right, predicted, gold = counted(result.output_dir, texts)
    scores = result.metrics["test"]
    assert (scores["support"], scores["recall"], scores["precision"]) == (gold, right / gold, right / predicted)
    assert right / gold > 0.5
    assert json.loads((result.output_dir / "config.json").read_text())["word_rule"] == "text"


@pytest.mark.usefixtures("graphs")
def test_a_span_inside_a_word_costs_recall(tiny_bert, tmp_path, caplog):
    inside = ("xAHU7 is on", [[1, 5, "EQUIP"]])
    data = written(tmp_path / "data", POINTS, test=[*POINTS, inside])
    result = trained(tiny_bert, tmp_path, epochs=2, eval_every=2)
    right, _, gold = counted(result.output_dir, [*POINTS, inside])
    scores = result.metrics["test"]
    assert (scores["missed"], scores["support"], gold) == (1, 7, 7)
    assert scores["recall"] == right / gold
    assert scores["per_label"]["EQUIP"]["support"] == 4
    counts = scores["errors"]["counts"]
    assert sum(counts.values()) - counts["spurious"] == gold
    assert counts["missed"] >= 1
    assert "missed" not in result.metrics["validation"]
    with caplog.at_level(logging.INFO, "tf_ner"):
        found = evaluate(EvaluateConfig(model=str(result.output_dir), dataset=str(data), bootstrap=100))
    assert found["test"]["missed"] == 1
    assert "span-inside-word" not in caplog.text
    assert "'xAHU7' (0 to 5)" in caplog.text
    assert "the model splits new text by" not in caplog.text


@pytest.mark.usefixtures("graphs")
def test_a_model_keeps_to_the_rule_of_its_data(tiny_bert, corpus_dir, tmp_path, caplog):
    (tmp_path / "data").symlink_to(corpus_dir)
    result = trained(tiny_bert, tmp_path, epochs=1, eval_every=1)
    path = result.output_dir / "config.json"
    settings = json.loads(path.read_text())
    assert settings["word_rule"] == load_trained(str(result.output_dir))[1].word_rule == "corpus"
    texts = written(tmp_path / "texts", [("in U.K. x-y", [[3, 7, "LOC"]])])
    with caplog.at_level(logging.INFO, "tf_ner"):
        evaluate(EvaluateConfig(model=str(result.output_dir), dataset=str(texts)))
    assert caplog.text.count("The words of this data are those of the rule 'text'") == 1
    for rule, words in ((None, ["x-y"]), ("text", ["x", "-", "y"])):
        others = {key: value for key, value in settings.items() if key != "word_rule"}
        path.write_text(json.dumps(others | ({"word_rule": rule} if rule else {})))
        task, read = load_trained(str(result.output_dir))[1], []
        answers = task.answer_lines(["x-y"], partial(all_outside, read), words=False)
        assert [answer.entities for answer in answers] == [[]]
        assert read == [words]


def all_outside(read, rows):
    read += rows
    return [TaggedWords(row, ["O"] * len(row), [1.0] * len(row)) for row in rows]


INSIDE = [("xAHU7 is on", [[1, 5, "EQUIP"], [6, 8, "OTHER"]]), ("AHU7", [[0, 4, "EQUIP"]])]


def test_missed_entities_are_a_column_where_there_are_any(tmp_path):
    data = written(tmp_path / "data", INSIDE, valid=INSIDE[1:])
    corpus = load_corpus(data)
    assert corpus["train"]["missed"][:] == [["EQUIP"], []]
    assert corpus["validation"]["missed"][:] == [[]]
    assert load_corpus(data, new_labels={"EQUIP": "UNIT"})["train"]["missed"][:] == [["UNIT"], []]
    assert "missed" not in load_corpus(data, new_labels={"EQUIP": None})["train"].column_names
    assert "missed" not in load_corpus(written(tmp_path / "others", POINTS))["train"].column_names
    corpus.save_to_disk(tmp_path / "saved")
    assert load_from_disk(tmp_path / "saved")["train"].info.description
    assert word_rule_of(load_corpus(tmp_path / "saved", word_rule="corpus")) == "corpus"
    again = load_corpus(tmp_path / "saved")
    assert word_rule_of(again) == "text"
    assert again["train"]["missed"][:] == [["EQUIP"], []]


def test_data_of_both_kinds_counts_as_text(tmp_path, caplog):
    data = written(tmp_path / "data", POINTS)
    (data / "test.jsonl").write_text('{"words": ["a"], "tags": ["O"]}\n')
    with caplog.at_level(logging.INFO, "tf_ner"):
        corpus = load_corpus(data)
    assert "some sentences came as words, others as text" in caplog.text
    assert word_rule_of(corpus) == "text"


def test_converting_says_what_is_lost(tmp_path, caplog):
    data = written(tmp_path / "data", INSIDE)
    with caplog.at_level(logging.INFO, "tf_ner"):
        convert(ConvertConfig(source=data, output=tmp_path / "out"))
    assert "train.jsonl: 1 entities end inside words and are not written" in caplog.text
    assert "pass --word-rule text to tf-ner train" in caplog.text
    assert word_rule_of(load_corpus(tmp_path / "out")) == "corpus"
    assert word_rule_of(load_corpus(tmp_path / "out", word_rule="text")) == "text"


def test_spans_are_read_by_the_rule_that_is_asked_for(tmp_path):
    data = written(tmp_path / "data", [("and so x-y.", [[7, 8, "A"]]), ("in the U.S. too", [[7, 11, "B"]])])
    rows = load_corpus(data, word_rule="corpus")["train"]
    assert rows["words"][:] == [["and", "so", "x-y", "."], ["in", "the", "U.S.", "too"]]
    assert rows["missed"][:] == [["A"], []]
    assert word_rule_of(load_corpus(data, word_rule="corpus")) == "corpus"
    with pytest.raises(DataError, match="expected corpus or text"):
        load_corpus(data, word_rule="spaces")


@pytest.mark.parametrize(("last", "rule"), [("京", "text"), ("北京", "corpus")])
def test_letters_as_words_are_told(tmp_path, last, rule):
    words = [*"王明住在北京" * 4, "2008", "。", last]
    (tmp_path / "train.jsonl").write_text(json.dumps({"words": words, "tags": ["O"] * len(words)}))
    assert word_rule_of(load_corpus(tmp_path)) == rule
    assert word_rule_of(load_corpus(tmp_path, word_rule="corpus")) == "corpus"


def test_the_first_examples_keep_what_is_missed(tmp_path):
    data = written(tmp_path / "data", INSIDE, test=[INSIDE[1], INSIDE[0], INSIDE[0]])
    corpus = load_configured(TaskConfig(dataset=str(data), max_eval_examples=2))
    assert corpus["test"]["missed"][:] == [[], ["EQUIP"]]


def test_a_part_of_the_training_data_keeps_what_is_missed(tmp_path):
    data = written(tmp_path / "data", [(f"xAHU{number} is on", [[1, 5, "A"], [6, 8, "B"]]) for number in range(10)])
    (data / "valid.jsonl").unlink()
    corpus = load_corpus(data, validation_share=0.3)
    assert corpus["train"]["missed"][:] == [["A"]] * 7
    assert corpus["validation"]["missed"][:] == [["A"]] * 3


def test_missed_entities_in_scores():
    gold, predicted = [["B-A", "O"], ["B-B"]], [["B-A", "B-A"], ["B-B"]]
    with_missed = score_entities(gold, predicted, ["A", "C"])
    # As if they stood at words of their own.
    same = score_entities([*gold, ["B-A", "B-C"]], [*predicted, ["O", "O"]])
    assert with_missed | {"accuracy": 0} == same | {"accuracy": 0}
    assert with_missed["accuracy"] == score_entities(gold, predicted)["accuracy"]
    assert with_missed["per_label"]["C"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    rows = bootstrap_interval([["B-A"]], [["B-A"]], missed=[["A"]], num_resamples=5)
    assert rows["recall"] == [0.5, 0.5]

"""Whole runs for pairs of texts, for single texts and for numbers, with a tiny encoder."""

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.numpy import load_file
from transformers import pipeline

from tests.test_card import codes, sentences, table_with, tables
from tf_ner import EvaluateConfig, Predictor, TrainConfig, cli, evaluate, load_trained, load_untrained, train
from tf_ner.cli.terminal import print_scores
from tf_ner.errors import ConfigError, DataError, ModelError

PAIRS = [
    ("Ada lived in London .", "London is where Ada lived .", "equal"),
    ("Acme opened a shop .", "A shop was opened in Lagos .", "different"),
    ("The team met Bruno .", "Bruno met the team .", "equal"),
    ("Nobody came .", "Bruno came .", "different"),
    ("London and Lagos are far apart .", "Lagos and London are far apart .", "equal"),
    ("Bruno and Ada met .", "Acme sold hammers .", "different"),
    ("Acme sold hammers .", "Hammers were sold .", "equal"),
    ("Lovelace wrote to Acme .", "Nobody wrote .", "different"),
    ("A Danish shop opened .", "The Danish team met .", "different"),
    ("Ada wrote .", "Lovelace wrote .", "equal"),
]
NUMBERS = [0.0, 0.5, 1.25, 2.0, 2.5, 3.0, 3.75, 4.0, 4.5, 5.0]
TASK = "text-classification"


# Which of ten rows are there to choose by and to test on; another number of each, in another order.
SPLITS = {"train": range(10), "dev": (1, 0, 3, 2, 4, 5, 7, 6), "test": (9, 8, 0, 6, 5, 4, 7)}


def split_of(rows, split):
    return [rows[number] for number in SPLITS[split] if number < len(rows)]


def write_tsv(folder, rows, names):
    for split in SPLITS:
        lines = ["\t".join(map(str, row)) for row in (names, *split_of(rows, split))]
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


# Told by the first word, and not to be learnt by heart.
TOPICS = ["people", "trade", "meetings", "people", "meetings", "people", "trade", "people", "trade", "people"]

ROWS = {
    "pairs": (PAIRS, ("sentence1", "sentence2", "label")),
    "singles": ([(text, topic) for (text, *_), topic in zip(PAIRS, TOPICS, strict=True)], ("text", "label")),
    "numbers": (
        [(*pair[:2], number) for pair, number in zip(PAIRS, NUMBERS, strict=True)],
        ("sentence1", "sentence2", "label"),
    ),
}


pytestmark = pytest.mark.usefixtures("graphs")


@pytest.fixture(scope="module", params=ROWS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def config(kind, tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    return TrainConfig(
        model=str(tiny_bert),
        dataset=str(write_tsv(folder, *ROWS[kind])),
        task=TASK,
        output_dir=folder / "run",
        epochs=240,
        batch_size=10,
        learning_rate=3e-3,
        eval_every=60,
        bootstrap=100,
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, verbose=0)


def test_ten_rows_are_learnt(kind, result):
    for split in ("validation", "test"):
        scores = result.metrics[split]
        if kind == "numbers":
            assert scores["pearson"] > 0.97
            assert scores["spearmanr"] > 0.9
            assert scores["mse"] == pytest.approx(scores["loss"], rel=1e-3, abs=1e-6)
        else:
            assert scores["accuracy"] == scores["matthews_correlation"] == 1.0
            gold = Counter(row[-1] for row in split_of(ROWS[kind][0], "dev" if split == "validation" else split))
            assert {label: row["support"] for label, row in scores["per_label"].items()} == gold
        num_rows = {"validation": 8, "test": 7}[split]
        assert (scores["support"], scores["examples"], scores["examples_cut"]) == (num_rows, num_rows, 0)
        assert scores["interval"]["resamples"] == 100
        named = {"accuracy"} if kind != "numbers" else {"pearson", "spearmanr", "mse"}
        assert scores["interval"].keys() == {"level", "resamples", *named}


def test_the_folder_holds_a_whole_run(kind, result):
    assert {file.name for file in result.output_dir.iterdir()} >= {
        "README.md", "config.json", "history.csv", "metrics.json", "model.safetensors", "predictions.test.jsonl",
        "run_config.json", "tokenizer.json",
    }  # fmt: skip
    assert json.loads((result.output_dir / "metrics.json").read_text()) == result.metrics
    scores = [row["val_pearson" if kind == "numbers" else "val_accuracy"] for row in result.history]
    assert result.metrics["training"]["best_step"] == result.history[scores.index(max(scores))]["step"]
    assert ("val_macro_f1" in result.history[0], "val_f1" in result.history[0]) == (kind == "singles", kind == "pairs")


def test_the_configuration_says_what_pytorch_asks(kind, result):
    config = json.loads((result.output_dir / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["num_texts"] == (1 if kind == "singles" else 2)
    if kind == "numbers":
        assert (config["problem_type"], config["id2label"]) == ("regression", {"0": "LABEL_0"})
    else:
        names = {"pairs": ["different", "equal"], "singles": ["meetings", "people", "trade"]}[kind]
        assert config["problem_type"] == "single_label_classification"
        assert list(config["id2label"].values()) == names
        assert config["label2id"] == {name: number for number, name in enumerate(names)}


def test_the_weights_are_laid_out_as_in_pytorch(kind, result):
    model, _ = load_trained(str(result.output_dir))
    tensors = load_file(result.output_dir / "model.safetensors")
    assert tensors["classifier.weight"].shape == ({"pairs": 2, "singles": 3, "numbers": 1}[kind], 32)
    np.testing.assert_array_equal(tensors["classifier.weight"], model.classifier.kernel.numpy().T)
    np.testing.assert_array_equal(tensors["bert.pooler.dense.weight"], model.bert.pooler.dense.kernel.numpy().T)


def inputs_of(kind):
    return [row[0] if kind == "singles" else row[:2] for row in ROWS[kind][0]]


def test_the_predictions_are_those_of_predictor_pipeline_and_shell(kind, result, tmp_path, capsys):
    folder = str(result.output_dir)
    lines = (result.output_dir / "predictions.test.jsonl").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    rows = split_of(ROWS[kind][0], "test")
    assert [row["gold"] for row in written] == [row[-1] for row in rows]
    answers = list(Predictor.from_pretrained(folder, batch_size=3).classify(split_of(inputs_of(kind), "test")))
    assert [answer.label for answer in answers] == [row.get("label") for row in written]
    np.testing.assert_allclose([answer.score for answer in answers], [row["score"] for row in written], atol=1e-5)

    keys = ("text",) if kind == "singles" else ("text", "text_pair")
    assert [tuple(row[key] for key in keys) for row in written] == [row[: len(keys)] for row in rows]
    classify = pipeline("text-classification", model=folder, framework="tf")
    found = [classify({key: row[key] for key in keys}) for row in written]
    np.testing.assert_allclose([row["score"] for row in found], [row["score"] for row in written], atol=1e-4)
    if kind != "numbers":
        assert [row["label"] for row in found] == [row["label"] for row in written] == [row[-1] for row in rows]

    columns = ["\t".join(row[key] for key in keys) for row in written]
    objects = [json.dumps({key: row[key] for key in keys}) for row in written]
    for texts in (columns, objects):
        (tmp_path / "texts").write_text("\n".join(texts) + "\n", encoding="utf-8")
        cli.main(["predict", folder, str(tmp_path / "texts")])
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        without_gold = [{key: value for key, value in row.items() if key != "gold"} for row in written]
        assert printed == [{**row, "score": pytest.approx(row["score"], abs=1e-5)} for row in without_gold]


def test_batch_size_order_and_company_change_no_prediction(kind, result):
    inputs = inputs_of(kind)
    one_by_one = Predictor.from_pretrained(str(result.output_dir))
    alone = [next(one_by_one.classify([texts])) for texts in inputs]
    together = list(Predictor.from_pretrained(str(result.output_dir), batch_size=7).classify(inputs[::-1]))[::-1]
    assert [answer.label for answer in alone] == [answer.label for answer in together]
    np.testing.assert_allclose([a.score for a in alone], [a.score for a in together], atol=1e-5)


def test_a_run_is_scored_again(config, result, tmp_path):
    again = EvaluateConfig(
        model=str(result.output_dir), dataset=config.dataset, task=TASK, eval_batch_size=3, splits=("test",),
        bootstrap=100,
    )  # fmt: skip
    [scores] = evaluate(again).values()
    for name, value in result.metrics["test"].items():
        if name != "interval":
            assert scores[name] == (pytest.approx(value, rel=1e-3, abs=1e-6) if isinstance(value, float) else value), (
                name
            )


def test_a_split_with_hidden_labels_is_not_scored(kind, result, tmp_path):
    rows, names = ROWS[kind]
    write_tsv(tmp_path, rows, names)
    lines = ["\t".join(map(str, row[:-1])) for row in (names, *rows)]
    (tmp_path / "test.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = {"model": str(result.output_dir), "dataset": str(tmp_path), "task": TASK}
    assert evaluate(EvaluateConfig(**options)).keys() == {"validation"}
    with pytest.raises(DataError, match=r"Received test, whose labels are hidden.*`tf-ner predict`"):
        evaluate(EvaluateConfig(**options, splits=("test",)))


def test_data_with_other_labels_or_another_number_of_texts_is_refused(kind, result, tmp_path):
    rows = [(*row[:-1], 0.5 + number if kind != "numbers" else "x") for number, row in enumerate(ROWS[kind][0])]
    model, write = str(result.output_dir), write_tsv
    with pytest.raises(DataError, match=r"expected (some of the model's \((different|meetings), |numbers)"):
        evaluate(EvaluateConfig(model=model, dataset=str(write(tmp_path, rows, ROWS[kind][1])), task=TASK))
    other = "pairs" if kind == "singles" else "singles"
    rows = [(*row[:-1], gold) for row, (*_, gold) in zip(ROWS[other][0], ROWS[kind][0], strict=True)]
    dataset = str(write(tmp_path, rows, ROWS[other][1]))
    with pytest.raises(DataError, match=r"Received (single texts|pairs of texts); expected (pairs|single)"):
        evaluate(EvaluateConfig(model=model, dataset=dataset, task=TASK))


def test_what_is_cut_is_said(kind, result, caplog):
    long = "a " * 100
    [answer] = Predictor.from_pretrained(str(result.output_dir)).classify([long if kind == "singles" else (long, "b")])
    assert answer.text == long
    assert caplog.messages == ["1 of 1 texts exceed 64 subwords and are cut"]


def test_a_model_for_numbers_is_scored_on_whole_ones(kind, result, tmp_path):
    if kind != "numbers":
        pytest.skip("labels are names there")
    (tmp_path / "test.tsv").write_text(
        "text\ttext_pair\tlabel\nAda came .\tShe came .\t1\nNobody left .\tAda left .\t3.0\n"
    )
    options = {"model": str(result.output_dir), "dataset": str(tmp_path), "task": TASK}
    assert evaluate(EvaluateConfig(**options))["test"]["support"] == 2
    with pytest.raises(DataError, match="Received data with labels; expected numbers"):
        evaluate(EvaluateConfig(**options, label_type="names"))


def test_another_task_begins_with_an_encoder(result, tiny_bert):
    with pytest.raises(ModelError, match=r"fine-tuned for text classification; expected an encoder for token"):
        load_untrained(str(result.output_dir), tag_names=("O", "B-X", "I-X"))


def test_the_task_must_be_that_of_the_model(result, corpus_dir):
    with pytest.raises(ModelError, match=r"Received --task ner and model .*, fine-tuned for text classification"):
        evaluate(EvaluateConfig(model=str(result.output_dir), dataset=str(corpus_dir)))


def test_what_a_model_cannot_read_is_refused(kind, result, tmp_path, capsys):
    predictor = Predictor.from_pretrained(str(result.output_dir))
    with pytest.raises(ModelError, match=r"for text classification; expected one for token classification"):
        predictor.tag_words([["a"]])
    with pytest.raises(ModelError, match=r"for text classification; expected one for token classification"):
        predictor.find_entities(["a"])
    with pytest.raises(ConfigError, match="Received --words"):
        list(predictor.answer_lines(["a"], words=True))
    for line in ('{"sentence": "a"}', "{}", '{"text": null, "text_pair": "a"}'):
        with pytest.raises(DataError, match=r"line 1: .* an object without a text; expected one under the key text"):
            list(predictor.answer_lines([line]))
    if kind == "singles":
        assert next(predictor.answer_lines(['{"a":' + "[" * 200_000])).label is not None
        assert next(predictor.answer_lines(["a\tb"])).text == "a\tb"
    else:
        answers = predictor.answer_lines(["a\tb", "c\td", "a\tb\tc", "e\tf"])
        assert [(next(answers).text, next(answers).text)] == [("a", "c")]
        message = r"^line 3: received 'a\\tb\\tc', which holds 3 texts; expected two separated by a tab. Fix"
        with pytest.raises(DataError, match=message):
            next(answers)
        for line, message in (
            ('{"text": "a", "text_pair": 3}', "whose texts are not strings"),
            ('{"text": "a", "text_pair": "\\ud800"}', "half a character"),
        ):
            with pytest.raises(DataError, match=message):
                list(predictor.answer_lines([line]))
        with pytest.raises(DataError, match="Received single texts; expected pairs of texts"):
            list(predictor.classify(["a"]))


def test_the_card_tells_scores_and_use(kind, result, capsys):
    card = ModelCard.load(result.output_dir / "README.md")
    measures = ["pearson", "spearmanr", "mse"] if kind == "numbers" else ["accuracy", "matthews_correlation"]
    measures = ["precision", "recall", "f1", *measures] if kind == "pairs" else measures
    assert card.data.pipeline_tag == TASK
    assert card.data.metrics == measures
    for split in ("validation", "test"):
        values = {r.metric_type: r.metric_value for r in card.data.eval_results if r.dataset_split == split}
        assert values == {name: result.metrics[split][name] for name in measures}
        assert {(r.task_type, r.task_name) for r in card.data.eval_results} == {(TASK, "Text Classification")}
    [(header, *rows)] = [table for table in tables(card) if "cut" in table[0]]
    [row] = [dict(zip(header, row, strict=True)) for row in rows if row[0] == "test"]
    assert (row["scored"], row["cut"]) == ("7 of 7", "0")
    if kind != "numbers":
        rows = [row for row in table_with(card, "split", "label") if row["split"] == "test"]
        gold = Counter(row[-1] for row in split_of(ROWS[kind][0], "test"))
        assert {row["label"]: int(row["support"]) for row in rows} == gold
    text = sentences(card)
    assert ("Gives a pair of texts" in text, "Gives a text" in text) == (kind != "singles", kind == "singles")
    assert ("one of the labels" in text, "a number." in text) == (kind != "numbers", kind == "numbers")
    assert ("widget" in card.data.to_dict()) == (kind == "singles")
    examples = codes(card, "python")
    assert ['framework="tf"' in example for example in examples] == [True, False, False]
    for example in (examples[0], examples[2]):
        exec(example.replace("PATH_OF_THIS_FOLDER", result.output_dir.as_posix()), {})
        assert capsys.readouterr().out.strip()


def test_the_scores_are_shown(kind, result, capsys):
    print_scores(result.metrics)
    printed = capsys.readouterr().out
    assert ("Pearson" in printed, "F1" in printed) == (kind == "numbers", kind != "numbers")
    assert "examples" in printed
    assert "all" in printed


@pytest.mark.slow
def test_the_command_of_the_docs_reads_mrpc(shared, tiny_bert, tmp_path):
    """All rows of both splits, whatever quotes are in them."""
    docs = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    [command] = re.findall(r"\| MRPC as files \| `tf-ner (.*)` \|", docs)
    words = shlex.split(command.replace("MRPC", str(shared / "data" / "mrpc")))
    quick = ["--model", tiny_bert, "--max-train-examples", 64, "--epochs", 1, "--eval-batch-size", 128]
    cli.main([*words, *map(str, quick), "--output-dir", str(tmp_path / "run")])
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    for split, num_rows, num_positive in (("validation", 408, 279), ("test", 1725, 1147)):
        assert metrics[split]["support"] == metrics[split]["examples"] == num_rows
        assert metrics[split]["per_label"]["1"]["support"] == num_positive
        # The tiny encoder reads 64 subwords.
        assert metrics[split]["examples_cut"] > 0

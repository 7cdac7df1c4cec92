"""Whole runs with a tiny encoder."""

import csv
import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from seqeval.metrics import classification_report
from transformers import pipeline

from tests.conftest import SENTENCES, SPLITS, TEST, VALIDATION, conll
from tf_ner import (
    Predictor,
    SeqevalCallback,
    TokenClassificationLoss,
    TrainConfig,
    choose_strategy,
    load_trained,
    load_untrained,
    make_dataset,
    train,
)
from tf_ner.errors import DataError, OutputError, TfNerError
from tf_ner.options.commands import EvaluateConfig
from tf_ner.training import loops, plan
from tf_ner.training.job import prepare_job
from tf_ner.training.scoring import evaluate

pytestmark = pytest.mark.usefixtures("graphs")


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir, tmp_path_factory):
    return TrainConfig(
        model=str(tiny_bert),
        dataset=str(corpus_dir),
        output_dir=tmp_path_factory.mktemp("runs") / "run",
        epochs=240,
        batch_size=8,
        eval_every=48,
        learning_rate=3e-3,
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, verbose=0)


def test_eight_sentences_are_learnt(result):
    assert result.metrics["test"]["f1"] == result.metrics["validation"]["f1"] == 1.0
    assert result.metrics["test"]["strict"]["f1"] == result.metrics["test"]["accuracy"] == 1.0


def test_the_folder_holds_a_whole_run(result):
    assert {file.name for file in result.output_dir.iterdir()} >= {
        "README.md", "config.json", "errors.jsonl", "history.csv", "metrics.json", "model.safetensors",
        "predictions.test.conll", "run_config.json", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert not [file for file in result.output_dir.iterdir() if file.name.startswith(".")]


def test_metrics_hold_what_was_promised(config, result):
    metrics = json.loads((result.output_dir / "metrics.json").read_text())
    assert metrics == result.metrics
    assert metrics["test"].keys() == {
        "loss", "precision", "recall", "f1", "accuracy", "support", "words", "words_scored", "sentences", "per_label",
        "macro", "weighted", "strict", "partial", "type", "subword", "errors",
    }  # fmt: skip
    for split, sentences in (("validation", VALIDATION), ("test", TEST)):
        words = sum(len(sentence.split()) for sentence in sentences)
        entities = sum(cell.rpartition("/")[2].startswith("B-") for cell in " ".join(sentences).split())
        scores = [metrics[split][name] for name in ("words", "words_scored", "sentences", "support")]
        assert scores == [words, words, len(sentences), entities]
    training = metrics["training"]
    assert (training["steps"], training["epochs"], training["replicas"]) == (240, 240, 1)
    assert training["trace_count"] == 1
    assert training["precision"] == "float32"


@pytest.fixture(scope="module")
def small(config):
    """For what need not learn all."""
    return replace(config, batch_size=3, eval_every=None)


@pytest.fixture(scope="module")
def unfinished(small, tmp_path_factory):
    """A run that learnt a little, so that gold and predicted tags differ."""
    folder = tmp_path_factory.mktemp("unfinished") / "run"
    return train(replace(small, output_dir=folder, epochs=12, label_alignment="first", bootstrap=200), verbose=0)


def test_scores_are_those_of_seqeval_on_the_predictions(unfinished):
    blocks = (unfinished.output_dir / "predictions.test.conll").read_text(encoding="utf-8").strip("\n").split("\n\n")
    rows = [[line.split("\t") for line in block.split("\n")] for block in blocks]
    assert [["/".join(row[:2]) for row in block] for block in rows] == [sentence.split() for sentence in TEST]
    gold, predicted = ([[row[column] for row in block] for block in rows] for column in (1, 2))
    scores = unfinished.metrics["test"]
    assert 0 < scores["f1"] < 1
    assert scores["precision"] != scores["recall"]
    expected = classification_report(gold, predicted, output_dict=True, zero_division=0)
    for row, seqeval in (
        (scores, expected["micro avg"]),
        *((scores["per_label"][x], expected[x]) for x in ("PER", "LOC")),
    ):
        assert [row[name] for name in ("precision", "recall", "f1", "support")] == list(seqeval.values())


def test_each_wrong_span_is_written_with_its_place(config, unfinished):
    scores = unfinished.metrics["test"]
    counts = scores["errors"]["counts"]
    assert counts["right"] == round(scores["recall"] * scores["support"]) < scores["support"]
    assert sum(counts.values()) - counts["spurious"] == scores["support"]
    lines = [json.loads(line) for line in (unfinished.output_dir / "errors.jsonl").read_text().splitlines()]
    assert Counter(line["kind"].replace(" ", "_") for line in lines) == {
        kind: number for kind, number in counts.items() if number and kind != "right"
    }
    file = Path(config.dataset) / "test.conll"
    of_file = file.read_text(encoding="utf-8").split("\n")
    for line in lines:
        assert (line["split"], line["path"]) == ("test", str(file))
        first = min((line[side] for side in ("gold", "predicted") if side in line), key=lambda span: span["start"])
        assert of_file[line["line"] - 1].split()[0] == first["words"][0]
        assert TEST[line["sentence"]].split()[first["start"]].rpartition("/")[0] == first["words"][0]
        assert ("score" in line) == ("predicted" in line)
    assert {"by_frequency", "by_form"} <= scores["errors"].keys()


def test_evaluate_writes_wrong_spans(config, unfinished, tmp_path):
    path = tmp_path / "wrong.jsonl"
    evaluate(EvaluateConfig(model=str(unfinished.output_dir), dataset=config.dataset, splits="test", errors=str(path)))

    def without_scores(file):
        return [{k: v for k, v in json.loads(line).items() if k != "score"} for line in file.read_text().splitlines()]

    assert without_scores(path) == without_scores(unfinished.output_dir / "errors.jsonl")


def test_evaluate_reads_words_as_the_run_did(config, unfinished):
    [scores] = evaluate(
        EvaluateConfig(model=str(unfinished.output_dir), dataset=config.dataset, splits=("test",), bootstrap=200)
    ).values()
    assert scores == {**unfinished.metrics["test"], "loss": pytest.approx(unfinished.metrics["test"]["loss"], rel=1e-4)}


def test_only_splits_that_the_data_has_are_scored(config, unfinished):
    with pytest.raises(DataError, match=r"Received --splits test dev and data with the splits train, validation, test"):
        evaluate(EvaluateConfig(model=str(unfinished.output_dir), dataset=config.dataset, splits=("test", "dev")))


def test_options_reach_the_training(config, deeper_bert, tmp_path, monkeypatch):
    seen = {}

    def spy(module, name):
        real = getattr(module, name)

        def record(*arguments, **options):
            seen.setdefault(name, []).append(options)
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, record)

    for module, name in ((loops, "make_optimizer"), (loops, "make_train_step"), (plan, "batches_of_epochs")):
        spy(module, name)
    chosen = {"weight_decay": 0.3, "warmup_ratio": 0.5, "learning_rate": 1e-4, "schedule": "cosine"}
    shaping = {"max_grad_norm": 0.7, "layer_decay": 0.5, "freeze_layers": 1, "accumulate": 2}
    sampling = {"batch_size": 4, "seed": 9, "group_by_length": True}
    reading = {"max_length": 20, "stride": 5, "label_alignment": "repeat"}
    options = {**chosen, **shaping, **sampling, **reading, "epochs": 2, "max_eval_examples": 3, "warmup_steps": 1}
    result = train(replace(config, model=str(deeper_bert), output_dir=tmp_path / "run", **options), verbose=0)
    [optimizer], [step] = seen["make_optimizer"], seen["make_train_step"]
    assert sorted(set(optimizer.pop("rate_shares").values())) == [0.125, 0.25, 0.5, 1.0]
    num_steps = result.metrics["training"]["steps"]
    own = {"num_steps": num_steps, "num_warmup_steps": 1, "max_grad_norm": None, "scale_loss": False}
    assert optimizer == {**chosen, **own}
    assert [step[name] for name in ("max_grad_norm", "piece_size", "seed", "jit_compile")] == [0.7, 4, 9, False]
    trained = " ".join(variable.name for variable in step["variables"])
    assert [part in trained for part in ("embeddings", "layer_._0", "layer_._1", "classifier")] == [0, 0, 1, 1]
    of_steps = {**sampling, "batch_size": 8}
    assert seen["batches_of_epochs"] == [{**of_steps, "epochs": 2}]
    _, task = load_trained(str(result.output_dir))
    assert {name: getattr(task, name) for name in reading} == reading
    assert result.metrics["test"]["sentences"] == result.metrics["validation"]["sentences"] == 3


def test_an_early_stop_is_counted_as_it_was(small, tmp_path):
    stop = keras.callbacks.EarlyStopping(monitor="val_f1", mode="max", patience=0)
    quick = replace(small, output_dir=tmp_path / "run", epochs=5, learning_rate=1e-9)
    training = train(quick, callbacks=[stop], verbose=0).metrics["training"]
    assert (training["epochs"], training["steps"]) == (2, 6)


def test_evaluate_refuses_labels_the_model_does_not_have(result, tmp_path):
    (tmp_path / "test.conll").write_text("a B-zoo\n")
    with pytest.raises(DataError, match=r"tags O, B-zoo, I-zoo; expected some of the model's"):
        evaluate(EvaluateConfig(model=str(result.output_dir), dataset=str(tmp_path)))


def test_a_folder_that_is_no_run_is_never_replaced(config, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(OutputError, match="files that are not a run"):
        train(replace(config, output_dir=tmp_path, overwrite=True), verbose=0)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_model_and_output_are_two_folders(config, result):
    with pytest.raises(OutputError, match=r"which --overwrite would remove with .*expected a model elsewhere"):
        train(replace(config, model=str(result.output_dir), overwrite=True), verbose=0)


def test_the_history_has_a_row_an_evaluation(result):
    with (result.output_dir / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [48, 96, 144, 192, 240]
    assert {"loss", "learning_rate", "val_loss", "val_precision", "val_recall", "val_f1", "val_accuracy",
            "val_f1_LOC", "val_f1_MISC", "val_f1_ORG", "val_f1_PER"} <= rows[0].keys()  # fmt: skip
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_first_best_model_is_what_is_saved(config, result, tmp_path):
    scores = [row["val_f1"] for row in result.history]
    best = scores.index(max(scores))
    assert result.metrics["training"]["best_step"] == result.history[best]["step"] < result.history[-1]["step"]
    assert result.metrics["validation"]["loss"] == pytest.approx(result.history[best]["val_loss"], rel=1e-5)


def test_the_run_can_be_read_back(config, result):
    assert TrainConfig.load(result.output_dir / "run_config.json") == config


def test_evaluate_gives_the_scores_of_the_run(config, result, tmp_path):
    for batch_size in (1, 5):
        scores = evaluate(
            EvaluateConfig(
                model=str(result.output_dir),
                dataset=config.dataset,
                eval_batch_size=batch_size,
                output=tmp_path / "scores.json",
            )
        )
        assert scores.keys() == {"validation", "test"}
        loss = scores["test"].pop("loss")
        assert loss == pytest.approx(result.metrics["test"]["loss"], rel=1e-4)
        assert scores["test"] == {k: v for k, v in result.metrics["test"].items() if k != "loss"}
    assert json.loads((tmp_path / "scores.json").read_text())["test"]["f1"] == 1.0


def test_a_run_says_how_sure_its_final_scores_are(unfinished):
    metrics = json.loads((unfinished.output_dir / "metrics.json").read_text())
    for split in ("validation", "test"):
        interval = metrics[split]["interval"]
        assert interval == unfinished.metrics[split]["interval"]
        assert (interval["level"], interval["resamples"]) == (0.95, 200)
        assert 0 <= interval["f1"][0] <= metrics[split]["f1"] <= interval["f1"][1] <= 1
    assert metrics["validation"]["interval"] != metrics["test"]["interval"]
    assert not [name for row in unfinished.history for name in row if "interval" in name]


def test_the_pipeline_of_transformers_reads_the_folder(result):
    find_entities = pipeline(
        "token-classification", model=str(result.output_dir), aggregation_strategy="simple", framework="tf"
    )
    found = find_entities("Ada Lovelace lived in London .")
    assert [(row["entity_group"], row["start"], row["end"]) for row in found] == [("PER", 0, 12), ("LOC", 22, 28)]


def test_entities_have_exact_places(result):
    predictor = Predictor.from_pretrained(str(result.output_dir))
    text = "  Ada Lovelace\tlived in London."
    [annotated] = predictor.find_entities([text])
    assert [(e.label, e.text) for e in annotated.entities] == [("PER", "Ada Lovelace"), ("LOC", "London")]
    assert all(text[e.start : e.end] == e.text and 0 < e.score <= 1 for e in annotated.entities)


def test_batch_size_order_and_company_change_no_prediction(result):
    sentences = [[cell.rsplit("/", 1)[0] for cell in sentence.split()] for sentence in SENTENCES]
    sentences += [[], ["\u200b"], ["London"] * 150]
    one_by_one = Predictor.from_pretrained(str(result.output_dir), batch_size=1)
    alone = [next(one_by_one.tag_words([row])) for row in sentences]
    together = list(Predictor.from_pretrained(str(result.output_dir), batch_size=7).tag_words(sentences[::-1]))[::-1]
    assert [row.tags for row in together] == [row.tags for row in alone]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)
    assert [len(row.tags) for row in together] == [len(row) for row in sentences]
    assert (together[-2].tags, together[-2].scores) == (["O"], [0.0])


def test_long_sentences_are_trained_on_and_scored_whole(small, tmp_path, caplog):
    caplog.set_level("INFO", logger="tf_ner")
    long = " ".join(["Ada/B-PER Lovelace/I-PER saw/O London/B-LOC ./O"] * 30)
    for split, sentences in SPLITS.items():
        (tmp_path / f"{split}.conll").write_text(conll([*sentences, long]), encoding="utf-8")
    result = train(replace(small, dataset=str(tmp_path), output_dir=tmp_path / "run", epochs=1), verbose=0)
    words = sum(len(sentence.split()) for sentence in TEST) + 150
    assert result.metrics["test"]["words_scored"] == result.metrics["test"]["words"] == words
    assert "train: 1 of 9 sentences exceed 64 subwords; split into 15 windows, 0 words lost" in caplog.text
    # 12 and 8 in the short sentences, 60 in the long one.
    assert (result.metrics["test"]["support"], result.metrics["validation"]["support"]) == (12 + 60, 8 + 60)


def test_without_a_test_split(small, corpus_dir, tmp_path):
    files = {"train_file": corpus_dir / "train.conll", "validation_file": corpus_dir / "valid.conll"}
    result = train(replace(small, **files, output_dir=tmp_path / "run", epochs=1, max_train_examples=4), verbose=0)
    assert result.metrics.keys() == {"validation", "training"}
    assert result.metrics["training"]["steps"] == 2


def test_another_run_is_not_replaced_unless_asked(config, result, tmp_path):
    files = {file: file.read_bytes() for file in result.output_dir.iterdir()}
    with pytest.raises(OutputError, match=r"not empty.*--overwrite"):
        train(config, verbose=0)
    assert {file: file.read_bytes() for file in result.output_dir.iterdir()} == files
    shutil.copytree(result.output_dir, tmp_path / "run")
    (tmp_path / "run" / "mine.txt").write_text("kept")
    for left in (".partial.left", "checkpoints/step-9"):
        (tmp_path / "run" / left).mkdir(parents=True)
    again = replace(config, output_dir=tmp_path / "run", epochs=1, overwrite=True, learning_rate=1e-4)
    assert len(train(again, verbose=0).history) == 1
    assert TrainConfig.load(tmp_path / "run" / "run_config.json").learning_rate == 1e-4
    assert (tmp_path / "run" / "mine.txt").read_text() == "kept"
    assert not (tmp_path / "run" / ".partial.left").exists()
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    "change",
    [{"model": "/no/model"}, {"dataset": "/no/data"}, {"train_file": "/no/file"}, {"max_length": 65}],
    ids=str,
)
def test_a_run_that_cannot_begin_leaves_nothing(small, tmp_path, change):
    with pytest.raises(TfNerError):
        train(replace(small, output_dir=tmp_path / "run", **change), verbose=0)
    assert os.listdir(tmp_path) == []


def test_the_parts_work_around_a_fit_of_ones_own(corpus, task, tiny_bert):
    model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
    windows = task.encode_split(corpus["train"]).windows
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=TokenClassificationLoss())
    history = model.fit(
        make_dataset(windows, tokenizer=task.tokenizer, batch_size=3, shuffle=True),
        epochs=2,
        callbacks=[SeqevalCallback(corpus["validation"], task, batch_size=3)],
        verbose=0,
    ).history
    assert {"val_f1", "val_f1_PER", "val_loss"} <= history.keys()
    assert len(history["val_f1"]) == 2


def test_an_encoder_for_another_language_is_told(small, tmp_path, caplog):
    for split in ("train", "valid"):
        (tmp_path / f"{split}.conll").write_text("Жук B-PER\nжил O\nin O\nLondon B-LOC\n", encoding="utf-8")
    with caplog.at_level("WARNING", logger="tf_ner"):
        prepare_job(replace(small, dataset=str(tmp_path)), choose_strategy("single"))
    assert [message for message in caplog.messages if "50 % contain unknown pieces with this tokenizer" in message]
    caplog.clear()
    with caplog.at_level("WARNING", logger="tf_ner"):
        prepare_job(small, choose_strategy("single"))
    assert not [message for message in caplog.messages if "tokenizer" in message]

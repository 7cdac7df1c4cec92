import os
import subprocess
import sys
import warnings

import evaluate
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from tests.processes import Process
from tests.test_cli import WITHOUT_A_NETWORK
from tests.test_scores import PAIRS, columns
from tf_ner import Seqeval, score_entities

GOLD = [["B-PER", "I-PER", "O"], ["O", "B-LOC"], ["I-ORG", "O"], ["B-LOC", "I-LOC", "B-PER"]]
PREDICTED = [["B-PER", "O", "O"], ["O", "B-LOC"], ["I-ORG", "O"], ["B-LOC", "I-LOC", "B-LOC"]]


def overall(results):
    return [results[f"overall_{name}"] for name in ("precision", "recall", "f1", "accuracy")]


@given(pairs=PAIRS, metric=st.just(Seqeval()))
def test_the_numbers_are_those_of_score_entities(pairs, metric):
    gold, predicted = columns(pairs)
    results = metric.compute(predictions=predicted, references=gold)
    scores = score_entities(gold, predicted)
    assert overall(results) == [scores[name] for name in ("precision", "recall", "f1", "accuracy")]
    assert {name: list(row.items()) for name, row in results.items() if not name.startswith("overall_")} == {
        label: [(name.replace("support", "number"), value) for name, value in row.items()]
        for label, row in scores["per_label"].items()
    }


@given(pairs=PAIRS, metric=st.just(Seqeval()))
def test_strict_numbers_are_those_of_seqeval(pairs, metric):
    gold, predicted = columns(pairs)
    results = metric.compute(predictions=predicted, references=gold, mode="strict", scheme="IOB2")
    assert results["overall_f1"] == score_entities(gold, predicted)["strict"]["f1"]
    assert results["overall_accuracy"] == score_entities(gold, predicted)["accuracy"]
    if not any(tag[0] == "B" for row in gold + predicted for tag in row):
        assert len(results) == 4
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    assert overall(results)[:3] == list(expected.pop("micro avg").values())[:3]
    labels = {label: list(row.values()) for label, row in expected.items() if not label.endswith(" avg")}
    assert {label: list(results[label].values()) for label in results if not label.startswith("overall_")} == labels


def test_what_the_course_does_runs_unchanged():
    label_names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    metric = Seqeval()

    def compute_metrics(eval_preds):
        logits, labels = eval_preds
        predictions = np.argmax(logits, axis=-1)
        true_labels = [[label_names[l] for l in label if l != -100] for label in labels]  # noqa: E741
        true_predictions = [
            [label_names[p] for (p, l) in zip(prediction, label, strict=True) if l != -100]  # noqa: E741
            for prediction, label in zip(predictions, labels, strict=True)
        ]
        all_metrics = metric.compute(predictions=true_predictions, references=true_labels)
        return {
            "precision": all_metrics["overall_precision"],
            "recall": all_metrics["overall_recall"],
            "f1": all_metrics["overall_f1"],
            "accuracy": all_metrics["overall_accuracy"],
        }

    labels = np.array([[-100, 1, 2, 0, -100], [-100, 3, 0, 0, 3]])
    predicted = np.array([[3, 1, 2, 0, 0], [0, 3, 0, 0, 0]])
    expected = {"precision": 1.0, "recall": 2 / 3, "f1": pytest.approx(0.8), "accuracy": 6 / 7}
    assert compute_metrics((np.eye(5)[predicted], labels)) == expected


def test_in_parts_it_is_the_same():
    at_once = Seqeval().compute(predictions=PREDICTED, references=GOLD)
    assert 0 < at_once["overall_f1"] < 1
    metric = Seqeval()
    for _ in range(2):
        metric.add_batch(predictions=PREDICTED[:2], references=GOLD[:2])
        metric.add_batch(predictions=PREDICTED[2:], references=GOLD[2:])
        assert metric.compute() == at_once
        for gold, predicted in zip(GOLD, PREDICTED, strict=True):
            metric.add(prediction=predicted, reference=gold)
        assert metric.compute() == at_once


def test_two_at_once_do_not_disturb_each_other():
    metrics = Seqeval(), Seqeval()
    for gold, predicted in zip(GOLD, PREDICTED, strict=True):
        metrics[0].add(prediction=predicted, reference=gold)
        metrics[1].add(prediction=gold, reference=gold)
    assert metrics[1].compute()["overall_f1"] == 1.0
    assert metrics[0].compute() == Seqeval().compute(predictions=PREDICTED, references=GOLD)


def test_a_failure_leaves_nothing_behind():
    metric = Seqeval()
    failures = [
        ({"predictions": [["O"]], "references": [["B-X", "O"]]}, "gold and predicted tags differ in number"),
        ({"predictions": [["O"]], "references": [["O"], ["B-X"]]}, "Mismatch in the number of predictions"),
        ({"predictions": PREDICTED, "references": GOLD, "mode": "loose"}, "Received mode='loose', scheme=None and"),
        (
            {"predictions": PREDICTED, "references": GOLD, "scheme": "IOBES"},
            "mode=None, scheme='IOBES' and zero_division=0; expected",
        ),
        ({"predictions": [["O"]], "references": [["E-X"]]}, "Received the tag 'E-X'; expected O, B-LABEL and I-LABEL"),
        ({"predictions": PREDICTED, "references": GOLD, "suffix": True}, "Received suffix; expected mode, scheme and"),
        ({}, "Received no tags; expected some"),
    ]
    for arguments, message in failures:
        with pytest.raises(ValueError, match=message):
            metric.compute(**arguments)
        results = metric.compute(predictions=[["B-X", "O"]], references=[["B-X", "O"]])
        assert results["X"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "number": 1}
        assert overall(results) == [1.0] * 4
    assert overall(metric.compute(predictions=[], references=[])) == [0.0] * 4


def test_no_folder_is_needed_and_no_file_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path / "file" / "metrics")
    monkeypatch.chdir(tmp_path)
    metric = Seqeval()
    metric.add_batch(predictions=GOLD, references=GOLD)
    assert os.listdir() == ["file"]
    assert metric.compute()["overall_f1"] == 1.0
    assert os.listdir() == ["file"]


PROCESS = WITHOUT_A_NETWORK.partition("from tf_ner.cli")[0] + """
from tf_ner import Seqeval
metric = Seqeval()
for number in range(int(sys.argv[1])):
    metric.add_batch(predictions=[["B-X", "O"]], references=[["B-X", "B-X"]])
print("added", flush=True)
sys.stdin.readline()
print(metric.compute()["X"]["number"])
assert not attempts, attempts
"""  # fmt: skip


def test_two_processes_do_not_disturb_each_other_nor_try_the_network(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    processes = [
        Process(
            [sys.executable, "-c", PROCESS, str(number)],
            env=environment | {"HF_HOME": str(tmp_path / "home")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (2, 3)
    ]
    assert [process.stdout.readline() for process in processes] == ["added\n"] * 2
    found = [process.communicate("\n") for process in processes]
    assert [process.returncode for process in processes] == [0, 0], found
    assert [printed for printed, _ in found] == ["4\n", "6\n"]
    assert not list(tmp_path.rglob("*.arrow*"))

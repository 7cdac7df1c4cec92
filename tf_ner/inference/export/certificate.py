"""Whether an exported model does as well as the original: both are run on the same labelled rows."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from tf_ner.corpus.tags import OUTSIDE
from tf_ner.options.commands import ExportPrecision
from tf_ner.tables import values_of
from tf_ner.tasks.task import Outputs, SplitScores, Task

MOST_RECALL_LOST = 0.005
"""On any label, where the precision is not that of the original."""
MOST_F1_LOST = 0.002
MOST_SCORE_DIFFERENCE = 0.001
"""Of a probability, in float32."""


@dataclass(frozen=True)
class Certificate:
    """What was measured, and what follows.

    Attributes:
        measured: Agreement of the tags, scores of both models, and the largest difference of a probability.
        failures: Why the export is not to be kept, each as what was received, what was expected and what to do.
    """

    measured: dict[str, Any]
    failures: list[str]


class Side(NamedTuple):
    """A model as it answers: its task, which cuts and names, and what it says of windows."""

    task: Task
    forward: Callable[[Mapping[str, Sequence[Any]]], Outputs]


def certify(rows: Dataset, *, original: Side, exported: Side, precision: ExportPrecision) -> Certificate:
    """Compares a model with its export, each with its own tokenizer and labels.

    Args:
        rows: With labels.
        original: The model.
        exported: The export, in its own runtime.
        precision: What the export computes in: in float32 all tags must be the same, otherwise a little may be lost.
    """
    task = original.task
    rows = task.usual_rows(rows)
    before, after = (_scored(side, rows) for side in (original, exported))
    if not before.metrics:
        return Certificate({}, ["Received no labels; expected some to measure by. Choose another --split."])
    measure = "f1" if "f1" in before.metrics else task.headline
    gold, of_original = (_names(task, rows, values) for values in (before.gold, before.predicted))
    of_export = _names(exported.task, rows, after.predicted)
    differs = of_original != of_export
    of_labels = {name: row for name, row in before.metrics["per_label"].items() if row["support"]}
    measured: dict[str, Any] = {
        "examples": len(rows),
        "compared": len(gold),
        "different": int(differs.sum()),
        "largest_difference_of_a_score": _largest_difference(before, after),
        "measure": measure,
        "score": {"original": before.metrics[measure], "export": after.metrics[measure]},
        "recall": {
            label: {
                "original": row["recall"],
                "export": after.metrics["per_label"].get(label, {}).get("recall", 0.0),
                "support": row["support"],
            }
            for label, row in of_labels.items()
        },
    }
    if getattr(task, "has_entities", False):
        is_entity = (gold != OUTSIDE) | (of_original != OUTSIDE)
        measured |= {
            "compared_in_entities": int(is_entity.sum()),
            "different_in_entities": int(differs[is_entity].sum()),
        }
    return Certificate(measured, [*_missing(task, measured, precision), *_lost(measured, precision)])


def _missing(task: Task, measured: Mapping[str, Any], precision: ExportPrecision) -> Iterator[str]:
    """What the rows cannot tell: what was not measured is not taken to be right."""
    never = [label for label, recall in measured["recall"].items() if not recall["original"]]
    if never and precision != "float32":
        yield (
            f"Received a model that finds none of {', '.join(never)}; expected some of each label, to measure what is "
            "lost on it. Train the model longer or on more data, or export it in float32."
        )
    unseen = [label for label in task.labels if label not in measured["recall"]]
    if unseen:
        yield (
            f"Received {measured['examples']} examples without {', '.join(unseen)}; expected each label of the model, "
            "to measure what is lost on it. Take more or other data: raise --max-eval-examples, or name another with "
            "--split or --validation-file."
        )


def _lost(measured: Mapping[str, Any], precision: ExportPrecision) -> Iterator[str]:
    if precision == "float32" and measured["different"]:
        yield (
            f"Received an export that differs from the model in {measured['different']} of {measured['compared']} "
            "answers; expected none to differ in float32. Export for another runtime, or install another version "
            "of this one."
        )
    largest = measured["largest_difference_of_a_score"]
    if not math.isfinite(largest) or (precision == "float32" and largest > MOST_SCORE_DIFFERENCE):
        yield (
            f"Received an export whose probabilities differ by {largest:.4f}; expected at most {MOST_SCORE_DIFFERENCE} "
            "in float32, and numbers in any precision. Export for another runtime, or install another version of this "
            "one."
        )
    if precision == "float32":
        return
    advice = "Export in another precision, such as float32, or for another runtime"
    measure = measured["measure"]
    lost = measured["score"]["original"] - measured["score"]["export"]
    if lost > MOST_F1_LOST:
        yield (
            f"Received an export that loses {100 * lost:.2f} points of {measure}; expected at most "
            f"{100 * MOST_F1_LOST:.1f}. {advice}."
        )
    for label, recall in measured["recall"].items():
        if (lost := recall["original"] - recall["export"]) > MOST_RECALL_LOST:
            yield (
                f"Received an export that loses {100 * lost:.2f} points of recall on {label}; expected at most "
                f"{100 * MOST_RECALL_LOST:.1f}. {advice}."
            )


def _scored(side: Side, rows: Dataset) -> SplitScores:
    task = side.task
    encoded = task.encode_split(rows)
    columns = {name: list(values_of(encoded.windows, name)) for name in task.tokenizer.model_input_names}
    return task.score(encoded, task.references(rows), side.forward(columns))


def _names(task: Task, rows: Dataset, values: Any) -> NDArray[Any]:
    """The tags of all words, or the labels of all texts <object>[words or texts]."""
    if isinstance(values, np.ndarray):
        return np.array(task.references(rows).names, dtype=object)[values]
    return np.array(list(chain.from_iterable(values)), dtype=object)


def _largest_difference(before: SplitScores, after: SplitScores) -> float:
    scores = [np.concatenate([np.atleast_1d(row) for row in scored.outputs.scores]) for scored in (before, after)]
    return float(np.abs(scores[0] - scores[1]).max()) if len(scores[0]) == len(scores[1]) else math.inf

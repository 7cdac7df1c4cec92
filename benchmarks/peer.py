"""The peer: PyTorch's `Trainer` on the same files, encoder and settings as `tf-ner train`.

    .venv-pytorch/bin/python -m benchmarks.peer --data FOLDER --model FOLDER [--batch-size 16 …]

Runs in an environment of its own, made from `requirements-pytorch.txt`, and never imports tf_ner. The recipe is that of
the Hugging Face course, for words with tags and for pairs of sentences. Words are scored by their first subwords with
seqeval, as tf_ner scores them; and by all their subwords, as the course does.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

IGNORED = -100

Sentences = list[tuple[list[str], list[str]]]
"""The words of each, and their tags."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A corpus as `Trainer` reads it.

    Attributes:
        tokenizer: Neither truncates nor pads.
        names: Of the model's outputs.
        train: What is learnt from.
        scored: What is scored in the end, by name; `validation` says which epoch is the best.
        score: The scores of predictions.
        headline: Which of them is compared.
        model_class: Has the head of the task.
        collator: Pads.
        weight_decay: Of the course's recipe.
    """

    tokenizer: PreTrainedTokenizerFast
    names: list[str]
    train: Dataset
    scored: dict[str, Dataset]
    score: Callable[[EvalPrediction], dict[str, float]]
    headline: str
    model_class: Any
    collator: type
    weight_decay: float


def prepare(
    task: str, folder: Path, model: str, *, num_train: int | None = None, num_scored: int | None = None
) -> Prepared:
    """Reads and encodes a corpus.

    Args:
        task: As tf_ner names it.
        folder: Has a file for each split.
        model: Whose tokenizer encodes.
        num_train: How many of the first rows are learnt from; all if not given.
        num_scored: How many of the first rows of each other split are scored.
    """
    tokenizer = AutoTokenizer.from_pretrained(model)
    # The packaged tokenizer cuts and pads of its own accord.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    [train], [valid], [test] = (
        sorted(folder.glob(name)) for name in ("train.*", "valid.*" if task == "ner" else "dev.*", "test.*")
    )
    files = {"train": (train, num_train), "validation": (valid, num_scored), "test": (test, num_scored)}
    read = read_conll if task == "ner" else read_pairs
    splits: dict[str, list[Any]] = {split: read(file)[:limit] for split, (file, limit) in files.items()}
    return (_prepare_words if task == "ner" else _prepare_pairs)(splits, tokenizer)


def _prepare_words(splits: dict[str, Sentences], tokenizer: PreTrainedTokenizerFast) -> Prepared:
    names = sorted({tag for sentences in splits.values() for _, tags in sentences for tag in tags})
    decode = np.vectorize(dict(enumerate(names)).get, otypes=[object])

    def score(prediction: EvalPrediction) -> dict[str, float]:
        # The rows may come in another order than they went in, but never without their labels.
        labels, predicted = prediction.label_ids, np.argmax(prediction.predictions, axis=-1)
        gold = [decode(row[row != IGNORED]).tolist() for row in labels]
        found = [decode(tags[row != IGNORED]).tolist() for tags, row in zip(predicted, labels, strict=True)]
        return {"f1": float(entity_f1(gold, found))}

    scored = [split for split in splits if split != "train"]
    return Prepared(
        tokenizer=tokenizer,
        names=names,
        train=encode_words(splits["train"], tokenizer, names, only_first=False),
        scored={
            f"{split}{suffix}": encode_words(splits[split], tokenizer, names, only_first=not suffix)
            for suffix in ("", "_subword")
            for split in scored
        },
        score=score,
        headline="f1",
        model_class=AutoModelForTokenClassification,
        collator=DataCollatorForTokenClassification,
        weight_decay=0.01,
    )


def _prepare_pairs(splits: dict[str, list[dict[str, str]]], tokenizer: PreTrainedTokenizerFast) -> Prepared:
    def encode(rows: list[dict[str, str]]) -> Dataset:
        encodings = tokenizer([row["#1 String"] for row in rows], [row["#2 String"] for row in rows])
        return Dataset.from_dict({**encodings, "labels": [int(row["Quality"]) for row in rows]})

    def score(prediction: EvalPrediction) -> dict[str, float]:
        labels, predicted = prediction.label_ids, np.argmax(prediction.predictions, axis=-1)
        return {"accuracy": float(accuracy_score(labels, predicted)), "f1": float(f1_score(labels, predicted))}

    return Prepared(
        tokenizer=tokenizer,
        names=["0", "1"],
        train=encode(splits["train"]),
        scored={split: encode(rows) for split, rows in splits.items() if split != "train"},
        score=score,
        headline="accuracy",
        model_class=AutoModelForSequenceClassification,
        collator=DataCollatorWithPadding,
        weight_decay=0.0,
    )


def read_conll(path: Path) -> Sentences:
    """Sentences as (words, tags): the first and the last column; marks between documents are none."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    rows = [[line.split() for line in block.splitlines()] for block in blocks if not block.startswith("-DOCSTART-")]
    return [([cells[0] for cells in row], [cells[-1] for cells in row]) for row in rows]


def read_pairs(path: Path) -> list[dict[str, str]]:
    """The rows of a table in GLUE's format, by column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def encode_words(
    sentences: Sentences, tokenizer: PreTrainedTokenizerFast, names: list[str], *, only_first: bool
) -> Dataset:
    """Every subword has its word's tag, later ones with I- for B-, as the course does it; or only the first has."""
    encodings = tokenizer([words for words, _ in sentences], is_split_into_words=True)
    columns = {name: encodings[name] for name in tokenizer.model_input_names} | {"labels": []}
    ids = {name: number for number, name in enumerate(names)}
    for number, (_, tags) in enumerate(sentences):
        labels, before = [], None
        for word in encodings.word_ids(number):
            if word is None:
                labels.append(IGNORED)
            elif word != before:
                labels.append(ids[tags[word]])
            else:
                labels.append(IGNORED if only_first else ids[tags[word].replace("B-", "I-", 1)])
            before = word
        assert sum(label != IGNORED for label in labels) == len(tags) or not only_first, "a word without subwords"
        columns["labels"].append(labels)
    return Dataset.from_dict(columns)


def make_trainer(
    prepared: Prepared,
    folder: str,
    *,
    model: str,
    callbacks: Sequence[TrainerCallback] = (),
    evaluates: bool = True,
    **settings: Any,
) -> Trainer:
    """A `Trainer` on the CPU.

    Args:
        prepared: What it learns from and is scored by.
        folder: For its checkpoints.
        model: The encoder.
        callbacks: Called beside its own.
        evaluates: Whether it scores each epoch, and goes back to the best in the end; otherwise it only trains.
        settings: Of `TrainingArguments`.
    """
    if evaluates:
        best = {"load_best_model_at_end": True, "metric_for_best_model": prepared.headline}
        when = {"eval_strategy": "epoch", "save_strategy": "epoch", "save_only_model": True, "save_total_limit": 1}
        settings |= best | when
    else:
        settings |= {"eval_strategy": "no", "save_strategy": "no", "logging_strategy": "no"}
    id2label = dict(enumerate(prepared.names))
    return Trainer(
        model_init=lambda: prepared.model_class.from_pretrained(
            model, id2label=id2label, label2id={name: number for number, name in id2label.items()}
        ),
        args=TrainingArguments(
            folder,
            per_device_eval_batch_size=32,
            weight_decay=prepared.weight_decay,
            use_cpu=True,
            disable_tqdm=True,
            report_to=[],
            **settings,
        ),
        train_dataset=prepared.train,
        eval_dataset=prepared.scored["validation"],
        data_collator=prepared.collator(prepared.tokenizer),
        compute_metrics=prepared.score,
        processing_class=prepared.tokenizer,
        callbacks=list(callbacks),
    )


def main() -> None:
    """Trains, and prints the scores of the best epoch as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.*, valid.* (or dev.*) and test.*")
    parser.add_argument("--model", required=True, help="folder with an encoder in PyTorch layout")
    parser.add_argument("--task", choices=["ner", "text-classification"], default="ner")
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--max-train-examples", type=int)
    parser.add_argument("--max-eval-examples", type=int)
    options = parser.parse_args()
    prepared = prepare(
        options.task,
        options.data,
        options.model,
        num_train=options.max_train_examples,
        num_scored=options.max_eval_examples,
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            prepared,
            folder,
            model=options.model,
            learning_rate=options.learning_rate,
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            group_by_length=options.group_by_length,
            seed=options.seed,
        )
        begin = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - begin
        scores = {name: prepared.score(trainer.predict(rows)) for name, rows in prepared.scored.items()}
    print(json.dumps({"seed": options.seed, **scores, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()

"""The peer on sentence pairs: PyTorch's `Trainer` on MRPC's files, with the course's recipe.

Runs in an environment of its own, made from `requirements-pytorch.txt`, and never imports tf_ner. Accuracy and F1 of
both scored splits are printed after every epoch.
"""

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from datasets import Dataset
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
)


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as checkpoints:
        print(json.dumps(train_and_score(options, checkpoints)))


def train_and_score(options: argparse.Namespace, checkpoints: str) -> dict[str, object]:
    """Trains, and scores validation and test after every epoch."""
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    # The packaged tokenizer cuts and pads of its own accord.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    encoded = {split: encode(options.data / f"{split}.tsv", tokenizer) for split in ("train", "dev", "test")}

    def score(prediction: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(prediction.predictions, axis=-1)
        return {
            "accuracy": accuracy_score(prediction.label_ids, predicted),
            "f1": f1_score(prediction.label_ids, predicted),
        }

    trainer = Trainer(
        model_init=lambda: AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=2),
        args=TrainingArguments(
            checkpoints,
            save_strategy="no",
            eval_strategy="epoch",
            learning_rate=options.learning_rate,
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            per_device_eval_batch_size=32,
            weight_decay=0.0,
            seed=options.seed,
            use_cpu=True,
            disable_tqdm=True,
            report_to=[],
        ),
        train_dataset=encoded["train"],
        eval_dataset={"validation": encoded["dev"], "test": encoded["test"]},
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=score,
        processing_class=tokenizer,
    )
    begin = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begin
    epochs: dict[float, dict[str, float]] = {}
    for row in trainer.state.log_history:
        scores = {name.removeprefix("eval_"): value for name, value in row.items() if name.endswith(("accuracy", "f1"))}
        epochs.setdefault(row["epoch"], {}).update(scores)
    rows = [scores for scores in epochs.values() if scores]
    return {"seed": options.seed, "steps": trainer.state.global_step, "epochs": rows, "seconds": round(seconds, 1)}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.tsv, dev.tsv and test.tsv")
    parser.add_argument("--model", required=True, help="folder with an encoder in PyTorch layout")
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_args()


def encode(path: Path, tokenizer) -> Dataset:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    encodings = tokenizer([row["#1 String"] for row in rows], [row["#2 String"] for row in rows])
    return Dataset.from_dict({**encodings, "labels": [int(row["Quality"]) for row in rows]})


if __name__ == "__main__":
    main()

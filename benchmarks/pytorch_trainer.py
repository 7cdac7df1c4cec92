"""The peer: PyTorch's `Trainer` on the same files, encoder and settings as `tf-ner train`.

Runs in an environment of its own, made from `requirements-pytorch.txt`, and never imports tf_ner. The recipe is that
of the Hugging Face course; each word is scored by its first subword with seqeval, as tf_ner scores it.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from datasets import Dataset
from seqeval.metrics import f1_score
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    EvalPrediction,
    Trainer,
    TrainingArguments,
)

IGNORED = -100


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as checkpoints:
        print(json.dumps(train_and_score(options, checkpoints)))


def train_and_score(options: argparse.Namespace, checkpoints: str) -> dict[str, float]:
    """Trains, and scores the best epoch on validation and test."""
    splits = {split: read_conll(options.data / f"{split}.conll") for split in ("train", "valid", "test")}
    names = sorted({tag for rows in splits.values() for _, tags in rows for tag in tags})
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    # The packaged tokenizer cuts and pads of its own accord.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    # Where a split is scored, only the first subword of each word has a label, and so words are scored.
    encoded = {split: encode(rows, tokenizer, names, only_first=split != "train") for split, rows in splits.items()}

    def f1(prediction: EvalPrediction) -> float:
        # The rows may come in another order than they went in, but never without their labels.
        labels, predicted = prediction.label_ids, np.argmax(prediction.predictions, axis=-1)
        decode = np.vectorize(dict(enumerate(names)).get, otypes=[object])
        return float(
            f1_score(
                [decode(row[row != IGNORED]).tolist() for row in labels],
                [decode(tags[row != IGNORED]).tolist() for tags, row in zip(predicted, labels, strict=True)],
            )
        )

    trainer = Trainer(
        model_init=lambda: AutoModelForTokenClassification.from_pretrained(
            options.model, id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)}
        ),
        args=TrainingArguments(
            checkpoints,
            save_only_model=True,
            save_total_limit=1,
            eval_strategy="epoch",
            save_strategy="epoch",
            load_best_model_at_end=True,
            metric_for_best_model="f1",
            learning_rate=options.learning_rate,
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            per_device_eval_batch_size=32,
            weight_decay=0.01,
            group_by_length=options.group_by_length,
            seed=options.seed,
            use_cpu=True,
            disable_tqdm=True,
            report_to=[],
        ),
        train_dataset=encoded["train"],
        eval_dataset=encoded["valid"],
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=lambda prediction: {"f1": f1(prediction)},
        processing_class=tokenizer,
    )
    begin = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begin
    scores = {split: f1(trainer.predict(encoded[split])) for split in ("valid", "test")}
    return {"seed": options.seed, **scores, "seconds": round(seconds, 1)}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.conll, valid.conll and test.conll")
    parser.add_argument("--model", required=True, help="folder with an encoder in PyTorch layout")
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_args()


def read_conll(path: Path) -> list[tuple[list[str], list[str]]]:
    """Sentences as (words, tags): the first and the last column."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    rows = [[line.split() for line in block.splitlines()] for block in blocks]
    return [([cells[0] for cells in row], [cells[-1] for cells in row]) for row in rows]


def encode(rows: list[tuple[list[str], list[str]]], tokenizer, names: list[str], *, only_first: bool) -> Dataset:
    """Every subword learns its word's tag, later ones with I- for B-, as the course does it; or only the first does."""
    encodings = tokenizer([words for words, _ in rows], is_split_into_words=True)
    columns = {name: encodings[name] for name in tokenizer.model_input_names} | {"labels": []}
    ids = {name: number for number, name in enumerate(names)}
    for number, (_, tags) in enumerate(rows):
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


if __name__ == "__main__":
    main()

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
    splits = {split: read_conll(options.data / f"{split}.conll") for split in ("train", "valid", "test")}
    names = sorted({tag for rows in splits.values() for _, tags in rows for tag in tags})
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    # The packaged tokenizer cuts and pads of its own accord.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    encoded = {split: encode(rows, tokenizer, names) for split, rows in splits.items()}

    def f1(prediction: EvalPrediction, split: str) -> float:
        tags = np.argmax(prediction.predictions, axis=-1)
        predicted = [
            [names[tag] for tag, first in zip(row, firsts, strict=False) if first]
            for row, firsts in zip(tags, encoded[split]["first_of_word"], strict=True)
        ]
        gold = [row_tags for _, row_tags in splits[split]]
        assert list(map(len, predicted)) == list(map(len, gold))
        return float(f1_score(gold, predicted))

    trainer = Trainer(
        model_init=lambda: AutoModelForTokenClassification.from_pretrained(
            options.model, id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)}
        ),
        args=TrainingArguments(
            tempfile.mkdtemp(),
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
        compute_metrics=lambda prediction: {"f1": f1(prediction, "valid")},
        processing_class=tokenizer,
    )
    begin = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begin
    scores = {split: f1(trainer.predict(encoded[split]), split) for split in ("valid", "test")}
    print(json.dumps({"seed": options.seed, **scores, "seconds": round(seconds, 1)}))


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


def encode(rows: list[tuple[list[str], list[str]]], tokenizer, names: list[str]) -> Dataset:
    """Every subword learns its word's tag, later ones with I- for B-, as the course does it."""
    encodings = tokenizer([words for words, _ in rows], is_split_into_words=True)
    columns = {name: encodings[name] for name in tokenizer.model_input_names} | {"labels": [], "first_of_word": []}
    for number, (_, tags) in enumerate(rows):
        words = encodings.word_ids(number)
        firsts = [word is not None and word != before for word, before in zip(words, [None, *words], strict=False)]
        later = [tag.replace("B-", "I-", 1) for tag in tags]
        columns["labels"].append(
            [
                IGNORED if word is None else names.index((tags if first else later)[word])
                for word, first in zip(words, firsts, strict=True)
            ]
        )
        columns["first_of_word"].append(firsts)
    return Dataset.from_dict(columns)


if __name__ == "__main__":
    main()

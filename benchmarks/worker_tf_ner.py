"""tf_ner, in rounds: a worker of `run.py` in the environment of the project.

python -m benchmarks.worker_tf_ner {train,score,feed,tokenize,prepare,grow} --data FOLDER --model FOLDER …
"""

# Before TensorFlow, as in all commands: it chooses how to multiply.
import tf_ner  # noqa: F401, I001

import argparse
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras
from datasets import Dataset

from benchmarks.rounds import OwnMemory, Rounds, epochs_of, worker_options
from tf_ner import TokenClassification, TrainConfig, load_corpus, load_tokenizer, load_untrained, make_dataset, train
from tf_ner.tasks.tokenizers import encoder_limit
from tf_ner.training.scoring import Scorer

_OF_PAIRS = {"text_columns": ("#1 String", "#2 String"), "label_column": "Quality", "weight_decay": 0.0}


class InRounds(keras.callbacks.Callback):
    """Waits at the ends of rounds; every batch must have as many rows."""

    reads_weights = False

    def __init__(self, rounds: Rounds, options: argparse.Namespace):
        super().__init__()
        self._rounds = rounds
        self._options = options

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        num_rows = self.params["steps"] * self._options.batch_size
        if num_rows != self._options.sentences:
            raise ValueError(
                f"Received --sentences {self._options.sentences}, of which {self.params['steps']} batches of "
                f"{self._options.batch_size} are made; expected full batches of all. Choose a multiple that there is."
            )
        self._rounds.begin()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._rounds.step(self._options.batch_size)


def main() -> None:
    parser = worker_options(__doc__.splitlines()[0])
    parser.add_argument("mode", choices=_MODES)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--packing", choices=["auto", "off"], default="auto")
    parser.add_argument("--copies", type=int, default=1, help="of the corpus, for grow")
    options = parser.parse_args()
    peak_mb = OwnMemory() if options.mode == "grow" else None
    _MODES[options.mode](options, Rounds(warm_up=options.warm_up, steps=options.steps, peak_mb=peak_mb))


def train_batches(options: argparse.Namespace, rounds: Rounds) -> None:
    """A step is one of `train`."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            task=options.task,
            dataset=str(options.data),
            model=options.model,
            output_dir=Path(folder) / "run",
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            epochs=epochs_of(options),
            precision=options.precision,
            packing=options.packing,
            max_train_examples=options.sentences,
            max_eval_examples=options.batch_size,
            # After the last step, which no round comes to; and with it checkpoints.
            eval_every=10**9,
            **(_OF_PAIRS if options.task == "text-classification" else {}),
        )
        train(config, callbacks=[InRounds(rounds, options)], verbose=0)


def score(options: argparse.Namespace, rounds: Rounds) -> None:
    """A step is the whole validation split."""
    rows = _rows_of("validation", options)
    task = _task_of(rows, options)
    model = load_untrained(options.model, tag_names=task.tag_names)
    scorer = Scorer(rows, task, packing=options.packing == "auto")
    rounds.begin()
    while True:
        scorer.score(model)
        rounds.step(len(rows))


def feed(options: argparse.Namespace, rounds: Rounds) -> None:
    """A step is a batch that nobody learns from."""
    rows = _rows_of("train", options)
    task = _task_of(rows, options)
    batches = make_dataset(
        task.encode_split(rows).windows,
        tokenizer=task.tokenizer,
        batch_size=options.batch_size,
        epochs=epochs_of(options),
        shuffle=True,
        packing=options.packing == "auto",
    )
    rounds.begin()
    for batch in batches:
        rounds.step(_num_sentences(*batch))


def tokenize(options: argparse.Namespace, rounds: Rounds) -> None:
    """A step is the tokenizer alone on all words."""
    rows = _rows_of("train", options)
    tokenizer, words = load_tokenizer(options.model), list(rows["words"])
    rounds.begin()
    while True:
        tokenizer(words, is_split_into_words=True)
        rounds.step(len(words))


def prepare(options: argparse.Namespace, rounds: Rounds) -> None:
    """A step is all words with their tags, encoded."""
    rows = _rows_of("train", options)
    task = _task_of(rows, options)
    rounds.begin()
    while True:
        task.encode_split(rows)
        rounds.step(len(rows))


def grow(options: argparse.Namespace, rounds: Rounds) -> None:
    """The steps are reading, preparing and an epoch of batches, of several copies of a corpus."""
    [file] = options.data.glob("train.*")
    blocks = file.read_text(encoding="utf-8").strip().split("\n\n")[: options.sentences]
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder) / file.name
        with copies.open("w", encoding="utf-8") as text:
            for _ in range(options.copies):
                text.writelines(f"{block}\n\n" for block in blocks)
        del blocks
        rounds.begin()
        rows = load_corpus(files={"train": copies})["train"]
        rounds.step(len(rows))
        task = _task_of(rows, options)
        encoded = task.encode_split(rows)
        rounds.step(len(encoded.num_words))
        batches = make_dataset(
            encoded.windows, tokenizer=task.tokenizer, batch_size=options.batch_size, shuffle=True, packing=True
        )
        rounds.step(sum(_num_sentences(*batch) for batch in batches))


_MODES = {
    "train": train_batches,
    "score": score,
    "feed": feed,
    "tokenize": tokenize,
    "prepare": prepare,
    "grow": grow,
}


def _rows_of(split: str, options: argparse.Namespace) -> Dataset:
    rows = load_corpus(options.data)[split]
    return rows.select(range(min(options.sentences, len(rows))))


def _task_of(rows: Dataset, options: argparse.Namespace) -> TokenClassification:
    tokenizer = load_tokenizer(options.model)
    names = tuple(rows.features["tags"].feature.names)
    return TokenClassification(tokenizer, names, max_length=encoder_limit(options.model, tokenizer))


def _num_sentences(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> int:
    """How many are in a batch; packed ones are numbered."""
    return int(inputs["segment_ids"].numpy().max()) if "segment_ids" in inputs else len(labels)


if __name__ == "__main__":
    main()

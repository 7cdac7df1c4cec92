"""PyTorch's `Trainer`, in rounds: a worker of `run.py` in the environment of the peer.

python -m benchmarks.worker_trainer {train,score,feed} --data FOLDER --model FOLDER …
"""

import argparse
import tempfile
from typing import Any

from transformers import Trainer, TrainerCallback

from benchmarks.peer import make_trainer, prepare
from benchmarks.rounds import Rounds, epochs_of, worker_options


class InRounds(TrainerCallback):
    """Waits at the ends of rounds; every batch must have as many rows."""

    def __init__(self, rounds: Rounds, options: argparse.Namespace):
        self._rounds = rounds
        self._batch_size = options.batch_size
        self._num_steps = epochs_of(options) * options.sentences // options.batch_size

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        assert state.max_steps == self._num_steps, (state.max_steps, self._num_steps)
        self._rounds.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._rounds.step(self._batch_size)


def main() -> None:
    parser = worker_options(__doc__.splitlines()[0])
    parser.add_argument("mode", choices=["train", "score", "feed"])
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--group-by-length", action="store_true")
    options = parser.parse_args()
    rounds = Rounds(warm_up=options.warm_up, steps=options.steps)
    is_scored = options.mode == "score"
    prepared = prepare(
        options.task,
        options.data,
        options.model,
        num_train=options.batch_size if is_scored else options.sentences,
        num_scored=options.sentences if is_scored else options.batch_size,
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            prepared,
            folder,
            model=options.model,
            callbacks=[InRounds(rounds, options)] if options.mode == "train" else [],
            evaluates=False,
            learning_rate=options.learning_rate,
            num_train_epochs=epochs_of(options),
            per_device_train_batch_size=options.batch_size,
            bf16=options.precision == "bfloat16",
            group_by_length=options.group_by_length,
        )
        if options.mode == "train":
            trainer.train()
        elif is_scored:
            score(trainer, rounds)
        else:
            feed(trainer, rounds)


def score(trainer: Trainer, rounds: Rounds) -> None:
    """A step is the whole validation split."""
    rounds.begin()
    while True:
        trainer.evaluate()
        rounds.step(len(trainer.eval_dataset))


def feed(trainer: Trainer, rounds: Rounds) -> None:
    """A step is a batch that nobody learns from."""
    rounds.begin()
    while True:
        for batch in trainer.get_train_dataloader():
            rounds.step(len(batch["labels"]))


if __name__ == "__main__":
    main()

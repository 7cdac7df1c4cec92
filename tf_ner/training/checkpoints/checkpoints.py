"""States of a training on disk, from which it goes on as if it had never stopped.

A checkpoint is a folder `checkpoints/step-500` in that of the run. It can be loaded as a model; beside the model it
holds the optimizer's variables, the embedding as its rows wait, the best model so far, in `training_state.json` what
the callbacks remember, and in `sha256.json` the digest of each file. The data needs no state: which rows make which
step follows from the seed, and so does what dropout drops (on a TPU, other values than elsewhere).
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray
from safetensors.numpy import load_file
from transformers import PreTrainedTokenizerBase, TFPreTrainedModel

from tf_ner.errors import OutputError
from tf_ner.files import link_or_copy, write_json, write_text
from tf_ner.learning.optimizer import lazy_rows_of, restore_rows, weights_settled
from tf_ner.models.weights import (
    MODEL,
    OPTIMIZER,
    Copies,
    load_optimizer,
    load_weights,
    optimizer_values,
    pytorch_weights,
    save_config,
    save_tokenizer,
    write_tensors,
)
from tf_ner.options.train import RUN_CONFIG

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
"""The folder of a run's checkpoints, in the run's; it is gone when the run is finished."""

BEST = "best.safetensors"
"""The best model so far, in a checkpoint."""

_WAITING = "waiting.safetensors"
_STATE = "training_state.json"
_DIGESTS = "sha256.json"
_NAME = "step-{}"
_STEP = re.compile(r"step-\d+")
_KEPT = 2

NOT_OF_MODEL = (_STATE, _DIGESTS, MODEL, OPTIMIZER, _WAITING, RUN_CONFIG)
"""The files of a checkpoint that a folder with its best model does not have."""


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """Where a training is, beside its weights.

    Attributes:
        step: The steps taken.
        plan: What it learns from, in which order: see `tf_ner.training.plan`.
        seconds: How long it took so far.
        is_stopped: Whether a callback has ended it early.
        callbacks: What each callback remembers, by its name.
        trackers: What was reported to each tracker; older checkpoints do not tell.
    """

    step: int
    plan: str
    seconds: float
    is_stopped: bool
    callbacks: Mapping[str, Any]
    trackers: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, checkpoint: Path) -> Self:
        """Reads the state of a checkpoint and makes sure that all its files are whole.

        Raises:
            OutputError: They are not, or this is no checkpoint.
        """
        try:
            digests = json.loads((checkpoint / _DIGESTS).read_text(encoding="utf-8"))
            names = sorted({*digests, _STATE, MODEL, OPTIMIZER})
            broken = [name for name in names if _digest(checkpoint / name) != digests.get(name)]
            if not broken:
                return cls(**json.loads((checkpoint / _STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise OutputError(
                f"Received {checkpoint}, which is not a complete checkpoint ({' '.join(str(error).split())}); expected "
                f"a folder that a run wrote in {CHECKPOINTS}. Resume from another one."
            ) from None
        raise OutputError(
            f"Received {checkpoint}, whose {', '.join(broken)} is not what was written; expected a complete "
            "checkpoint. Resume from another one."
        )


def newest_checkpoint(run_dir: Path) -> tuple[Path, TrainingState] | None:
    """Finds the newest checkpoint of a run that is whole; says which newer ones are not.

    Returns:
        Its folder and what it says; None if the run has no checkpoint yet.

    Raises:
        OutputError: None of them is whole.
    """
    found = _found_in(run_dir)
    for checkpoint in found:
        try:
            return checkpoint, TrainingState.read(checkpoint)
        except OutputError as error:
            logger.warning("%s", error)
    if found:
        raise OutputError(
            f"Received {run_dir / CHECKPOINTS} with no complete checkpoint; expected one. Start over with --overwrite."
        )
    return None


def restore(model: TFPreTrainedModel, checkpoint: Path) -> None:
    """Gives a model and its optimizer, whose variables must be there, the values of a checkpoint.

    Raises:
        ModelError: The checkpoint is of another kind of model, or of another optimizer.
    """
    load_weights(model, checkpoint / MODEL)
    load_optimizer(model.optimizer, checkpoint / OPTIMIZER)
    waiting = checkpoint / _WAITING
    restore_rows(model.optimizer, model, load_file(waiting) if waiting.exists() else None)


class CheckpointWriter:
    """Writes checkpoints while training goes on: the training waits for a copy in memory, not for the disk.

    Args:
        run_dir: The run, which holds its options, and the best model.
        tokenizer: Saved beside the model.
        keep: How many to keep; a few if not given.

    Attributes:
        newest: The last one that was taken to be written; None before the first.
    """

    def __init__(self, run_dir: Path, tokenizer: PreTrainedTokenizerBase, *, keep: int | None = None):
        self._run_dir = run_dir
        self._folder = run_dir / CHECKPOINTS
        self._tokenizer = tokenizer
        self._options = (run_dir / RUN_CONFIG).read_text(encoding="utf-8")
        self._keep = keep or _KEPT
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tf_ner checkpoint")
        self._weights, self._optimizer = Copies(), Copies()
        self._writing: Future[None] | None = None
        self.newest: Path | None = None

    def write(self, model: TFPreTrainedModel, state: TrainingState) -> None:
        """Takes the present state to be written; waits only for one that is still being written.

        Raises:
            OutputError: The last one could not be written.
        """
        self.wait()
        self.newest = self._folder / _NAME.format(state.step)
        with weights_settled(model.optimizer):
            weights = self._weights.of(pytorch_weights(model))
        optimizer = self._optimizer.of(optimizer_values(model.optimizer))
        lazy = lazy_rows_of(model.optimizer)
        waiting = {} if lazy is None else {name: values.numpy() for name, values in lazy.waiting().items()}
        temporary = self._folder / f".partial.{_NAME.format(state.step)}"
        try:
            self._folder.mkdir(exist_ok=True)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            # Linked now: when the thread comes to it, there may be a better one, which this state does not know.
            if (self._run_dir / MODEL).exists():
                link_or_copy(self._run_dir / MODEL, temporary / BEST)
            save_config(model, temporary)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise self._unwritable(error) from error
        self._writing = self._executor.submit(self._write, temporary, weights, optimizer, waiting, state)

    def wait(self) -> None:
        """Waits until what was taken is on the disk.

        Raises:
            OutputError: It could not be written; earlier checkpoints are there.
        """
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"Received {self._folder}, where a checkpoint cannot be written ({error.strerror or error}); expected free "
            "space and write permission. Make room, then continue from the last one with --resume."
        )

    def close(self) -> None:
        """Waits for what was taken, and takes no more.

        Raises:
            OutputError: It could not be written.
        """
        self._executor.shutdown()
        self.wait()

    def _write(
        self,
        temporary: Path,
        weights: Mapping[str, NDArray[Any]],
        optimizer: Mapping[str, NDArray[Any]],
        waiting: Mapping[str, NDArray[Any]],
        state: TrainingState,
    ) -> None:
        try:
            write_tensors(weights, temporary / MODEL)
            write_tensors(optimizer, temporary / OPTIMIZER)
            if waiting:
                write_tensors(waiting, temporary / _WAITING)
            save_tokenizer(self._tokenizer, temporary)
            write_text(temporary / RUN_CONFIG, self._options)
            write_json(temporary / _STATE, asdict(state))
            write_json(temporary / _DIGESTS, {file.name: _digest(file) for file in sorted(temporary.iterdir())})
            final = self._folder / _NAME.format(state.step)
            # There from before, if it was torn or an earlier one was resumed from.
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        for old in _found_in(self._run_dir)[self._keep :]:
            shutil.rmtree(old, ignore_errors=True)


def remove_checkpoints(run_dir: Path, *, after: int | None = None) -> None:
    """Removes the checkpoints of a run.

    Args:
        run_dir: The run.
        after: Only those of later steps: an earlier one is gone on from.
    """
    if after is None:
        shutil.rmtree(run_dir / CHECKPOINTS, ignore_errors=True)
    for checkpoint in _found_in(run_dir):
        if after is not None and _step_of(checkpoint) > after:
            shutil.rmtree(checkpoint)


def _found_in(run_dir: Path) -> list[Path]:
    """The checkpoints of a run, whole or not, the newest first; copies under other names are none."""
    found = [path for path in (run_dir / CHECKPOINTS).glob(_NAME.format("*")) if _STEP.fullmatch(path.name)]
    return sorted(found, key=_step_of, reverse=True)


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

"""The folder of a run: whose it is, and what it holds before the first step."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tf_ner.errors import OutputError
from tf_ner.files import folder_replaced_whole, link_or_copy, remove_partial
from tf_ner.models.weights import MODEL, TOKENIZER_FILES
from tf_ner.options.train import ERRORS, METRICS, RUN_CONFIG
from tf_ner.training.checkpoints.checkpoints import CHECKPOINTS, remove_checkpoints
from tf_ner.training.checkpoints.resume import ResumePoint
from tf_ner.training.trackers.tensorboard import TENSORBOARD

logger = logging.getLogger(__name__)

_LOCK = ".lock"
# First what says that a run is finished.
_RESULT_FILES = (METRICS, "README.md", MODEL, "config.json", "history.csv", "losses.csv", ERRORS)

REPLACED = ".replaced"
"""The folder, in a run's, that keeps the run it replaces until it is finished itself."""


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keeps a folder to one run; the lock ends with the process, however that ends.

    A folder that was made for the lock and is not used goes again.

    Raises:
        OutputError: Another run is writing to it, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"Received --output-dir {folder}, which is a file; expected a folder. Choose another name.")
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / _LOCK, timeout=0) as lock:
            if not (folder / _LOCK).exists():
                # What was locked here is what another run has just removed.
                raise Timeout(lock.lock_file)
            try:
                yield
            finally:
                (folder / _LOCK).unlink(missing_ok=True)
                if not was_there and not any(folder.iterdir()):
                    folder.rmdir()
    except Timeout:
        raise OutputError(
            f"Received --output-dir {folder}, to which another run is writing now; expected one run per folder. Wait "
            "for it, or choose another one."
        ) from None


def check_folder(folder: Path, *, model: str, resume: bool, overwrite: bool) -> None:
    """Makes sure that a run may write to its folder, which must be there.

    Args:
        folder: The run's.
        model: What it begins with, which must not be removed with the folder.
        resume: It goes on with the run that the folder holds.
        overwrite: It replaces that.

    Raises:
        OutputError: It holds something else, or a run that shall not be replaced.
    """
    if not any(file.name != _LOCK for file in folder.iterdir()):
        return
    if not (folder / RUN_CONFIG).exists():
        raise OutputError(
            f"Received --output-dir {folder}, which holds files that are not a run; expected a new folder. "
            "Choose another one."
        )
    if resume:
        return
    if not overwrite:
        raise OutputError(
            f"Received --output-dir {folder}, which is not empty; expected a new folder. "
            "Choose another one, continue the run it holds with --resume, or replace it with --overwrite."
        )
    if folder.resolve() in (Path(model).resolve(), *Path(model).resolve().parents):
        raise OutputError(
            f"Received --model {model}, which --overwrite would remove with {folder}; expected a model "
            "elsewhere. Choose another --output-dir."
        )


def prepare_folder(folder: Path, save_options: Callable[[Path], None], *, resume_point: ResumePoint | None) -> None:
    """Makes room for the run and says what it is, before the first step.

    The folder never stops being that of a run, so that it can be replaced whenever this is cut short. A model that it
    holds already is kept aside until `remove_replaced`.

    Args:
        folder: The run's; must be there.
        save_options: Writes those of the run to a file.
        resume_point: The checkpoint that it goes on from; what was left of the run it belongs to stays.
    """
    remove_partial(folder)
    remove_partial(folder / CHECKPOINTS)
    if resume_point is None:
        _keep_aside(folder)
        # Read beside new ones, files that only another tokenizer has would make one that is neither.
        names = (*_RESULT_FILES, *TOKENIZER_FILES)
        for file in (*(folder / name for name in names), *folder.glob("predictions.*")):
            file.unlink(missing_ok=True)
        remove_checkpoints(folder)
        save_options(folder / RUN_CONFIG)
    else:
        save_options(folder / RUN_CONFIG)
        resume_point.bring_best(folder)
        remove_checkpoints(folder, after=resume_point.state.step)


def _keep_aside(folder: Path) -> None:
    """Gives what a folder holds of an earlier run second names in `REPLACED`, if it is finished or has a model.

    Raises:
        OutputError: There is no room for them where the file system has no second names.
    """
    is_finished = (folder / METRICS).exists()
    # Left by a run that replaced another and did not get as far: what it replaced is worth more.
    if not is_finished and ((folder / REPLACED).exists() or not (folder / MODEL).exists()):
        return
    try:
        with folder_replaced_whole(folder / REPLACED) as copy:
            for file in folder.iterdir():
                if file.is_file() and not file.name.startswith("."):
                    link_or_copy(file, copy / file.name)
            for name in (CHECKPOINTS, TENSORBOARD):
                if (folder / name).is_dir():
                    shutil.copytree(folder / name, copy / name, copy_function=link_or_copy)
    except OSError as error:
        raise OutputError(
            f"Received --output-dir {folder}, whose run cannot be kept while a new one replaces it ({error}); "
            "expected enough space for it. Make room, remove the folder, or choose another one."
        ) from error
    logger.info("the run that %s held is kept in %s until this one is finished", folder, folder / REPLACED)


def read_metrics(folder: Path) -> dict[str, Any]:
    """What `metrics.json` of a finished run holds.

    Raises:
        OutputError: It cannot be read.
    """
    try:
        metrics: dict[str, Any] = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(
            f"Received {folder / METRICS}, which is not JSON ({error}); expected the scores of a finished run. "
            "Remove that file to finish the run again."
        ) from None
    return metrics


def remove_replaced(folder: Path) -> None:
    """Removes the run that a finished one has replaced."""
    shutil.rmtree(folder / REPLACED, ignore_errors=True)

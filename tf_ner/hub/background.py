"""Pushing while training goes on."""

import logging
import shlex
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from tf_ner.hub.changes import LAST_CHECKPOINT, list_files
from tf_ner.hub.upload import HubTarget, push_folder, reason

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _State:
    """A folder to be pushed; a copy of that of the run was made for that and goes afterwards."""

    folder: Path
    message: str
    run_dir: Path

    @property
    def is_copy(self) -> bool:
        return self.folder != self.run_dir

    def remove(self) -> None:
        if self.is_copy:
            shutil.rmtree(self.folder, ignore_errors=True)


class BackgroundUploader:
    """Pushes states of a folder while training goes on: one at a time, and a newer one takes the place of one waiting.

    Each state is kept as it was when it was submitted. Faults are retried, then told in a warning; they never end the
    training.

    Attributes:
        commit_url: The address of the last commit; None before the first.
        fault: Why the last push failed; None where it did not.
    """

    # Not `upload_folder(run_as_future=True)`: that reads a folder when its turn comes, which may be after the next
    # evaluation has changed it, and lets uploads wait in a row where only the newest is of use.
    def __init__(self, target: HubTarget):
        self.target = target
        self.commit_url: str | None = None
        self.fault: str | None = None
        self._waiting: _State | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def submit(self, folder: Path, message: str, *, checkpoint: Path | None = None) -> None:
        """Takes a folder's present state to be pushed, and with it a checkpoint; does not wait for the Hub."""
        copy = None
        try:
            copy = Path(mkdtemp(dir=folder, prefix=".partial.push."))
            for file in list_files(folder):
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file, copy / file)
            if checkpoint is not None:
                shutil.copytree(checkpoint, copy / LAST_CHECKPOINT)
        except OSError as fault:
            if copy is not None:
                shutil.rmtree(copy, ignore_errors=True)
            why = reason(fault, self.target)
            logger.warning("%s was not pushed: %s could not be copied (%s). Training continues.", message, folder, why)
            return
        self._queue(_State(copy, message, folder))

    def finish(self, folder: Path, message: str) -> str | None:
        """Pushes the final state, waits for it and gives the address of its commit, or None where that failed.

        The folder must not change meanwhile.
        """
        logger.info("Pushing to %s …", self.target.repo_id)
        self._queue(_State(folder, message, folder))
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None)
        if self.fault is not None:
            logger.warning(
                "Could not push to %s (%s). Nothing is lost: the files are in %s; push them later with "
                "`tf-ner push %s --hub-model-id %s%s`.",
                self.target.repo_id, self.fault, folder, shlex.quote(str(folder)), self.target.repo_id,
                " --hub-replace-card" if self.target.replaces_card else "",
            )  # fmt: skip
            return None
        return self.commit_url

    def wait(self, seconds: float) -> None:
        """Waits until what was submitted is pushed or has failed, but no longer than that."""
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None, timeout=seconds)

    def cancel(self) -> None:
        """Drops what waits; what is on its way now may still arrive."""
        with self._changed:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.remove()

    def _queue(self, state: _State) -> None:
        with self._changed:
            replaced, self._waiting = self._waiting, state
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tf_ner push", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if replaced is not None:
            replaced.remove()

    def _work(self) -> None:
        """Pushes until nothing waits; the next state gets a thread of its own."""
        while (state := self._next()) is not None:
            # Whatever happens, the one who waits for this must not take an earlier commit for it, nor wait for ever.
            self.fault = "it was interrupted"
            try:
                with _progress_bars(shown=not state.is_copy):
                    self.commit_url = push_folder(
                        state.folder,
                        self.target,
                        message=state.message,
                        run_dir=state.run_dir,
                        before_next_try=self._wait,
                    )
                self.fault = None
            except BaseException as fault:
                self.fault = reason(fault, self.target)
                if state.is_copy:
                    logger.info("%s was not pushed (%s); training continues", state.message, self.fault)
            finally:
                state.remove()

    def _next(self) -> _State | None:
        with self._changed:
            state, self._waiting = self._waiting, None
            if state is None:
                self._thread = None
                self._changed.notify_all()
            return state

    def _wait(self, seconds: float) -> bool:
        """Waits to try again, unless a newer state comes: then this one is not worth it."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._waiting is not None, timeout=seconds)


@contextmanager
def _progress_bars(*, shown: bool) -> Iterator[None]:
    """Keeps the client's progress bars out of the training's, and shows them where one waits for the upload."""
    were_disabled = are_progress_bars_disabled()
    if not shown:
        disable_progress_bars()
    try:
        yield
    finally:
        if not shown and not were_disabled:
            enable_progress_bars()

"""What a push changes in a repository: it adds and replaces; what it removes, the same run must have put there."""

import fnmatch
import logging
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoSibling

from tf_ner.config import RUN_CONFIG, TrainConfig
from tf_ner.errors import ConfigError
from tf_ner.hub.pushed import note_pushed, read_pushed
from tf_ner.hub.weights import TOKENIZER_FILES

logger = logging.getLogger(__name__)

LAST_CHECKPOINT = "last-checkpoint"
"""The folder of a repository that holds the newest checkpoint of a run that is not finished."""

# Gone from the folder, these go from the repository; the weights, and what else a user may have moved away, do not.
_RESULTS = ("README.md", "metrics.json", "history.csv", "losses.csv", "predictions.*.conll", "predictions.*.jsonl")
_DROPPED = (*_RESULTS, *TOKENIZER_FILES)


@dataclass(frozen=True)
class Changes:
    """What a push does to a repository beside adding and replacing.

    Attributes:
        repo_id: What the repository is called now.
        parent: The commit that it was at.
        removed: The files that go.
    """

    repo_id: str
    parent: str | None
    removed: list[str]


def list_files(folder: Path) -> list[Path]:
    """The files of a folder that a push sends, relative to it: all but hidden ones and states to resume from."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "checkpoints"]
        files += [(Path(parent) / name).relative_to(folder) for name in names if not name.startswith(".")]
    return sorted(files)


def find_changes(api: HfApi, repo_id: str, folder: Path, *, run_dir: Path) -> Changes:
    """Finds what a push of a folder does to a repository, which must be there.

    Args:
        api: To read the repository.
        repo_id: Its whole name.
        folder: What is pushed.
        run_dir: The folder that remembers what was pushed before.
    """
    info = api.model_info(repo_id, files_metadata=True)
    remote = {file.rfilename: _content_id(file) for file in info.siblings or ()}
    local = {file.as_posix() for file in list_files(folder)}
    ours = read_pushed(run_dir, info.id)
    dropped = [file for file in ours.keys() - local if _matches(file, _DROPPED)]
    removed = [file for file in dropped if remote.get(file) in ours[file]]
    checkpoint = _in_checkpoint(remote) - local
    if checkpoint and (_in_checkpoint(local) or _has_finished(api, repo_id, info.sha, folder, remote)):
        removed += checkpoint
    return Changes(info.id, info.sha, sorted(removed))


def note_changes(repo_id: str, folder: Path, *, run_dir: Path) -> None:
    """Remembers what was pushed, as far as it may go again."""
    names = (file.as_posix() for file in list_files(folder))
    note_pushed(run_dir, repo_id, {name: folder / name for name in names if _matches(name, _DROPPED)})


def _matches(file: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)


def _in_checkpoint(files: Iterable[str]) -> set[str]:
    return {file for file in files if file.startswith(f"{LAST_CHECKPOINT}/")}


def _has_finished(api: HfApi, repo_id: str, revision: str | None, folder: Path, remote: Collection[str]) -> bool:
    """Whether a folder holds the finished run of the checkpoint in a repository, begun on whatever machine."""
    if not all((folder / name).is_file() for name in (RUN_CONFIG, "README.md", "metrics.json")):
        return False
    name, is_own = f"{LAST_CHECKPOINT}/{RUN_CONFIG}", False
    if name in remote:
        with TemporaryDirectory(prefix="tf_ner-") as temporary, suppress(ConfigError):
            begun = Path(api.hf_hub_download(repo_id, name, revision=revision, local_dir=temporary))
            is_own = TrainConfig.load(begun).is_same_training(TrainConfig.load(folder / RUN_CONFIG))
    if not is_own:
        logger.info("%s of %s is that of another run, and stays", LAST_CHECKPOINT, repo_id)
    return is_own


def _content_id(file: RepoSibling) -> str | None:
    return file.lfs.sha256 if file.lfs else file.blob_id

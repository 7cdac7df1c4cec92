"""What a push changes in a repository: it adds and replaces; what it removes, the same run must have put there."""

import fnmatch
import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoSibling

from tf_ner.card.merge import merge_cards
from tf_ner.errors import ConfigError, OutputError
from tf_ner.files import write_json
from tf_ner.models.weights import TOKENIZER_FILES
from tf_ner.options.train import RUN_CONFIG, TrainConfig

logger = logging.getLogger(__name__)

_RECORD = ".pushed.json"
"""By repository and file, the ids of the content as it was pushed. Hidden, so that it is never pushed itself."""


def read_pushed(run_dir: Path, repo_id: str) -> dict[str, Collection[str]]:
    """The files that this very run has put into a repository, and the ids of each; none where nobody knows."""
    files = _read(run_dir).get(repo_id)
    return {name: ids for name, ids in files.items() if isinstance(ids, list)} if isinstance(files, dict) else {}


def note_pushed(run_dir: Path, repo_id: str, files: Mapping[str, Path]) -> None:
    """Remembers files by their name in a repository, in the place of what was pushed there before.

    Where that cannot be written, they stay in the repository when the run drops them, and nothing else is lost.
    """
    try:
        ids = {name: content_ids(file.read_bytes()) for name, file in files.items()}
        write_json(run_dir / _RECORD, {**_read(run_dir), repo_id: ids})
    except (OSError, OutputError) as error:
        logger.info("%s cannot be written (%s)", run_dir / _RECORD, error)


def forget_pushed(run_dir: Path) -> None:
    """Lets a folder begin another run, which has pushed nothing yet."""
    (run_dir / _RECORD).unlink(missing_ok=True)


def _read(run_dir: Path) -> dict[str, object]:
    try:
        record = json.loads((run_dir / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def content_ids(content: bytes) -> list[str]:
    """What the Hub calls a content: a file of git, or an object of the storage for large files."""
    in_git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return [in_git.hexdigest(), hashlib.sha256(content).hexdigest()]


CARD = "README.md"
"""What the Hub shows of a repository: its model card."""

LAST_CHECKPOINT = "last-checkpoint"
"""The folder of a repository that holds the newest checkpoint of a run that is not finished."""

# Gone from the folder, these go from the repository; the weights, and what else a user may have moved away, do not.
_TABLES = ("history.csv", "losses.csv")
_RESULTS = ("README.md", "metrics.json", *_TABLES, "errors.jsonl", "predictions.*.conll", "predictions.*.jsonl")
_EVENTS = "tensorboard/events.*"
_DROPPED = (*_RESULTS, _EVENTS, *TOKENIZER_FILES)


@dataclass(frozen=True)
class Changes:
    """What a push does to a repository beside adding and replacing.

    Attributes:
        repo_id: What the repository is called now.
        parent: The commit that it was at.
        removed: The files that go.
        found: Those of the folder that somebody else put there before, just as they are.
        card: What is sent as README.md in the place of the folder's; None where that is sent as it is.
        keeps_card: Whether no README.md is sent, since the repository's is somebody's own.
        disputed: What its metadata keep although the folder's say something else.
    """

    repo_id: str
    parent: str | None
    removed: list[str]
    found: Collection[str] = ()
    card: str | None = None
    keeps_card: bool = False
    disputed: Sequence[str] = ()


_NOT_PUSHED = ("checkpoints", "wandb", "trackio")
"""Folders in a run's that are for this machine only: states to resume from, and what trackers keep."""


def list_files(folder: Path) -> list[Path]:
    """The files of a folder that a push sends, relative to it: all but hidden ones and states to resume from."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_PUSHED]
        files += [(Path(parent) / name).relative_to(folder) for name in names if not name.startswith(".")]
    return sorted(files)


def find_changes(api: HfApi, repo_id: str, folder: Path, *, run_dir: Path, replaces_card: bool) -> Changes:
    """Finds what a push of a folder does to a repository, which must be there.

    Args:
        api: To read the repository.
        repo_id: Its whole name.
        folder: What is pushed.
        run_dir: The folder that remembers what was pushed before.
        replaces_card: Whether the card of the folder takes the place of any other.
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
    new = [file for file in local & remote.keys() - ours.keys() if _matches(file, _DROPPED)]
    found = [file for file in new if remote[file] in content_ids((folder / file).read_bytes())]
    changes = Changes(info.id, info.sha, sorted(removed), found)
    if replaces_card or CARD not in local or CARD not in remote:
        return changes
    own = (folder / CARD).read_bytes()
    if remote[CARD] in (*content_ids(own), *ours.get(CARD, ())):
        # What nobody has changed may be replaced.
        return changes
    return _with_card(changes, own, _read_file(api, repo_id, CARD, revision=info.sha))


def _with_card(changes: Changes, ours: bytes, theirs: bytes) -> Changes:
    try:
        merged = merge_cards(ours.decode(), theirs.decode())
    except UnicodeDecodeError:
        merged = None
    if merged is None:
        return replace(changes, keeps_card=True)
    return replace(changes, card=merged.card, disputed=merged.disputed)


def note_changes(changes: Changes, folder: Path, *, run_dir: Path) -> None:
    """Remembers what was pushed, as far as it may go again."""
    names = (file.as_posix() for file in list_files(folder))
    own = [name for name in names if _matches(name, _DROPPED) and name not in changes.found]
    note_pushed(run_dir, changes.repo_id, {name: folder / name for name in own})


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
            begun = Path(temporary) / RUN_CONFIG
            begun.write_bytes(_read_file(api, repo_id, name, revision=revision))
            is_own = TrainConfig.load(begun).is_same_training(TrainConfig.load(folder / RUN_CONFIG))
    if not is_own:
        logger.info("%s of %s belongs to another run and is kept", LAST_CHECKPOINT, repo_id)
    return is_own


def _content_id(file: RepoSibling) -> str | None:
    return file.lfs.sha256 if file.lfs else file.blob_id


def _read_file(api: HfApi, repo_id: str, name: str, *, revision: str | None) -> bytes:
    with TemporaryDirectory(prefix="tf_ner-") as folder:
        return Path(api.hf_hub_download(repo_id, name, revision=revision, local_dir=folder)).read_bytes()

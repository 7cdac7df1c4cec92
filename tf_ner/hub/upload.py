"""Folders to repositories of the Hub, over lines that fail.

Everything goes through `HfApi` commits: no git and no git-lfs. What the repository already holds is not sent again.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError, RepositoryNotFoundError

from tf_ner.card.card import name_in_card
from tf_ner.errors import HubError
from tf_ner.hub.changes import CARD, LAST_CHECKPOINT, Changes, find_changes, list_files, note_changes
from tf_ner.hub_client import PASSING_STATUSES, make_client_patient, without_queries
from tf_ner.options.commands import PushConfig
from tf_ner.options.train import RUN_CONFIG, TrainConfig

logger = logging.getLogger(__name__)

_TRIES = 4
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_DEADLINE = 600.0
"""In seconds; after the last, a push is not begun again."""

# Answers that another push may not get again: also those to a commit that another one came before.
_PASSING = PASSING_STATUSES | {409, 412}


@dataclass(frozen=True)
class HubTarget:
    """A repository to push to.

    Attributes:
        repo_id: `name`, `user/name` or `organisation/name`.
        private: Whether it must be private; a new one follows the Hub's own default if None.
        token: For the Hub; the one of `huggingface-cli login` or `HF_TOKEN` if None. Never written anywhere. White
            space around it, as at the end of a file, is no part of it.
        replaces_card: Whether a card that somebody else wrote there, or changed, is replaced too.
    """

    repo_id: str
    private: bool | None = None
    token: str | None = None
    replaces_card: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", (self.token or "").strip() or None)

    def __repr__(self) -> str:
        return f"HubTarget(repo_id={self.repo_id!r}, private={self.private!r})"


def pause(seconds: float) -> bool:
    """Waits; nothing speaks against going on then."""
    time.sleep(seconds)
    return True


def push_folder(
    folder: Path,
    target: HubTarget,
    *,
    message: str,
    run_dir: Path | None = None,
    before_next_try: Callable[[float], bool] = pause,
) -> str:
    """Adds and replaces what a folder holds, and gives the address of the commit.

    Of what else the repository holds, only files go that an earlier push from this folder put there and that are as
    they were pushed, and the checkpoint of a run that is finished or has a newer one. What people wrote into its card
    stays: see `tf_ner.card.merge`.

    Args:
        folder: Its files must not change meanwhile.
        target: The repository; made if it is not there.
        message: Of the commit.
        run_dir: The folder that this is a copy of; remembers what was pushed.
        before_next_try: Waits for so many seconds and says whether to go on; where not, the last fault is raised.

    Raises:
        HubError: The Hub refuses (no token, no right, a bad name, a card that is no card).
        OSError: The network or the Hub failed each time.
    """
    api, source = _connect(target), run_dir or folder
    files = list_files(folder)
    # Kept from try to try: they know what has arrived.
    additions = [CommitOperationAdd(file.as_posix(), folder / file) for file in files]
    first: Changes | None = None
    begin = time.monotonic()
    for number in range(1, _TRIES + 1):
        try:
            with _refusals_named(target):
                repo_id = _make_repository(api, target)
                changes = find_changes(api, repo_id, folder, run_dir=source, replaces_card=target.replaces_card)
                # What is found there later, an earlier try may have put there.
                first = first or changes
                sent, removed = _with_card(additions, changes), map(CommitOperationDelete, changes.removed)
                operations: list[CommitOperationAdd | CommitOperationDelete] = [*sent, *removed]
                commit = api.create_commit(repo_id, operations, commit_message=message, parent_commit=changes.parent)
            note_changes(first, folder, run_dir=source)
            _tell_of_card(changes, source, is_copy=folder != source)
            return str(commit.commit_url)
        except OSError as fault:
            if number == _TRIES or time.monotonic() - begin > _DEADLINE:
                raise
            wait = _wait_after(fault, number)
            why = reason(fault, target)
            logger.info("Pushing to %s failed (%s); trying again in %.0f s", target.repo_id, why, wait)
            if not before_next_try(wait):
                raise
    raise AssertionError("unreachable")


def _with_card(additions: list[CommitOperationAdd], changes: Changes) -> list[CommitOperationAdd]:
    if changes.card is None and not changes.keeps_card:
        return additions
    others = [addition for addition in additions if addition.path_in_repo != CARD]
    return others if changes.card is None else [*others, CommitOperationAdd(CARD, changes.card.encode())]


def _tell_of_card(changes: Changes, folder: Path, *, is_copy: bool) -> None:
    """Says what of the card was not pushed; of a state of a training that goes on only to those who want to know."""
    level = logging.INFO if is_copy else logging.WARNING
    if changes.keeps_card:
        logger.log(
            level,
            "%s of %s was left as it is, because somebody else wrote or changed its text; the one not pushed is %s. "
            "Use --hub-replace-card (hub_replace_card=True) to push it.",
            CARD, changes.repo_id, folder / CARD,
        )  # fmt: skip
    elif changes.disputed:
        logger.log(
            level,
            "%s of %s keeps what somebody else wrote there for %s; use --hub-replace-card (hub_replace_card=True) to "
            "replace it with what %s says.",
            CARD, changes.repo_id, ", ".join(changes.disputed), folder / CARD,
        )  # fmt: skip


@dataclass(frozen=True)
class PushPlan:
    """What a push would do.

    Attributes:
        files: What it sends, relative to the run, and the sizes in bytes.
        removed: The files that go from the repository.
        keeps_card: Whether the repository's card stays, since somebody else wrote or changed it.
        unknown: Why the repository cannot be seen, so that nobody knows what goes from it; empty where it can.
    """

    files: list[tuple[Path, int]]
    removed: list[str]
    keeps_card: bool = False
    unknown: str = ""


def plan_push(config: PushConfig) -> PushPlan:
    """Says what `push_run` would do, and changes nothing.

    Raises:
        HubError: The folder holds no run.
    """
    files = _files_of_run(config.run)
    target = _target_of(config)
    try:
        api = _connect(target)
        with _refusals_named(target):
            try:
                name = _whole_name(api, target.repo_id)
                changes = find_changes(api, name, config.run, run_dir=config.run, replaces_card=target.replaces_card)
            except RepositoryNotFoundError:
                # It is made when something is pushed.
                return PushPlan(files, [])
    except (HubError, OSError) as fault:
        return PushPlan(files, [], unknown=reason(fault, target))
    sent = [(file, size) for file, size in files if not (changes.keeps_card and file.as_posix() == CARD)]
    return PushPlan(sent, changes.removed, keeps_card=changes.keeps_card)


def push_run(config: PushConfig) -> str:
    """Pushes a run as it stands, and gives the address of the commit.

    Raises:
        HubError: The folder holds no run, or the Hub refuses or cannot be reached.
    """
    _files_of_run(config.run)
    if not (config.run / "metrics.json").is_file():
        logger.warning("%s holds no metrics.json: it is not a finished run, or not yet one", config.run)
    target = _target_of(config)
    try:
        name_in_card(config.run, open_or_warn(target))
        return push_folder(config.run, target, message="The run as it stands")
    except OSError as fault:
        raise HubError(
            f"Could not push everything to {target.repo_id} ({reason(fault, target)}). Run the command again later: "
            "files that were uploaded are not sent again."
        ) from None


def _files_of_run(folder: Path) -> list[tuple[Path, int]]:
    """The files of a run, or of a saved model, relative to it, and their sizes in bytes."""
    if not any((folder / name).is_file() for name in (RUN_CONFIG, "config.json")):
        raise HubError(
            f"Received {folder}, which holds no {RUN_CONFIG} and no config.json; expected the output folder of a run "
            "or a saved model. Check the path."
        )
    return [(file, (folder / file).stat().st_size) for file in list_files(folder)]


def _target_of(config: PushConfig) -> HubTarget:
    path = config.run / RUN_CONFIG
    run = TrainConfig.load_known(path) if path.is_file() else TrainConfig()
    says_private = path.is_file() and json.loads(path.read_text(encoding="utf-8-sig")).get("hub_private", False)
    if says_private is not run.hub_private and not (config.hub_private or config.hub_public):
        raise HubError(
            f"{path}: received hub_private: {says_private!r}; expected true or false, so that nothing private is "
            "pushed publicly. Use --hub-private or --hub-public."
        )
    is_private = config.hub_private or (run.hub_private and not config.hub_public)
    name = config.hub_model_id or run.hub_model_id or config.run.resolve().name
    return HubTarget(name, private=is_private or None, replaces_card=config.hub_replace_card)


def download_checkpoint(repo_id: str) -> Path:
    """Fetches the checkpoint that a repository holds, and gives its folder.

    Raises:
        HubError: It holds none, or cannot be reached.
    """
    target = HubTarget(repo_id)
    api = _connect(target)
    try:
        with _refusals_named(target):
            name = _whole_name(api, repo_id)
            # By its commit: without an answer the client would give what it fetched before.
            commit = api.model_info(name).sha
            fetched = Path(api.snapshot_download(name, revision=commit, allow_patterns=f"{LAST_CHECKPOINT}/*"))
    except OSError as fault:
        raise HubError(
            f"The Hub did not respond for {repo_id} ({reason(fault, target)}). Check the connection and run the "
            "command again."
        ) from None
    if not (fetched / LAST_CHECKPOINT).is_dir():
        raise HubError(
            f"Received the repository {repo_id}, which holds no {LAST_CHECKPOINT}; expected that of an "
            "unfinished run with --push-checkpoints. Check --hub-model-id."
        )
    return fetched / LAST_CHECKPOINT


def open_or_warn(target: HubTarget) -> str:
    """Makes the repository where it is not there, so that a refusal shows before the training.

    Returns:
        Its whole name; the given one where the Hub cannot be reached now, which is told in a warning.

    Raises:
        HubError: The Hub refuses.
    """
    api = _connect(target)
    try:
        with _refusals_named(target):
            return _make_repository(api, target)
    except OSError as fault:
        why = reason(fault, target)
        logger.warning("Cannot reach %s on the Hub right now (%s); trying again later", target.repo_id, why)
        return target.repo_id


def reason(fault: BaseException, target: HubTarget) -> str:
    """A fault in one line, with no token and no signed address in it."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    for token in filter(None, (target.token, get_token())):
        text = text.replace(token, "hf_…")
    return without_queries(text)


def _connect(target: HubTarget) -> HfApi:
    if constants.HF_HUB_OFFLINE:
        raise HubError(
            f"HF_HUB_OFFLINE is set, so {target.repo_id} cannot be reached. Unset it; a finished run can also be "
            "pushed later, with `tf-ner push FOLDER`."
        )
    token = target.token or get_token() or ""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise HubError(
            f"Received a token with invalid characters for {target.repo_id}; expected one such as hf_…, complete and "
            "with nothing around it. Copy it again, or log in with `huggingface-cli login`."
        )
    make_client_patient()
    return HfApi(token=target.token)


def _whole_name(api: HfApi, repo_id: str) -> str:
    """A name with its owner, who need not be named to push and must be to read."""
    return repo_id if "/" in repo_id else f"{api.whoami()['name']}/{repo_id}"


def _make_repository(api: HfApi, target: HubTarget) -> str:
    repo_id = api.create_repo(target.repo_id, private=target.private, exist_ok=True).repo_id
    if target.private and not api.model_info(repo_id).private:
        raise HubError(
            f"Received {repo_id}, which already exists and is public, for a run that should be private "
            "(--hub-private); expected a private repository or a new name. Change its visibility on the Hub, or "
            "--hub-model-id; `tf-ner push --hub-public` pushes anyway."
        )
    return repo_id


def _wait_after(fault: OSError, number: int) -> float:
    """Seconds to wait: what the Hub asks for, otherwise longer each time and not the same for everybody."""
    response = getattr(fault, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    if asked.isdigit():
        return min(float(asked), _LONGEST_WAIT)
    return min(_FIRST_WAIT * 2 ** (number - 1), _LONGEST_WAIT) * random.uniform(0.5, 1.5)


@contextmanager
def _refusals_named(target: HubTarget) -> Iterator[None]:
    """Turns what will not pass by waiting into a HubError; what may pass becomes or stays an OSError."""
    try:
        yield
    except HFValidationError as error:
        raise HubError(
            f"Received --hub-model-id {target.repo_id} ({reason(error, target)}); expected name, user/name or "
            "organisation/name. Change --hub-model-id."
        ) from None
    except LocalTokenNotFoundError:
        raise HubError(
            f"{target.repo_id} requires you to be logged in to the Hub. Log in with `huggingface-cli login`, or set "
            "HF_TOKEN."
        ) from None
    except ValueError as error:
        if isinstance(error, OSError) and getattr(error, "response", None) is None:
            # No answer at all.
            _raise_fault(error, target)
        raise HubError(
            f"Received files that the Hub does not accept for {target.repo_id} ({reason(error, target)}); expected a "
            "README.md with metadata as the Hub documents it, and free space in the account. Fix this and push again."
        ) from None
    except RuntimeError as error:
        # The client wraps what happens to a large file, and its faster transfer has no kinds of faults.
        fault = error.__cause__ if isinstance(error.__cause__, OSError) else OSError(reason(error, target))
        _raise_fault(fault, target)
    except OSError as fault:
        _raise_fault(fault, target)


def _raise_fault(fault: OSError, target: HubTarget) -> None:
    response = getattr(fault, "response", None)
    # Storage stands elsewhere; its addresses expire, and a new try gets new ones.
    is_of_hub = response is not None and (response.url or "").startswith(constants.ENDPOINT)
    if response is None or response.status_code in _PASSING or not is_of_hub:
        raise fault from None
    advice = "expected it to accept the files. Read the reason"
    if response.status_code in (401, 403, 404):
        advice = (
            "expected a token with write access. Log in with `huggingface-cli login` (or set HF_TOKEN) with a token "
            "that can write there, and check the name with --hub-model-id"
        )
    raise HubError(
        f"Received a refusal from the Hub for {target.repo_id} ({reason(fault, target)}); {advice}."
    ) from None

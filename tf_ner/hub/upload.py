"""Folders to repositories of the Hub, over lines that fail.

Everything goes through `HfApi` commits: no git and no git-lfs. What the repository already holds is not sent again.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from huggingface_hub import HfApi, configure_http_backend, constants, get_token
from huggingface_hub.errors import HFValidationError
from urllib3 import Retry

from tf_ner.config import RUN_CONFIG, PushConfig, TrainConfig
from tf_ner.errors import HubError

logger = logging.getLogger(__name__)

_TRIES = 6
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
"""In seconds."""

_SILENCE = 60.0
"""After how many seconds without a byte a line is taken for dead."""

# Answers that another try may change; all others will be the same again.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_NOT_PUSHED = ("checkpoints/", ".")
"""How the paths begin that stay here: states to resume from, and what is half-written or hidden."""


@dataclass(frozen=True)
class HubTarget:
    """A repository to push to.

    Attributes:
        repo_id: `name`, `user/name` or `organisation/name`.
        private: Whether a new repository can be seen by its owners only; the Hub's own default if None.
        token: For the Hub; the one of `huggingface-cli login` or `HF_TOKEN` if None. Never written anywhere.
    """

    repo_id: str
    private: bool | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"HubTarget(repo_id={self.repo_id!r}, private={self.private!r})"


def list_files(folder: Path) -> list[Path]:
    """The files of a folder that a push sends, relative to it."""
    files = (file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file())
    return [
        file
        for file in files
        if not file.as_posix().startswith(_NOT_PUSHED) and not any(part.startswith(".") for part in file.parts)
    ]


def push_folder(folder: Path, target: HubTarget, *, message: str, may_go_on: Callable[[], bool] = lambda: True) -> str:
    """Makes a repository hold what a folder holds, and gives the address of the commit.

    Args:
        folder: Its files must not change meanwhile.
        target: The repository; made if it is not there. Other files in it stay.
        message: Of the commit.
        may_go_on: Asked before each further try; where it says no, the last fault is raised.

    Raises:
        HubError: The Hub refuses (no token, no right, a bad name).
        OSError: The network or the Hub failed each time.
    """
    _make_client_patient()
    api = HfApi(token=target.token)
    files = [file.as_posix() for file in list_files(folder)]
    for number in range(1, _TRIES + 1):
        try:
            with _refusals_named(target):
                repo_id = _make_repository(api, target)
                commit = api.upload_folder(
                    repo_id=repo_id, folder_path=folder, allow_patterns=files, commit_message=message
                )
            return str(commit.commit_url)
        except OSError as fault:
            if number == _TRIES or not may_go_on():
                raise
            wait = _wait_after(fault, number)
            logger.info(
                "Pushing to %s failed (%s); trying again in %.0f s", target.repo_id, reason(fault, target), wait
            )
            time.sleep(wait)
    raise AssertionError("unreachable")


def files_of_run(folder: Path) -> list[tuple[Path, int]]:
    """What a push of a run sends: its files, relative to it, and their sizes in bytes.

    Raises:
        HubError: The folder holds no run.
    """
    if not (folder / RUN_CONFIG).is_file():
        raise HubError(
            f"Received {folder}, which holds no {RUN_CONFIG}; expected the output folder of a run. Check the path."
        )
    return [(file, (folder / file).stat().st_size) for file in list_files(folder)]


def push_run(config: PushConfig) -> str:
    """Pushes a run as it stands, and gives the address of the commit.

    Raises:
        HubError: The folder holds no run, or the Hub refuses or cannot be reached.
    """
    files_of_run(config.run)
    run = TrainConfig.load(config.run / RUN_CONFIG)
    name = config.hub_model_id or run.hub_model_id or config.run.resolve().name
    target = HubTarget(name, private=config.hub_private or run.hub_private or None)
    try:
        return push_folder(config.run, target, message="The run as it stands")
    except OSError as fault:
        raise HubError(
            f"Received no answer from the Hub for {name} ({reason(fault, target)}), {_TRIES} times; expected a line "
            "that holds. What arrived will not be sent again: repeat the command later."
        ) from None


def open_repository(target: HubTarget) -> str:
    """Makes the repository where it is not there, and gives its whole name.

    Raises:
        HubError: The Hub refuses.
        OSError: The network or the Hub failed.
    """
    _make_client_patient()
    with _refusals_named(target):
        return _make_repository(HfApi(token=target.token), target)


def open_or_warn(target: HubTarget) -> str:
    """Makes the repository where it is not there, so that a refusal shows before the training.

    Raises:
        HubError: The Hub refuses.

    Returns:
        Its whole name; the given one where the Hub cannot be reached now, which is told in a warning.
    """
    try:
        return open_repository(target)
    except OSError as fault:
        logger.warning(
            "Cannot reach %s on the Hub now (%s); it is tried again later", target.repo_id, reason(fault, target)
        )
        return target.repo_id


def reason(fault: BaseException, target: HubTarget) -> str:
    """A fault in one line, with no token in it."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    for token in filter(None, (target.token, get_token())):
        text = text.replace(token, "hf_…")
    return text


def _make_repository(api: HfApi, target: HubTarget) -> str:
    return api.create_repo(target.repo_id, private=target.private, exist_ok=True).repo_id


def _wait_after(fault: OSError, number: int) -> float:
    """Seconds to wait: what the Hub asks for, otherwise longer each time and not the same for everybody."""
    response = getattr(fault, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    if asked.isdigit():
        return min(float(asked), _LONGEST_WAIT)
    return min(_FIRST_WAIT * 2 ** (number - 1), _LONGEST_WAIT) * random.uniform(0.5, 1.5)


@contextmanager
def _refusals_named(target: HubTarget) -> Iterator[None]:
    """Turns what will not pass by waiting into a HubError; what may pass stays an OSError."""
    if constants.HF_HUB_OFFLINE:
        raise HubError(
            f"Received HF_HUB_OFFLINE and something to push to {target.repo_id}; expected a line to the Hub. Unset "
            "HF_HUB_OFFLINE, or push later with `tf-ner push FOLDER`."
        )
    try:
        yield
    except HFValidationError as error:
        raise HubError(
            f"Received --hub-model-id {target.repo_id} ({reason(error, target)}); expected name, user/name or "
            "organisation/name. Change --hub-model-id."
        ) from None
    except (OSError, RuntimeError) as error:
        # The client wraps what happens to a large file in a RuntimeError.
        fault = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(fault, OSError):
            raise
        response = getattr(fault, "response", None)
        if response is None or response.status_code in _PASSING:
            raise fault from None
        raise HubError(
            f"Received a refusal from the Hub for {target.repo_id} ({reason(fault, target)}); expected a token that "
            "may write there. Log in with `huggingface-cli login` (or set HF_TOKEN) with a token that has the write "
            "right, and check the name with --hub-model-id."
        ) from None


class _Patience(requests.adapters.HTTPAdapter):
    """Tries a request again where it may help, and waits for no byte longer than `_SILENCE`.

    A push takes many requests: on a bad line, all of them together hardly ever go well.
    """

    def __init__(self) -> None:
        retries = Retry(
            total=_TRIES - 1,
            status_forcelist=_PASSING,
            allowed_methods=None,
            backoff_factor=_FIRST_WAIT,
            backoff_max=_LONGEST_WAIT,
            backoff_jitter=_FIRST_WAIT,
            raise_on_status=False,
        )
        super().__init__(max_retries=retries)

    def send(self, request: requests.PreparedRequest, *arguments: object, **options: object) -> requests.Response:
        if options.get("timeout") is None:
            options["timeout"] = _SILENCE
        return super().send(request, *arguments, **options)  # type: ignore[arg-type]


def _make_client_patient() -> None:
    """The client gives up at the first fault, and would wait for ever on a line that is dead."""

    def make_session() -> requests.Session:
        session = requests.Session()
        session.mount("http://", _Patience())
        session.mount("https://", _Patience())
        return session

    configure_http_backend(make_session)

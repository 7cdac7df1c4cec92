"""The Hub's client on bad lines: a push is tried again and again, and what is loaded is not waited for in vain."""

import logging
import math
import re
import time
from typing import ClassVar
from urllib.parse import urlsplit

import requests
from huggingface_hub import configure_http_backend, constants
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import _http
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

_CONNECT, _SILENCE = 10.0, 60.0
"""In seconds: how long to wait for a line, and on it for the next byte."""

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0

_NOT_AGAIN = 30.0
"""In seconds: for how long a host that could not be reached is taken to be so."""

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that the same request may not get again."""

logger = logging.getLogger(__name__)

_LOGGERS = ("huggingface_hub.utils._http", "urllib3.connectionpool", "urllib3.util.retry")
"""What the client and what is below it say of addresses."""


class UnreachableError(OfflineModeIsEnabled):
    """There is no way to the Hub.

    The client and `datasets` take what they have kept then, or give up.
    """


def was_unreachable(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, is that there is no way to the Hub."""
    while error is not None:
        if isinstance(error, UnreachableError):
            return True
        error = error.__cause__ or error.__context__
    return False


def make_client_patient() -> None:
    """Sets how the client of this process pushes, from now on and in all threads.

    By itself it gives up a push at the first fault, although a push takes many requests; it sends large files without
    a time limit, so that it hangs on a line that is dead; and it logs addresses whose query is a right to write there.
    """
    configure_http_backend(_make_patient_session)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_log_without_queries)


def let_client_give_up() -> None:
    """Sets how the client of this process loads: where there is no way to the Hub, it takes what it has kept.

    By itself it tries for 23 seconds a file. A client that somebody set up otherwise, or that pushes, stays as it is.
    """
    if not constants.HF_HUB_OFFLINE and _http._GLOBAL_BACKEND_FACTORY is _http._default_backend_factory:
        configure_http_backend(_make_loading_session)


def without_queries(text: str) -> str:
    """Text with each address in it cut before its query, which may hold a signature."""
    return re.sub(r"(?<=\S)\?\S+", "", text)


def _log_without_queries(record: logging.LogRecord) -> bool:
    record.msg, record.args = without_queries(record.getMessage()), None
    return True


def _make_patient_session() -> requests.Session:
    return _session_with(_Patience)


def _make_loading_session() -> requests.Session:
    return _session_with(_Loading)


def _session_with(adapter: type[requests.adapters.HTTPAdapter]) -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter())
    return session


class _Patience(requests.adapters.HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(max_retries=_make_retries())

    def send(self, request: requests.PreparedRequest, *arguments: object, **options: object) -> requests.Response:
        if options.get("timeout") is None:
            options["timeout"] = (_CONNECT, _SILENCE)
        return super().send(request, *arguments, **options)  # type: ignore[arg-type]


class _Loading(requests.adapters.HTTPAdapter):
    """Connects at once or not at all, and does not try again so soon."""

    # When a host could not be reached; each thread has adapters of its own.
    _last_tried: ClassVar[dict[str, float]] = {}

    def send(self, request: requests.PreparedRequest, *arguments: object, **options: object) -> requests.Response:
        host = urlsplit(str(request.url)).netloc
        if time.monotonic() - self._last_tried.get(host, -math.inf) < _NOT_AGAIN:
            raise UnreachableError(f"no connection to {host}")
        try:
            return super().send(request, *arguments, **options)  # type: ignore[arg-type]
        except requests.ConnectionError as error:
            reason = getattr(error.args[0] if error.args else None, "reason", None)
            if not isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError):
                raise
            self._last_tried[host] = time.monotonic()
            logger.warning("No connection to %s (%s)", host, type(reason).__name__)
            raise UnreachableError(f"no connection to {host} ({type(reason).__name__})") from error


def _make_retries() -> Retry:
    """Answers that may change are asked for again; a line that broke with a body on it is left to the caller."""
    return Retry(
        total=4,
        connect=2,
        read=0,
        other=0,
        status_forcelist=PASSING_STATUSES,
        allowed_methods=None,
        backoff_factor=_FIRST_WAIT,
        backoff_max=_LONGEST_WAIT,
        backoff_jitter=_FIRST_WAIT,
        retry_after_max=int(_LONGEST_WAIT),
        raise_on_status=False,
    )

"""The Hub's client on bad lines: each request is tried again, none waits for ever, and without a network none waits."""

import logging
import re

import requests
from huggingface_hub import configure_http_backend, constants
from huggingface_hub.errors import OfflineModeIsEnabled
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

_CONNECT, _SILENCE = 10.0, 60.0
"""In seconds: how long to wait for a line, and on it for the next byte."""

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that the same request may not get again."""


_LOGGERS = ("huggingface_hub.utils._http", "urllib3.connectionpool", "urllib3.util.retry")
"""What the client and what is below it say of addresses."""


class UnreachableError(OfflineModeIsEnabled):
    """There is no way to the Hub.

    The client and `datasets` take what they have kept then, or give up. Any other error of a connection they try six
    times over, for 23 seconds a file.
    """


def was_unreachable(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, is that there is no way to the Hub."""
    while error is not None:
        if isinstance(error, UnreachableError):
            return True
        error = error.__cause__ or error.__context__
    return False


def make_client_patient() -> None:
    """Sets how the client of this process makes its requests, from now on and in all threads.

    By itself it gives up a push at the first fault, although a push takes many requests; it sends large files without
    a time limit, so that it hangs on a line that is dead; and it logs addresses whose query is a right to write there.
    """
    if not constants.HF_HUB_OFFLINE:
        configure_http_backend(_make_session)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_log_without_queries)


def without_queries(text: str) -> str:
    """Text with each address in it cut before its query, which may hold a signature."""
    return re.sub(r"(?<=\S)\?\S+", "", text)


def _log_without_queries(record: logging.LogRecord) -> bool:
    """Of a connection that is tried again nothing is said: the error says it in the end, if it comes to that."""
    record.msg, record.args = without_queries(record.getMessage()), None
    return not record.msg.startswith("Retrying (")


def _make_session() -> requests.Session:
    session = requests.Session()
    session.mount("http://", _Patience())
    session.mount("https://", _Patience())
    return session


class _Patience(requests.adapters.HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(max_retries=_make_retries())

    def send(self, request: requests.PreparedRequest, *arguments: object, **options: object) -> requests.Response:
        if options.get("timeout") is None:
            options["timeout"] = (_CONNECT, _SILENCE)
        try:
            return super().send(request, *arguments, **options)  # type: ignore[arg-type]
        except requests.ConnectionError as error:
            [tried] = error.args or [None]
            reason = getattr(tried, "reason", None)
            if isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError):
                raise UnreachableError(f"no connection to {constants.ENDPOINT}") from error
            raise


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

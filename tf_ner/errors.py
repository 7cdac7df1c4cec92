"""What tf_ner raises when it cannot continue.

Each message is one line: what was received, what was expected, how to fix it. The command line prints it after
`error: ` and exits with code 2, or with that of a signal; anything that is not a `TfNerError` is a bug and keeps its
traceback.
"""

import errno
import os
import signal


def printable(text: str) -> str:
    """Text on one line: characters that are invisible, or control a terminal, are written as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def what_the_system_refused(error: OSError) -> str:
    """One line that helps: which path is concerned, and what to do about it."""
    if error.errno in _TOO_MANY_FILES:
        return f"{error.strerror}: the limit is too low. Raise it, for example with `ulimit -n 4096`, and try again."
    if error.filename is None and error.errno == errno.ENOENT:
        # Not a path that was given, which would be named: the current folder, or the one for temporary files.
        if _is_here_gone():
            return "Received a current folder that was removed; expected one that exists. Change to another with cd."
        return f"{error.strerror}; expected a folder for temporary files. Name a writable one with TMPDIR=FOLDER."
    advice = {
        errno.ENOSPC: "Free up space on the disk, or choose another path",
        errno.EDQUOT: "Free up space, or choose a path on another disk",
        errno.EROFS: "Choose another path: this one is read-only",
    }.get(error.errno or 0, "Check the path, its permissions and the disk")
    return f"{error.strerror}: {error.filename or 'the output'}. {advice}."


def _is_here_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_FOLDER = frozenset({errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM})


def why_not_kept(error: BaseException) -> str | None:
    """Why this machine could not store what it downloaded from the Hub, if that is the cause of an error.

    Raises:
        OSError: The cause is too many open files, for which `what_the_system_refused` has advice.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            if cause.errno in _TOO_MANY_FILES:
                raise cause
            # A network error has no path; `datasets` checks for space itself, and gives no error number.
            is_of_path = cause.errno in _NO_FOLDER and cause.filename is not None
            if is_of_path or cause.errno in _NO_ROOM or "Not enough disk space" in str(cause):
                return (
                    f"from the Hub, which cannot be stored here ({' '.join(str(cause).split())}); expected a writable "
                    "cache with enough space. Free up space in it, or name another folder in HF_HOME"
                )
        cause = cause.__cause__ or cause.__context__
    return None


class TfNerError(Exception):
    """Base of every error that tf_ner raises on purpose.

    Args:
        message: What was received, what was expected, how to fix it; what comes from data need not be printable.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code = 2

    def __init__(self, message: str):
        super().__init__(printable(message))


class ConfigError(TfNerError):
    """An option has a value that cannot work.

    Args:
        message: As for `TfNerError`.
        option: The field of the option, if one is to blame.
    """

    def __init__(self, message: str, *, option: str | None = None):
        super().__init__(message)
        self.option = option


class DataError(TfNerError):
    """A data set cannot be read, or does not fit the task. Begins with `path:line:` where a line is to blame."""


class ModelError(TfNerError):
    """A model or tokenizer cannot be loaded, or does not fit the data."""


class OutputError(TfNerError):
    """The output folder cannot be used."""


class HubError(TfNerError):
    """The Hub refuses what was asked, and waiting will not help."""


class TrainingError(TfNerError):
    """Training cannot continue: its loss is not a number, or a machine it needs is gone."""


class TrainingInterruptedError(TfNerError):
    """A signal has ended training, after a checkpoint was written.

    Args:
        received: SIGTERM or SIGINT; the exit code is 128 plus its number, 143 or 130, as in a shell.
        step: The number of steps that were taken.
    """

    def __init__(self, received: signal.Signals, step: int):
        super().__init__(
            f"Interrupted by {received.name} after step {step}; everything up to there is saved (with several "
            "machines, by the first). Run the command again with --resume, instead of --overwrite if that was given."
        )
        self.exit_code = 128 + received


def in_one_line(error: Exception) -> str:
    """The whole message of another library: what the cause was may stand at its end."""
    return " ".join(str(error).split())

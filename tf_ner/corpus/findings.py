"""What is wrong with a corpus, and where."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_ner.errors import DataError, printable

logger = logging.getLogger(__name__)

_ADVICE = ": `tf-ner check-data` lists them."


@dataclass(frozen=True)
class Finding:
    """Something wrong in a file.

    Attributes:
        kind: One word for what it is, such as `ragged-row`.
        path: The file, or the name of a data set on the Hub and its split.
        line: Its line, or the row of a table without lines; from 1.
        message: What was received, what was expected, how to fix it.
        is_error: The line cannot be read; otherwise it is only worth a look.
    """

    kind: str
    path: Path | str
    line: int
    message: str
    is_error: bool = True

    def __str__(self) -> str:
        return printable(f"{self.path}:{self.line}: {self.message}")


Report = Callable[[Finding], None]
"""What a reader does with a finding; where this returns, the reader skips the line and continues."""


def raise_error(finding: Finding) -> None:
    """Stops at the first line that cannot be read.

    Raises:
        DataError: Always for an error; warnings pass.
    """
    if finding.is_error:
        raise DataError(str(finding))


def raise_errors(findings: Sequence[Finding], *, advice: str = _ADVICE) -> None:
    """Reports the first of the lines that cannot be read, how many there are of its kind, and how many others.

    Args:
        findings: Errors and warnings.
        advice: Where to find them.

    Raises:
        DataError: There is an error.
    """
    errors = [finding for finding in findings if finding.is_error]
    if not errors:
        return
    alike = sum(finding.kind == errors[0].kind for finding in errors) - 1
    others = len(errors) - 1 - alike
    counts = [f"{alike} more line{'s' if alike > 1 else ''} like this"] if alike else []
    counts += [f"{others} other error{'s' if others > 1 else ''}"] if others else []
    more = f" ({', '.join(counts)}{advice})" if counts else ""
    raise DataError(f"{errors[0]}{more}")


def raise_or_warn(findings: Sequence[Finding], *, advice: str = _ADVICE) -> None:
    """As `raise_errors`; if there are only warnings, logs the first of each kind, and how many there are.

    Raises:
        DataError: There is an error.
    """
    raise_errors(findings, advice=advice)
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for first, *others in kinds.values():
        logger.warning("%s%s", first, f" ({len(others) + 1} such places{advice})" if others else "")

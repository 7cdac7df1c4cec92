"""Faults on demand: answers that fail, come late or slowly, and connections that break."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """What goes wrong with one request.

    Args:
        status: Answered in place of the true answer; 0 for none.
        retry_after: In seconds, said with `status`.
        seconds: To wait before the answer.
        bytes_per_second: In either direction; 0 for no limit.
        lost: The request is carried out, and the connection is dropped in place of the answer.
        over: Set when nothing waits any longer.
    """

    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.0
    bytes_per_second: int = 0
    lost: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.over.wait(seconds)


@dataclass
class _Rule:
    """One fault, and which requests it strikes: a part of the path, the method, how often, and which share."""

    fault: Plan | None
    path: str
    method: str
    times: int | None
    share: float = 1.0
    seed: int = 0
    after_bytes: int = 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is struck; the same requests give the same answers, in whatever order they come."""
        if self.path not in path or self.method not in ("", method) or self.times == 0:
            return False
        self.seen[method, path] += 1
        draw = random.Random(f"{self.seed} {method} {path} {self.seen[method, path]}").random()
        if draw >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The faults in force. A path is matched by a part of it, without the query; no path matches all.

    `times` is how many requests are struck before the fault is over; without it, it lasts until `clear()`.
    """

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._over = threading.Event()

    def fail(
        self,
        *,
        path: str = "",
        method: str = "",
        status: int = 500,
        retry_after: int | None = None,
        times: int | None = None,
        share: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Answers with an error, and does not do what was asked.

        Args:
            retry_after: In seconds, for the header of that name.
            share: Of the requests that match. Which ones follows from the seed, the method, the path, and how often
                that path was asked for: a request that is sent again gets another draw.
        """
        self._add(_Rule(Plan(status=status, retry_after=retry_after), path, method, times, share, seed))

    def cut(self, *, after_bytes: int, path: str = "", method: str = "", times: int | None = None) -> None:
        """Drops the connection in the middle of a body: the request's, or the answer's where the request has none.

        Bodies of at most `after_bytes` pass, and do not count against `times`.
        """
        self._add(_Rule(None, path, method, times, after_bytes=after_bytes))

    def lose_answer(self, *, path: str = "", method: str = "", times: int | None = None) -> None:
        """Does what was asked, then drops the connection in place of the answer."""
        self._add(_Rule(Plan(lost=True), path, method, times))

    def delay(self, *, seconds: float, path: str = "", method: str = "", times: int | None = None) -> None:
        """Waits before answering."""
        self._add(_Rule(Plan(seconds=seconds), path, method, times))

    def throttle(self, *, bytes_per_second: int, path: str = "", method: str = "", times: int | None = None) -> None:
        """Reads and writes bodies slowly."""
        self._add(_Rule(Plan(bytes_per_second=bytes_per_second), path, method, times))

    def clear(self) -> None:
        """Ends all faults, and the waiting of requests already struck."""
        with self._lock:
            self._rules.clear()
            self._over.set()
            self._over = threading.Event()

    def plan(self, method: str, path: str) -> Plan:
        """What goes wrong with a request: the first status, the sum of the delays, the slowest rate."""
        with self._lock:
            struck = [rule.fault for rule in self._rules if rule.fault and rule.strikes(method, path)]
            over = self._over
        failure = next((fault for fault in struck if fault.status), Plan())
        return Plan(
            status=failure.status,
            retry_after=failure.retry_after,
            seconds=sum(fault.seconds for fault in struck),
            bytes_per_second=min((fault.bytes_per_second for fault in struck if fault.bytes_per_second), default=0),
            lost=any(fault.lost for fault in struck),
            over=over,
        )

    def cut_point(self, method: str, path: str, length: float) -> float:
        """After how many bytes of a body of this length the connection is dropped; infinite for never.

        Args:
            length: In bytes; infinite where the client does not say it beforehand.
        """
        with self._lock:
            for rule in self._rules:
                if rule.fault is None and length > rule.after_bytes and rule.strikes(method, path):
                    return rule.after_bytes
        return float("inf")

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)

"""Work in turns: a driver lets one worker at a time do a round, each in a process of its own environment.

A worker loads what it needs and warms up, and then waits for a line on its standard input before each round. After each
it writes a line of JSON: `seconds`, `cpu_seconds` of all its threads, `steps`, `sentences`, and `peak_mb`, the most
memory that it has held so far. Where its input ends, it ends. The driver adds `others`: how many processors did other
work meanwhile. Both ends need nothing but the standard library of a Unix.
"""

import argparse
import json
import os
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, Self

Answer = dict[str, float]

_LEAST_SECONDS = 1.0
"""The shortest round of which other work is told: the system counts it in hundredths."""
_SECONDS_TO_END = 60
_LAST_WORDS = 4000
"""How much of what a worker said before it failed is shown, in characters."""


class Rounds:
    """A worker's end.

    Args:
        warm_up: Steps before the first round, in which graphs are made and memory is found.
        steps: In each round.
        peak_mb: Tells the most memory so far.
    """

    def __init__(self, *, warm_up: int, steps: int, peak_mb: Callable[[], float] | None = None):
        self._num_left, self._steps_a_round = warm_up, steps
        self._peak_mb = peak_mb or _peak_mb
        # Libraries print too: the driver reads a stream of which they do not know.
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def begin(self) -> None:
        """Begins the warm-up, or waits for the first round where there is none; all must be loaded."""
        self._num_steps = self._num_sentences = 0
        self._began, self._cpu_began = time.perf_counter(), time.process_time()
        if self._num_left == 0:
            self._take_turn()

    def step(self, num_sentences: int) -> None:
        """Counts a step; after the last of a round, waits for the next one.

        Raises:
            SystemExit: There is none.
        """
        self._num_left -= 1
        self._num_steps += 1
        self._num_sentences += num_sentences
        if self._num_left == 0:
            self._take_turn()

    def _take_turn(self) -> None:
        answer = {
            "seconds": time.perf_counter() - self._began,
            "cpu_seconds": time.process_time() - self._cpu_began,
            "steps": self._num_steps,
            "sentences": self._num_sentences,
            "peak_mb": self._peak_mb(),
        }
        print(json.dumps(answer), file=self._answers, flush=True)
        if not sys.stdin.readline():
            sys.exit()
        self._num_left = self._steps_a_round
        self.begin()


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class OwnMemory:
    """The most memory that this process has held since then, without pages of files.

    These lie in memory as long as nobody needs it for something else, and so tell more of the machine than of the
    process.
    """

    def __init__(self) -> None:
        self._most = 0.0
        Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _look(self) -> None:
        if not (status := Path("/proc/self/status")).exists():
            # Only Linux tells one from the other.
            self._most = _peak_mb()
            return
        [kilobytes] = re.findall(r"^RssAnon:\s*(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
        self._most = max(self._most, int(kilobytes) / 2**10)

    def __call__(self) -> float:
        self._look()
        return self._most


_SECONDS_BETWEEN_LOOKS = 0.01


def _busy_seconds() -> float | None:
    """What all processors of this machine have worked, or were kept from it by its host; None if it does not tell."""
    try:
        text = Path("/proc/stat").read_text(encoding="ascii")
    except OSError:
        return None
    user, nice, system, _idle, _waiting, irq, softirq, stolen, *_ = map(int, text.split("\n")[0].split()[1:])
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")


def worker_options(description: str) -> argparse.ArgumentParser:
    """The options that workers of all environments have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder with a file for each split")
    parser.add_argument("--model", required=True, help="folder with an encoder")
    parser.add_argument("--task", choices=["ner", "text-classification"], default="ner")
    parser.add_argument("--sentences", type=int, default=10**9, help="how many of the split, from its first")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--warm-up", type=int, default=0, help="steps before the first round")
    parser.add_argument("--steps", type=int, default=1, help="steps a round")
    parser.add_argument("--rounds", type=int, default=1)
    return parser


def epochs_of(options: argparse.Namespace) -> int:
    """How many epochs all rounds lie in, and a step more, behind which is what a training does at its end."""
    num_steps = options.warm_up + options.rounds * options.steps
    return num_steps * options.batch_size // options.sentences + 1


class WorkerError(RuntimeError):
    """A worker ended or said nothing; the message holds its last words."""


class Worker:
    """The driver's end of a process; leaving the context ends it.

    Args:
        command: What to run.
        limit: Seconds that it may take to be ready, and for each round.
        start: Starts it, as `subprocess.Popen` does.

    Raises:
        WorkerError: It ends, or is not ready in time.
    """

    def __init__(
        self, command: Sequence[str], *, limit: float, start: Callable[..., subprocess.Popen[str]] = subprocess.Popen
    ):
        self._command, self._limit = command, limit
        # A file, for a pipe that nobody reads fills up.
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        # Nobody must find what another worker has prepared.
        self._cache = tempfile.mkdtemp()
        variables = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": self._cache, "TF_CPP_MIN_LOG_LEVEL": "2"}
        self._process = start(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | variables,
        )
        try:
            self.warm_up = self._answer()
        except BaseException:
            self._end()
            raise

    def round(self) -> Answer:
        """Lets the worker do a round.

        Returns:
            The worker's answer; with `others`, if the system tells and there was time enough to measure it.

        Raises:
            WorkerError: It ends, or takes too long.
        """
        assert self._process.stdin is not None
        busy_before = _busy_seconds()
        with suppress(BrokenPipeError):
            self._process.stdin.write("round\n")
            self._process.stdin.flush()
        answer = self._answer()
        busy = _busy_seconds()
        if busy is not None and busy_before is not None and answer["seconds"] >= _LEAST_SECONDS:
            answer["others"] = max(0.0, busy - busy_before - answer["cpu_seconds"]) / answer["seconds"]
        return answer

    def _answer(self) -> Answer:
        answers = self._process.stdout
        assert answers is not None
        # A line is written at once: where there is some of it, there is all.
        is_there = select.select([answers], [], [], self._limit)[0]
        if is_there and (line := answers.readline()):
            return json.loads(line)
        fault = "ended" if is_there else f"said nothing for {self._limit:g} seconds"
        self._errors.seek(0)
        words = self._errors.read()[-_LAST_WORDS:]
        raise WorkerError(f"{' '.join(self._command)} {fault}. Its last words:\n{words}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self._end(waits=kind is None)

    def _end(self, *, waits: bool = False) -> None:
        """Ends the process, which may take a moment to clear up where nothing went wrong."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END if waits else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
        shutil.rmtree(self._cache, ignore_errors=True)

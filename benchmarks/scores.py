"""What tf_ner and its peer reach on CoNLL-2003, with the same recipes and seeds: makes `scores.md`.

    .venv/bin/python -m benchmarks.scores --data FOLDER [--seeds 1 2 3] [--examples N]

FOLDER holds `conll2003`. It takes hours, and may be stopped at any time: what is finished is kept, and tf_ner goes on
from its last checkpoint.
"""

import argparse
import json
import math
import os
import shlex
import statistics
import string
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.run import OURS, PEERS, ROOT, describe_machine, folders_of

_RECIPES = {
    "published": "--batch-size 8 --learning-rate 2e-5",
    "better": "--batch-size 16 --learning-rate 1.5e-4 --group-by-length",
}
_TITLES = {
    "published": "published recipe (batches of 8, 2e-5)",
    "better": "batches of 16, 1.5e-4, grouped by length",
}
_PADDED = "tf_ner, padded"
_TF_NER = f"{OURS} train_keras.py --dataset $DATA/conll2003 --model $MODEL"
_TRAINER = f"{PEERS} -m benchmarks.peer --data $DATA/conll2003 --model $MODEL"
_COLUMNS = ("validation", "validation_subword", "test", "test_subword")

Scores = dict[str, float]
"""The F1 of a run, by column."""


def train_ours(command: Sequence[str], folder: Path, seeds: Sequence[int]) -> list[Scores]:
    """The scores of tf_ner, which keeps what is finished."""
    numbers = list(map(str, seeds))
    subprocess.run([*command, "--seeds", *numbers, "--output-dir", str(folder)], check=True)
    metrics = [json.loads((folder / f"seed-{seed}" / "metrics.json").read_text(encoding="utf-8")) for seed in seeds]
    return [
        {
            name: value
            for split in ("validation", "test")
            for name, value in ((split, of_run[split]["f1"]), (f"{split}_subword", of_run[split]["subword"]["f1"]))
        }
        for of_run in metrics
    ]


def train_peer(command: Sequence[str], folder: Path, seeds: Sequence[int]) -> list[Scores]:
    """The scores of the peer; those of the same command are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = []
    for seed in seeds:
        whole, kept = [*command, "--seed", str(seed)], folder / f"seed-{seed}.json"
        run = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        if run.get("command") != whole:
            # It prints its losses too; the scores come last.
            printed = subprocess.run(whole, check=True, stdout=subprocess.PIPE, text=True).stdout
            run = {"command": whole, "scores": json.loads(printed.splitlines()[-1])}
            temporary = kept.with_suffix(".new")
            temporary.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
            temporary.replace(kept)
        scores.append({name: run["scores"][name]["f1"] for name in _COLUMNS})
    return scores


def mean_and_deviation(values: Sequence[float]) -> str:
    """The mean, and the sample's standard deviation where there is more than one value."""
    mean = f"{statistics.fmean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def difference(own: Sequence[float], others: Sequence[float]) -> str:
    """The difference of two means, and its standard error, for seeds that have nothing in common but their number."""
    mean = f"{statistics.fmean(own) - statistics.fmean(others):+.4f}"
    if min(len(own), len(others)) < 2:
        return mean
    error = math.sqrt(statistics.variance(own) / len(own) + statistics.variance(others) / len(others))
    return f"{mean} ± {error:.4f}"


def table(scores: Mapping[str, Mapping[str, Sequence[Scores]]]) -> str:
    """A Markdown table of the scores of all, by recipe and contestant, and by how much the first is above others."""
    header = ["", "", "validation F1", "on subwords", "test F1", "on subwords"]
    lines = [header, ["---"] * len(header)]
    for recipe, by_name in scores.items():
        values = {
            name: [[of_seed[column] for of_seed in of_seeds] for column in _COLUMNS]
            for name, of_seeds in by_name.items()
        }
        for name, columns in values.items():
            lines.append([recipe, name, *map(mean_and_deviation, columns)])
        own, *others = values
        for other in others:
            lines.append([recipe, f"{own} less {other}", *map(difference, values[own], values[other])])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds conll2003")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--examples", type=int, help="only so many of each split, to see that it works")
    options = parser.parse_args()
    folders = folders_of(options.data)
    os.chdir(ROOT)
    limit, folder, output = "", Path("runs", "scores"), Path("benchmarks", "scores.md")
    if options.examples is not None:
        limit = f" --max-train-examples {options.examples} --max-eval-examples {options.examples}"
        folder = Path("runs", f"scores-{options.examples}")
        output = folder / "scores.md"
    scores: dict[str, dict[str, list[Scores]]] = {}
    shown = []
    for recipe, settings in _RECIPES.items():
        scores[_TITLES[recipe]] = by_name = {}
        for name, program, train in (
            ("tf_ner", _TF_NER, train_ours),
            # To see that packing costs no F1.
            *([(_PADDED, f"{_TF_NER} --packing off", train_ours)] if recipe == "published" else []),
            ("Trainer", _TRAINER, train_peer),
        ):
            shown.append(f"{program} {settings}{limit}")
            command = [string.Template(part).substitute(folders) for part in shlex.split(shown[-1])]
            try:
                by_name[name] = train(command, folder / f"{name}-{recipe}".replace(", ", "-"), options.seeds)
            except subprocess.CalledProcessError as error:
                sys.exit(f"error: {error}")
    output.write_text(
        "# Scores\n\nMade by `make results`; [README.md](README.md) says how. Three epochs, of which the best on "
        f"validation counts: means and standard deviations over the seeds {', '.join(map(str, options.seeds))}; of "
        f"differences their standard errors.\n\n{table(scores)}\n{describe_machine()}\n\n"
        + "".join(f"    {command}\n" for command in shown),
        encoding="utf-8",
    )
    print(table(scores))


if __name__ == "__main__":
    main()

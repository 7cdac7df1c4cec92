"""What tf_ner and its peer reach on CoNLL-2003, with the same recipes and seeds: makes `scores.md`.

    .venv/bin/python -m benchmarks.scores --data FOLDER [--recipes published …] [--seeds 1 2 3] [--examples N]

FOLDER holds `conll2003`. It takes hours, and may be stopped at any time: the scores of each finished run are kept in
`scores.json`, of which `scores.md` is made, and tf_ner goes on from its last checkpoint.
"""

import argparse
import datetime
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
from typing import Any

from benchmarks.run import OURS, PEERS, ROOT, commit, describe_machine, folders_of

SCORES = ROOT / "benchmarks" / "scores.md"
_RECIPES = {
    "published": "--batch-size 8 --learning-rate 2e-5",
    "better": "--batch-size 16 --learning-rate 1.5e-4 --group-by-length",
}
_TITLES = {
    "published": "published recipe (batches of 8, 2e-5)",
    "better": "batches of 16, 1.5e-4, grouped by length",
}
_TF_NER = f"{OURS} train_keras.py --dataset $DATA/conll2003 --model $MODEL"
_TRAINER = f"{PEERS} -m benchmarks.peer --data $DATA/conll2003 --model $MODEL"
_CONTESTANTS = {
    # Padded, and in half precision, to see that neither packing nor bfloat16 costs F1.
    "published": {
        "tf_ner": _TF_NER,
        "tf_ner, padded": f"{_TF_NER} --packing off",
        "tf_ner, bfloat16": f"{_TF_NER} --precision bfloat16",
        "Trainer": _TRAINER,
    },
    "better": {"tf_ner": _TF_NER, "Trainer": _TRAINER},
}
_COLUMNS = ("validation", "validation_subword", "test", "test_subword")

Scores = dict[str, float]
"""The F1 of a run, by column."""


def scores_of_ours(command: Sequence[str], folder: Path) -> Scores:
    """The scores of a run of tf_ner in a folder, in which an interrupted run goes on."""
    is_begun = (folder / "run_config.json").exists()
    subprocess.run([*command, "--output-dir", str(folder), *(["--resume"] if is_begun else [])], check=True)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return {
        name: value
        for split in ("validation", "test")
        for name, value in ((split, metrics[split]["f1"]), (f"{split}_subword", metrics[split]["subword"]["f1"]))
    }


def scores_of_peer(command: Sequence[str]) -> Scores:
    """The scores of a run of the peer, which prints its losses too; the scores come last."""
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    scores = json.loads(printed.splitlines()[-1])
    return {name: scores[name]["f1"] for name in _COLUMNS}


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
        title = _TITLES[recipe]
        values = {
            name: [[of_seed[column] for of_seed in of_seeds] for column in _COLUMNS]
            for name, of_seeds in by_name.items()
        }
        for name, columns in values.items():
            lines.append([title, name, *map(mean_and_deviation, columns)])
        own, *others = values
        for other in others:
            lines.append([title, f"{own} less {other}", *map(difference, values[own], values[other])])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def report(kept: Mapping[str, Mapping[str, Any]], names: Mapping[str, tuple[str, str]]) -> str:
    """A page of what is known.

    Args:
        kept: What each run reached and where, by its command.
        names: The recipe and the contestant of a command without its seed.
    """
    scores: dict[str, dict[str, list[Scores]]] = {}
    for (recipe, name), runs in _by_contestant(kept, names).items():
        scores.setdefault(recipe, {})[name] = [run["scores"] for run in runs]
    shown = {command: run for command, run in kept.items() if command.rpartition(" --seed ")[0] in names}
    places = dict.fromkeys(run["where"] for run in shown.values())
    return (
        "# Scores\n\nMade by `make results`; [README.md](README.md) says how. Three epochs, of which the best on "
        "validation counts: means and standard deviations over the seeds that are listed below; of differences their "
        f"standard errors.\n\n{table(scores)}\n"
        + "".join(f"{place}\n\n" for place in places)
        + "".join(f"    {command}  # {run['when']}\n" for command, run in shown.items())
    )


def _by_contestant(
    kept: Mapping[str, Mapping[str, Any]], names: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    return {
        name: runs
        for command, name in names.items()
        if (runs := [run for whole, run in kept.items() if whole.rpartition(" --seed ")[0] == command])
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds conll2003")
    parser.add_argument("--recipes", nargs="+", choices=_RECIPES, default=list(_RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--examples", type=int, help="only so many of each split, to see that it works")
    options = parser.parse_args()
    folders = folders_of(options.data)
    # The commands that are shown are those that are run.
    os.chdir(ROOT)
    measured = commit()
    # What another commit has begun is not gone on with.
    limit, folder, output = "", Path("runs", "scores", measured.replace(" ", "-")), SCORES
    if options.examples is not None:
        limit = f" --max-train-examples {options.examples} --max-eval-examples {options.examples}"
        folder = Path("runs", f"scores-{options.examples}")
        output = folder / "scores.md"
    output.parent.mkdir(parents=True, exist_ok=True)
    file = output.with_suffix(".json")
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    names = {
        f"{program} {settings}{limit}": (recipe, name)
        for recipe, settings in _RECIPES.items()
        for name, program in _CONTESTANTS[recipe].items()
    }
    for command, (recipe, name) in names.items():
        for seed in options.seeds if recipe in options.recipes else []:
            shown = f"{command} --seed {seed}"
            if shown in kept:
                continue
            arguments = [string.Template(part).substitute(folders) for part in shlex.split(shown)]
            place = folder / f"{name}-{recipe}-{seed}".replace(", ", "-")
            try:
                scores = scores_of_peer(arguments) if name == "Trainer" else scores_of_ours(arguments, place)
            except subprocess.CalledProcessError as error:
                sys.exit(f"error: {error}")
            when = f"{datetime.date.today()}, commit {measured}"
            kept[shown] = {"scores": scores, "when": when, "where": describe_machine()}
            for path, text in ((file, json.dumps(kept, indent=1)), (output, report(kept, names))):
                temporary = path.with_suffix(".new")
                temporary.write_text(f"{text.rstrip()}\n", encoding="utf-8")
                temporary.replace(path)
    print(output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

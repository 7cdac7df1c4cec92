"""The same run with several seeds: how much of a score is chance."""

import dataclasses
import json
import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from tf_ner.errors import ConfigError, OutputError
from tf_ner.files import write_json
from tf_ner.options.kinds import Kind, options_of
from tf_ner.options.train import RUN_CONFIG, TrainConfig
from tf_ner.training.run import TrainResult, train
from tf_ner.training.strategies import with_known_precision

logger = logging.getLogger(__name__)

_ASKED = "revisions.json"


def train_seeds(config: TrainConfig, seeds: Sequence[int], *, verbose: int = 1) -> dict[str, Any]:
    """Trains once for each seed, each in a folder of its own (`seed-1` and so on), and writes `seeds.json`.

    A finished run with the same options is kept, and an interrupted one is resumed; `overwrite` repeats all of them.

    Args:
        config: The options of the runs; its own seed is ignored.
        seeds: The seeds, in this order.
        verbose: As for `train`.

    Returns:
        What `seeds.json` holds: `seeds`, and under `splits` for each split and score the `mean`, the sample's standard
        deviation `std` (None for a single seed) and the `values`, in the order of the seeds.

    Raises:
        TfNerError: A run cannot start, or the folder holds something else.
    """
    if (config.run_dir / RUN_CONFIG).exists():
        raise OutputError(
            f"Received --output-dir {config.run_dir}, which holds a run; expected a folder for the runs of several "
            "seeds. Choose another one."
        )
    config = with_known_precision(config)
    results = {seed: _result_of(config, seed, verbose=verbose) for seed in seeds}
    summary = _summarize({seed: result.metrics for seed, result in results.items()})
    # Of several machines the first one writes.
    if all(result.is_kept for result in results.values()):
        write_json(config.run_dir / "seeds.json", summary)
    return summary


def _result_of(config: TrainConfig, seed: int, *, verbose: int) -> TrainResult:
    """The run with this seed, which is made if it is not there."""
    folder = config.run_dir / f"seed-{seed}"
    repository = f"{config.hub_name}-seed-{seed}" if config.push_to_hub else config.hub_model_id
    names: dict[str, Any] = {}
    if config.report_to:
        names = {
            "run_name": f"{config.tracked_name}-seed-{seed}", "run_group": config.run_group or config.tracked_name
        }  # fmt: skip
    logger.info("seed %d: training in %s", seed, folder)
    config = dataclasses.replace(config, seed=seed, output_dir=folder, hub_model_id=repository, **names)
    return train_or_go_on(config, verbose=verbose)


def train_or_go_on(config: TrainConfig, *, verbose: int = 1) -> TrainResult:
    """Trains, unless the folder holds the same run already: a finished one is kept, an interrupted one goes on.

    Args:
        config: The options of the run, which is one of several in a folder; `overwrite` repeats it.
        verbose: As for `train`.

    Raises:
        TfNerError: The run cannot start, or the folder holds something else.
    """
    folder = config.run_dir
    asked = {name: getattr(config, name) for name in options_of(TrainConfig, Kind.COMMIT)}
    asked_before = _asked_revisions(folder.parent)
    found = _saved_options(folder)
    is_asked_again = asked_before.get(folder.name) == asked
    if not config.overwrite and found is not None and config.matches_run(found, is_asked_again=is_asked_again):
        config = dataclasses.replace(config, resume=True)
    elif config.overwrite or not (folder / RUN_CONFIG).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_json(folder.parent / _ASKED, {**asked_before, folder.name: asked})
    result = train(config, verbose=verbose)
    # The next run needs the memory of this one's model.
    keras.backend.clear_session()
    return result


def _asked_revisions(folder: Path) -> dict[str, Any]:
    """For each run of a folder the branches and tags that it was asked for, in whose place it notes commits."""
    try:
        asked = json.loads((folder / _ASKED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return asked if isinstance(asked, dict) else {}


def _saved_options(folder: Path) -> TrainConfig | None:
    """The options of the run, finished or not, that a folder holds."""
    try:
        return TrainConfig.load(folder / RUN_CONFIG)
    except ConfigError:
        return None


def _summarize(metrics: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    first, *_ = metrics.values()
    splits = [split for split in first if split != "training"]
    return {
        "seeds": list(metrics),
        "splits": {
            split: {
                name: _spread([of_seed[split][name] for of_seed in metrics.values()])
                for name, value in first[split].items()
                if isinstance(value, float | None)
            }
            for split in splits
        },
    }


def _spread(values: list[float | None]) -> dict[str, Any]:
    # A finished run has null where a score was no number.
    numbers = [math.nan if value is None else value for value in values]
    return {
        "mean": statistics.fmean(numbers),
        # That of the standard library stumbles over what is no number.
        "std": float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
        "values": numbers,
    }

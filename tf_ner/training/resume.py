"""Where a training goes on that was cut short."""

import dataclasses
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_ner.config import HUB, RUN_CONFIG, TrainConfig
from tf_ner.errors import ConfigError, OutputError
from tf_ner.files import replaced_whole
from tf_ner.hub.upload import download_checkpoint
from tf_ner.hub.weights import MODEL
from tf_ner.training.checkpoints import BEST, NOT_OF_MODEL, TrainingState, newest_checkpoint
from tf_ner.training.plan import Plan

logger = logging.getLogger(__name__)

# What these say is in the state already, or would make another training of the rest.
_MUST_AGREE = (
    "task", "epochs", "learning_rate", "schedule", "warmup_ratio", "layer_decay", "freeze_embeddings", "freeze_layers",
    "weight_decay", "max_grad_norm", "label_smoothing", "class_weights", "seed", "precision", "max_eval_examples",
    "eval_every", "log_every", "best_metric", "early_stopping_patience",
)  # fmt: skip

PINNED = ("model_revision", "dataset_revision")
"""The options in which a run notes the commits that it used."""


@dataclass(frozen=True)
class ResumePoint:
    """A whole checkpoint, and what it says."""

    checkpoint: Path
    state: TrainingState

    def require_plan(self, plan: Plan) -> None:
        """Makes sure that the training goes on with the same data in the same order.

        Raises:
            OutputError: It would not.
        """
        if self.state.plan != plan.digest:
            raise OutputError(
                f"Received {self.checkpoint}, written by a training on other sentences or with other batches; expected "
                "the same data, encoder, --max-length, --group-by-length, and --batch-size times --accumulate times "
                "devices. Change them, or resume from another one."
            )

    def bring_best(self, run_dir: Path) -> None:
        """Puts the best model at that time into the folder of the run, which may hold a later one, or none."""
        if not (self.checkpoint / BEST).exists():
            return
        for file in self.checkpoint.iterdir():
            target = run_dir / (file.name if file.name != BEST else MODEL)
            is_there = target.exists() and target.samefile(file)
            if file.is_file() and file.name not in NOT_OF_MODEL and not is_there:
                with replaced_whole(target) as temporary:
                    shutil.copyfile(file, temporary)


def find_resume_point(config: TrainConfig) -> ResumePoint | None:
    """Finds the checkpoint that the options name; None where a training begins.

    Raises:
        ConfigError: The run was begun with other options.
        OutputError: What they name is no whole checkpoint.
        HubError: The repository has none, or cannot be reached.
    """
    if config.resume_from is not None:
        is_on_hub = config.resume_from == HUB
        checkpoint = download_checkpoint(config.hub_name) if is_on_hub else Path(config.resume_from)
        point = ResumePoint(checkpoint, TrainingState.read(checkpoint))
    elif config.resume and (config.run_dir / RUN_CONFIG).exists():
        _require_agreement(config, config.run_dir / RUN_CONFIG)
        newest = newest_checkpoint(config.run_dir)
        if newest is None:
            logger.info("%s has no checkpoint yet: the training begins", config.run_dir)
            return None
        point = ResumePoint(*newest)
    else:
        return None
    _require_agreement(config, point.checkpoint / RUN_CONFIG)
    logger.info("going on after step %d (%s)", point.state.step, point.checkpoint)
    return point


def with_pinned_revisions(config: TrainConfig) -> TrainConfig:
    """The options with the commits that the run began with, where none are named."""
    path = config.run_dir / RUN_CONFIG
    if not config.resume or not path.exists():
        return config
    found = TrainConfig.load(path)
    same = found.model == config.model and found.dataset == config.dataset
    pinned = {name: getattr(config, name) or getattr(found, name) for name in PINNED}
    return dataclasses.replace(config, **pinned) if same else config


def is_finished(run_dir: Path) -> bool:
    """Whether a run has come to its end: the card is what it writes last."""
    return (run_dir / "README.md").exists()


def finished_metrics(config: TrainConfig) -> dict[str, Any] | None:
    """What `metrics.json` holds, if there is nothing to resume since the run is finished."""
    if not config.resume or config.resume_from is not None or not is_finished(config.run_dir):
        return None
    _require_agreement(config, config.run_dir / RUN_CONFIG)
    logger.info("%s holds its finished run: there is nothing to resume", config.run_dir)
    metrics: dict[str, Any] = json.loads((config.run_dir / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def _require_agreement(config: TrainConfig, saved: Path) -> None:
    found = TrainConfig.load(saved)
    for name in _MUST_AGREE:
        if getattr(found, name) != getattr(config, name):
            option = "--" + name.replace("_", "-")
            raise ConfigError(
                f"Received {option} {getattr(config, name)} to go on with {saved.parent}, which was begun with "
                f"{getattr(found, name)}; expected the same. Give the options of then, such as with --config {saved}."
            )

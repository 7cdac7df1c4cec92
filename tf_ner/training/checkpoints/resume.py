"""Where a training goes on that was cut short."""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CONFIG_NAME, PretrainedConfig

from tf_ner.errors import HubError, OutputError
from tf_ner.files import replaced_whole
from tf_ner.hub.upload import download_checkpoint
from tf_ner.models.weights import MODEL
from tf_ner.options.train import HUB, RUN_CONFIG, TrainConfig
from tf_ner.training.checkpoints.checkpoints import BEST, NOT_OF_MODEL, TrainingState, newest_checkpoint
from tf_ner.training.plan import Plan

logger = logging.getLogger(__name__)

_NOT_SETTINGS = ("_name_or_path", "architectures", "torch_dtype", "transformers_version")


@dataclass(frozen=True)
class ResumePoint:
    """A whole checkpoint, and what it says."""

    checkpoint: Path
    state: TrainingState

    def require_same(self, plan: Plan, model_config: PretrainedConfig) -> None:
        """Makes sure that the training goes on with the same data in the same order, and the same kind of encoder.

        Raises:
            OutputError: It would not.
        """
        saved = _settings(json.loads((self.checkpoint / CONFIG_NAME).read_text(encoding="utf-8")))
        own = _settings(json.loads(model_config.to_json_string()))
        if saved != own:
            names = sorted(name for name in saved.keys() | own.keys() if saved.get(name) != own.get(name))
            raise OutputError(
                f"Received {self.checkpoint}, written while training another encoder ({', '.join(names)} differ); "
                "expected that of --model. Change --model, or resume from another one."
            )
        if self.state.plan != plan.digest:
            raise OutputError(
                f"Received {self.checkpoint}, written while training on other sentences or with other batches; "
                "expected the same data, encoder, --max-length, --group-by-length, --pad-to-length (128 with --tpu, "
                "--jit-compile, --runtime jax and --rows-per-step), and --batch-size (or --rows-per-step) times "
                "--accumulate times devices. Change them, or resume from another one."
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
    """Finds the checkpoint that the options name, the later one of two; None where a training begins.

    Raises:
        ConfigError: The run was begun with other options.
        OutputError: What they name is no whole checkpoint.
        HubError: The repository has none, or cannot be reached.
    """
    points = []
    if config.resume and (config.run_dir / RUN_CONFIG).exists():
        config.require_same_steps(config.run_dir / RUN_CONFIG)
        newest = newest_checkpoint(config.run_dir)
        points += [ResumePoint(*newest)] if newest else []
        if newest is None and config.resume_from is None:
            logger.info("%s has no checkpoint yet: training starts from the beginning", config.run_dir)
    if config.resume_from is not None:
        try:
            is_on_hub = config.resume_from == HUB
            checkpoint = download_checkpoint(config.hub_name) if is_on_hub else Path(config.resume_from)
            points.append(ResumePoint(checkpoint, TrainingState.read(checkpoint)))
        except (HubError, OutputError) as error:
            if not points:
                raise
            logger.warning("%s Using the run's own checkpoint.", error)
    if not points:
        return None
    point = max(points, key=lambda point: point.state.step)
    config.require_same_steps(point.checkpoint / RUN_CONFIG)
    logger.info("resuming after step %d (%s)", point.state.step, point.checkpoint)
    return point


def _settings(model_config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a model's `config.json` says what it computes."""
    return {name: value for name, value in model_config.items() if name not in _NOT_SETTINGS}

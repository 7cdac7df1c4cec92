"""Where a training goes on that was cut short."""

import dataclasses
import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CONFIG_NAME, PretrainedConfig

from tf_ner.errors import ConfigError, HubError, OutputError
from tf_ner.files import replaced_whole
from tf_ner.hub.upload import download_checkpoint
from tf_ner.models.weights import MODEL
from tf_ner.options.checks import as_typed
from tf_ner.options.kinds import Kind, kinds_of, options_of
from tf_ner.options.train import HUB, METRICS, RUN_CONFIG, TrainConfig
from tf_ner.training.checkpoints.checkpoints import BEST, NOT_OF_MODEL, TrainingState, newest_checkpoint
from tf_ner.training.plan import Plan

logger = logging.getLogger(__name__)

_COMMIT = re.compile("[0-9a-f]{40}")
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
                "expected the same data, encoder, --max-length, --group-by-length, and --batch-size times --accumulate "
                "times devices. Change them, or resume from another one."
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
        _require_agreement(config, config.run_dir / RUN_CONFIG, options_of(TrainConfig, Kind.STEPS))
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
    _require_agreement(config, point.checkpoint / RUN_CONFIG, options_of(TrainConfig, Kind.STEPS))
    logger.info("resuming after step %d (%s)", point.state.step, point.checkpoint)
    return point


def with_pinned_revisions(config: TrainConfig, resume_point: ResumePoint | None) -> TrainConfig:
    """The options with the commits that the run began with, whatever a branch or tag names now."""
    path = (resume_point.checkpoint if resume_point else config.run_dir) / RUN_CONFIG
    if resume_point is None and not (config.resume and path.exists()):
        return config
    found = TrainConfig.load(path)
    same = found.model == config.model and found.dataset == config.dataset
    pinned = {name: getattr(found, name) or getattr(config, name) for name in options_of(TrainConfig, Kind.COMMIT)}
    return dataclasses.replace(config, **pinned) if same else config


def finished_metrics(config: TrainConfig) -> dict[str, Any] | None:
    """What `metrics.json` holds, if there is nothing to resume since the run is finished.

    Raises:
        ConfigError: It was made with other options.
        OutputError: What it holds cannot be read.
    """
    if not config.resume or not (config.run_dir / METRICS).exists():
        return None
    options = [name for name, kind in kinds_of(TrainConfig).items() if not kind & Kind.NO_RESULT]
    _require_agreement(config, config.run_dir / RUN_CONFIG, options, may_move=False)
    logger.info("the run in %s has already finished: there is nothing to resume", config.run_dir)
    try:
        metrics: dict[str, Any] = json.loads((config.run_dir / METRICS).read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(
            f"Received {config.run_dir / METRICS}, which is not JSON ({error}); expected the scores of a finished run. "
            "Remove that file to finish the run again."
        ) from None
    return metrics


def _settings(model_config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a model's `config.json` says what it computes."""
    return {name: value for name, value in model_config.items() if name not in _NOT_SETTINGS}


def _require_agreement(config: TrainConfig, saved: Path, names: Sequence[str], *, may_move: bool = True) -> None:
    """Makes sure that options are those of the run that wrote `saved`.

    Args:
        config: The options.
        saved: The options then.
        names: Which of them.
        may_move: The encoder may lie in another folder of the same name, as on another machine.

    Raises:
        ConfigError: They are not.
    """
    found, kinds = TrainConfig.load(saved), kinds_of(TrainConfig)
    for name in names:
        before, now = getattr(found, name), getattr(config, name)
        if kinds[name] & Kind.STEPS and may_move:
            before, now = found.effective(name), config.effective(name)
        # A run notes the commits that it used; branches and tags move on.
        is_other = now is not None and bool(_COMMIT.fullmatch(now)) if kinds[name] & Kind.COMMIT else True
        if name == "model" and may_move and Path(now).is_dir():
            before, now = Path(before).name, Path(now).name
        if is_other and before != now:
            received, begun = as_typed(name, now), as_typed(name, before)
            raise ConfigError(
                f"Received {received} to resume {saved.parent}, which was started with {begun}; expected the same. "
                f"Use the original options, for example with --config {saved}.",
                option=name,
            )

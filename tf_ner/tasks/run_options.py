"""The options of the run that made a model, where its folder or repository says so."""

import logging
from pathlib import Path

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from tf_ner.errors import ConfigError
from tf_ner.options.train import RUN_CONFIG, TrainConfig
from tf_ner.tasks.tokenizers import location_of, model_errors

logger = logging.getLogger(__name__)


def options_of_run(model: str, *, revision: str | None = None) -> TrainConfig | None:
    """How a model was trained; None if that is not known. Options that another version wrote are read if known here.

    Args:
        model: A run's output folder, or a name on the Hub.
        revision: Which branch, tag or commit on the Hub.

    Raises:
        ModelError: There is no such model.
    """
    location = location_of(model)
    if Path(location).is_dir():
        path = Path(location) / RUN_CONFIG
        return _read(path) if path.is_file() else None
    with model_errors(model, "options"):
        try:
            return _read(Path(hf_hub_download(location, RUN_CONFIG, revision=revision or "main")))
        except LocalEntryNotFoundError:
            if try_to_load_from_cache(location, RUN_CONFIG, revision=revision or "main") is None:
                _warn(model, "the Hub cannot be reached")
        except EntryNotFoundError:
            pass
    return None


def _read(path: Path) -> TrainConfig | None:
    try:
        return TrainConfig.load_known(path)
    except ConfigError as error:
        _warn(str(path.parent), str(error))
        return None


def _warn(model: str, reason: str) -> None:
    logger.warning(
        "Received model %r, but how it was trained could not be read (%s): inputs may be as long as the encoder allows",
        model,
        reason,
    )

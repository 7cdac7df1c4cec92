"""Scores of a finished model."""

import json
import logging
from typing import Any

from datasets import DatasetDict

from tf_ner.config import EvaluateConfig
from tf_ner.corpus.sources import load_configured
from tf_ner.errors import DataError
from tf_ner.files import require_folder_of, write_text
from tf_ner.training.models import load_trained
from tf_ner.training.scoring import Scorer

logger = logging.getLogger(__name__)


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Scores a fine-tuned model on the splits of a data set; its words are read as they were in training.

    Returns:
        For each split what `metrics.json` holds of it.

    Raises:
        TfNerError: The model or the data cannot be used, a split is not there, or the two share no label.
    """
    if config.output is not None:
        require_folder_of(config.output)
    corpus = load_configured(config)
    splits = _choose_splits(config, corpus)
    model, task = load_trained(config.model, revision=config.model_revision)
    _compare_tags(corpus[splits[0]].features["tags"].feature.names, task.tag_names)
    metrics = {
        split: Scorer(corpus[split], task, batch_size=config.eval_batch_size).score(model).metrics for split in splits
    }
    if config.output is not None:
        write_text(config.output, json.dumps(metrics, indent=2) + "\n")
    return metrics


def _choose_splits(config: EvaluateConfig, corpus: DatasetDict) -> list[str]:
    wanted = config.splits or [split for split in ("validation", "test") if split in corpus]
    if not wanted or not set(wanted) <= corpus.keys():
        raise DataError(
            f"Received --splits {' '.join(wanted) or 'nothing'} and data with the splits {', '.join(corpus)}; expected "
            "splits that the data has. Change --splits."
        )
    return list(wanted)


def _compare_tags(of_data: list[str], of_model: tuple[str, ...]) -> None:
    """Says which tags of the data the model cannot predict; with nothing in common a score means nothing."""
    unknown = [tag for tag in of_data if tag not in of_model]
    if set(of_data) - {"O", *unknown} == set():
        raise DataError(
            f"Received data with the tags {', '.join(of_data)}; expected some of the model's ({', '.join(of_model)}). "
            "Use data of the kind the model was trained on."
        )
    if unknown:
        logger.warning("the model never predicts %s, which the data has", ", ".join(unknown))

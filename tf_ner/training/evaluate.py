"""Scores of a finished model."""

import logging
from typing import Any

from datasets import DatasetDict

from tf_ner.corpus.loading.splits import evaluation_splits
from tf_ner.errors import DataError
from tf_ner.files import require_file, write_json
from tf_ner.models.loading import load_trained
from tf_ner.options.commands import EvaluateConfig
from tf_ner.tasks.registry import load_task_corpus
from tf_ner.training.scoring import Scorer

logger = logging.getLogger(__name__)


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Scores a fine-tuned model on the splits of a data set, each row as it was read in training.

    Returns:
        For each split what `metrics.json` holds of it.

    Raises:
        TfNerError: The model or the data cannot be used, a split is not there, or the two share no label.
    """
    if config.output is not None:
        require_file(config.output)
    model, task = load_trained(config.model, revision=config.model_revision, task=config.task)
    corpus = load_task_corpus(task.reading_config(config))
    splits = _choose_splits(config, corpus)
    task.compare_outputs(task.output_names_of(corpus))
    metrics = {}
    for split in splits:
        scorer = Scorer(corpus[split], task, batch_size=config.eval_batch_size)
        for remark in task.remarks(scorer.encoded):
            logger.info("%s: %s", split, remark)
        scores = scorer.score(model, bootstrap=config.bootstrap).metrics
        metrics.update({split: scores} if scores else {})
    if not metrics:
        raise DataError(
            f"Received {', '.join(splits)}, whose labels are hidden; expected labels. Choose another split with "
            "--splits, or use `tf-ner predict`."
        )
    if config.output is not None:
        write_json(config.output, metrics)
    return metrics


def _choose_splits(config: EvaluateConfig, corpus: DatasetDict) -> list[str]:
    wanted = config.splits or evaluation_splits(corpus)
    if not wanted or not set(wanted) <= corpus.keys():
        raise DataError(
            f"Received --splits {' '.join(wanted) or 'nothing'} and data with the splits {', '.join(corpus)}; expected "
            "splits that the data has. Change --splits."
        )
    return list(wanted)

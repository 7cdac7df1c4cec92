"""Scores of a finished model."""

import json
from typing import Any

from tf_ner.config import EvaluateConfig
from tf_ner.corpus.sources import load_corpus
from tf_ner.errors import DataError
from tf_ner.files import write_text
from tf_ner.tasks.token_classification import TokenClassification
from tf_ner.training.models import load_tokenizer, load_trained, tag_names, window_length
from tf_ner.training.scoring import Scorer


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Scores a fine-tuned model on the splits of a data set.

    Returns:
        For each split what `metrics.json` holds of it.

    Raises:
        TfNerError: The model or the data cannot be used, or the data has none of the splits.
    """
    corpus = load_corpus(
        config.dataset,
        config_name=config.dataset_config,
        revision=config.dataset_revision,
        files=config.files,
    )
    splits = [split for split in config.splits if split in corpus]
    if not splits:
        raise DataError(
            f"Received --splits {' '.join(config.splits)} and data with the splits {', '.join(corpus)}; expected one "
            "in common. Change --splits."
        )
    tokenizer = load_tokenizer(config.model, revision=config.model_revision)
    model = load_trained(config.model, revision=config.model_revision)
    task = TokenClassification(
        tokenizer,
        tag_names(model.config),
        max_length=window_length(tokenizer, model.config, config.max_length),
        stride=config.stride,
    )
    metrics = {}
    for split in splits:
        rows = corpus[split]
        if config.max_eval_examples is not None:
            rows = rows.select(range(min(config.max_eval_examples, len(rows))))
        metrics[split] = Scorer(rows, task, batch_size=config.eval_batch_size).score(model).metrics
    if config.output is not None:
        write_text(config.output, json.dumps(metrics, indent=2) + "\n")
    return metrics

"""Fine-tune encoders for token and text classification with TensorFlow and Keras.

The public names are loaded when they are first used, so that `import tf_ner` and the command line's help are quick.
"""

import importlib
import os
from typing import Any

from tf_ner.tensorflow_tpu import make_findable, search_no_network

make_findable()
search_no_network()
# Before TensorFlow is imported, which by itself takes oneDNN's products of matrices on some processors only. On others
# they are faster too, and steps of training about 1.17 times as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

_PUBLIC = {
    "CheckConfig": "tf_ner.options.commands",
    "CompareConfig": "tf_ner.options.commands",
    "EvaluateConfig": "tf_ner.options.commands",
    "ExportConfig": "tf_ner.options.commands",
    "FindErrorsConfig": "tf_ner.options.commands",
    "HistoryWriter": "tf_ner.training.callbacks",
    "MetricsCallback": "tf_ner.training.callbacks",
    "Predictor": "tf_ner.inference.predictor",
    "PushToHubCallback": "tf_ner.hub.push",
    "RegressionLoss": "tf_ner.learning.losses",
    "ReportCallback": "tf_ner.training.trackers.callback",
    "SaveBest": "tf_ner.training.callbacks",
    "Seqeval": "tf_ner.evaluation.metric",
    "SeqevalCallback": "tf_ner.training.callbacks",
    "StopEarly": "tf_ner.training.callbacks",
    "TextClassification": "tf_ner.tasks.text_classification",
    "TfNerError": "tf_ner.errors",
    "TokenClassification": "tf_ner.tasks.token_classification",
    "TokenClassificationLoss": "tf_ner.learning.losses",
    "TpuCheckConfig": "tf_ner.options.commands",
    "TrainConfig": "tf_ner.options.train",
    "TrainResult": "tf_ner.training.run",
    "analyze_entities": "tf_ner.evaluation.errors",
    "analyze_tags": "tf_ner.evaluation.errors",
    "bootstrap_interval": "tf_ner.evaluation.intervals",
    "check_data": "tf_ner.corpus.checks.check_data",
    "choose_strategy": "tf_ner.training.strategies",
    "compare": "tf_ner.evaluation.compare",
    "compile_step": "tf_ner.learning.train_step",
    "evaluate": "tf_ner.training.scoring",
    "export": "tf_ner.inference.export.exporting",
    "find_errors": "tf_ner.inference.find_errors",
    "load_corpus": "tf_ner.corpus.loading.sources",
    "load_texts": "tf_ner.corpus.texts.loading",
    "load_tokenizer": "tf_ner.tasks.tokenizers",
    "load_trained": "tf_ner.models.loading",
    "load_untrained": "tf_ner.models.loading",
    "make_dataset": "tf_ner.batches.to_tf",
    "make_optimizer": "tf_ner.learning.optimizer",
    "make_train_step": "tf_ner.learning.train_step",
    "num_batches": "tf_ner.batches.sampling",
    "packed": "tf_ner.models.packed",
    "paired_test": "tf_ner.evaluation.intervals",
    "rank_label_errors": "tf_ner.evaluation.label_errors",
    "rate_shares": "tf_ner.models.layers",
    "save_model": "tf_ner.models.weights",
    "score_entities": "tf_ner.evaluation.scores",
    "score_labels": "tf_ner.evaluation.texts",
    "score_numbers": "tf_ner.evaluation.texts",
    "score_tags": "tf_ner.evaluation.scores",
    "tpu_check": "tf_ner.training.tpu_check",
    "train": "tf_ner.training.run",
    "train_seeds": "tf_ner.training.several_seeds",
    "training_steps": "tf_ner.learning.train_step",
    "variables_to_train": "tf_ner.models.layers",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

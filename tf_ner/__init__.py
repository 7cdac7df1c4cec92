"""Fine-tune encoders for token classification with TensorFlow and Keras.

The public names are loaded when they are first used, so that `import tf_ner` and the command line's help are quick.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "EvaluateConfig": "tf_ner.config",
    "HistoryWriter": "tf_ner.training.callbacks",
    "Predictor": "tf_ner.inference.predictor",
    "PushToHubCallback": "tf_ner.hub.push",
    "SaveBest": "tf_ner.training.callbacks",
    "SeqevalCallback": "tf_ner.training.callbacks",
    "TfNerError": "tf_ner.errors",
    "TokenClassification": "tf_ner.tasks.token_classification",
    "TokenClassificationLoss": "tf_ner.training.losses",
    "TrainConfig": "tf_ner.config",
    "TrainResult": "tf_ner.training.fit",
    "evaluate": "tf_ner.training.evaluate",
    "load_corpus": "tf_ner.corpus.sources",
    "load_tokenizer": "tf_ner.training.models",
    "load_trained": "tf_ner.training.models",
    "load_untrained": "tf_ner.training.models",
    "make_dataset": "tf_ner.pipeline.to_tf",
    "make_optimizer": "tf_ner.training.optimizers",
    "num_batches": "tf_ner.pipeline.sampling",
    "score_entities": "tf_ner.evaluation.scores",
    "score_tags": "tf_ner.evaluation.scores",
    "train": "tf_ner.training.fit",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

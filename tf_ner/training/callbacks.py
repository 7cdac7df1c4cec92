"""Keras callbacks: scores every epoch, the best model on disk, a table of the evaluations."""

import csv
import time
from pathlib import Path
from typing import Any

import tf_keras as keras
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from tf_ner.corpus.tags import is_iob, split_tag
from tf_ner.errors import ConfigError
from tf_ner.files import replaced_whole
from tf_ner.hub.background import BackgroundUploader
from tf_ner.hub.weights import save_model
from tf_ner.tasks.token_classification import TokenClassification
from tf_ner.training.scoring import Scorer

Logs = dict[str, Any]


class SeqevalCallback(keras.callbacks.Callback):
    """Scores every word of a split after each epoch and puts the scores into the logs.

    Writes `val_loss`, `val_precision`, `val_recall`, `val_f1`, `val_accuracy` and for each label `val_f1_PER` and so
    on; of tags that are not IOB, such as parts of speech, `val_loss` and `val_accuracy`. Must stand before the
    callbacks that read them, such as early stopping. Keeps the arg-max of each subword and no logits.

    Args:
        sentences: `words` and `tags`, as `load_corpus` gives them.
        task: How words become subwords; its tags are the model's.
        batch_size: Windows a batch.
    """

    def __init__(self, sentences: Dataset, task: TokenClassification, *, batch_size: int = 32):
        super().__init__()
        self.scorer = Scorer(sentences, task, batch_size=batch_size)
        has_entities = all(map(is_iob, task.tag_names))
        self._labels = sorted({label for _, label in map(split_tag, task.tag_names) if label}) if has_entities else []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        metrics = self.scorer.score(self.model).metrics
        names = ("loss", "precision", "recall", "f1", "accuracy")
        scores = {f"val_{name}": metrics[name] for name in names if name in metrics}
        for label in self._labels:
            scores[f"val_f1_{label}"] = metrics["per_label"].get(label, {"f1": 0.0})["f1"]
        if logs is not None:
            logs.update(scores)


class SaveBest(keras.callbacks.Callback):
    """Saves model and tokenizer after each epoch that is better than all before.

    Args:
        folder: Where to; made if it is not there.
        tokenizer: Saved beside the model.
        monitor: Which of the logs must grow; `val_f1` if not given, or `val_accuracy` where there is none.

    Attributes:
        best: The best value so far.
        best_epoch: Its epoch, from 1; 0 before the first.

    Raises:
        ConfigError: While training, if what it monitors is not among the logs.
    """

    def __init__(self, folder: str | Path, tokenizer: PreTrainedTokenizerFast, *, monitor: str | None = None):
        super().__init__()
        self._folder = Path(folder)
        self._tokenizer = tokenizer
        self._monitor = monitor
        self.best = float("-inf")
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        monitor = self._monitor or ("val_f1" if "val_f1" in logs else "val_accuracy")
        if monitor not in logs:
            raise ConfigError(
                f"Received logs of {', '.join(logs) or 'nothing'}; expected {monitor} among them. Put SeqevalCallback "
                "before SaveBest, or name what it shall monitor."
            )
        if (value := logs[monitor]) > self.best:
            self.best, self.best_epoch = value, epoch + 1
            save_model(self.model, self._tokenizer, self._folder)


class PushRun(keras.callbacks.Callback):
    """Pushes a run's folder after each epoch, in the background.

    Args:
        folder: The run.
        uploader: Where it goes.
    """

    def __init__(self, folder: Path, uploader: BackgroundUploader):
        super().__init__()
        self._folder = folder
        self._uploader = uploader

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._uploader.submit(self._folder, f"Epoch {epoch + 1}")


class HistoryWriter(keras.callbacks.Callback):
    """Writes a CSV table with a row an epoch, the file always whole.

    Args:
        path: The table; its folder is made if it is not there.

    Attributes:
        rows: What was written.
    """

    def __init__(self, path: str | Path):
        super().__init__()
        self._path = Path(path)
        self.rows: list[dict[str, Any]] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        row = {
            "epoch": epoch + 1,
            "step": int(optimizer.iterations),
            "seconds": round(time.perf_counter() - self._begin, 3),
            "learning_rate": float(optimizer.learning_rate),
            **{name: float(value) for name, value in (logs or {}).items()},
        }
        self.rows.append(row)
        with replaced_whole(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, fieldnames=list(row))
            table.writeheader()
            table.writerows(self.rows)

"""A whole run with Keras `fit`: data, model, training, scores, files."""

import dataclasses
import json
import logging
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tf_keras as keras
from datasets import Dataset, DatasetDict
from transformers import TFPreTrainedModel

from tf_ner.config import RUN_CONFIG, TrainConfig
from tf_ner.corpus.formats import write_conll
from tf_ner.corpus.sources import first_rows, hub_commit, load_configured
from tf_ner.errors import DataError, HubError, OutputError
from tf_ner.files import remove_partial, replaced_whole, write_text
from tf_ner.hub.background import BackgroundUploader
from tf_ner.hub.card import model_card
from tf_ner.hub.upload import HubTarget, open_or_warn
from tf_ner.hub.weights import load_weights
from tf_ner.pipeline.sampling import Batches, num_batches, padding_ratio, training_batches
from tf_ner.pipeline.to_tf import batches_to_tf
from tf_ner.tasks.token_classification import EncodedSplit, TokenClassification
from tf_ner.training.callbacks import HistoryWriter, PushRun, SaveBest, SeqevalCallback
from tf_ner.training.describe import describe_run
from tf_ner.training.losses import TokenClassificationLoss
from tf_ner.training.models import config_tags, load_tokenizer, load_untrained, window_length
from tf_ner.training.optimizers import make_optimizer
from tf_ner.training.scoring import Scorer, SplitScores

logger = logging.getLogger(__name__)

_RESULT_FILES = ("model.safetensors", "config.json", "README.md", "history.csv", "metrics.json")


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        output_dir: The run's folder.
        metrics: What `metrics.json` holds.
        history: A row an epoch, what `history.csv` holds.
        commit_url: The commit on the Hub that holds the finished run; None if it was not pushed.
    """

    output_dir: Path
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    commit_url: str | None = None


def train(config: TrainConfig, *, callbacks: Iterable[keras.callbacks.Callback] = (), verbose: int = 1) -> TrainResult:
    """Fine-tunes an encoder and leaves a finished run in its folder.

    Args:
        config: What to do.
        callbacks: Further Keras callbacks; they see the scores of each epoch in their logs.
        verbose: 1 shows the progress bar of Keras, 2 a line an epoch, 0 nothing.

    Raises:
        TfNerError: An option, the data, the model or the folder cannot be used. Nothing has been written then.
    """
    folder = config.run_dir
    _check_folder(folder, config)
    keras.utils.set_random_seed(config.seed)
    corpus = _load_splits(config)
    model, task = _load_model(config, corpus["train"].features["tags"].feature.names)
    encoded = task.encode_split(corpus["train"])
    seqeval = SeqevalCallback(corpus["validation"], task, batch_size=config.eval_batch_size)
    scorers = {"validation": seqeval.scorer}
    if "test" in corpus:
        scorers["test"] = Scorer(corpus["test"], task, batch_size=config.eval_batch_size)
    for split, rows in {"train": encoded, **{split: scorer.encoded for split, scorer in scorers.items()}}.items():
        _report_losses(split, rows, task)

    config = _pin_revisions(config, model, corpus)
    uploader = _make_uploader(config)
    _prepare_folder(folder, config)
    save_best = SaveBest(folder, task.tokenizer)
    history = HistoryWriter(folder / "history.csv")
    ours = [seqeval, save_best, history, *([PushRun(folder, uploader)] if uploader else [])]
    try:
        training = _fit(model, encoded, task, config, callbacks=[*ours, *callbacks], verbose=verbose)
    except BaseException:
        if uploader is not None:
            uploader.cancel()
        raise
    load_weights(model, folder / "model.safetensors")

    scored = {split: scorer.score(model) for split, scorer in scorers.items()}
    metrics = {split: scores.metrics for split, scores in scored.items()}
    metrics["training"] = {**training, "best_epoch": save_best.best_epoch}
    _write_results(folder, corpus, scored, metrics)
    hub_id = _whole_name(uploader.target) if uploader else None
    facts = describe_run(config, corpus, task, metrics=metrics, history=history.rows, hub_id=hub_id)
    write_text(folder / "README.md", str(model_card(facts)))
    commit_url = uploader.finish(folder, "The finished run") if uploader else None
    return TrainResult(output_dir=folder, metrics=metrics, history=history.rows, commit_url=commit_url)


def _load_model(config: TrainConfig, tag_names: Sequence[str]) -> tuple[TFPreTrainedModel, TokenClassification]:
    """The encoder with a head for the tags, and how it reads words."""
    tokenizer = load_tokenizer(config.model, revision=config.model_revision)
    model = load_untrained(config.model, tag_names=tag_names, revision=config.model_revision)
    task = TokenClassification(
        tokenizer,
        config_tags(model.config),
        max_length=window_length(tokenizer, model.config, config.max_length),
        stride=config.stride,
        label_alignment=config.label_alignment,
    )
    return model, task


def _pin_revisions(config: TrainConfig, model: TFPreTrainedModel, corpus: DatasetDict) -> TrainConfig:
    """Names the commits that model and data came from, so that the run can be repeated when they have changed."""
    return dataclasses.replace(
        config,
        model_revision=getattr(model.config, "_commit_hash", None) or config.model_revision,
        dataset_revision=hub_commit(corpus) or config.dataset_revision,
    )


def _make_uploader(config: TrainConfig) -> BackgroundUploader | None:
    """What pushes the run, if it is to be pushed; finds out before the training whether it may."""
    if not config.push_to_hub:
        return None
    target = HubTarget(config.hub_name, private=config.hub_private or None)
    open_or_warn(target)
    return BackgroundUploader(target)


def _whole_name(target: HubTarget) -> str:
    """The repository with its owner, if the Hub still tells it; what was trained is worth more than the answer."""
    try:
        return open_or_warn(target)
    except HubError:
        return target.repo_id


def _fit(
    model: TFPreTrainedModel,
    encoded: EncodedSplit,
    task: TokenClassification,
    config: TrainConfig,
    *,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> dict[str, Any]:
    """Trains, and says how it went."""
    steps_per_epoch = num_batches(len(encoded.lengths), config.batch_size)
    batches: Batches = []
    for epoch in range(config.epochs):
        batches += training_batches(
            encoded.lengths,
            batch_size=config.batch_size,
            seed=config.seed,
            epoch=epoch,
            group_by_length=config.group_by_length,
        )
    optimizer = make_optimizer(
        learning_rate=config.learning_rate,
        num_steps=len(batches),
        warmup_ratio=config.warmup_ratio,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
    )
    # Built now, the step is traced once; otherwise a first time to make these variables and a second time to train.
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, loss=TokenClassificationLoss())
    begin = time.perf_counter()
    history = model.fit(
        batches_to_tf(encoded.windows, batches, tokenizer=task.tokenizer),
        epochs=config.epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=callbacks,
        verbose=verbose,
    )
    seconds = time.perf_counter() - begin
    # A callback may have ended training early.
    batches = batches[: int(optimizer.iterations)]
    return {
        "seconds": round(seconds, 3),
        "examples_per_second": round(sum(map(len, batches)) / seconds, 3),
        "padding_ratio": round(padding_ratio(encoded.lengths, batches), 4),
        "steps": len(batches),
        "epochs": len(history.epoch),
        "trace_count": model.train_function.experimental_get_tracing_count(),
        "peak_memory_mb": _peak_memory_mb(),
        "replicas": model.distribute_strategy.num_replicas_in_sync,
        "precision": model.dtype_policy.compute_dtype,
    }


def _peak_memory_mb() -> int:
    """The most memory this process has held; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10


def _load_splits(config: TrainConfig) -> DatasetDict:
    corpus = load_configured(config)
    for split in ("train", "validation"):
        if split not in corpus:
            raise DataError(
                f"Received data with the splits {', '.join(corpus)}; expected train and validation. "
                f"Name a file with --{split}-file."
            )
    corpus["train"] = first_rows(corpus["train"], config.max_train_examples)
    return corpus


def _check_folder(folder: Path, config: TrainConfig) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"Received --output-dir {folder}, which is a file; expected a folder. Choose another name.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / RUN_CONFIG).exists():
        raise OutputError(
            f"Received --output-dir {folder}, which holds files that are no run; expected a new folder. "
            "Choose another one."
        )
    if not config.overwrite:
        raise OutputError(
            f"Received --output-dir {folder}, which is not empty; expected a new folder. "
            "Choose another one, or replace the run it holds with --overwrite."
        )
    if folder.resolve() == Path(config.model).resolve():
        raise OutputError(
            f"Received {folder} as --model and as --output-dir; expected two folders. Choose another --output-dir."
        )


def _prepare_folder(folder: Path, config: TrainConfig) -> None:
    """Makes room for the run and says what it is, before the first step.

    The folder never stops being that of a run, so that it can be replaced whenever this is cut short.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial(folder)
    for file in (*(folder / name for name in _RESULT_FILES), *folder.glob("predictions.*.conll")):
        file.unlink(missing_ok=True)
    config.save(folder / RUN_CONFIG)


def _report_losses(split: str, encoded: EncodedSplit, task: TokenClassification) -> None:
    """Says how many sentences were split and how many words the tokenizer dropped, if any."""
    num_windows = encoded.num_windows_by_sentence
    is_long = num_windows > 1
    if is_long.any():
        logger.info(
            "%s: %d of %d sentences exceed %d subwords; split into %d windows, %d words lost",
            split, is_long.sum(), len(num_windows), task.max_length, num_windows[is_long].sum(),
            encoded.num_words_lost,
        )  # fmt: skip
    if encoded.num_words_without_subwords:
        logger.info(
            "%s: %d of %d words have no subword in this tokenizer; they are tagged O",
            split, encoded.num_words_without_subwords, encoded.num_words.sum(),
        )  # fmt: skip


def _write_results(
    folder: Path, corpus: DatasetDict, scored: Mapping[str, SplitScores], metrics: Mapping[str, Any]
) -> None:
    write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    if "test" in scored:
        _write_predictions(folder / "predictions.test.conll", corpus["test"], scored["test"])


def _write_predictions(path: Path, sentences: Dataset, scores: SplitScores) -> None:
    """Writes every word with its gold and its predicted tag."""
    with replaced_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        write_conll(file, zip(sentences["words"], scores.gold, scores.predicted, strict=True))

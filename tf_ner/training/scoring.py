"""A model over a whole split: what it says, and the scores."""

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from datasets import Dataset, DatasetDict, List
from numpy.typing import NDArray
from transformers import TFPreTrainedModel

from tf_ner.batches.fixed_steps import full_batches
from tf_ner.batches.layouts import Layout, Packed, PackedFixed, Padded
from tf_ner.batches.sampling import Batches, Ids, evaluation_batches, is_filler, rows_behind
from tf_ner.batches.to_tf import ReplicaBatches
from tf_ner.corpus.loading.splits import evaluation_splits
from tf_ner.errors import ConfigError, DataError
from tf_ner.evaluation.errors import EntityErrors, TagErrors, write_errors
from tf_ner.files import require_file, write_json
from tf_ner.learning.losses import make_loss
from tf_ner.models.loading import load_trained
from tf_ner.models.packed import packed, unpacked, why_not_packed
from tf_ner.options.commands import EvaluateConfig
from tf_ner.options.train import TaskConfig
from tf_ner.tasks.outputs import logits_of, read_out, without_padding
from tf_ner.tasks.registry import load_task_corpus
from tf_ner.tasks.task import Outputs, SplitScores, Task
from tf_ner.training.jax_runtime import JaxScoring, JaxStrategy
from tf_ner.training.strategies import Strategy, add_over_processes


class Scorer:
    """Scores models on one split, again and again; the split is encoded once.

    All replicas of a model's strategy take part, and nothing is lost where the rows do not divide.

    Args:
        rows: As `load_corpus` gives them.
        task: How they become inputs and scores.
        batch_size: Windows a batch, for each replica.
        pad_to_length: In subwords; gives every batch this one length, and as many rows. Packed, they hold about as
            many windows as `batch_size` says. No window may be longer.
        packing: Pack the sentences of a batch where the model can be computed so.
        steps: Shared by scorers of the same model, so that its step is traced once.

    Raises:
        ConfigError: A window is longer than `pad_to_length`.
    """

    def __init__(
        self,
        rows: Dataset,
        task: Task,
        *,
        batch_size: int = 32,
        pad_to_length: int | None = None,
        packing: bool = True,
        steps: "ScoringSteps | None" = None,
    ):
        rows = task.usual_rows(rows)
        self.encoded = task.encode_split(rows)
        longest = int(self.encoded.lengths.max(initial=0))
        if pad_to_length is not None and longest > pad_to_length:
            raise ConfigError(
                f"Received pad_to_length={pad_to_length} and an input of {longest} subwords; expected none that is "
                f"longer. Give the task max_length={pad_to_length}, so that longer ones become windows."
            )
        self._references = task.references(rows)
        self._task = task
        self._batch_size = batch_size
        self._pad_to_length = pad_to_length
        self._packing = packing
        self._steps = steps or ScoringSteps()
        self._model: TFPreTrainedModel | None = None
        self._batches: ReplicaBatches

    def score(self, model: TFPreTrainedModel, *, bootstrap: int = 0) -> SplitScores:
        """Predicts the whole split and scores it, if it has labels; `loss` is the mean over all of them.

        Args:
            model: What is scored.
            bootstrap: How many times to draw the rows again to say how sure the scores are; 0: not at all.
        """
        outputs, loss = self._predict(unpacked(model))
        scored = self._task.score(self.encoded, self._references, outputs)
        if not scored.metrics:
            return scored
        metrics = {"loss": loss, **scored.metrics}
        if bootstrap:
            metrics["interval"] = self._task.interval(scored, num_resamples=bootstrap)
        return replace(scored, metrics=metrics)

    def errors(
        self, scored: SplitScores, corpus: DatasetDict, split: str, *, config: TaskConfig
    ) -> EntityErrors | TagErrors | None:
        """What was predicted wrong, as `Task.errors` has it."""
        return self._task.errors(self.encoded, scored, corpus, split, config=config)

    def batches_for(self, model: TFPreTrainedModel) -> ReplicaBatches:
        """What the replicas of a model read."""
        if model is self._model:
            return self._batches
        strategy = self._steps.strategy_of(model)
        self._is_packed = is_packed = self._packing and why_not_packed(model) is None
        batches, self._layout = self._plan(is_packed, strategy.num_replicas_in_sync)
        self._batches = ReplicaBatches(
            self.encoded.windows,
            batches,
            tokenizer=self._task.tokenizer,
            strategy=strategy,
            layout=self._layout,
        )
        self._model = model
        return self._batches

    def _plan(self, is_packed: bool, num_replicas: int) -> tuple[Batches, Layout]:
        """The rows of each batch, and how they are laid out."""
        lengths, row_length = self.encoded.lengths, self._pad_to_length
        if not is_packed or row_length is None:
            batches = evaluation_batches(lengths, batch_size=self._batch_size * num_replicas)
            padded = Padded(None if row_length is None else self._batch_size, row_length)
            return batches, Packed() if is_packed else padded
        num_rows = self._steps.num_rows(math.ceil(self._batch_size * lengths.mean() / row_length))
        order = np.arange(len(lengths))
        batches = full_batches(order, lengths, num_rows=num_rows * num_replicas, row_length=row_length)
        return batches, PackedFixed(num_rows, row_length)

    @property
    def _has_lists(self) -> bool:
        """Whether each subword has a label, and not each text."""
        return isinstance(self.encoded.windows.features["labels"], List)

    def _predict(self, model: TFPreTrainedModel) -> tuple[Outputs, float]:
        batches = self.batches_for(model)
        strategy = self._steps.strategy_of(model)
        spec, is_fixed = batches.dataset.element_spec, self._pad_to_length is not None
        step = self._steps.of(model, self._task, spec, is_fixed=is_fixed, is_packed=self._is_packed)
        lengths = self.encoded.lengths
        has_lists = self._has_lists
        ends = np.cumsum(lengths if has_lists else np.ones_like(lengths))
        begins = ends - (lengths if has_lists else 1)
        # One after the other, so that those which other processes predict can be added.
        predictions = np.zeros(ends[-1], dtype=np.int64 if self._task.output_kind == "classes" else np.float32)
        scores = np.zeros(ends[-1], dtype=np.float32)
        totals = np.zeros(2)
        shares = iter(batches.shares)
        for inputs, labels in batches:
            of_replicas = zip(*map(strategy.experimental_local_results, step(inputs, labels)), strict=True)
            for *outputs, loss, num_labels in of_replicas:
                totals += float(loss), float(num_labels)
                rows = next(shares)
                of_rows = self._by_row(rows, *map(np.asarray, outputs))
                for row, *values in zip(rows, *of_rows, strict=True):
                    if not is_filler(row):
                        place = slice(begins[row], ends[row])
                        predictions[place], scores[place] = values
        predictions, scores, totals = (add_over_processes(strategy, values) for values in (predictions, scores, totals))
        by_window = [np.split(values, ends[:-1]) if has_lists else list(values) for values in (predictions, scores)]
        loss, num_labels = totals.tolist()
        return Outputs(*by_window), loss / num_labels if num_labels else 0.0

    def _by_row(self, rows: Ids, *outputs: NDArray[Any]) -> list[list[NDArray[Any]]]:
        """Each of the outputs of a step for each row of a batch, without padding."""
        lengths = self.encoded.lengths[rows_behind(rows)]
        if not isinstance(self._layout, Padded):
            [piece] = self._layout.pieces(lengths)
            return [
                piece.packing.collect(values) if self._has_lists else list(values[: len(rows)]) for values in outputs
            ]
        return [[without_padding(self._task, *row) for row in zip(values, lengths, strict=True)] for values in outputs]


class ScoringSteps:
    """The steps by which a model scores batches, one for each shape of them.

    Args:
        jit_compile: Compile those whose shape is fixed with XLA.
        strategy: The devices; those that the model was made for if not given.
    """

    def __init__(self, *, jit_compile: bool = False, strategy: Strategy | None = None):
        self._jit_compile = jit_compile
        self._strategy = strategy
        self._num_rows: int | None = None
        self._model: TFPreTrainedModel | None = None
        self._steps: dict[str, Any] = {}

    def of(self, model: TFPreTrainedModel, task: Task, element_spec: Any, *, is_fixed: bool, is_packed: bool) -> Any:
        """The step of a model, traced once: a function of a batch that gives predictions, scores, loss and weight.

        It is to be asked for anew when the weights have changed.
        """
        if model is not self._model:
            self._model, self._steps = model, {}
        if (key := str(element_spec)) not in self._steps:
            reader = packed(model) if is_packed else model
            if isinstance(self._strategy, JaxStrategy):
                self._steps[key] = JaxScoring(self._strategy, reader, task)
            else:
                self._steps[key] = _make_step(reader, task, element_spec, jit_compile=self._jit_compile and is_fixed)
        step = self._steps[key]
        return step.with_weights_of_now() if isinstance(step, JaxScoring) else step

    def num_rows(self, wanted: int) -> int:
        """How many rows the packed batches of every split have, so that they share a step: what the first wanted."""
        self._num_rows = self._num_rows or wanted
        return self._num_rows

    def strategy_of(self, model: TFPreTrainedModel) -> Strategy:
        """The devices that score a model."""
        return self._strategy or model.distribute_strategy


def _make_step(model: keras.Model, task: Task, element_spec: Any, *, jit_compile: bool) -> Any:
    strategy = model.distribute_strategy
    loss = make_loss(task)

    def step(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logits = logits_of(model, inputs, training=False)
        return *read_out(task, logits), loss.total(labels, logits), loss.weight(labels)

    of_replica = tf.function(step, jit_compile=True) if jit_compile else step

    @tf.function(input_signature=element_spec)
    def step_of_replicas(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return strategy.run(of_replica, args=(inputs, labels))

    return step_of_replicas


def add_errors(metrics: dict[str, Any], errors: Mapping[str, EntityErrors | TagErrors | None]) -> None:
    """Adds what was wrong to the scores of each split, under `errors`."""
    for split, found in errors.items():
        if found is not None:
            metrics[split]["errors"] = found.to_metrics()


def write_wrong_spans(path: Path, errors: Mapping[str, EntityErrors | TagErrors | None]) -> None:
    """Writes the wrong spans of all splits that have entities; no file where none has."""
    found = {split: of_split for split, of_split in errors.items() if isinstance(of_split, EntityErrors)}
    if found:
        write_errors(path, found)


logger = logging.getLogger(__name__)


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Evaluates a fine-tuned model on the splits of a data set, encoding each row as in training.

    Returns:
        For each split its scores, as in `metrics.json`.

    Raises:
        TfNerError: The model or the data cannot be used, a split does not exist, or the two share no label.
    """
    for path in filter(None, (config.output, config.errors)):
        require_file(path)
    model, task = load_trained(
        config.model, revision=config.model_revision, task=config.task, label_names=config.label_names or ()
    )
    if config.errors is not None and not getattr(task, "has_entities", False):
        raise ConfigError(
            f"Received --errors {config.errors} and a model whose labels spell no entities; expected tags such as "
            "B-PER. Leave it out."
        )
    corpus = load_task_corpus(task.reading_config(config))
    splits = _choose_splits(config, corpus)
    task.compare_outputs(task.output_names_of(corpus))
    task.compare_words(corpus)
    metrics: dict[str, Any] = {}
    errors = {}
    for split in splits:
        scorer = Scorer(corpus[split], task, batch_size=config.eval_batch_size, packing=config.packing == "auto")
        for remark in task.remarks(scorer.encoded):
            logger.info("%s: %s", split, remark)
        scored = scorer.score(model, bootstrap=config.bootstrap)
        if scored.metrics:
            metrics[split] = scored.metrics
            errors[split] = scorer.errors(scored, corpus, split, config=config)
    if not metrics:
        raise DataError(
            f"Received {', '.join(splits)}, whose labels are hidden; expected labels. Choose another split with "
            "--splits, or use `tf-ner predict`."
        )
    add_errors(metrics, errors)
    if config.output is not None:
        write_json(config.output, metrics)
    if config.errors is not None:
        write_wrong_spans(config.errors, errors)
    return metrics


def _choose_splits(config: EvaluateConfig, corpus: DatasetDict) -> list[str]:
    wanted = config.splits or evaluation_splits(corpus)
    if not wanted or not set(wanted) <= corpus.keys():
        raise DataError(
            f"Received --splits {' '.join(wanted) or 'nothing'} and data with the splits {', '.join(corpus)}; expected "
            "splits that the data has. Change --splits."
        )
    return list(wanted)

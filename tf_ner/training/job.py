"""What a run has before its first step: data, model, and the plan of its steps."""

import dataclasses
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
import tf_keras as keras
from datasets import DatasetDict
from transformers import PreTrainedTokenizerFast, TFPreTrainedModel

from tf_ner.corpus.loading.hub_sets import hub_commit
from tf_ner.corpus.loading.sources import first_rows
from tf_ner.corpus.loading.splits import evaluation_splits, validation_split
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.models.loading import load_untrained, longest_input, name_inputs, outputs_in_float32
from tf_ner.models.packed import PackedModel, packed, why_not_packed
from tf_ner.options.kinds import Kind, kinds_of
from tf_ner.options.train import RUN_CONFIG, TrainConfig
from tf_ner.tables import Lists
from tf_ner.tasks.registry import load_task_corpus, task_class
from tf_ner.tasks.task import EncodedRows, Task
from tf_ner.tasks.tokenizer_checks import tokenizer_warning
from tf_ner.tasks.tokenizers import load_tokenizer
from tf_ner.training.callbacks import MetricsCallback
from tf_ner.training.checkpoints.resume import ResumePoint, find_resume_point
from tf_ner.training.jax_runtime import JaxStrategy
from tf_ner.training.plan import Plan, Recipe, hint_of_few_steps, make_plan, make_recipe
from tf_ner.training.scoring import Scorer, ScoringSteps
from tf_ner.training.strategies import Strategy, all_processes_have

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training that can begin, or go on.

    Attributes:
        config: The options, with the commits that model and data came from.
        strategy: The devices.
        corpus: The splits.
        model: As it was loaded; its weights are not those of the checkpoint yet.
        packed_model: The same for packed sentences; None where batches are padded.
        task: How the model reads its input.
        plan: The steps.
        recipe: How it learns.
        evaluation: Scores validation.
        scorers: Of every split that is scored at the end, that of validation first.
        resume_point: The checkpoint to go on from, if there is one.
    """

    config: TrainConfig
    strategy: Strategy
    corpus: DatasetDict
    model: TFPreTrainedModel
    packed_model: PackedModel | None
    task: Task
    plan: Plan
    recipe: Recipe
    evaluation: MetricsCallback
    scorers: dict[str, Scorer]
    resume_point: ResumePoint | None

    @property
    def num_taken(self) -> int:
        """How many steps were taken before."""
        return self.resume_point.state.step if self.resume_point else 0


def prepare_job(config: TrainConfig, strategy: Strategy) -> Job:
    """Loads what a run needs, and says what should be known of it; writes nothing.

    Raises:
        TfNerError: An option, the data, the model or the checkpoint cannot be used.
    """
    resume_point = find_resume_point(config)
    saved = (resume_point.checkpoint if resume_point else config.run_dir) / RUN_CONFIG
    if resume_point or (config.resume and saved.exists()):
        config = config.with_commits_of(TrainConfig.load(saved))
    keras.utils.set_random_seed(config.seed)
    corpus = load_task_corpus(config)
    validation = _require_validation(corpus)
    corpus["train"] = first_rows(corpus["train"], config.max_train_examples)
    with strategy.scope():
        tokenizer, model = _load_model(config, corpus)
    max_length = longest_input(tokenizer, model.config, max_length=config.max_length, fixed_length=config.fixed_length)
    task = task_class(config.task).of_model(tokenizer, model.config, max_length=max_length, config=config)
    is_new_head = not task.has_head(model.config)
    encoded = task.encode_split(corpus["train"])
    packed_model = _packed_model(model, config, strategy)
    how: dict[str, Any] = {
        "batch_size": config.eval_batch_size,
        "pad_to_length": config.fixed_length,
        "steps": ScoringSteps(jit_compile=config.jit_compile, strategy=strategy),
        "packing": packed_model is not None,
    }
    evaluation = MetricsCallback(corpus[validation], task, **how)
    plan = make_plan(
        encoded,
        evaluation.scorer.encoded,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        num_replicas=strategy.num_replicas_in_sync,
        epochs=config.epochs,
        seed=config.seed,
        group_by_length=config.group_by_length,
        packing=packed_model is not None,
        row_length=config.fixed_length,
        rows_per_step=config.rows_per_step,
    )
    if remark := plan.remark(strategy.num_replicas_in_sync):
        logger.info("%s", remark)
    if resume_point is not None:
        resume_point.require_same(plan, model.config)
    num_taken = resume_point.state.step if resume_point else 0
    options = {
        name: getattr(config, name) for name, kinds in kinds_of(TrainConfig).items() if not kinds & Kind.WHERE_IT_LIES
    }
    _require_same_elsewhere(strategy, plan, num_taken=num_taken, options=options)
    if is_new_head:
        width = getattr(model.config, "hidden_size", 0)
        if hint := hint_of_few_steps(plan, learning_rate=config.learning_rate, hidden_size=width):
            logger.warning("%s", hint)
    recipe = make_recipe(
        model,
        task,
        encoded,
        best_metric=config.best_metric,
        label_smoothing=config.label_smoothing,
        class_weights=config.loss_weights,
        freeze_embeddings=config.freeze_embeddings,
        freeze_layers=config.freeze_layers,
        layer_decay=config.layer_decay,
    )
    scorers = {validation: evaluation.scorer}
    for split in evaluation_splits(corpus):
        if split not in scorers:
            scorers[split] = Scorer(corpus[split], task, **how)
    for split, rows in {"train": encoded, **{split: scorer.encoded for split, scorer in scorers.items()}}.items():
        _require_embeddings(model, rows)
        for remark in task.remarks(rows):
            logger.info("%s: %s", split, remark)
    return Job(
        # Names the commits, so that the run can be repeated when what they were read from has changed.
        config=dataclasses.replace(
            config,
            model_revision=getattr(model.config, "_commit_hash", None) or config.model_revision,
            dataset_revision=hub_commit(corpus) or config.dataset_revision,
        ),
        strategy=strategy,
        corpus=corpus,
        model=model,
        packed_model=packed_model,
        task=task,
        plan=plan,
        recipe=recipe,
        evaluation=evaluation,
        scorers=scorers,
        resume_point=resume_point,
    )


def _load_model(config: TrainConfig, corpus: DatasetDict) -> tuple[PreTrainedTokenizerFast, TFPreTrainedModel]:
    """The encoder with a head for what the corpus has, and its tokenizer."""
    kind = task_class(config.task)
    tokenizer = load_tokenizer(config.model, for_words=kind.reads_words, revision=config.model_revision)
    if warning := tokenizer_warning(kind.words_of(corpus["train"]), tokenizer):
        logger.warning("%s", warning)
    model = load_untrained(
        config.model,
        tag_names=kind.output_names_of(corpus),
        task=config.task,
        revision=config.model_revision,
        head=config.head,
    )
    model.config.update(kind.config_of(corpus))
    name_inputs(tokenizer, model)
    outputs_in_float32(model)
    return tokenizer, model


def _packed_model(model: TFPreTrainedModel, config: TrainConfig, strategy: Strategy) -> PackedModel | None:
    """The model for packed sentences, if there shall be one; says why where there cannot.

    Raises:
        ConfigError: Its sentences must be packed, and cannot be.
    """
    reason = "because of --packing off" if config.packing == "off" else why_not_packed(model)
    if reason is None:
        return packed(model)
    wanted_by = {"JAX": isinstance(strategy, JaxStrategy), "--rows-per-step": config.rows_per_step is not None}
    for name in (name for name, is_wanted in wanted_by.items() if is_wanted):
        is_chosen = config.packing == "off"
        advice = "Leave out --packing off" if is_chosen else "Choose a model of a family that can be packed"
        raise ConfigError(
            f"Received a model whose sentences are not packed ({reason}); expected packed ones for {name}. {advice}, "
            f"or train without {name}."
        )
    if config.packing == "auto":
        logger.info("batches are padded, not packed: %s", reason)
    return None


def _require_embeddings(model: TFPreTrainedModel, rows: EncodedRows) -> None:
    """Stops where a subword has no embedding: XLA would take another one, and say nothing.

    Raises:
        ModelError: One has none.
    """
    largest = pc.max(Lists.of(rows.windows, "input_ids").values).as_py() or 0
    if largest >= model.config.vocab_size:
        raise ModelError(
            f"Received a tokenizer that gives the id {largest} and a model with {model.config.vocab_size} embeddings; "
            "expected a tokenizer and a model that belong together. Choose another --model."
        )


def _require_same_elsewhere(strategy: Strategy, plan: Plan, *, num_taken: int, options: Mapping[str, Any]) -> None:
    """Stops where the machines of a training would not take the same steps."""
    same = hashlib.sha256(repr((plan.digest, num_taken, sorted(options.items()))).encode()).hexdigest()
    if not all_processes_have(strategy, int(same[:12], 16)):
        raise DataError(
            "Received data, options or checkpoints that differ from those of another machine in TF_CONFIG (here the "
            f"first step is {num_taken + 1}); expected the same on all. Give each the same command, data and "
            "--output-dir."
        )


def _require_validation(corpus: DatasetDict) -> str:
    """The split whose scores say which evaluation is the best.

    Raises:
        DataError: There is none, or nothing to learn from.
    """
    validation = validation_split(corpus)
    if "train" not in corpus or validation is None:
        has_train = "train" in corpus
        advice = (
            "--validation-file, or take a part of train with --validation-share 0.1" if has_train else "--train-file"
        )
        raise DataError(
            f"Received data with the splits {', '.join(corpus)}; expected train and validation. Name a file with "
            f"{advice}."
        )
    return validation

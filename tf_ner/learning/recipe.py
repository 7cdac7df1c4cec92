"""What the options make of a model: which of its weights learn, how fast each, from which loss, up to which score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf
from transformers import TFPreTrainedModel

from tf_ner.errors import ConfigError
from tf_ner.learning.best import BestScore
from tf_ner.learning.class_weights import class_weights
from tf_ner.learning.losses import MeanLoss, make_loss
from tf_ner.models.layers import rate_shares, variables_to_train
from tf_ner.options.train import TrainConfig
from tf_ner.tasks.task import EncodedRows, Task


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model learns.

    Attributes:
        loss: What is made small in training; scores on validation have the loss without smoothing and weights.
        variables: What is trained; the others have no part in a step.
        rate_shares: For names of variables the share of the learning rate that they have, if not the whole.
        best_metric: Which score on validation says what is best.
    """

    loss: MeanLoss
    variables: Sequence[tf.Variable]
    rate_shares: Mapping[str, float]
    best_metric: str


def make_recipe(config: TrainConfig, model: TFPreTrainedModel, task: Task, encoded: EncodedRows) -> Recipe:
    """Works out what the options say of this model and this data.

    Args:
        config: The options.
        model: Its weights must be there.
        task: What is learnt.
        encoded: What it is learnt from.

    Raises:
        ConfigError: They say something that model or data do not have.
    """
    best_metric = config.best_metric or task.headline
    BestScore(best_metric).require(task.log_names)
    return Recipe(
        loss=_make_loss(config, task, encoded),
        variables=variables_to_train(
            model, freeze_embeddings=config.freeze_embeddings, freeze_layers=config.freeze_layers
        ),
        rate_shares=rate_shares(model, layer_decay=config.layer_decay),
        best_metric=best_metric,
    )


def _make_loss(config: TrainConfig, task: Task, encoded: EncodedRows) -> MeanLoss:
    if task.output_kind == "classes":
        weights = class_weights(config, task.output_names, encoded.windows["labels"])
        return make_loss(task, label_smoothing=config.label_smoothing, class_weights=weights)
    if config.label_smoothing or config.class_weights:
        option = "--class-weights" if config.class_weights else "--label-smoothing"
        raise ConfigError(f"Received {option} and data with numbers; expected labels. Leave out {option}.")
    return make_loss(task)

"""Which layer of an encoder a weight belongs to, told by its name: nothing else in tf_ner reads these names."""

import re
from collections.abc import Sequence

import tensorflow as tf
from transformers import TFPreTrainedModel

from tf_ner.errors import ConfigError

# `bert/encoder/layer_._11/…`, `distilbert/transformer/layer_._5/…`; ALBERT's layers share the weights of their group.
_LAYER = re.compile(r"/(?:layer|albert_layer_groups)_\._(\d+)/")
# Embeddings, their projections, and what all layers share, such as relative positions; of the rest is the head.
_BELOW_ALL_LAYERS = re.compile(r"embedding|/encoder/|/transformer/")


def layer_numbers(names: Sequence[str]) -> list[int]:
    """Tells the layer of each weight: 0 is that of the embeddings, the encoder's follow, the head is the last.

    Args:
        names: Of all the variables of a model.

    Raises:
        ConfigError: No name tells a layer.
    """
    found = [_LAYER.search(name) for name in names]
    num_layers = max((int(match[1]) + 1 for match in found if match), default=0)
    if not num_layers:
        raise ConfigError(
            f"Received weights such as {names[0]}, whose names do not show their layer; expected an encoder with "
            "numbered layers, such as BERT. Leave out --layer-decay, --freeze-embeddings and --freeze-layers."
        )
    return [
        int(match[1]) + 1 if match else 0 if _BELOW_ALL_LAYERS.search(name) else num_layers + 1
        for name, match in zip(names, found, strict=True)
    ]


def variables_to_train(
    model: TFPreTrainedModel, *, freeze_embeddings: bool = False, freeze_layers: int = 0
) -> list[tf.Variable]:
    """The trainable variables of a model, without the frozen ones.

    Args:
        model: A model whose weights have been built.
        freeze_embeddings: Whether to leave out the embeddings.
        freeze_layers: How many of the lowest layers to leave out, together with the embeddings below them.

    Raises:
        ConfigError: The encoder has fewer layers, or the names of its variables do not show their layer.
    """
    variables = model.trainable_variables
    if not freeze_embeddings and not freeze_layers:
        return variables
    numbers = layer_numbers([variable.name for variable in variables])
    num_layers = max(numbers) - 1
    if freeze_layers > num_layers:
        raise ConfigError(
            f"Received --freeze-layers {freeze_layers}; expected at most {num_layers}, the layers of this encoder. "
            "Lower --freeze-layers."
        )
    return [variable for variable, number in zip(variables, numbers, strict=True) if number > freeze_layers]


def rate_shares(model: TFPreTrainedModel, *, layer_decay: float) -> dict[str, float]:
    """Gives lower layers lower learning rates, since they already know the language.

    Args:
        model: A model whose weights have been built.
        layer_decay: Each layer's learning rate is that of the layer above times this factor.

    Returns:
        The share of the learning rate by name of variable: 1 for the head, the lowest for the embeddings. Empty if
        `layer_decay` is 1.

    Raises:
        ConfigError: The names of the variables do not show their layer.

    Source: Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix B.
    """
    if layer_decay == 1:
        return {}
    names = [variable.name for variable in model.trainable_variables]
    numbers = layer_numbers(names)
    return {name: layer_decay ** (max(numbers) - number) for name, number in zip(names, numbers, strict=True)}

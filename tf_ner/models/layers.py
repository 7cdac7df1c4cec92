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
            f"Received weights such as {names[0]}, whose names tell no layer; expected an encoder with numbered layers "
            "such as BERT's. Leave out --layer-decay, --freeze-embeddings and --freeze-layers."
        )
    return [
        int(match[1]) + 1 if match else 0 if _BELOW_ALL_LAYERS.search(name) else num_layers + 1
        for name, match in zip(names, found, strict=True)
    ]


def variables_to_train(
    model: TFPreTrainedModel, *, freeze_embeddings: bool = False, freeze_layers: int = 0
) -> list[tf.Variable]:
    """The variables of a model without those that keep their values.

    Args:
        model: Its weights must be there.
        freeze_embeddings: Leave out the embeddings.
        freeze_layers: Leave out the lowest so many layers, and the embeddings below them.

    Raises:
        ConfigError: There are fewer layers, or the names of the variables tell none.
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
    """Gives lower layers lower learning rates: they know the language already.

    Args:
        model: Its weights must be there.
        layer_decay: Each layer's rate is that of the next one times this.

    Returns:
        For each variable's name its share of the learning rate: 1 for the head, the least for the embeddings. Nothing
        where all have the whole.

    Raises:
        ConfigError: The names of the variables tell no layer.

    Source: Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix B.
    """
    if layer_decay == 1:
        return {}
    names = [variable.name for variable in model.trainable_variables]
    numbers = layer_numbers(names)
    return {name: layer_decay ** (max(numbers) - number) for name, number in zip(names, numbers, strict=True)}

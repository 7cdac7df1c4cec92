"""Encoders over packed sentences: what transformers' classes compute, without the padding.

The sentences of a batch lie one behind the other in rows. Positions begin again with each sentence, and no subword
attends to another sentence, so that every sentence has the logits that it has alone. The mathematics is written out as
functions of weights and a batch; the weights stay the variables of transformers' model.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras as keras
from transformers import PretrainedConfig, TFPreTrainedModel
from transformers.activations_tf import get_tf_activation
from transformers.tf_utils import check_embeddings_within_bounds

from tf_ner.errors import ConfigError, ModelError
from tf_ner.models.dropout import drop, fold_in, next_seed

Weights = Mapping[str, tf.Variable | tf.Tensor]
"""The weights of a model by name, such as `bert/embeddings/LayerNorm/gamma`."""

Batch = Mapping[str, tf.Tensor]
"""Packed sentences; see `tf_ner.batches.packing`."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """How the classes of one model type name their weights, and in what they differ from BERT.

    Attributes:
        encoder: What the names of the encoder's weights begin with.
        projection: From the width of the embeddings to that of the layers, if it has such a layer.
        layer: The name of a layer, by its `number` from 0, or that of its `group` and its place `inner` to that.
        query, key, value, attended, attention_norm, inner, outer, outer_norm: The parts of a layer, in the order in
            which they are used.
        relative_positions: What attention adds to its scores by the distance of two subwords, if it does.
        has_token_types: It adds an embedding of the type of a subword.
        positions_from: The position of the first subword. Where it is not 0, the number before it is the position of
            padding, and the id of its token.
        activation, epsilon, hidden_dropout, attention_dropout: What the configuration calls the activation of a layer,
            the epsilon of layer norms (1e-12 where it says none) and the rates of dropout.
        drops_attended: Dropout follows the projection of what attention gives.
        head: In front of the last layer for texts, a layer and its activation.
        drops_before_head: Dropout comes before that layer too.
        out: The last layer for texts.
    """

    encoder: str
    projection: str = ""
    layer: str = "encoder/layer_._{number}"
    query: str = "attention/self/query"
    key: str = "attention/self/key"
    value: str = "attention/self/value"
    attended: str = "attention/output/dense"
    attention_norm: str = "attention/output/LayerNorm"
    inner: str = "intermediate/dense"
    outer: str = "output/dense"
    outer_norm: str = "output/LayerNorm"
    relative_positions: str = ""
    has_token_types: bool = True
    positions_from: int = 0
    activation: str = "hidden_act"
    epsilon: str | None = "layer_norm_eps"
    hidden_dropout: str = "hidden_dropout_prob"
    attention_dropout: str = "attention_probs_dropout_prob"
    drops_attended: bool = True
    head: tuple[str, str] = ("classifier/dense", "tanh")
    drops_before_head: bool = True
    out: str = "classifier/out_proj"


_ROBERTA = Family(encoder="roberta", positions_from=2)

FAMILIES = {
    "bert": Family(encoder="bert", head=("bert/pooler/dense", "tanh"), drops_before_head=False, out="classifier"),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": Family(encoder="electra", projection="embeddings_project", head=("classifier/dense", "gelu")),
    "distilbert": Family(
        encoder="distilbert",
        layer="transformer/layer_._{number}",
        query="attention/q_lin",
        key="attention/k_lin",
        value="attention/v_lin",
        attended="attention/out_lin",
        attention_norm="sa_layer_norm",
        inner="ffn/lin1",
        outer="ffn/lin2",
        outer_norm="output_layer_norm",
        has_token_types=False,
        activation="activation",
        epsilon=None,
        hidden_dropout="dropout",
        attention_dropout="attention_dropout",
        drops_attended=False,
        head=("pre_classifier", "relu"),
        drops_before_head=False,
        out="classifier",
    ),
    "albert": Family(
        encoder="albert",
        projection="encoder/embedding_hidden_mapping_in",
        layer="encoder/albert_layer_groups_._{group}/albert_layers_._{inner}",
        query="attention/query",
        key="attention/key",
        value="attention/value",
        attended="attention/dense",
        attention_norm="attention/LayerNorm",
        inner="ffn",
        outer="ffn_output",
        outer_norm="full_layer_layer_norm",
        head=("albert/pooler", "tanh"),
        drops_before_head=False,
        out="classifier",
    ),
    "mpnet": Family(
        encoder="mpnet",
        query="attention/attn/q",
        key="attention/attn/k",
        value="attention/attn/v",
        attended="attention/attn/o",
        attention_norm="attention/LayerNorm",
        relative_positions="encoder/relative_attention_bias/embeddings",
        has_token_types=False,
        positions_from=2,
    ),
}
"""By `model_type`. A family that differs in nothing else is added by one entry; tests hold it equal to its class."""


class Encoder:
    """A family's encoder as a function of its weights: no variable is in it, and nothing is kept between two calls.

    Args:
        family: Which.
        config: Its sizes, its activation, its rates of dropout.
        dtype: What it computes in; sums of layer norms and softmax are float32 always.
    """

    def __init__(self, family: Family, config: PretrainedConfig, *, dtype: str = "float32"):
        self._family = family
        self._config = config
        self._dtype = tf.as_dtype(dtype)
        self._activation = get_tf_activation(getattr(config, family.activation))
        self._epsilon = getattr(config, family.epsilon) if family.epsilon else 1e-12

    def __call__(self, weights: Weights, batch: Batch, *, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Encodes packed sentences.

        Args:
            weights: By name.
            batch: `input_ids`, `position_ids`, `segment_ids` and, if the family has them, `token_type_ids`, each
                <int>[rows, subwords].
            noise: What dropout is drawn from <int32>[2]; nothing is dropped without.

        Returns:
            <dtype>[rows * subwords, hidden]
        """
        family, drop = self._family, _Dropout(noise)
        dropped, probabilities_dropped = (
            getattr(self._config, name) for name in (family.hidden_dropout, family.attention_dropout)
        )
        part = _Part(weights, f"{family.encoder}/", self._dtype)
        hidden = drop(self._embed(part, batch), dropped)
        if family.projection and f"{family.encoder}/{family.projection}/kernel" in weights:
            hidden = part.dense(family.projection, hidden)
        bias = self._attention_bias(part, batch)
        for name in self._layers():
            layer = _Part(weights, f"{family.encoder}/{name}/", self._dtype)
            attended = layer.dense(family.attended, self._attend(layer, hidden, bias, drop, probabilities_dropped))
            if family.drops_attended:
                attended = drop(attended, dropped)
            hidden = layer.norm(family.attention_norm, hidden + attended, self._epsilon)
            inner = self._activation(layer.dense(family.inner, hidden))
            outer = drop(layer.dense(family.outer, inner), dropped)
            hidden = layer.norm(family.outer_norm, hidden + outer, self._epsilon)
        return hidden

    def _layers(self) -> Iterator[str]:
        """The name of each layer; ALBERT's share the weights of their group."""
        num_layers = self._config.num_hidden_layers
        for number in range(num_layers):
            group = int(number / (num_layers / getattr(self._config, "num_hidden_groups", num_layers)))
            for inner in range(getattr(self._config, "inner_group_num", 1)):
                yield self._family.layer.format(number=number, group=group, inner=inner)

    def _embed(self, part: "_Part", batch: Batch) -> tf.Tensor:
        """The sum of all embeddings <dtype>[rows * subwords, width]."""
        looked_up = [("word_embeddings/weight", batch["input_ids"])]
        if self._family.has_token_types:
            types = batch.get("token_type_ids", tf.zeros_like(batch["input_ids"]))
            looked_up.append(("token_type_embeddings/embeddings", types))
        looked_up.append(("position_embeddings/embeddings", self._positions(batch)))
        # A GPU looks up zeros where there is no such row.
        check_embeddings_within_bounds(batch["input_ids"], part.shape("embeddings/word_embeddings/weight")[0])
        found = [part.rows(f"embeddings/{name}", tf.reshape(ids, [-1])) for name, ids in looked_up]
        return part.norm("embeddings/LayerNorm", tf.add_n(found), self._epsilon)

    def _positions(self, batch: Batch) -> tf.Tensor:
        first, positions = self._family.positions_from, batch["position_ids"]
        if first == 0:
            return positions
        # As in transformers' classes, a padding token that a text spells out gets that position and is not counted.
        is_padding = tf.equal(batch["input_ids"], first - 1)
        passed = tf.cumsum(tf.cast(is_padding, positions.dtype), axis=1, exclusive=True)
        start = tf.range(tf.shape(positions, positions.dtype)[1]) - positions
        counted = positions - (passed - tf.gather(passed, start, batch_dims=1))
        return tf.where(is_padding, tf.constant(first - 1, positions.dtype), first + counted)

    def _attention_bias(self, part: "_Part", batch: Batch) -> tf.Tensor:
        """What is added to the scores of two subwords <float32>[rows, 1 or heads, subwords, subwords]."""
        segments = batch["segment_ids"]
        is_other = tf.not_equal(segments[:, tf.newaxis, :, tf.newaxis], segments[:, tf.newaxis, tf.newaxis, :])
        bias = tf.cast(is_other, tf.float32) * _NEVER
        if not self._family.relative_positions:
            return bias
        positions = batch["position_ids"]
        longest = tf.shape(positions, positions.dtype)[1] - 1
        buckets = _relative_buckets(tf.range(-longest, longest + 1), self._config.relative_attention_num_buckets)
        by_distance = tf.cast(part.rows(self._family.relative_positions, buckets), tf.float32)
        distances = positions[:, tf.newaxis, :] - positions[:, :, tf.newaxis]
        return bias + tf.transpose(tf.gather(by_distance, distances + longest), [0, 3, 1, 2])

    def _attend(self, layer: "_Part", hidden: tf.Tensor, bias: tf.Tensor, drop: "_Dropout", rate: float) -> tf.Tensor:
        """What the subwords of a sentence take from one another <dtype>[rows * subwords, hidden]."""
        num_rows, length = tf.shape(bias)[0], tf.shape(bias)[3]
        num_heads = self._config.num_attention_heads
        width = self._config.hidden_size // num_heads

        def by_head(name: str) -> tf.Tensor:
            return tf.transpose(tf.reshape(layer.dense(name, hidden), [num_rows, length, num_heads, width]), _HEADS)

        query = by_head(self._family.query) * width**-0.5
        scores = tf.matmul(query, by_head(self._family.key), transpose_b=True)
        probabilities = tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32) + bias), self._dtype)
        attended = tf.matmul(drop(probabilities, rate), by_head(self._family.value))
        return tf.reshape(tf.transpose(attended, _HEADS), [-1, num_heads * width])


def _relative_buckets(distances: tf.Tensor, num_buckets: int) -> tf.Tensor:
    """Numbers of distances <int>[…]: each short one has its own, longer ones share, up to 128 (Raffel et al. 2020)."""
    # Half of them are for what lies behind, and half of these for short distances.
    num_one_way = num_buckets // 2
    num_short = num_one_way // 2
    far = tf.abs(distances)
    way = tf.math.log(tf.maximum(far, 1) / num_short) / math.log(128 / num_short)
    shared = num_short + tf.cast(way * (num_one_way - num_short), far.dtype)
    number = tf.where(far < num_short, far, tf.minimum(shared, num_one_way - 1))
    return number + tf.where(distances > 0, tf.constant(num_one_way, far.dtype), 0)


_HEADS = [0, 2, 1, 3]
"""Exchanges the axes of subwords and of heads."""

_NEVER = -1e9
"""Added to a score, it leaves a probability of exactly 0."""


class _Part:
    """A part of a model: what its weights compute, by the part's name and the rest of theirs."""

    def __init__(self, weights: Weights, name: str, dtype: tf.DType):
        self._weights = weights
        self._name = name
        self._dtype = dtype

    def dense(self, name: str, inputs: tf.Tensor) -> tf.Tensor:
        """<dtype>[subwords, inputs] → <dtype>[subwords, outputs]"""
        kernel, bias = (
            tf.cast(self._weights[f"{self._name}{name}/{kind}"], self._dtype) for kind in ("kernel", "bias")
        )
        return tf.nn.bias_add(tf.matmul(inputs, kernel), bias)

    def rows(self, name: str, ids: tf.Tensor) -> tf.Tensor:
        """<int>[…] → <dtype>[…, width]; of a variable, only these rows are read."""
        return tf.cast(tf.gather(self._weights[self._name + name], ids), self._dtype)

    def shape(self, name: str) -> tf.TensorShape:
        return self._weights[self._name + name].shape

    def norm(self, name: str, inputs: tf.Tensor, epsilon: float) -> tf.Tensor:
        """<dtype>[subwords, width], each row with mean 0 and variance 1, scaled and shifted."""
        gamma, beta = (self._weights[f"{self._name}{name}/{kind}"] for kind in ("gamma", "beta"))
        inputs = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(inputs, axes=[-1], keepdims=True)
        return tf.cast(tf.nn.batch_normalization(inputs, mean, variance, beta, gamma, epsilon), self._dtype)


class _Dropout:
    """Drops by a seed of its own for each call; nothing without one."""

    def __init__(self, noise: tf.Tensor | None):
        self._noise = noise
        self._numbers = itertools.count()

    def __call__(self, values: tf.Tensor, rate: float) -> tf.Tensor:
        if self._noise is None or rate == 0:
            return values
        return drop(values, rate, fold_in(self._noise, next(self._numbers)))


_FOR_WORDS, _FOR_TEXTS = "ForTokenClassification", "ForSequenceClassification"


class PackedModel(keras.Model):
    """A model of transformers over packed sentences: its variables, and the logits that it gives to each sentence.

    Args:
        model: For tokens or for texts, of a family in `FAMILIES`.

    Attributes:
        unpacked: The same.
        config: Its configuration.
    """

    def __init__(self, model: TFPreTrainedModel):
        # The encoder casts where it computes in half precision, and nothing else may.
        super().__init__(dtype="float32", name="packed")
        self._family = FAMILIES[model.config.model_type]
        if not model.built:
            model.build_in_name_scope()
        self.unpacked = model
        self.config = model.config
        self._encoder = Encoder(self._family, model.config, dtype=model.compute_dtype)
        self._reads_texts = type(model).__name__.endswith(_FOR_TEXTS)
        # That in the head for texts, or in front of the layer for subwords.
        self._rate = float((model if hasattr(model, "dropout") else model.classifier).dropout.rate)

    # Nothing here is decided by the values of tensors.
    @tf.autograph.experimental.do_not_convert
    def call(self, inputs: Batch, training: bool = False) -> tf.Tensor:
        """Gives the logits of subwords <float32>[rows, subwords, labels], or those of texts <float32>[texts, labels].

        Args:
            inputs: As for `Encoder`; for texts `first_subwords` too, <int32>[texts]: where each begins, counted
                through all rows.
            training: Whether dropout drops.
        """
        return self.logits(weights_by_name(self.unpacked), inputs, noise=next_seed() if training else None)

    def logits(self, weights: Weights, inputs: Batch, *, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Gives what `call` gives, but with weights that are told.

        Args:
            weights: By name, as `weights_by_name` has them; variables or tensors.
            inputs: As for `call`.
            noise: What dropout is drawn from <int32>[2]; nothing is dropped without.
        """
        hidden = tf.cast(self._encoder(weights, inputs, noise=noise), tf.float32)
        drop = _Dropout(None if noise is None else fold_in(noise, -1))
        head = _Part(weights, "", tf.float32)
        if not self._reads_texts:
            logits = head.dense("classifier", drop(hidden, self._rate))
            return tf.reshape(logits, [*tf.unstack(tf.shape(inputs["input_ids"])), logits.shape[-1]])
        texts = tf.gather(hidden, inputs["first_subwords"])
        if self._family.drops_before_head:
            texts = drop(texts, self._rate)
        name, activation = self._family.head
        texts = get_tf_activation(activation)(head.dense(name, texts))
        return head.dense(self._family.out, drop(texts, self._rate))

    def fit(self, *arguments: Any, class_weight: Any = None, **options: Any) -> Any:
        """As Keras's, without `class_weight`.

        Raises:
            ConfigError: It is given.
        """
        if class_weight is not None:
            # Keras would take the place of each row's largest label for the class of the row.
            raise ConfigError(
                "Received class_weight for fit; expected the weights of labels in the loss. Pass "
                "TokenClassificationLoss(class_weights=...)."
            )
        return super().fit(*arguments, **options)

    def compile(self, *arguments: Any, **options: Any) -> None:
        # Keras would divide each input among the replicas by itself: rows of subwords, and the numbers of texts.
        if (num_replicas := self.distribute_strategy.num_replicas_in_sync) > 1:
            raise ConfigError(
                f"Received {num_replicas} replicas for a `fit` of packed sentences; expected one. Leave out packing, "
                "or use `train`, which packs for each replica."
            )
        super().compile(*arguments, **options)


def weights_by_name(model: TFPreTrainedModel) -> dict[str, tf.Variable]:
    """The variables of a model as `Encoder` reads them."""
    return {variable.name.partition("/")[2].partition(":")[0]: variable for variable in model.weights}


def packed(model: TFPreTrainedModel) -> PackedModel:
    """Lets a model read packed sentences, as `make_dataset(…, packing=True)` gives them.

    The variables stay those of the model: what trains the one trains the other.

    Raises:
        ModelError: The model cannot read them; `why_not_packed` says why.
    """
    if reason := why_not_packed(model):
        raise ModelError(
            f"Received a model for packed sentences that cannot read them ({reason}); expected one for words or texts "
            f"of {', '.join(FAMILIES)}, with absolute positions. Leave out packing."
        )
    with model.distribute_strategy.scope():
        return PackedModel(model)


def unpacked(model: keras.Model) -> keras.Model:
    """The model behind one for packed sentences; any other as it is."""
    return model.unpacked if isinstance(model, PackedModel) else model


def why_not_packed(model: keras.Model) -> str | None:
    """Why a model's sentences have to be padded; None where they can be packed."""
    name = type(model).__name__
    is_known = isinstance(model, TFPreTrainedModel) and type(model).__module__.startswith("transformers.")
    if not is_known or not name.endswith((_FOR_WORDS, _FOR_TEXTS)):
        return f"{name} is not one of transformers' classes for tokens or texts"
    config = model.config
    if config.model_type not in FAMILIES:
        return f"{config.model_type} has no packed form"
    if getattr(config, "position_embedding_type", "absolute") != "absolute":
        return f"its positions are {config.position_embedding_type}"
    if getattr(config, "is_decoder", False):
        return "it is a decoder"
    return None

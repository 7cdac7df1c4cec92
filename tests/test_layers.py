"""Which layer a weight belongs to, in each family of encoders, and what follows from it."""

import numpy as np
import pytest
import tensorflow as tf
import transformers
from transformers import AlbertConfig, DebertaV2Config, DistilBertConfig

from tf_ner import load_untrained, make_optimizer
from tf_ner.errors import ConfigError
from tf_ner.models.layers import layer_numbers, rate_shares

SIZES = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8,
    "max_position_embeddings": 32,
}  # fmt: skip
SHARED_POSITIONS = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm"}
CONFIGS = {
    **{name: getattr(transformers, f"{name}Config")(**SIZES) for name in ("Bert", "Roberta", "XLMRoberta", "MPNet")},
    "DistilBert": DistilBertConfig(vocab_size=50, dim=16, n_layers=3, n_heads=2, hidden_dim=8),
    "DebertaV2": DebertaV2Config(**SIZES, **SHARED_POSITIONS, conv_kernel_size=3),
    "Electra": transformers.ElectraConfig(**SIZES, embedding_size=8),
    "Albert": AlbertConfig(**SIZES, embedding_size=8, num_hidden_groups=1),
}


def build(name):
    model = getattr(transformers, f"TF{name}ForTokenClassification")(CONFIGS[name])
    model.build_in_name_scope()
    return model


@pytest.mark.parametrize(
    ("name", "num_layers", "below"),
    [
        ("Bert", 3, {"word_embeddings", "token_type_embeddings", "position_embeddings", "LayerNorm"}),
        ("Roberta", 3, {"word_embeddings", "token_type_embeddings", "position_embeddings", "LayerNorm"}),
        ("XLMRoberta", 3, {"word_embeddings", "token_type_embeddings", "position_embeddings", "LayerNorm"}),
        ("DistilBert", 3, {"word_embeddings", "position_embeddings", "LayerNorm"}),
        # The relative positions and the convolution are there once for all layers.
        ("DebertaV2", 3, {"word_embeddings", "position_embeddings", "rel_embeddings.weight:0", "conv", "LayerNorm"}),
        ("Electra", 3, {"word_embeddings", "token_type_embeddings", "position_embeddings", "LayerNorm",
                        "embeddings_project"}),
        # One group of weights, used three times.
        ("Albert", 1, {"word_embeddings", "token_type_embeddings", "position_embeddings", "LayerNorm",
                       "embedding_hidden_mapping_in"}),
        ("MPNet", 3, {"word_embeddings", "position_embeddings", "LayerNorm", "relative_attention_bias"}),
    ],
)  # fmt: skip
def test_layers_are_told_by_name(name, num_layers, below):
    names = [variable.name for variable in build(name).trainable_variables]
    numbers = layer_numbers(names)
    assert set(numbers) == set(range(num_layers + 2))
    assert {part for n, i in zip(names, numbers, strict=True) if i == 0 for part in n.split("/")} >= below
    assert {n.split("/")[1] for n, i in zip(names, numbers, strict=True) if i == num_layers + 1} <= {
        "classifier",
        "mpnet",  # Its pooler, which is beside the encoder and unused.
    }
    sizes = [numbers.count(layer) for layer in range(1, num_layers + 1)]
    assert 16 <= min(sizes) == max(sizes)


def test_lower_layers_learn_more_slowly():
    shares = rate_shares(build("Bert"), layer_decay=0.5)
    by_place = {name.split("/", 1)[1].split("/attention")[0]: share for name, share in shares.items()}
    places = ["bert/embeddings/word_embeddings/weight:0", *(f"bert/encoder/layer_._{i}" for i in range(3))]
    assert [by_place[place] for place in (*places, "classifier/kernel:0")] == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0]
    assert rate_shares(build("Bert"), layer_decay=1.0) == {}


def test_an_encoder_without_numbered_layers_is_refused():
    with pytest.raises(ConfigError, match=r"Received weights such as a/b:0, whose names do not show their layer"):
        layer_numbers(["a/b:0", "classifier/kernel:0"])


@pytest.mark.parametrize("sparse", [False, True])
def test_a_share_of_the_rate_holds_for_the_step_and_for_the_decay(sparse):
    """A tenth of the rate is what an optimizer with a tenth of the rate does, step after step."""
    rng = np.random.default_rng(0)
    gradients = [
        tf.IndexedSlices(tf.constant(rng.normal(size=(3, 2))), tf.constant([4, 1, 4]), [5, 2]) for _ in range(5)
    ]
    results = []
    for rate, share in ((0.1, 0.1), (0.01, 1.0)):
        variable = tf.Variable(np.ones((5, 2)), name="low")
        optimizer = make_optimizer(learning_rate=rate, num_steps=9, weight_decay=0.5, rate_shares={"low:0": share})
        for gradient in gradients:
            optimizer.apply_gradients([(gradient if sparse else tf.convert_to_tensor(gradient), variable)])
        results.append(variable.numpy())
    np.testing.assert_allclose(*results, rtol=1e-6)
    assert not np.allclose(results[0], 1.0)


def test_every_weight_of_a_loaded_model_has_a_share(tiny_bert):
    model = load_untrained(str(tiny_bert), tag_names=("O", "B-X", "I-X"))
    assert rate_shares(model, layer_decay=0.9).keys() == {variable.name for variable in model.trainable_variables}

"""Packed sentences through each family's encoder: what the classes of transformers give, sentence by sentence."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
import transformers
from datasets import Dataset
from transformers import AutoConfig

import tf_ner
from tf_ner.batches.layouts import Packed, PackedFixed, Padded
from tf_ner.batches.packing import pack, packed_inputs
from tf_ner.batches.to_tf import batches_to_tf
from tf_ner.errors import ConfigError, ModelError
from tf_ner.learning.losses import RegressionLoss, TokenClassificationLoss
from tf_ner.learning.optimizer import make_optimizer
from tf_ner.learning.train_step import compile_step, make_train_step
from tf_ner.models.dropout import dropping_by, make_dropout_repeatable
from tf_ner.models.loading import outputs_in_float32
from tf_ner.models.packed import FAMILIES, packed, unpacked, why_not_packed

VOCABULARY = 50
PADDING = 1
LABELS = 3

SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 40, "initializer_range": 0.3, "num_labels": LABELS,
    "pad_token_id": PADDING,
}  # fmt: skip
# What is not as in BERT; the last of ALBERT's shares one group among its layers, and the second has two layers in it.
CONFIGS = {
    "bert": [{}, {"hidden_act": "relu", "layer_norm_eps": 1e-3}],
    "roberta": [{"type_vocab_size": 1}],
    "xlm-roberta": [{"type_vocab_size": 1}],
    "camembert": [{"type_vocab_size": 1}],
    "electra": [{"embedding_size": 8}, {"embedding_size": 16}],
    # Its class takes neither the one nor the other of the second.
    "distilbert": [{"activation": "relu"}, {"hidden_act": "relu", "layer_norm_eps": 1e-2}],
    "albert": [{"embedding_size": 8, "num_hidden_groups": 2}, {"embedding_size": 8, "inner_group_num": 2}],
    "mpnet": [{}],
}
CASES = {
    "some": [5, 9, 1, 4, 12],
    "one": [7],
    "all of length one": [1, 1, 1],
    "one longer than all the others": [2, 3, 36, 2],
}


def new_model(model_type, options, head):
    config = AutoConfig.for_model(model_type, **SIZES | options)
    model = getattr(transformers, f"TFAutoModelFor{head}").from_config(config)
    model.build_in_name_scope()
    return model


def takes_types(model_type, options):
    return FAMILIES[model_type].has_token_types and options.get("type_vocab_size", 2) == 2


def sentences_of(lengths, *, with_types, seed=0):
    """The columns of a tokenizer for sentences of these lengths; a token of padding in the midst of one of them."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(2, VOCABULARY, length) for length in lengths]
    ids[-1][len(ids[-1]) // 2] = PADDING
    types = [np.sort(rng.integers(0, 2, length)) for length in lengths]
    return {"input_ids": ids} | ({"token_type_ids": types} if with_types else {})


def padded(columns):
    """The same columns as transformers' classes read them."""
    longest = max(map(len, columns["input_ids"]))
    fillings = {"input_ids": PADDING, "token_type_ids": 0}
    inputs = {
        name: np.array([np.pad(row, (0, longest - len(row)), constant_values=fillings[name]) for row in column])
        for name, column in columns.items()
    }
    masks = np.array([np.arange(longest) < len(row) for row in columns["input_ids"]])
    return {name: tf.cast(values, tf.int32) for name, values in {**inputs, "attention_mask": masks}.items()}


def packing_of(columns):
    """In two rows, even where one is enough: then the other is padding from end to end."""
    return pack(np.array([len(row) for row in columns["input_ids"]]), num_rows=2)


def inputs_of(columns, *, for_texts):
    packing = packing_of(columns)
    inputs = packed_inputs(columns, packing, padding_id=PADDING)
    return {**inputs, "first_subwords": packing.starts.astype(np.int32)} if for_texts else inputs


def logits_by_sentence(model, columns, *, for_texts):
    """Of each sentence its logits, and of all weights the gradients of a function of them."""
    lengths = [len(row) for row in columns["input_ids"]]
    with tf.GradientTape() as tape:
        if model is unpacked(model):
            logits = list(model(padded(columns), training=False).logits)
            logits = logits if for_texts else [row[:length] for row, length in zip(logits, lengths, strict=True)]
        else:
            logits = model(inputs_of(columns, for_texts=for_texts), training=False)
            if for_texts:
                logits = list(logits)
            else:
                flat = tf.reshape(logits, [-1, LABELS])
                starts = packing_of(columns).starts
                logits = [flat[start : start + length] for start, length in zip(starts, lengths, strict=True)]
        # Another one for each label and subword, and none of them flat.
        weights = [np.random.default_rng(1).normal(size=row.shape) for row in logits]
        target = tf.add_n([tf.reduce_sum(tf.sin(row) * weight) for row, weight in zip(logits, weights, strict=True)])
    gradients = tape.gradient(target, unpacked(model).trainable_variables)
    return [row.numpy() for row in logits], gradients


@pytest.mark.parametrize("head", ["TokenClassification", "SequenceClassification"])
@pytest.mark.parametrize(
    ("model_type", "options"), [(name, options) for name in FAMILIES for options in CONFIGS[name]], ids=str
)
def test_logits_and_gradients_are_those_of_padded_sentences(model_type, options, head):
    model, for_texts = new_model(model_type, options, head), head == "SequenceClassification"
    columns = sentences_of(CASES["some"], with_types=takes_types(model_type, options))
    expected, expected_gradients = logits_by_sentence(model, columns, for_texts=for_texts)
    logits, gradients = logits_by_sentence(packed(model), columns, for_texts=for_texts)
    for row, expected_row in zip(logits, expected, strict=True):
        np.testing.assert_allclose(row, expected_row, atol=1e-5)
    assert [row is None for row in gradients] == [row is None for row in expected_gradients]
    gradients, expected_gradients = (
        [tf.convert_to_tensor(row).numpy() for row in rows if row is not None]
        for rows in (gradients, expected_gradients)
    )
    largest = max(np.abs(row).max() for row in expected_gradients)
    for row, expected_row in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(row / largest, expected_row / largest, atol=1e-5)


@pytest.mark.parametrize("lengths", CASES.values(), ids=CASES)
@pytest.mark.parametrize("head", ["TokenClassification", "SequenceClassification"])
@pytest.mark.parametrize("model_type", ["roberta", "mpnet"])
def test_any_lengths(model_type, lengths, head):
    model, for_texts = new_model(model_type, {}, head), head == "SequenceClassification"
    columns = sentences_of(lengths, with_types=model_type == "roberta")
    expected, _ = logits_by_sentence(model, columns, for_texts=for_texts)
    logits, _ = logits_by_sentence(packed(model), columns, for_texts=for_texts)
    for row, expected_row in zip(logits, expected, strict=True):
        np.testing.assert_allclose(row, expected_row, atol=1e-5)


@pytest.mark.parametrize("model_type", FAMILIES)
def test_a_sentence_changes_no_other(model_type):
    model = packed(new_model(model_type, CONFIGS[model_type][0], "TokenClassification"))
    columns = sentences_of(CASES["some"], with_types=False)
    before, _ = logits_by_sentence(model, columns, for_texts=False)
    columns["input_ids"][1] = (columns["input_ids"][1] + 7) % VOCABULARY
    after, _ = logits_by_sentence(model, columns, for_texts=False)
    for number, (row, changed) in enumerate(zip(before, after, strict=True)):
        # What stands at other places is computed by the same operations, in the same order.
        assert np.array_equal(row, changed) == (number != 1)


# What each family calls the rates of dropout: of layers, of attention, and of the head if that has one of its own.
RATES = dict.fromkeys(FAMILIES, ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")) | {
    "albert": ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob"),
    "distilbert": ("dropout", "attention_dropout", "seq_classif_dropout"),
    # Its class misspells that of the head, and cannot be made with one.
    "electra": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
}


@pytest.mark.parametrize("head", ["TokenClassification", "SequenceClassification"])
@pytest.mark.parametrize("model_type", FAMILIES)
def test_dropout_stands_where_the_class_has_it(model_type, head, monkeypatch):
    # Instead of dropping, each of them multiplies by what its rate says.
    for module in (tf_ner.models.dropout, tf_ner.models.packed):
        monkeypatch.setattr(module, "drop", lambda values, rate, seed: values * (1 + rate))
    options = CONFIGS[model_type][0] | dict(zip(RATES[model_type], (0.1, 0.23, 0.37), strict=False))
    model, for_texts = new_model(model_type, options, head), head == "SequenceClassification"
    make_dropout_repeatable(model)
    columns = sentences_of([6], with_types=takes_types(model_type, options))
    with dropping_by(tf.constant([1, 2])):
        expected = model(padded(columns), training=True).logits
        logits = packed(model)(inputs_of(columns, for_texts=for_texts), training=True)
    logits = logits if for_texts else logits[:1]
    assert np.abs(expected - model(padded(columns), training=False).logits).max() > 1e-3
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_dropout_follows_from_the_seed():
    model = packed(new_model("bert", {}, "TokenClassification"))
    inputs = inputs_of(sentences_of([4, 6], with_types=True), for_texts=False)

    def call(seed=None):
        with dropping_by(None if seed is None else tf.constant(seed)):
            return model(inputs, training=True).numpy()

    np.testing.assert_array_equal(call([1, 2]), call([1, 2]))
    assert np.abs(call([1, 2]) - call([1, 3])).max() > 0.01
    assert np.abs(call() - call()).max() > 0.01


@pytest.fixture
def half(request):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(f"mixed_{request.param}")
    yield request.param
    keras.mixed_precision.set_global_policy(before)


@pytest.mark.parametrize("head", ["TokenClassification", "SequenceClassification"])
@pytest.mark.parametrize(("half", "most"), [("bfloat16", 0.15), ("float16", 0.02)], indirect=["half"])
@pytest.mark.parametrize("model_type", FAMILIES)
def test_half_precision_is_as_exact_as_in_the_class(model_type, half, most, head):
    model, for_texts = new_model(model_type, CONFIGS[model_type][0], head), head == "SequenceClassification"
    outputs_in_float32(model)
    columns = sentences_of(CASES["some"], with_types=takes_types(model_type, CONFIGS[model_type][0]))
    expected, _ = logits_by_sentence(model, columns, for_texts=for_texts)
    logits, _ = logits_by_sentence(packed(model), columns, for_texts=for_texts)
    differences = np.concatenate([np.ravel(row - its) for row, its in zip(logits, expected, strict=True)])
    assert {row.dtype for row in logits} == {np.dtype("float32")}
    assert 0 < np.abs(differences).max() < most


def test_frozen_layers_stay_frozen():
    model = new_model("bert", {}, "TokenClassification")
    model.bert.trainable = False
    assert [id(variable) for variable in packed(model).trainable_variables] == list(map(id, model.trainable_variables))
    assert len(model.trainable_variables) == 2


def test_a_subword_that_is_not_in_the_vocabulary():
    model = packed(new_model("bert", {}, "TokenClassification"))
    inputs = inputs_of(sentences_of([4, 6], with_types=True), for_texts=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be smaller than the embedding layer's input"):
        model({**inputs, "input_ids": inputs["input_ids"] + VOCABULARY})


def test_a_model_for_texts_needs_to_know_where_they_begin():
    model = packed(new_model("bert", {}, "SequenceClassification"))
    with pytest.raises(KeyError, match="first_subwords"):
        model(inputs_of(sentences_of([4, 6], with_types=True), for_texts=False))


def test_what_divides_each_input_by_itself_is_refused():
    """Among replicas Keras and TensorFlow divide rows of subwords, and apart from them the numbers of texts."""
    strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(2)])
    with strategy.scope():
        model = packed(new_model("bert", {}, "SequenceClassification"))
        with pytest.raises(ConfigError, match="2 replicas for a `fit` of packed sentences; expected one"):
            model.compile(keras.optimizers.Adam())
    inputs = inputs_of(sentences_of([4, 6], with_types=True), for_texts=True)
    dataset = tf.data.Dataset.from_tensors((inputs, np.array([0, 1])))
    with pytest.raises(ConfigError, match="packed sentences for 2 replicas; expected padded ones"):
        compile_step(model.unpacked, lambda inputs, labels: tf.constant(0.0), dataset)


def test_pieces_must_be_packed_as_such():
    model = packed(new_model("bert", {}, "TokenClassification"))
    inputs = inputs_of(sentences_of([4, 6], with_types=True), for_texts=False)
    inputs = {name: tf.constant(values) for name, values in inputs.items()}
    optimizer = make_optimizer(learning_rate=1.0, num_steps=1)
    step = make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, piece_size=1)
    with pytest.raises(ConfigError, match="packed sentences in one piece for a step that adds up pieces"):
        step(inputs, tf.zeros_like(inputs["input_ids"]))


# Of eight texts and of three, in pieces of two.
BATCHES = [np.arange(8), np.array([8, ~9, 10])]


@pytest.mark.parametrize("num_labels", [3, 1], ids=["labels", "numbers"])
def test_texts_in_pieces(task, num_labels):
    rng = np.random.default_rng(0)
    ids = [rng.integers(2, VOCABULARY, length).tolist() for length in (5, 9, 3, 12, 1, 7, 4, 20, 6, 2, 8)]
    labels = rng.integers(0, 3, 11).tolist() if num_labels > 1 else rng.normal(size=11).tolist()
    types, masks = ([[value] * len(row) for row in ids] for value in (0, 1))
    windows = Dataset.from_dict({"input_ids": ids, "token_type_ids": types, "attention_mask": masks, "labels": labels})
    losses = {}
    for layout, piece_size in (
        (Padded(), None),
        (Packed(), None),
        (Packed(2), 2),
        (PackedFixed(4, 20), None),
        (PackedFixed(2, 20, num_pieces=2), 1),
    ):
        keras.utils.set_random_seed(1)
        options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "num_labels": num_labels}
        model = new_model("bert", options, "SequenceClassification")
        step = make_train_step(
            model if isinstance(layout, Padded) else packed(model),
            loss=TokenClassificationLoss() if num_labels > 1 else RegressionLoss(),
            optimizer=make_optimizer(learning_rate=1e-2, num_steps=100),
            piece_size=piece_size,
        )
        dataset = batches_to_tf(windows, BATCHES, tokenizer=task.tokenizer, layout=layout)
        losses[layout] = [float(step(*batch)) for _ in range(2) for batch in dataset]
    expected = losses.pop(Padded())
    assert expected[2] != pytest.approx(expected[0], abs=1e-3)
    for found in losses.values():
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


class Own(transformers.TFBertForTokenClassification):
    """A user's own, which may compute anything."""


@pytest.mark.parametrize(
    ("model_type", "options", "head", "reason"),
    [
        ("bert", {}, "MaskedLM", "TFBertForMaskedLM is not one of"),
        ("bert", {"position_embedding_type": "relative_key"}, "TokenClassification", "positions are relative_key"),
        ("bert", {"is_decoder": True}, "TokenClassification", "it is a decoder"),
        ("funnel", {}, "TokenClassification", "funnel has no packed form"),
    ],
    ids=repr,
)
def test_what_cannot_be_packed_is_said(model_type, options, head, reason):
    config = AutoConfig.for_model(model_type, **options)
    model = getattr(transformers, f"TFAutoModelFor{head}").from_config(config)
    assert reason in why_not_packed(model)
    with pytest.raises(ModelError, match=reason):
        packed(model)


def test_nor_can_models_of_one_s_own():
    assert "Own is not one of" in why_not_packed(Own(AutoConfig.for_model("bert", **SIZES)))
    assert "Sequential is not one of" in why_not_packed(keras.Sequential())

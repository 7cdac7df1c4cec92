"""Texts and pairs as the encoder reads them, and how the parts work by themselves."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertTokenizer, TFBertForSequenceClassification

from tests import processes
from tests.test_text_runs import PAIRS
from tf_ner import (
    MetricsCallback,
    Predictor,
    RegressionLoss,
    SaveBest,
    TextClassification,
    TokenClassificationLoss,
    TrainConfig,
    load_texts,
    load_tokenizer,
    load_untrained,
    make_dataset,
    num_batches,
    score_labels,
    train,
)
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.options.kinds import Kind
from tf_ner.options.tasks import TASKS
from tf_ner.tasks.task import IGNORED
from tf_ner.training.scoring import Scorer


@pytest.fixture(scope="module")
def mrpc(shared):
    columns = {"text_columns": ("#1 String", "#2 String"), "label_column": "Quality"}
    return load_texts(shared / "data" / "mrpc", **columns)["train"]


@pytest.fixture(scope="module")
def uncased():
    return TextClassification(load_tokenizer("minilm"), ("0", "1"), max_length=512)


def test_eight_pairs_of_mrpc_have_the_published_lengths(mrpc, uncased):
    encoded = uncased.encode_split(mrpc.select(range(8)))
    assert encoded.lengths.tolist() == [50, 59, 47, 67, 59, 50, 62, 32]
    for row, text in zip(encoded.windows, mrpc["text"], strict=False):
        num_first = len(uncased.tokenizer(text)["input_ids"])
        assert row["token_type_ids"] == [0] * num_first + [1] * (len(row["input_ids"]) - num_first)
        assert uncased.tokenizer.decode(row["input_ids"]).count("[SEP]") == 2
    [(inputs, labels)] = make_dataset(encoded.windows, tokenizer=uncased.tokenizer, batch_size=8)
    assert {name: values.shape for name, values in inputs.items()} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), (8, 67)
    )
    # The longest first.
    assert labels.numpy().tolist() == [mrpc["label"][row] for row in (3, 6, 1, 4, 0, 5, 2, 7)]


def test_three_epochs_of_mrpc_are_1377_steps(mrpc, uncased):
    windows = uncased.encode_split(mrpc).windows
    assert 3 * num_batches(len(windows), 8) == 1377
    batches = make_dataset(windows, tokenizer=uncased.tokenizer, batch_size=8, epochs=3, shuffle=True)
    assert batches.cardinality() == 1377


words = st.lists(st.sampled_from(["London", "Lovelace", "a", ".", "shop", "\u200b"]), max_size=30).map(" ".join)


@given(
    texts=st.one_of(st.lists(words, min_size=1, max_size=4), st.lists(st.tuples(words, words), min_size=1, max_size=4)),
    max_length=st.integers(5, 30),
)
def test_what_is_cut_is_what_the_tokenizer_would_cut(tokenizer, texts, max_length):
    task = TextClassification(tokenizer, ("a", "b"), max_length=max_length)
    columns = task.encode(texts)
    parts = [texts] if isinstance(texts[0], str) else [list(part) for part in zip(*texts, strict=True)]
    assert tokenizer.backend_tokenizer.truncation is None
    whole = tokenizer(*parts)
    cut = tokenizer(*parts, truncation=True, max_length=max_length)
    tokenizer.backend_tokenizer.no_truncation()
    for name in tokenizer.model_input_names:
        assert columns[name] == cut[name]
    assert columns["num_subwords"] == [len(row) for row in whole["input_ids"]]
    assert max(map(len, columns["input_ids"])) <= max_length


def rows_of(pairs, names=("different", "equal")):
    features = Features({"text": Value("string"), "text_pair": Value("string"), "label": ClassLabel(names=list(names))})
    columns = dict(zip(features, map(list, zip(*pairs, strict=True)), strict=True))
    columns["label"] = [names.index(label) if label else -1 for label in columns["label"]]
    return Dataset.from_dict(columns, features=features)


@pytest.fixture(scope="module")
def task(tokenizer):
    return TextClassification(tokenizer, ("different", "equal"), max_length=64, num_texts=2)


def test_what_is_cut_is_said_with_its_number(task):
    rows = rows_of([*PAIRS, ("a " * 80, "b", "equal")])
    encoded = task.encode_split(rows)
    assert list(task.remarks(encoded)) == ["1 of 11 examples exceed 64 subwords and are cut"]
    assert encoded.lengths.max() == 64
    longest = int(task.encode_split(rows.select(range(10))).lengths.max())
    exact = replace(task, max_length=longest)
    assert not list(exact.remarks(exact.encode_split(rows.select(range(10)))))
    cut = replace(task, max_length=longest - 1)
    assert len(list(cut.remarks(cut.encode_split(rows.select(range(10)))))) == 1


def test_labels_are_told_by_name_and_unknown_or_hidden_ones_ignored(task):
    rows = rows_of([("a", "b", "equal"), ("a", "b", "other"), ("a", "b", None)], names=("equal", "other"))
    assert task.encode_split(rows).windows["labels"][:] == [1, IGNORED, IGNORED]
    values, names = task.references(rows)
    assert (values.tolist(), names) == ([1, 2, IGNORED], ["different", "equal", "other"])


def test_numbers_stay_numbers(task):
    features = Features({"text": Value("string"), "text_pair": Value("string"), "label": Value("float32")})
    rows = Dataset.from_dict({"text": ["a", "b"], "text_pair": ["c", "d"], "label": [2.5, np.nan]}, features=features)
    encoded = replace(task, label_names=()).encode_split(rows)
    np.testing.assert_array_equal(encoded.windows["labels"][:], [2.5, np.nan])
    [(_, labels)] = make_dataset(encoded.windows, tokenizer=task.tokenizer, batch_size=2)
    assert labels.dtype == tf.float32


@pytest.mark.parametrize(
    ("texts", "num_texts", "message"),
    [
        (["a"], 2, "Received single texts; expected pairs of texts, as the model was trained on"),
        ([("a", "b")], 1, "Received pairs of texts; expected single texts, as the model was trained on"),
        (["a", ("a", "b")], None, "Received single texts and pairs of texts; expected all of one kind"),
        ([("a", "b", "c")], None, "Received 3 texts per example; expected all of one kind"),
    ],
)
def test_texts_that_do_not_go_together(task, texts, num_texts, message):
    with pytest.raises(DataError, match=message):
        replace(task, num_texts=num_texts).encode(texts)


def test_nothing_is_encoded_as_nothing(task):
    assert task.encode([])["input_ids"] == []


def test_limits_and_tokenizers_that_cannot_work(task, shared):
    with pytest.raises(ConfigError, match=r"--max-length 4; expected room for the 3 special subwords"):
        replace(task, max_length=4)
    replace(task, max_length=5)
    slow = BertTokenizer.from_pretrained(shared / "tokenizers" / "bert-base-cased")
    with pytest.raises(ModelError, match="Received BertTokenizer; expected a fast tokenizer"):
        TextClassification(slow, ("a", "b"), max_length=64)


def test_one_label_is_no_choice(tiny_bert):
    with pytest.raises(DataError, match="whose only label is 'a'; expected at least two labels"):
        load_untrained(str(tiny_bert), tag_names=("a",), task="text-classification")


@pytest.fixture(scope="module")
def model(tokenizer):
    """A model with much dropout, whose predictions are all kinds of wrong."""
    keras.utils.set_random_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=64, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5, initializer_range=1.0,
        num_labels=2,
    )  # fmt: skip
    return TFBertForSequenceClassification(config)


def test_scorer_and_predictor_agree_with_the_model_itself(model, task):
    """Each pair alone through the bare model; hidden labels are predicted and not scored."""
    rows = rows_of([*PAIRS[:-1], (*PAIRS[-1][:2], None)])
    expected = [
        tf.nn.softmax(model(dict(task.tokenizer(*pair[:2], return_tensors="tf"))).logits[0]).numpy() for pair in PAIRS
    ]
    scorer = Scorer(rows, task, batch_size=4)
    scored = scorer.score(model)
    assert scored.metrics == scorer.score(model).metrics
    assert [int(label) for label in scored.outputs.predictions] == [row.argmax() for row in expected]
    gold = np.array(rows["label"][:-1])
    predicted = np.array([row.argmax() for row in expected])[:-1]
    assert score_labels(gold, predicted, task.label_names).items() <= scored.metrics.items()
    assert (scored.metrics["support"], scored.metrics["examples"]) == (9, 10)
    loss = -np.mean([np.log(row[label]) for row, label in zip(expected, gold, strict=False)])
    assert scored.metrics["loss"] == pytest.approx(loss, rel=1e-4)
    answers = list(Predictor(model, task, batch_size=3).classify(pair[:2] for pair in PAIRS))
    assert [answer.label for answer in answers] == [task.label_names[row.argmax()] for row in expected]
    np.testing.assert_allclose([answer.score for answer in answers], [row.max() for row in expected], rtol=1e-4)


def test_a_label_that_only_the_data_have_takes_no_score_away(model, task):
    pairs = [(*pair[:2], ("equal", "other")[number % 2]) for number, pair in enumerate(PAIRS)]
    metrics = Scorer(rows_of(pairs, names=("other", "equal")), task).score(model).metrics
    assert metrics["per_label"]["other"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 5}
    assert task.log_values(metrics).keys() == set(task.log_names)
    assert metrics["f1"] == metrics["per_label"]["equal"]["f1"] > 0


def test_a_split_without_labels_has_no_scores(model, task):
    scored = Scorer(rows_of([(*pair[:2], None) for pair in PAIRS]), task).score(model, bootstrap=100)
    assert scored.metrics == {}
    assert len(scored.outputs.predictions) == 10


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_any_metrics_are_logged_with_the_last_partial_batch(model, task, batch_size):
    seen = []

    def compute_metrics(predictions, references):
        seen.append((predictions.tolist(), references.tolist()))
        return {"right": float(np.mean(predictions == references)), "rows": len(references)}

    rows = rows_of([*PAIRS, ("a", "b", None)])
    callback = MetricsCallback(rows, task, compute_metrics, batch_size=batch_size)
    callback.set_model(model)
    callback.on_epoch_end(0, logs := {})
    scores = Scorer(rows, task).score(model).metrics
    assert logs == {"val_loss": pytest.approx(scores["loss"]), "val_right": scores["accuracy"], "val_rows": 10}
    [(predictions, references)] = seen
    assert references == rows["label"][:10]
    assert len(predictions) == 10


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_the_parts_work_around_a_fit_of_ones_own(tiny_bert, task, tmp_path):
    rows = rows_of(PAIRS)
    model = load_untrained(str(tiny_bert), tag_names=task.label_names, task="text-classification")
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=TokenClassificationLoss())
    callbacks = [
        MetricsCallback(rows, task, lambda predictions, references: {"right": np.mean(predictions == references)}),
        SaveBest(tmp_path, task.tokenizer, monitor="val_right"),
        keras.callbacks.EarlyStopping(monitor="val_right", mode="max", baseline=0.99, patience=40),
    ]
    windows = task.encode_split(rows).windows
    batches = make_dataset(windows, tokenizer=task.tokenizer, batch_size=4, epochs=40, shuffle=True)
    history = model.fit(batches, epochs=40, steps_per_epoch=3, callbacks=callbacks, verbose=0).history
    assert max(history["val_right"]) == 1.0
    [answer] = Predictor.from_pretrained(str(tmp_path)).classify([PAIRS[0][:2]])
    assert answer.label == "equal"


class Chanting(TextClassification):
    """A task of its own: whether a text says the same again and again."""

    own_options = Kind(0)

    @staticmethod
    def load_corpus(config):
        texts = [pair[0] for pair in PAIRS] + ["Lagos " * number for number in range(1, 11)]
        features = Features({"text": Value("string"), "label": ClassLabel(names=["calm", "loud"])})
        rows = Dataset.from_dict({"text": texts, "label": [0] * 10 + [1] * 10}, features=features)
        return DatasetDict(train=rows, validation=rows)


@pytest.mark.usefixtures("graphs")
def test_a_new_task_is_a_class_and_a_line_in_the_table(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, "chanting", f"{__name__}:Chanting")
    config = TrainConfig(model=str(tiny_bert), task="chanting", output_dir=tmp_path / "run", epochs=40,
                         eval_every=20, learning_rate=3e-3)  # fmt: skip
    assert train(config, verbose=0).metrics["validation"]["f1"] == 1.0
    assert TrainConfig.load(tmp_path / "run" / "run_config.json") == config
    with pytest.raises(ConfigError, match="Received --quoting with --task chanting"):
        train(replace(config, quoting="on", output_dir=tmp_path / "other"), verbose=0)
    answers = Predictor.from_pretrained(str(tmp_path / "run")).classify(["Nobody came .", "Lagos Lagos Lagos"])
    assert [answer.label for answer in answers] == ["calm", "loud"]


def test_the_loss_of_texts_is_the_mean_over_labels():
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    labels = np.array([0, 2, IGNORED, 1, IGNORED])
    expected = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, labels, strict=True)
                        if label >= 0])  # fmt: skip
    for shape in ((5,), (5, 1)):
        assert float(TokenClassificationLoss()(labels.reshape(shape), logits)) == pytest.approx(expected, rel=1e-6)
    half = TokenClassificationLoss()(labels, tf.cast(logits, tf.float16))
    assert half.dtype == tf.float32


def test_the_loss_of_numbers_is_the_mean_square():
    labels = np.array([1.0, np.nan, 4.0], np.float32)
    logits = tf.constant([[2.0], [7.0], [1.0]])
    for shape in ((3,), (3, 1)):
        assert float(RegressionLoss()(labels.reshape(shape), logits)) == pytest.approx((1 + 9) / 2)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = RegressionLoss()(labels, logits)
    assert tape.gradient(loss, logits).numpy().tolist() == [[1.0], [0.0], [-3.0]]
    assert float(RegressionLoss()(np.full(3, np.nan, np.float32), logits)) == 0.0
    assert RegressionLoss()(labels, tf.cast(logits, tf.bfloat16)).dtype == tf.float32


REPLICAS = """
import numpy as np, tensorflow as tf
from tf_ner import RegressionLoss, TokenClassificationLoss
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
logits = np.arange(12, dtype="float32").reshape(4, 3) % 5
for loss, labels, outputs in (
    (TokenClassificationLoss(), np.array([1, -100, 2, 0]), logits),
    (RegressionLoss(), np.array([1, np.nan, 2, 0], "float32"), logits[:, :1]),
):
    dataset = tf.data.Dataset.from_tensors((labels, outputs)).unbatch().batch(4)
    step = tf.function(lambda labels, outputs: strategy.reduce("SUM", strategy.run(loss, (labels, outputs)), axis=None))
    [part] = [step(*batch) for batch in strategy.experimental_distribute_dataset(dataset)]
    assert abs(float(part) - float(loss(labels, outputs))) < 1e-6, (part, loss(labels, outputs))
"""


def test_two_replicas_with_unequal_labels_give_the_loss_of_the_global_batch():
    processes.run([sys.executable, "-c", REPLICAS], check=True)

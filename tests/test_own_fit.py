"""The parts around a `fit` or a loop of one's own, used in ways that would go wrong unsaid."""

import logging

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tf_ner import (
    MetricsCallback,
    SaveBest,
    SeqevalCallback,
    TextClassification,
    TokenClassification,
    TokenClassificationLoss,
    TrainConfig,
    load_texts,
    load_trained,
    load_untrained,
    make_dataset,
    num_batches,
    packed,
    train,
    training_steps,
)
from tf_ner.batches.layouts import Padded
from tf_ner.batches.sampling import training_batches
from tf_ner.errors import ConfigError, DataError
from tf_ner.training.plan import Plan, hint_of_few_steps

BATCH_SIZE = 4


@pytest.fixture
def windows(task, corpus):
    return task.encode_split(corpus["train"]).windows


@pytest.fixture
def tagger(task):
    """A functional model of Keras whose only output is the logits."""
    ids = keras.Input([None], dtype=tf.int32, name="input_ids")
    embedded = keras.layers.Embedding(len(task.tokenizer), 8)(ids)
    model = keras.Model({"input_ids": ids}, keras.layers.Dense(len(task.tag_names))(embedded))
    model.compile(keras.optimizers.Adam(3e-2), loss=TokenClassificationLoss())
    return model


def test_what_the_docs_say_that_people_fall_into(task, tiny_bert, windows, tmp_path):
    assert keras.callbacks.EarlyStopping(monitor="val_f1").monitor_op is np.less
    labels = np.array([[-100, 1, 0, -100]])
    accuracy = keras.metrics.SparseCategoricalAccuracy()
    accuracy.update_state(labels, np.eye(2)[np.maximum(labels, 0)])
    assert float(accuracy.result()) == 0.5
    model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
    model.compile("sgd", loss=TokenClassificationLoss())
    model.fit(make_dataset(windows, tokenizer=task.tokenizer, batch_size=8), verbose=0)
    model.save(tmp_path / "model.keras")
    with pytest.raises((ValueError, TypeError)):
        keras.models.load_model(tmp_path / "model.keras")


def test_class_weight_of_fit_is_refused_where_it_can_be(task, tiny_bert, windows):
    model = packed(load_untrained(str(tiny_bert), tag_names=task.tag_names))
    model.compile("sgd", loss=TokenClassificationLoss())
    dataset = make_dataset(windows, tokenizer=task.tokenizer, batch_size=2, packing=True)
    with pytest.raises(ConfigError, match=r"TokenClassificationLoss\(class_weights=...\)"):
        model.fit(dataset, class_weight={0: 0.5}, verbose=0)


def batches(task, windows, **options):
    return make_dataset(windows, tokenizer=task.tokenizer, batch_size=BATCH_SIZE, shuffle=True, **options).map(
        lambda inputs, labels: ({"input_ids": inputs["input_ids"]}, labels)
    )


def test_seqeval_of_a_functional_model(tagger, task, corpus, windows):
    steps = num_batches(len(windows), BATCH_SIZE)
    dataset = batches(task, windows, epochs=20)
    scores = SeqevalCallback(corpus["train"], task)
    history = tagger.fit(dataset, epochs=20, steps_per_epoch=steps, callbacks=[scores], verbose=0).history
    assert history["val_f1"][-1] > history["val_f1"][0]
    assert history["val_loss"][-1] < 1


@pytest.mark.parametrize("for_texts", [False, True], ids=["words", "texts"])
def test_packed_sentences(task, tokenizer, tiny_bert, corpus, tmp_path, for_texts):
    """Around a `fit` of one's own too, packing changes nothing but the time."""
    if for_texts:
        (tmp_path / "train.tsv").write_text("text\tlabel\nAda came\tgood\nNobody came at all\tbad\nAcme sold\tbad\n")
        corpus = load_texts(tmp_path)
        task = TextClassification(tokenizer, ("bad", "good"), max_length=64)
    windows = task.encode_split(corpus["train"]).windows
    histories = []
    for packing in (False, True):
        keras.utils.set_random_seed(7)
        kind = "text-classification" if for_texts else "ner"
        model = load_untrained(str(tiny_bert), tag_names=task.output_names, task=kind)
        reader = packed(model) if packing else model
        reader.compile(keras.optimizers.Adam(1e-2), loss=TokenClassificationLoss())
        dataset = make_dataset(windows, tokenizer=tokenizer, batch_size=2, epochs=3, shuffle=True, packing=packing)
        callbacks = [
            MetricsCallback(corpus["train"], task),
            SaveBest(tmp_path / str(packing), tokenizer, monitor="loss"),
        ]
        steps = num_batches(len(windows), 2)
        fitted = reader.fit(dataset, epochs=3, steps_per_epoch=steps, callbacks=callbacks, verbose=0)
        histories.append(fitted.history)
        saved, _ = load_trained(str(tmp_path / str(packing)))
        assert saved.config.num_labels == model.config.num_labels
    padded_history, packed_history = histories
    assert packed_history.keys() == padded_history.keys()
    for name, values in packed_history.items():
        np.testing.assert_allclose(values, padded_history[name], rtol=0, atol=1e-4, err_msg=name)
    assert packed_history["val_loss"][-1] < packed_history["val_loss"][0]


def test_several_epochs_read_again_are_told(tagger, task, windows, caplog):
    """Without `steps_per_epoch` Keras reads all of them in each of its own epochs."""
    steps = num_batches(len(windows), BATCH_SIZE)
    with caplog.at_level(logging.WARNING, logger="tf_ner"):
        dataset = batches(task, windows, epochs=2)
        next(iter(dataset))
        tagger.fit(dataset, epochs=2, steps_per_epoch=steps, verbose=0)
        assert caplog.messages == []
        tagger.fit(dataset, epochs=2, verbose=0)
    assert len(caplog.messages) == 2
    assert all(f"steps_per_epoch={steps}" in message for message in caplog.messages)
    assert int(tagger.optimizer.iterations) == 2 * steps + 2 * 2 * steps


@pytest.mark.parametrize("kind", [keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau])
def test_who_reads_scores_must_stand_behind_who_writes_them(tagger, task, corpus, windows, kind, tmp_path):
    scores = SeqevalCallback(corpus["validation"], task)
    reader = kind(monitor="val_f1", mode="max", patience=1)
    with pytest.raises(ConfigError, match=f"{kind.__name__}, which reads val_f1, before SeqevalCallback"):
        tagger.fit(batches(task, windows), callbacks=[reader, scores], verbose=0)
    assert int(tagger.optimizer.iterations) == 0
    tagger.fit(batches(task, windows), callbacks=[scores, reader], verbose=0)
    # One that saves each epoch only carries the name.
    every = keras.callbacks.ModelCheckpoint(str(tmp_path / "weights"), monitor="val_f1", save_weights_only=True)
    tagger.fit(batches(task, windows), callbacks=[every, scores], verbose=0)
    # That of validation data given to `fit` is there before any callback is called.
    reader = kind(monitor="val_loss", patience=1)
    tagger.fit(
        batches(task, windows), validation_data=batches(task, windows), callbacks=[reader, scores], verbose=0
    )  # fmt: skip
    with pytest.raises(ConfigError, match=f"{kind.__name__}, which reads val_loss, before SeqevalCallback"):
        tagger.fit(batches(task, windows), callbacks=[reader, scores], verbose=0)


def test_scores_of_one_s_own_too(tagger, task, corpus, windows):
    scores = MetricsCallback(corpus["validation"], task, lambda predictions, references: {"mine": 1.0})
    reader = keras.callbacks.EarlyStopping(monitor="val_mine", patience=1)
    with pytest.raises(ConfigError, match="reads val_mine, before MetricsCallback"):
        tagger.fit(batches(task, windows), callbacks=[reader, scores], verbose=0)


def test_fewer_batches_than_steps(tagger, task, windows):
    dataset = batches(task, windows)
    steps = training_steps(
        tagger, dataset, train_step=lambda inputs, labels: tf.constant(0.0), optimizer=tagger.optimizer, num_steps=5,
        first_step=1,
    )  # fmt: skip
    updates = []
    with pytest.raises(DataError, match=f"{len(dataset)} batches for steps 2 to 5; expected 4"):
        updates.extend(steps)
    assert len(updates) < 4
    assert [update.step for update in steps] == []


def test_a_tag_that_the_task_does_not_have(tokenizer, corpus, caplog):
    names = corpus["train"].features["tags"].feature.names
    few = TokenClassification(tokenizer, tuple(name for name in names if name != "B-LOC"), max_length=64)
    with caplog.at_level(logging.WARNING, logger="tf_ner"):
        few.encode_split(corpus["train"])
    locations = sum(names[tag] == "B-LOC" for row in corpus["train"]["tags"] for tag in row)
    words = sum(map(len, corpus["train"]["words"]))
    [message] = caplog.messages
    assert message.startswith(f"{locations} of {words} words are B-LOC ({locations}), which the model does not have")


def test_a_label_that_the_task_does_not_have(tokenizer, tmp_path, caplog):
    (tmp_path / "train.tsv").write_text("text\tlabel\nAda came\tgood\nNobody came\tbad\nAcme sold\tbad\n")
    texts = load_texts(tmp_path)
    few = TextClassification(tokenizer, ("good", "fine"), max_length=64)
    with caplog.at_level(logging.WARNING, logger="tf_ner"):
        few.encode_split(texts["train"])
    [message] = caplog.messages
    assert message.startswith("2 of 3 texts are bad (2), which the model does not have")


@pytest.mark.parametrize(
    ("num_examples", "epochs", "rate", "width", "advised"),
    [
        (110, 3, 2e-5, 384, "--epochs 8 --learning-rate 0.0003"),
        (110, 3, 2e-5, 768, "--epochs 15 --learning-rate 0.0001"),
        (8, 300, 1e-6, 384, "--epochs 300 --learning-rate 0.0003"),
        (110, 8, 3e-4, 384, None),
        (110, 15, 1e-4, 768, None),
        (14041, 3, 2e-5, 768, None),
    ],
)
def test_so_few_steps_that_they_hardly_teach_anything(num_examples, epochs, rate, width, advised):
    of_epoch = training_batches(np.ones(num_examples, np.int64), batch_size=8, seed=0, epoch=0)
    plan = Plan(encoded=None, validation=None, batches=of_epoch * epochs, epochs=epochs, layout=Padded())
    hint = hint_of_few_steps(plan, learning_rate=rate, hidden_size=width)
    assert hint is None if advised is None else (advised in hint and str(len(of_epoch) * epochs) in hint)


def test_a_run_of_few_steps_says_so_and_one_that_goes_on_from_a_head_does_not(tiny_bert, corpus_dir, tmp_path, caplog):
    options = {"dataset": str(corpus_dir), "epochs": 1, "max_eval_examples": 2}
    for name, model, is_said in (("first", str(tiny_bert), True), ("second", str(tmp_path / "first"), False)):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="tf_ner"):
            train(TrainConfig(model=model, output_dir=tmp_path / name, **options), verbose=0)
        assert any("hardly teach" in message for message in caplog.messages) == is_said

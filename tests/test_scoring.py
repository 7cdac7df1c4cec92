"""Scoring and predicting with a model that is not trained."""

import dataclasses
from itertools import chain

import numpy as np
import pytest
import tensorflow as tf
from seqeval.metrics import f1_score
from tf_keras.utils import set_random_seed
from transformers import BertConfig, TFBertForTokenClassification

from tf_ner import (
    MetricsCallback,
    Predictor,
    Seqeval,
    SeqevalCallback,
    TokenClassification,
    bootstrap_interval,
    load_corpus,
    score_entities,
)
from tf_ner.corpus.tags import tags_to_spans
from tf_ner.errors import ConfigError
from tf_ner.tasks import word_encoder
from tf_ner.tasks.token_classification import score_subwords
from tf_ner.training.scoring import Scorer


@pytest.fixture(scope="module")
def model(task):
    """A model with much dropout, whose predictions are all kinds of wrong."""
    set_random_seed(3)
    config = BertConfig(
        vocab_size=len(task.tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        hidden_dropout_prob=0.5,
        attention_probs_dropout_prob=0.5,
        initializer_range=1.0,
        id2label=dict(enumerate(task.tag_names)),
        label2id={tag: number for number, tag in enumerate(task.tag_names)},
    )
    return TFBertForTokenClassification(config)


def test_there_is_no_dropout_while_scoring_and_predicting(model, task, corpus):
    scorer = Scorer(corpus["test"], task, batch_size=3)
    assert scorer.score(model).metrics == scorer.score(model).metrics
    predictor = Predictor(model, task)
    assert list(predictor.tag_words(corpus["test"]["words"])) == list(predictor.tag_words(corpus["test"]["words"]))


def test_rows_too_short_for_a_sentence_are_refused(task, corpus):
    with pytest.raises(ConfigError, match=r"pad_to_length=5 and an input of \d+ subwords; expected none"):
        Scorer(corpus["test"], task, pad_to_length=5)


def test_scorer_and_predictor_agree_with_the_model_itself(model, task, corpus):
    """Each sentence alone through the bare model, its words read off by hand."""
    words = list(corpus["test"]["words"])
    expected_tags, expected_scores = [], []
    for row in words:
        encoding = task.tokenizer(row, is_split_into_words=True, return_tensors="tf")
        probabilities = tf.nn.softmax(model(dict(encoding)).logits[0]).numpy()
        first = [encoding.word_ids().index(word) for word in range(len(row))]
        expected_tags.append([task.tag_names[number] for number in probabilities[first].argmax(-1)])
        expected_scores.append(probabilities[first].max(-1))
    scored = Scorer(corpus["test"], task, batch_size=5).score(model)
    assert scored.predicted == expected_tags
    assert score_entities(scored.gold, expected_tags).items() <= scored.metrics.items()
    tagged = list(Predictor(model, task, batch_size=3).tag_words(words))
    assert [row.tags for row in tagged] == expected_tags
    np.testing.assert_allclose(np.concatenate([r.scores for r in tagged]), np.concatenate(expected_scores), rtol=1e-4)
    # An entity's score is the mean of its words'.
    annotated = list(Predictor(model, task).find_entities(map(" ".join, words), split_at_spaces=True))
    means = [
        np.mean(scores[span.start : span.end])
        for tags, scores in zip(expected_tags, expected_scores, strict=True)
        for span in tags_to_spans(tags)
    ]
    np.testing.assert_allclose([e.score for row in annotated for e in row.entities], means, rtol=1e-4)


def test_padding_on_the_left_changes_no_prediction(model, task, corpus):
    tokenizer = type(task.tokenizer)(tokenizer_object=task.tokenizer.backend_tokenizer, padding_side="left")
    left = dataclasses.replace(task, tokenizer=tokenizer)
    inputs = tokenizer.pad({"input_ids": [[2, 3], [2, 9, 3]]})["input_ids"]
    assert inputs[0][0] == tokenizer.pad_token_id
    rows = corpus["test"]
    # BERT counts positions from the left, so only a batch of one is free of shifts: pad each row by itself.
    for number in range(len(rows)):
        one = rows.select([number])
        assert Scorer(one, left).score(model).predicted == Scorer(one, task).score(model).predicted


def test_subwords_are_scored_as_the_course_does(model, task, tmp_path):
    """A B- word in several pieces: the first is B-, the others I-, each counts."""
    long = max(("Lovelace", "hammers", "Tools"), key=lambda word: len(task.tokenizer.tokenize(word)))
    (tmp_path / "test.conll").write_text(f"{long} B-PER\nLondon B-LOC\n")
    rows = load_corpus(tmp_path)["test"]
    task = TokenClassification(task.tokenizer, ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), max_length=64)
    encoded, references = task.encode_split(rows), task.references(rows)
    pieces = [len(task.tokenizer.tokenize(word)) for word in (long, "London")]
    assert pieces[0] > 2
    gold = [name for label, count in zip(("PER", "LOC"), pieces, strict=True)
            for name in ["B-" + label] + ["I-" + label] * (count - 1)]  # fmt: skip
    subwords = np.array(["O", *gold, "O"], dtype=object)
    scores = score_subwords(task, encoded, references, subwords)
    assert scores == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "accuracy": 1.0}
    subwords[2] = "O"
    assert score_subwords(task, encoded, references, subwords)["accuracy"] == (sum(pieces) - 1) / sum(pieces)


def test_how_sure_the_scores_are_is_said_only_where_asked(model, task, corpus):
    scorer = Scorer(corpus["test"], task)
    scored = scorer.score(model, bootstrap=200)
    interval = scored.metrics.pop("interval")
    assert interval == bootstrap_interval(scored.gold, scored.predicted, num_resamples=200)
    assert scorer.score(model).metrics == scored.metrics


def test_plain_tags_are_scored_word_by_word(model, task, tmp_path):
    """Parts of speech have no entities, and so no F1 in the logs."""
    (tmp_path / "test.conll").write_text("Ada NNP\ncame VBD\n\nNobody NN\ncame VBD\n")
    rows = load_corpus(tmp_path, task="pos", columns=("word", "pos"))["test"]
    # The model's nine outputs under other names, some of which look like those of entities.
    names = (*rows.features["tags"].feature.names, "O", "B-X", "I-X", "-LRB-", *"AB")
    pos = dataclasses.replace(task, tag_names=names)
    callback = SeqevalCallback(rows, pos)
    callback.set_model(model)
    callback.on_epoch_end(0, logs := {})
    scored = callback.scorer.score(model)
    right = sum(g == p for g, p in zip(chain(*scored.gold), chain(*scored.predicted), strict=True))
    assert logs == {"val_loss": scored.metrics["loss"], "val_accuracy": right / 4}
    assert scored.metrics["support"] == 4
    assert scored.metrics["subword"].keys() == {"accuracy"}
    assert "f1" not in scored.metrics
    interval = callback.scorer.score(model, bootstrap=200).metrics["interval"]
    assert interval == bootstrap_interval(scored.gold, scored.predicted, entities=False, num_resamples=200)


def test_any_metrics_of_tags_are_logged(model, task, corpus):
    def mine(predictions, references):
        return {"mine": f1_score(references, predictions)}

    for compute_metrics in (mine, Seqeval().compute):
        callback = MetricsCallback(corpus["test"], task, compute_metrics, batch_size=3)
        callback.set_model(model)
        callback.on_epoch_end(0, logs := {})
        scores = callback.scorer.score(model).metrics
        if compute_metrics is mine:
            expected = {"val_mine": scores["f1"]}
        else:
            expected = {f"val_overall_{name}": scores[name] for name in ("precision", "recall", "f1", "accuracy")}
        assert logs == pytest.approx({"val_loss": scores["loss"], **expected})


def test_a_window_that_is_lost_shows_in_words_scored(model, task, corpus, monkeypatch):
    whole = word_encoder.split_into_windows
    monkeypatch.setattr(word_encoder, "split_into_windows", lambda *words, **limits: whole(*words, **limits)[:1])
    short = dataclasses.replace(task, max_length=8)
    metrics = Scorer(corpus["test"], short).score(model).metrics
    assert metrics["words_scored"] < metrics["words"]

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report as report_of_words

from tf_ner import score_entities, score_tags

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-MISC", "I-MISC"])
PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=10), min_size=1, max_size=6)


def report(gold, predicted, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classification_report(gold, predicted, output_dict=True, zero_division=0, **options)


@settings(max_examples=500, deadline=None)
@given(PAIRS)
def test_scores_are_those_of_seqeval_to_the_last_digit(pairs):
    gold = [[tag for tag, _ in row] for row in pairs]
    predicted = [[tag for _, tag in row] for row in pairs]
    scores = score_entities(gold, predicted)
    assert scores["accuracy"] == accuracy_score(gold, predicted)
    if all(tag == "O" for row in gold + predicted for tag in row):
        assert (scores["f1"], scores["support"], scores["per_label"]) == (0.0, 0, {})
        return
    expected = report(gold, predicted)
    total = expected["micro avg"]
    assert (scores["precision"], scores["recall"], scores["f1"], scores["support"]) == (
        total["precision"], total["recall"], total["f1-score"], total["support"],
    )  # fmt: skip
    labels = {label: row for label, row in expected.items() if not label.endswith(" avg")}
    assert scores["per_label"].keys() == labels.keys()
    for label, row in labels.items():
        assert list(scores["per_label"][label].values()) == list(row.values())
    strict = report(gold, predicted, mode="strict", scheme=IOB2).get("micro avg")
    if strict and len(scores["strict"]) == 3:
        assert list(scores["strict"].values()) == [strict["precision"], strict["recall"], strict["f1-score"]]


POS_PAIRS = st.lists(st.lists(st.tuples(*[st.sampled_from(["NN", "VB", "O", "B-DT"])] * 2), max_size=9), max_size=6)


@settings(max_examples=200, deadline=None)
@given(POS_PAIRS)
def test_scores_of_plain_tags_are_those_of_scikit_learn(pairs):
    gold = [[tag for tag, _ in row] for row in pairs]
    predicted = [[tag for _, tag in row] for row in pairs]
    scores = score_tags(gold, predicted)
    words = [pair for row in pairs for pair in row]
    assert scores["support"] == len(words)
    if not words:
        assert scores == {"accuracy": 0.0, "support": 0, "per_label": {}}
        return
    expected = report_of_words(*zip(*words, strict=True), output_dict=True, zero_division=0)
    assert scores["accuracy"] == sum(g == p for g, p in words) / len(words)
    assert set(expected) - {"accuracy", "macro avg", "weighted avg", "micro avg"} == scores["per_label"].keys()
    for tag, row in scores["per_label"].items():
        assert list(row.values()) == pytest.approx(list(expected[tag].values()))


def test_the_published_example():
    gold = ["B-ORG", "O", "B-MISC", "O", "O", "O", "B-MISC", "O", "O"]
    predicted = [*gold[:2], "O", *gold[3:]]
    scores = score_entities([gold], [predicted])
    rounded = {name: round(scores[name], 2) for name in ("precision", "recall", "f1", "accuracy")}
    assert rounded == {"precision": 1.0, "recall": 0.67, "f1": 0.8, "accuracy": 0.89}


def test_lenient_and_strict_differ():
    scores = score_entities([["B-PER", "I-PER"]], [["I-PER", "I-PER"]])
    assert (scores["f1"], scores["strict"]["f1"]) == (1.0, 0.0)


def test_an_entity_never_reaches_into_the_next_sentence():
    scores = score_entities([["B-PER"], ["I-PER"]], [["B-PER"], ["I-PER"]])
    assert scores["support"] == 2


@pytest.mark.parametrize("predicted", [[["O"]], [["O", "O"], ["O"]]])
def test_shapes_must_agree(predicted):
    for score in (score_entities, score_tags):
        with pytest.raises(ValueError, match="differ in number"):
            score([["O", "O"]], predicted)

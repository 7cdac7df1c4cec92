import random
import warnings
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report as report_of_words
from sklearn.metrics import f1_score

from tests.conftest import examples
from tf_ner import score_entities, score_tags
from tf_ner.corpus.tags import Span, tags_to_spans
from tf_ner.evaluation.scores import _strict, count_overlaps

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-MISC", "I-MISC"])
PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=10), min_size=1, max_size=6)


def columns(pairs):
    """The gold and the predicted tags of sentences of pairs."""
    return [[[pair[column] for pair in row] for row in pairs] for column in (0, 1)]


def report(gold, predicted, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classification_report(gold, predicted, output_dict=True, zero_division=0, **options)


def ratios(scores, *rest):
    return [scores[name] for name in ("precision", "recall", "f1", *rest)]


@settings(max_examples=examples(4))
@given(PAIRS)
def test_scores_are_those_of_seqeval(pairs):
    gold, predicted = columns(pairs)
    scores = score_entities(gold, predicted)
    assert scores["accuracy"] == accuracy_score(gold, predicted)
    if all(tag == "O" for row in gold + predicted for tag in row):
        assert (scores["support"], scores["per_label"]) == (0, {})
        for each in (scores, *(scores[name] for name in ("macro", "weighted", "strict", "partial", "type"))):
            assert ratios(each) == [0.0, 0.0, 0.0]
        return
    expected = report(gold, predicted)
    assert ratios(scores, "support") == list(expected.pop("micro avg").values())
    for name in ("macro", "weighted"):
        assert ratios(scores[name]) == pytest.approx(list(expected.pop(f"{name} avg").values())[:3], abs=1e-12)
    assert scores["per_label"].keys() == expected.keys()
    for label, row in expected.items():
        assert list(scores["per_label"][label].values()) == list(row.values())
    # Where no tag begins an entity seqeval has no strict report.
    if any(tag[0] == "B" for row in gold + predicted for tag in row):
        strict = report(gold, predicted, mode="strict", scheme=IOB2)["micro avg"]
        assert ratios(scores["strict"]) == list(strict.values())[:3]


@given(PAIRS)
def test_strict_entities_are_those_lenient_ones_that_begin_at_b(pairs):
    gold, _ = columns(pairs)
    assert _strict(list(map(tags_to_spans, gold)), gold) == [tags_to_spans(row, strict=True) for row in gold]


def random_tags(chance, num_words, labels, *, legal):
    """Tags with many entities side by side, of all lengths up to nine words."""
    if not legal:
        return chance.choices(["O", *(f"{prefix}-{label}" for label in labels for prefix in "BII")], k=num_words)
    tags = []
    while len(tags) < num_words:
        label, length = chance.choice(labels), chance.choice((1, 1, 2, 3, 5, 9))
        tags += ["O"] if chance.random() < 0.25 else [f"B-{label}"] + [f"I-{label}"] * (length - 1)
    return tags[:num_words]


def nervaluate(gold, predicted):
    """Its scores of entities; it counts the last word of an entity in."""
    rows = [
        [[{"label": span.label, "start": span.start, "end": span.end - 1} for span in row] for row in spans]
        for spans in (gold, predicted)
    ]
    return Evaluator(*rows, tags=["A", "B", "C"], loader="dict").evaluate()["overall"]


@pytest.mark.parametrize("legal", [True, False], ids=["legal", "lenient"])
def test_overlaps_are_counted_as_nervaluate_does(legal):
    chance = random.Random(7)
    for _ in range(4000):
        labels = "ABC"[: chance.randint(1, 3)]
        lengths = [chance.randint(0, 20) for _ in range(chance.randint(1, 3))]
        gold, predicted = ([random_tags(chance, n, labels, legal=legal) for n in lengths] for _ in range(2))
        scores = score_entities(gold, predicted)
        expected = nervaluate([tags_to_spans(row) for row in gold], [tags_to_spans(row) for row in predicted])
        for ours, theirs in {"partial": "partial", "type": "ent_type"}.items():
            of_theirs = [expected[theirs].precision, expected[theirs].recall, expected[theirs].f1]
            assert ratios(scores[ours]) == pytest.approx(of_theirs, abs=1e-12), (gold, predicted)


@pytest.mark.parametrize(
    ("gold", "predicted", "credit", "num_right_types"),
    [
        ("B-X I-X", "B-X I-X", 1.0, 1),
        ("B-X I-X", "B-Y I-Y", 1.0, 0),
        ("B-X I-X", "B-X O", 0.5, 1),
        ("B-X I-X", "O I-Y", 0.5, 0),
        ("B-X O", "O B-X", 0.0, 0),
        # Two share a word with one: the second is spurious, even where it has the right label.
        ("B-X I-X I-X", "B-X I-X B-X", 0.5, 1),
        ("B-X I-X I-X", "B-Y I-Y B-X", 0.5, 0),
        # One shares words with two: its own label is taken first; the other is missed.
        ("B-X I-X B-Y", "B-Y I-Y I-Y", 0.5, 1),
        # Of two of its label it takes the nearer, and so leaves nothing to the next, where `partial` does.
        ("B-X I-X I-X I-X B-X I-X", "O O O B-X I-X B-X", 1.0, 1),
    ],
)
def test_overlaps_by_table(gold, predicted, credit, num_right_types):
    pair = tags_to_spans(gold.split()), tags_to_spans(predicted.split())
    assert count_overlaps(*pair) == (credit, num_right_types)


def test_one_word_of_a_very_long_entity_is_some_overlap():
    """The one place where nervaluate, which asks for 1 % of the gold entity, and the task differ."""
    gold = [Span(0, 101, "A")]
    for start, of_nervaluate in ((100, 0), (99, 1)):
        predicted = [Span(start, 103, "A")]
        assert count_overlaps(gold, predicted) == (0.5, 1)
        assert nervaluate([gold], [predicted])["partial"].partial == of_nervaluate


@pytest.mark.parametrize("legal", [True, False], ids=["legal", "lenient"])
def test_the_reader_of_nervaluate_finds_the_same_entities_in_iob_tags(legal):
    chance = random.Random(8)
    rows = [random_tags(chance, 12, "AB", legal=legal) for _ in range(300)]
    read = Evaluator(rows, rows, tags=["A", "B"], loader="list").true
    assert [[(e.start, e.end + 1, e.label) for e in row] for row in read] == [tags_to_spans(row) for row in rows]


POS_PAIRS = st.lists(st.lists(st.tuples(*[st.sampled_from(["NN", "VB", "O", "B-DT"])] * 2), max_size=9), max_size=12)


@given(POS_PAIRS)
def test_scores_of_plain_tags_are_those_of_scikit_learn(pairs):
    gold, predicted = columns(pairs)
    scores = score_tags(gold, predicted)
    words = list(chain.from_iterable(pairs))
    assert scores["support"] == len(words)
    if not words:
        zeros = dict.fromkeys(("precision", "recall", "f1"), 0.0)
        assert scores == {"accuracy": 0.0, "support": 0, "per_label": {}, "macro": zeros, "weighted": zeros}
        return
    of_words = list(zip(*words, strict=True))
    expected = report_of_words(*of_words, output_dict=True, zero_division=0)
    assert scores["accuracy"] == sum(g == p for g, p in words) / len(words)
    for name in ("macro", "weighted"):
        assert ratios(scores[name]) == pytest.approx(list(expected[f"{name} avg"].values())[:3], abs=1e-12)
        assert scores[name]["f1"] == pytest.approx(f1_score(*of_words, average=name, zero_division=0), abs=1e-12)
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

"""What was predicted wrong, and in which way."""

import json
import random
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from nervaluate import Evaluator

from tf_ner import analyze_entities, analyze_tags, score_entities
from tf_ner.corpus.sentences import Place
from tf_ner.corpus.tags import Span, tags_to_spans
from tf_ner.evaluation.errors import pair_spans, write_errors


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ("B-X I-X O", "B-X I-X O", ["right"]),
        ("B-X I-X O", "B-Y I-Y O", ["wrong label"]),
        ("B-X I-X O", "B-X O O", ["wrong border"]),
        ("B-X I-X O", "O I-X I-X", ["wrong border"]),
        ("B-X I-X O", "O B-Y I-Y", ["both"]),
        ("B-X I-X O", "O O O", ["missed"]),
        ("O O O", "B-X I-X O", ["spurious"]),
        # Side by side is no overlap.
        ("B-X O", "O B-X", ["missed", "spurious"]),
        # An I- begins an entity, as for the scores.
        ("I-X I-X", "B-X I-X", ["right"]),
        # One for two: the one with more words in common, and of two alike the first.
        ("B-X I-X I-X", "B-X B-X I-X", ["spurious", "wrong border"]),
        ("B-X I-X", "B-Y B-X", ["both", "spurious"]),
        ("B-X B-Y I-Y", "B-Z I-Z I-Z", ["missed", "both"]),
        # What has the same borders comes before what shares more words and has the same label.
        ("B-X I-X B-X", "B-X I-X B-Y", ["right", "wrong label"]),
        # What shares a word with an entity that has found another one is spurious.
        ("O B-X I-X I-X", "B-X I-X B-X I-X", ["spurious", "wrong border"]),
        # Two and two: the pair with most words first, then what is left.
        ("B-X I-X B-X I-X I-X", "B-X B-X I-X I-X I-X", ["wrong border", "wrong border"]),
    ],
)  # fmt: skip
def test_kinds_by_table(gold, predicted, kinds):
    pairs = pair_spans(tags_to_spans(gold.split()), tags_to_spans(predicted.split()))
    assert sorted(pair.kind for pair in pairs) == sorted(kinds)


def random_tags(chance, num_words):
    names = ["O", "O", *(f"{prefix}-{label}" for label in "ABC" for prefix in "BI")]
    return chance.choices(names, k=num_words)


@pytest.fixture(scope="module")
def ten_thousand():
    chance = random.Random(3)
    lengths = [chance.randint(0, 14) for _ in range(10_000)]
    gold = [random_tags(chance, length) for length in lengths]
    # Half of the words are predicted right, so that each kind is frequent.
    predicted = [
        [tag if chance.random() < 0.5 else other for tag, other in zip(row, random_tags(chance, len(row)), strict=True)]
        for row in gold
    ]
    return gold, predicted


def test_sums_of_random_tags(ten_thousand):
    gold, predicted = ten_thousand
    errors, scores = analyze_entities(gold, predicted), score_entities(gold, predicted)
    counts = errors.counts
    num_predicted = sum(len(tags_to_spans(row)) for row in predicted)
    assert min(counts.values()) > 100
    assert counts["right"] == round(scores["recall"] * scores["support"])
    assert sum(counts.values()) - counts["spurious"] == scores["support"]
    assert sum(counts.values()) - counts["missed"] == num_predicted
    assert len(errors.wrong) == sum(counts.values()) - counts["right"]
    for label, row in scores["per_label"].items():
        assert sum(errors.confusion[label].values()) == row["support"]
    assert sum(errors.confusion["spurious"].values()) == counts["spurious"]
    assert sum(row.get("missed", 0) for row in errors.confusion.values()) == counts["missed"]
    assert sum(errors.confusion[label][label] for label in "ABC") == counts["right"] + counts["wrong border"]
    for table in (errors.by_length, errors.by_sentence_length):
        assert sum(row["support"] for row in table.values()) == scores["support"]
        right = sum(row["recall"] * row["support"] for row in table.values())
        assert right == pytest.approx(counts["right"])
        assert sum(row["recall"] * row["support"] / row["precision"] for row in table.values()) == pytest.approx(
            num_predicted
        )


def test_each_entity_of_random_tags_is_in_one_pair(ten_thousand):
    for gold, predicted in zip(*(map(tags_to_spans, rows) for rows in ten_thousand), strict=True):
        pairs = pair_spans(gold, predicted)
        assert Counter(pair.gold for pair in pairs if pair.gold) == Counter(gold)
        assert Counter(pair.predicted for pair in pairs if pair.predicted) == Counter(predicted)
        for pair in pairs:
            if pair.gold and pair.predicted:
                assert set(range(*pair.gold[:2])) & set(range(*pair.predicted[:2]))
        # Nothing could be paired that is not.
        lonely = [span for pair in pairs if pair.kind == "missed" for span in [pair.gold]]
        others = [span for pair in pairs if pair.kind == "spurious" for span in [pair.predicted]]
        assert not [1 for one in lonely for other in others if one.start < other.end and other.start < one.end]


def test_kinds_are_those_of_nervaluate_where_each_entity_overlaps_one_at_most(ten_thousand):
    """With several to choose from, it takes the first; the definitions are the same otherwise."""
    counts, rows = Counter(), ([], [])
    for gold, predicted in zip(*(map(tags_to_spans, tags) for tags in ten_thousand), strict=True):
        touching = [
            (one, other) for one in gold for other in predicted if one.start < other.end and other.start < one.end
        ]
        if len({one for one, _ in touching}) == len({other for _, other in touching}) == len(touching):
            counts.update(pair.kind for pair in pair_spans(gold, predicted))
            for column, spans in zip(rows, (gold, predicted), strict=True):
                column.append([{"label": s.label, "start": s.start, "end": s.end - 1} for s in spans])
    found = Evaluator(*rows, tags=list("ABC"), loader="dict").evaluate()["overall"]
    assert len(rows[0]) > 3000
    assert (found["strict"].correct, found["strict"].missed, found["strict"].spurious) == (
        counts["right"], counts["missed"], counts["spurious"],
    )  # fmt: skip
    assert found["exact"].correct == counts["right"] + counts["wrong label"]
    assert found["ent_type"].correct == counts["right"] + counts["wrong border"]
    assert found["ent_type"].incorrect == counts["wrong label"] + counts["both"]
    assert found["partial"].partial == counts["wrong border"] + counts["both"]


def test_confusion():
    gold = [["B-PER", "O", "B-LOC", "I-LOC", "O", "B-ORG"], ["B-PER", "O"]]
    predicted = [["B-LOC", "O", "B-LOC", "O", "O", "O"], ["B-PER", "B-ORG"]]
    errors = analyze_entities(gold, predicted, missed=["PER", "MISC"])
    assert errors.confusion == {
        "LOC": {"LOC": 1},
        "MISC": {"missed": 1},
        "ORG": {"missed": 1},
        "PER": {"LOC": 1, "PER": 1, "missed": 1},
        "spurious": {"ORG": 1},
    }
    assert list(errors.confusion["PER"]) == ["LOC", "PER", "missed"]
    assert errors.counts == {
        "right": 1, "wrong label": 1, "wrong border": 1, "both": 0, "missed": 3, "spurious": 1,
    }  # fmt: skip
    # What lies inside words has no words to be counted by.
    assert sum(row["support"] for row in errors.by_length.values()) == 4


def test_groups():
    words = [["Ada", "saw", "New", "York"], ["Rome", "and", "Ada"], ["w"] * 12]
    gold = [["B-PER", "O", "B-LOC", "I-LOC"], ["B-LOC", "O", "B-LOC"], ["O"] * 12]
    predicted = [
        ["B-PER", "O", "B-LOC", "O"],
        ["B-LOC", "O", "B-PER"],
        ["B-LOC", "I-LOC", "I-LOC", "I-LOC"] + ["O"] * 8,
    ]
    train = [
        (["Ada", "and", "York"], ["B-PER", "O", "O"]),
        (["New", "York", "New", *["York"] * 4], ["B-LOC", "I-LOC", *["O"] * 5]),
    ]
    errors = analyze_entities(gold, predicted, words=words, train=iter(train))

    def table(scores):
        return {name: (row["precision"], row["recall"], row["support"]) for name, row in scores.items()}

    assert table(errors.by_length) == {"1": (0.5, 2 / 3, 3), "2": (0.0, 0.0, 1), "4+": (0.0, 0.0, 0)}
    assert table(errors.by_sentence_length) == {"1-10": (0.5, 0.5, 4), "11-20": (0.0, 0.0, 0)}
    # Ada once, New twice, York six times; Rome and w never.
    assert table(errors.by_frequency) == {"0": (0.5, 1.0, 1), "1-4": (1 / 3, 1 / 3, 3)}
    # Ada is PER in train, and LOC in the second sentence; "New" alone is no entity there.
    assert table(errors.by_form) == {
        "same label": (0.5, 0.5, 2),
        "other label": (0.0, 0.0, 1),
        "unseen": (1 / 3, 1.0, 1),
    }
    without = analyze_entities(gold, predicted)
    assert (without.by_frequency, without.by_form) == (None, None)
    assert without.to_metrics().keys() == {"counts", "confusion", "by_length", "by_sentence_length"}


def test_wrong_spans_and_what_is_around_them(tmp_path):
    words = [["a", "b"], [f"w{number}" for number in range(12)], ["x", "y", "z"]]
    gold = [["O", "B-X"], ["O"] * 7 + ["B-X", "I-X"] + ["O"] * 3, ["B-X", "O", "B-Y"]]
    predicted = [["O", "B-X"], ["O"] * 8 + ["B-Y", "I-Y"] + ["O"] * 2, ["O", "B-X", "B-X"]]
    scores = [[1.0] * 2, [1.0] * 8 + [0.5, 0.25, 1.0, 1.0], [1.0, 1.0, 0.75]]
    places = [Place("f", range(1, 3)), Place("f", range(10, 22), 1), Place("f", range(30, 33), 2)]
    errors = analyze_entities(gold, predicted, words=words, scores=scores, places=places)
    # The sentence with three comes first.
    assert [span.sentence for span in errors.wrong] == [2, 2, 2, 1]
    assert [span.kind for span in errors.wrong] == ["missed", "spurious", "wrong label", "both"]
    write_errors(tmp_path / "errors.jsonl", {"test": errors})
    lines = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[-1] == {
        "split": "test", "kind": "both", "sentence": 1,
        "gold": {"label": "X", "words": ["w7", "w8"], "start": 7, "end": 9},
        "predicted": {"label": "Y", "words": ["w8", "w9"], "start": 8, "end": 10},
        "before": ["w2", "w3", "w4", "w5", "w6"], "after": ["w10", "w11"],
        "score": 0.375, "path": "f", "line": 17, "document": 1,
    }  # fmt: skip
    assert lines[0] == {
        "split": "test", "kind": "missed", "sentence": 2, "gold": {"label": "X", "words": ["x"], "start": 0, "end": 1},
        "before": [], "after": ["y", "z"], "path": "f", "line": 30, "document": 2,
    }  # fmt: skip
    assert len(lines) == 4


def test_nothing_is_wrong_where_nothing_is(tmp_path):
    for tags in ([], [[]], [["O"]], [["B-X"]]):
        errors = analyze_entities(tags, tags, words=[["w"] * len(row) for row in tags], train=[])
        assert errors.wrong == []
        write_errors(tmp_path / "errors.jsonl", {"test": errors})
        assert (tmp_path / "errors.jsonl").read_text() == ""


@pytest.mark.parametrize("other", [{"words": [["a"]]}, {"scores": [[0.5]]}, {"places": []}])
def test_shapes_must_agree(other):
    with pytest.raises(ValueError, match="expected one for each"):
        analyze_entities([["O", "O"]], [["O", "O"]], **other)
    with pytest.raises(ValueError, match="differ in number"):
        analyze_entities([["O", "O"]], [["O"]])


def test_a_long_sentence_of_many_entities_is_paired():
    spans = [Span(number, number + 1, "X") for number in range(0, 40_000, 2)]
    assert {pair.kind for pair in pair_spans(spans, spans)} == {"right"}


def test_tags_that_spell_no_entities():
    words = [["to", "run", "to"], ["run", "to"]]
    gold, predicted = [["TO", "VB", "IN"], ["NN", "TO"]], [["TO", "NN", "TO"], ["VB", "IN"]]
    errors = analyze_tags(gold, predicted, words=words)
    assert errors.confusion == {"IN": {"TO": 1}, "NN": {"VB": 1}, "TO": {"IN": 1, "TO": 1}, "VB": {"NN": 1}}
    assert sum(chain.from_iterable(row.values() for row in errors.confusion.values())) == 5
    assert errors.wrong_words[0] == ("run", "NN", "VB", 1)
    many = analyze_tags(
        [["A"] * 3] * 60, [["B", "B", "A"]] * 60, words=[[f"w{number % 55}", "often", "right"] for number in range(60)]
    )
    assert many.wrong_words[0] == ("often", "A", "B", 60)
    assert many.wrong_words[1][3] == 2
    assert len(many.wrong_words) == 50
    assert analyze_tags(gold, predicted).wrong_words == []
    with pytest.raises(ValueError, match="expected one for each"):
        analyze_tags(gold, predicted, words=[["to"]])


def test_scores_are_numbers_that_json_has():
    errors = analyze_entities([["B-X", "O"]], [["O", "B-X"]], words=[["a", "b"]], scores=[np.float32([0.5, 0.25])])
    assert [json.loads(json.dumps(span.to_record())).get("score") for span in errors.wrong] == [None, 0.25]

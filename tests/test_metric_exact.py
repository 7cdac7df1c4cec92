"""What the metric of the `evaluate` library gives and refuses, case by case."""

import pytest

from tests.test_scores_exact import GOLD, PREDICTED, ratios
from tf_ner import Seqeval


def test_the_metric_of_the_library():
    found = Seqeval().compute(predictions=PREDICTED, references=GOLD)
    assert found == {
        "LOC": ratios(1 / 2, 1, 2 / 3, number=1),
        "ORG": ratios(0, 0, 0, number=1),
        "PER": ratios(1 / 2, 1 / 3, 2 / 5, number=3),
        **{f"overall_{name}": value for name, value in ratios(2 / 4, 2 / 5, 4 / 9).items()},
        "overall_accuracy": pytest.approx(4 / 9),
    }
    strict = Seqeval().compute(predictions=PREDICTED, references=GOLD, mode="strict", scheme="IOB2", zero_division=0)
    assert strict == {
        "LOC": ratios(0, 0, 0, number=1),
        "PER": ratios(1 / 2, 1 / 3, 2 / 5, number=3),
        **{f"overall_{name}": value for name, value in ratios(1 / 3, 1 / 4, 2 / 7).items()},
        "overall_accuracy": pytest.approx(4 / 9),
    }
    for options in ({"zero_division": "warn"}, {"scheme": "IOB2"}, {"suffix": False, "sample_weight": None}):
        assert Seqeval().compute(predictions=PREDICTED, references=GOLD, **options) == found


@pytest.mark.parametrize(
    ("tags", "options", "named"),
    [
        ([["B-X"]], {"mode": "loose"}, "mode='loose', scheme=None and zero_division=0"),
        ([["B-X"]], {"mode": "strict", "scheme": "IOBES"}, "mode='strict', scheme='IOBES' and"),
        ([["B-X"]], {"zero_division": 1}, "zero_division=1"),
        ([["B-X"]], {"zero_division": "nothing"}, "zero_division='nothing'"),
        ([["B-X"]], {"suffix": True, "sample_weight": [1]}, "suffix, sample_weight; expected"),
        ([["S-X"], ["E-X"]], {}, "tag 'E-X'"),
    ],
)
def test_the_metric_of_the_library_refuses(tags, options, named):
    for pair in ({"predictions": tags, "references": tags}, {"predictions": tags, "references": [["O"]] * len(tags)}):
        with pytest.raises(ValueError, match=f"^Received .*{named}"):
            Seqeval().compute(**pair, **options)
    with pytest.raises(ValueError, match=r"^Received no tags"):
        Seqeval().compute()


def test_the_metric_says_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metric = Seqeval()
    assert list(metric.features) == ["predictions", "references"]
    assert "mode: `strict`" in metric.inputs_description
    assert metric.description.startswith("Precision, recall and F1")
    assert "seqeval" in metric.citation
    assert metric.keep_in_memory is True
    assert metric.data_dir == ""

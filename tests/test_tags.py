import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from tf_ner.corpus.tags import Span, inside, iob2_tag_names, is_iob, split_tag, tags_to_spans

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


@pytest.mark.parametrize(
    ("tags", "lenient", "strict"),
    [
        ("", [], []),
        ("O O", [], []),
        ("B-X", [(0, 1, "X")], [(0, 1, "X")]),
        ("B-X I-X", [(0, 2, "X")], [(0, 2, "X")]),
        ("B-X B-X", [(0, 1, "X"), (1, 2, "X")], [(0, 1, "X"), (1, 2, "X")]),
        ("I-X I-X", [(0, 2, "X")], []),
        ("O I-X", [(1, 2, "X")], []),
        ("B-X I-Y", [(0, 1, "X"), (1, 2, "Y")], [(0, 1, "X")]),
        ("B-X I-Y I-X", [(0, 1, "X"), (1, 2, "Y"), (2, 3, "X")], [(0, 1, "X")]),
        ("B-X O I-X", [(0, 1, "X"), (2, 3, "X")], [(0, 1, "X")]),
        ("B-A-B I-A-B", [(0, 2, "A-B")], [(0, 2, "A-B")]),
    ],
)
def test_spans_by_table(tags, lenient, strict):
    assert tags_to_spans(tags.split()) == [Span(*span) for span in lenient]
    assert tags_to_spans(tags.split(), strict=True) == [Span(*span) for span in strict]


@given(st.lists(TAGS, max_size=12))
def test_lenient_spans_are_those_of_seqeval(tags):
    expected = [Span(start, last + 1, label) for label, start, last in get_entities(tags)]
    assert tags_to_spans(tags) == expected


@given(st.lists(TAGS, min_size=1, max_size=12))
def test_strict_spans_are_those_of_seqeval(tags):
    expected = {Span(e.start, e.end, e.tag) for e in Entities([tags], IOB2, False).entities[0]}
    assert set(tags_to_spans(tags, strict=True)) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("O", True), ("B-PER", True), ("I-A-B", True), ("B-", False), ("PER", False), ("S-PER", False), ("B", False)],
)
def test_is_iob(tag, expected):
    assert is_iob(tag) is expected


@pytest.mark.parametrize(("tag", "expected"), [("B-PER", "I-PER"), ("I-PER", "I-PER"), ("O", "O"), ("NNP", "NNP")])
def test_inside(tag, expected):
    assert inside(tag) == expected


def test_a_label_may_hold_hyphens():
    assert split_tag("B-creative-work") == ("B", "creative-work")


def test_tag_names_follow_the_published_order_and_are_complete():
    assert iob2_tag_names(["I-MISC", "B-LOC", "O", "B-ORG", "B-PER"]) == (
        "O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC",
    )  # fmt: skip
    assert iob2_tag_names(["B-zoo", "B-LOC", "B-art"]) == ("O", "B-LOC", "I-LOC", "B-art", "I-art", "B-zoo", "I-zoo")

"""Tags and their schemes, tag by tag."""

import pytest

from tf_ner.corpus.schemes import (
    UnspeakableEntityError,
    detect_scheme,
    from_iob2,
    illegal_positions,
    label_of,
    spans_to_tags,
    what_is_wrong,
)
from tf_ner.corpus.tags import Span, inside


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("B-PER", "I-PER"),
        ("I-PER", "I-PER"),
        ("O", "O"),
        ("B", "B"),
        ("B-", "B-"),
        ("E-PER", "E-PER"),
        ("B-A-B", "I-A-B"),
    ],
)
def test_a_later_piece_of_an_entity(tag, expected):
    assert inside(tag) == expected


@pytest.mark.parametrize(
    ("tag", "scheme", "label"),
    [
        ("O", "iob2", ""),
        ("B-PER", "iob2", "PER"),
        ("I-A-B", "iob2", "A-B"),
        ("E-PER", "bioes", "PER"),
        ("U", "bilou", "_"),
        ("A-B", "plain", "A-B"),
    ],
)
def test_the_label_of_a_tag(tag, scheme, label):
    assert label_of(tag, scheme) == label


def test_the_label_of_a_tag_of_another_scheme():
    with pytest.raises(ValueError, match="received tag 'E-PER'"):
        label_of("E-PER", "iob2")


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        # As many B- without an entity before them as I-: IOB2. An I- behind a B- is none of these.
        (["B-X I-X", "I-X B-X I-X"], "iob2"),
        # They count whatever their label.
        (["B-X", "B-Y", "I-X", "I-X"], "iob2"),
        # As many of BIOES as of BILOU.
        (["S-X", "U-X"], "bioes"),
    ],
)
def test_schemes_where_they_tie(sentences, scheme):
    assert detect_scheme([sentence.split() for sentence in sentences]) == scheme


def test_from_iob2_to_itself_changes_nothing():
    assert from_iob2(["I-X", "O", "I-Y", "B-Y"], "iob2") == ["I-X", "O", "I-Y", "B-Y"]
    assert from_iob2(["I-X", "O"], "iob1") == ["I-X", "O"]


def test_no_entity_of_plain_tags_is_called_o():
    spans = [Span(0, 1, "X"), Span(2, 3, "O")]
    with pytest.raises(UnspeakableEntityError, match=r"^received an entity with the label O;") as error:
        spans_to_tags(spans, 4, scheme="plain")
    assert error.value.position == 2
    assert spans_to_tags(spans, 4) == ["B-X", "O", "B-O", "O"]
    assert spans_to_tags(spans[:1], 2, scheme="plain") == ["X", "O"]


def test_faults_behind_a_tag_of_no_scheme():
    assert list(illegal_positions(["O", "?", "O", "I-X"], "iob2")) == [(3, "I-X after O; expected B-X")]
    assert what_is_wrong("b-A-B", "iob2").endswith("write B-A-B.")

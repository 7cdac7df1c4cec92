from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import BILOU, IOB1, IOBES, Entities

from tf_ner.corpus.schemes import (
    SchemeName,
    TouchingEntitiesError,
    detect_scheme,
    from_iob2,
    illegal_positions,
    relabel,
    spans_to_tags,
    to_iob2,
    what_is_wrong,
)
from tf_ner.corpus.tags import Span, tags_to_spans

SCHEMES = get_args(SchemeName)
BLIND = ("io", "plain")  # They cannot keep touching entities of one label apart.
PREFIXES = {"iob1": "BI", "iob2": "BI", "bioes": "BIES", "bilou": "BILU", "io": "I"}
LABELS = ["PER", "LOC", "A-B", "_"]


def all_tags(scheme: SchemeName) -> list[str]:
    if scheme == "plain":
        return ["O", *LABELS]
    return ["O", *PREFIXES[scheme], *(f"{prefix}-{label}" for prefix in PREFIXES[scheme] for label in LABELS)]


def drawn_tags(scheme: SchemeName) -> st.SearchStrategy[list[str]]:
    """Any tags of the scheme, in any order."""
    return st.lists(st.sampled_from(all_tags(scheme)), max_size=12)


@st.composite
def spans(draw: st.DrawFn, *, may_touch: bool = True) -> tuple[list[Span], int]:
    """Entities, some of them touching, and the number of words."""
    found, end = [], 0
    for gap, length, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(LABELS)), max_size=6)
    ):
        touches = found and not gap and found[-1].label == label
        start = end + gap + (1 if touches and not may_touch else 0)
        end = start + length
        found.append(Span(start, end, label))
    return found, end + draw(st.integers(0, 2))


@pytest.mark.parametrize(
    ("scheme", "tags", "iob2"),
    [
        ("iob1", "I-X I-X O I-X", "B-X I-X O B-X"),
        ("iob1", "I-X B-X I-X", "B-X B-X I-X"),
        ("iob1", "I-X I-Y I-X", "B-X B-Y B-X"),
        ("iob1", "B-X I-X O B-X B-X", "B-X I-X O B-X B-X"),
        ("iob1", "B-X I-Y", "B-X B-Y"),
        ("iob2", "B-X I-X B-X O", "B-X I-X B-X O"),
        ("iob2", "I-X O I-Y I-X", "I-X O I-Y I-X"),
        ("iob2", "B I O I", "B-_ I-_ O I-_"),
        ("bioes", "S-X B-X E-X B-X I-X I-X E-X S-X", "B-X B-X I-X B-X I-X I-X I-X B-X"),
        ("bioes", "B-X O B-X B-X", "B-X O B-X B-X"),
        ("bioes", "I-X E-X O E-X O I-X", "B-X I-X O B-X O B-X"),
        ("bioes", "B-X I-Y E-X", "B-X B-Y B-X"),
        ("bioes", "B-X E-X E-X I-X", "B-X I-X B-X B-X"),
        ("bioes", "S-X I-X S-X E-X", "B-X B-X B-X B-X"),
        ("bioes", "B I E S O", "B-_ I-_ I-_ B-_ O"),
        ("bilou", "U-X B-X L-X O B-A-B I-A-B L-A-B", "B-X B-X I-X O B-A-B I-A-B I-A-B"),
        ("bilou", "L-X U-X I-X B-X", "B-X B-X B-X B-X"),
        ("io", "I-X I-X I-Y O I-Y", "B-X I-X B-Y O B-Y"),
        ("io", "I I O I", "B-_ I-_ O B-_"),
        ("plain", "X X GPE-LOC O GPE-LOC", "B-X I-X B-GPE-LOC O B-GPE-LOC"),
        ("plain", "B I", "B-B B-I"),
    ],
)
def test_to_iob2_by_table(scheme, tags, iob2):
    assert to_iob2(tags.split(), scheme) == iob2.split()


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", "I-X B-X I-X B-X I-Y O I-X I-X"),
        ("iob2", "B-X B-X I-X B-X B-Y O B-X I-X"),
        ("bioes", "S-X B-X E-X S-X S-Y O B-X E-X"),
        ("bilou", "U-X B-X L-X U-X U-Y O B-X L-X"),
    ],
)
def test_from_iob2_by_table(scheme, tags):
    assert from_iob2(["B-X", "B-X", "I-X", "B-X", "B-Y", "O", "B-X", "I-X"], scheme) == tags.split()


def test_from_iob2_without_labels():
    assert from_iob2(["B", "I", "O", "B"], "bioes") == ["B-_", "E-_", "O", "S-_"]


@pytest.mark.parametrize(("scheme", "tags"), [("io", "I-X I-X I-Y O I-Y"), ("plain", "X X Y O Y")])
def test_from_iob2_where_touching_entities_cannot_be_spelt(scheme, tags):
    assert from_iob2(["B-X", "I-X", "B-Y", "O", "B-Y"], scheme) == tags.split()
    with pytest.raises(TouchingEntitiesError, match=f"received two X entities .* {scheme}") as error:
        from_iob2(["O", "B-X", "I-X", "B-X"], scheme)
    assert error.value.position == 3


@pytest.mark.parametrize(("first", "second"), list(product(SCHEMES, SCHEMES)))
def test_the_way_through_two_schemes_loses_nothing(first, second):
    @given(spans(may_touch=not {first, second} & set(BLIND)))
    def check(sentence):
        iob2 = spans_to_tags(*sentence)
        in_first = from_iob2(iob2, first)
        in_second = from_iob2(to_iob2(in_first, first), second)
        assert not [*illegal_positions(in_first, first), *illegal_positions(in_second, second)]
        assert to_iob2(in_second, second) == iob2

    check()


@given(spans())
def test_spans_and_tags_spell_each_other(sentence):
    found, num_words = sentence
    tags = spans_to_tags(found, num_words)
    assert len(tags) == num_words
    assert tags_to_spans(tags, strict=True) == found


@pytest.mark.parametrize("wrong", [[(0, 2), (1, 3)], [(2, 3), (0, 1)], [(1, 1)], [(2, 4)]])
def test_spans_that_cannot_be_spelt(wrong):
    with pytest.raises(ValueError, match="in order"):
        spans_to_tags([Span(start, end, "X") for start, end in wrong], 3)


@pytest.mark.parametrize(
    ("scheme", "oracle"), [("iob1", IOB1), ("bioes", IOBES), ("bilou", BILOU)], ids=lambda value: str(value)
)
def test_legal_tags_are_read_as_seqeval_reads_them(scheme, oracle):
    @given(spans())
    def check(sentence):
        iob2 = spans_to_tags(*sentence)
        tags = from_iob2(iob2, scheme)
        expected = [Span(entity.start, entity.end, entity.tag) for entity in Entities([tags], oracle).entities[0]]
        assert tags_to_spans(to_iob2(tags, scheme)) == expected == sentence[0]

    check()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_tags_of_a_scheme_can_be_read(scheme):
    @given(drawn_tags(scheme))
    def check(tags):
        assert not any(what_is_wrong(tag, scheme) for tag in tags)
        iob2 = to_iob2(tags, scheme)
        assert [tag == "O" for tag in iob2] == [tag == "O" for tag in tags]
        assert to_iob2(iob2, "iob2") == iob2
        assert scheme == "iob2" or not list(illegal_positions(iob2, "iob2"))

    check()


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme not in BLIND])
def test_legal_is_what_is_spelt_the_same_again(scheme):
    @given(drawn_tags(scheme).map(lambda tags: [tag + "-_" if len(tag) == 1 and tag != "O" else tag for tag in tags]))
    def check(tags):
        spelt = spans_to_tags(tags_to_spans(to_iob2(tags, scheme)), len(tags), scheme=scheme)
        assert (tags == spelt) == (not list(illegal_positions(tags, scheme)))

    check()


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("iob1", "I-X B-X O I-X I-Y", []),
        ("iob1", "B-X O B-X I-Y B-X", [(0, "B-X at the start; expected I-X"), (2, "B-X after O; expected I-X"),
                                       (4, "B-X after I-Y; expected I-X")]),
        ("iob2", "I-X O I-X I-X", [(0, "I-X at the start; expected B-X"), (2, "I-X after O; expected B-X")]),
        ("iob2", "B-X I-Y", [(1, "I-Y after B-X; expected B-Y")]),
        ("iob2", "B O I", [(2, "I after O; expected B")]),
        ("bioes", "B-X O", [(0, "B-X not ended; expected I-X or E-X after it")]),
        ("bioes", "B-X I-X S-X", [(1, "I-X not ended; expected I-X or E-X after it")]),
        ("bioes", "O B-X", [(1, "B-X not ended; expected I-X or E-X after it")]),
        ("bioes", "O E-X", [(1, "E-X after O; expected B-X or S-X")]),
        ("bioes", "O I-X O", [(1, "I-X after O; expected B-X or S-X")]),
        ("bioes", "B-X E-Y S-X", [(1, "E-Y after B-X; expected B-Y or S-Y")]),
        ("bioes", "S-X E-X", [(1, "E-X after S-X; expected B-X or S-X")]),
        ("bilou", "B-X U-X L-X", [(0, "B-X not ended; expected I-X or L-X after it"),
                                  (2, "L-X after U-X; expected B-X or U-X")]),
        ("bioes", "B-X ? E-X", []),
        ("io", "I-X I-Y", []),
        ("plain", "X Y", []),
    ],
)  # fmt: skip
def test_illegal_positions_by_table(scheme, tags, expected):
    assert list(illegal_positions(tags.split(), scheme)) == expected


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_word_is_reported_twice(scheme):
    @given(drawn_tags(scheme))
    def check(tags):
        positions = [position for position, _ in illegal_positions(tags, scheme)]
        assert positions == sorted(set(positions))

    check()


@pytest.mark.parametrize(
    ("scheme", "tag", "problem"),
    [
        (
            "iob2",
            "S-PER",
            "received tag 'S-PER'; expected O, B-LABEL or I-LABEL. Correct the tag, or name the tagging scheme",
        ),
        ("iob1", "PER", "received tag 'PER'; expected O, B-LABEL or I-LABEL."),
        ("bioes", "L-PER", "received tag 'L-PER'; expected O, B-LABEL, I-LABEL, E-LABEL or S-LABEL."),
        ("io", "B-PER", "received tag 'B-PER'; expected O or I-LABEL."),
        (
            "iob2",
            "b-per",
            "received tag 'b-per'; expected O, B-LABEL or I-LABEL. Prefixes are capital letters: write B",
        ),
        ("iob2", "B-", "received tag 'B-'; expected a label after the prefix, such as B-PER."),
        ("iob2", "O-PER", "received tag 'O-PER'; expected O, B-LABEL or I-LABEL."),
        ("iob2", "", "received tag ''; expected O, B-LABEL or I-LABEL."),
        ("plain", "", "received tag ''; expected O or a label."),
    ],
)
def test_what_is_wrong_by_table(scheme, tag, problem):
    assert what_is_wrong(tag, scheme).startswith(problem)
    with pytest.raises(ValueError, match="received tag"):
        to_iob2(["O", tag], scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_wrong_with_the_tags_of_a_scheme(scheme):
    assert not [tag for tag in all_tags(scheme) if what_is_wrong(tag, scheme)]


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ([], "iob2"),
        (["", "O O"], "iob2"),
        (["B-X"], "iob2"),
        (["B-X I-X O B-X"], "iob2"),
        (["I-X I-X O", "I-Y"], "io"),
        (["I-X B-X", "I-X"], "iob1"),
        (["I-X B-X B-X I-Y"], "iob1"),
        (["I-X", "B-X"], "iob2"),
        (["I-X B-Y"], "iob2"),
        (["B-X O O I-X B-X", "I-X"], "iob1"),
        (["B-X E-X"], "bioes"),
        (["S-X"], "bioes"),
        (["B-X L-X"], "bilou"),
        (["O U-X"], "bilou"),
        (["B-X I-X L-X U-X B-X E-X"], "bilou"),
        (["PER PER O"], "plain"),
        (["GPE-LOC O"], "plain"),
        (["B-cell T-cell T-cell"], "plain"),
        (["B-X I-X PER"], "iob2"),
        (["B I O", "B"], "iob2"),
        (["I I O", "I"], "io"),
        (["B I E O", "S"], "bioes"),
        (["b-per i-per O"], "iob2"),
        (["B-A-B I-A-B O"], "iob2"),
    ],
)
def test_detect_scheme_by_table(sentences, scheme):
    assert detect_scheme([sentence.split() for sentence in sentences]) == scheme


@st.composite
def corpora(draw: st.DrawFn) -> list[list[str]]:
    """IOB2 tags of 200 sentences and more: drawn ones many times over, and one of each thing that tells the schemes."""
    telling = ["B-PER I-PER I-PER O", "O B-LOC O"]
    drawn = [spans_to_tags(*sentence) for sentence in draw(st.lists(spans(may_touch=False), max_size=8))]
    return [*(sentence.split() for sentence in telling), *drawn] * 100


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_scheme_of_a_corpus_is_found_in_spite_of_faults(scheme):
    @given(
        corpora(), st.lists(st.sampled_from(["PER", "b-PER", "I-PER", "S-LOC", "U-LOC", "E-A-B", "L-A-B"]), max_size=2)
    )
    def check(corpus, faults):
        tags = [from_iob2(sentence, scheme) for sentence in corpus]
        if scheme == "iob1":
            tags.append(["I-PER", "B-PER"])
        assert detect_scheme(tags) == scheme
        assert detect_scheme([*tags, *(["O", fault, "O"] for fault in faults)]) == scheme

    check()


def test_a_begin_where_iob1_or_iob2_has_none():
    iob1 = [["I-X", "O", "I-Y"], ["I-X", "B-X"]] * 20
    assert detect_scheme([*iob1, ["O", "B-X", "O"]]) == "iob1"
    iob2 = [["B-X", "I-X", "O", "B-Y"]] * 20
    assert detect_scheme([*iob2, ["O", "I-X", "O"]]) == "iob2"


@pytest.mark.parametrize(
    ("tags", "mapping", "expected"),
    [
        ("B-GPE I-GPE B-LOC", {"GPE": "LOC"}, "B-LOC I-LOC B-LOC"),
        ("B-GPE O B-PER", {"GPE": None}, "O O B-PER"),
        ("I-GPE I-LOC O I-LOC", {"GPE": "LOC"}, "I-LOC B-LOC O I-LOC"),
        ("I-LOC I-GPE I-GPE", {"GPE": "LOC"}, "I-LOC B-LOC I-LOC"),
        ("B-X I-Y I-X", {"Y": None}, "B-X O I-X"),
        ("B-X B-Y", {"X": "Y", "Y": "X"}, "B-Y B-X"),
        ("B I O", {"_": "KEY"}, "B-KEY I-KEY O"),
    ],
)
def test_relabel_by_table(tags, mapping, expected):
    assert relabel(tags.split(), mapping) == expected.split()


@given(drawn_tags("iob2"), st.dictionaries(st.sampled_from(LABELS), st.sampled_from([*LABELS, "NEW", None])))
def test_relabel_touches_labels_only(tags, mapping):
    before = tags_to_spans(to_iob2(tags, "iob2"))
    renamed = [span._replace(label=mapping.get(span.label, span.label)) for span in before]
    assert tags_to_spans(relabel(tags, mapping)) == [span for span in renamed if span.label is not None]
    assert relabel(tags, {}) == to_iob2(tags, "iob2")


def test_the_schemes_of_real_corpora(shared):
    def tags(path, separator):
        blocks = (shared / "data" / path).read_text(encoding="utf-8").split("\n\n")
        return [[line.split(separator)[-1].strip() for line in block.splitlines() if line.strip()] for block in blocks]

    iob2 = tags("conll2003/valid.txt", " ")
    assert detect_scheme(iob2) == "iob2"
    assert detect_scheme(tags("wnut17/wnut17train.conll", "\t")) == "iob2"
    for scheme in ("iob1", "iob2", "bioes", "bilou"):
        spelt = [from_iob2(sentence, scheme) for sentence in iob2]
        assert detect_scheme(spelt) == scheme
        assert [to_iob2(sentence, scheme) for sentence in spelt] == iob2
        assert not any(list(illegal_positions(sentence, scheme)) for sentence in spelt)

"""Documents of spaCy 3."""

import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import examples
from tests.damage import damage_and_check
from tf_ner import load_corpus
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError

spacy = pytest.importorskip("spacy", reason="spaCy is an extra")
from spacy.tokens import Doc, DocBin, Span  # noqa: E402

NLP = spacy.blank("xx")


def document(words, entities=None, *, spans=None, **annotations):
    made = Doc(NLP.vocab, words=words, **annotations)
    if entities is not None:
        made.ents = [Span(made, start, end, label) for start, end, label in entities]
    for name, group in (spans or {}).items():
        made.spans[name] = [Span(made, start, end, label) for start, end, label in group]
    return made


def write(path, *documents):
    DocBin(docs=documents, store_user_data=True).to_disk(path)
    return path


def read(path, **layout):
    findings = []
    sentences = [sentence[:2] for sentence in read_corpus_file(path, Layout(**layout), report=findings.append)]
    return sentences, [(finding.kind, finding.line, finding.is_error) for finding in findings]


def test_entities_of_documents_and_their_sentences(tmp_path):
    first = document(
        ["Greta", "Lund", "left", "\n\n", "Oslo", "."], [(0, 2, "PER"), (4, 5, "LOC")],
        sent_starts=[True, False, False, False, True, False],
    )  # fmt: skip
    path = write(tmp_path / "a.spacy", first, document(["No", "\n", "one"], []))
    assert read(path) == (
        [
            (["Greta", "Lund", "left"], ["B-PER", "I-PER", "O"]),
            (["Oslo", "."], ["B-LOC", "O"]),
            (["No"], ["O"]),
            (["one"], ["O"]),
        ],
        [],
    )
    starts = [sentence.begins_document for sentence in read_corpus_file(path)]
    assert starts == [True, False, True, False]


def test_an_entity_is_not_divided_where_a_line_ends(tmp_path):
    path = write(tmp_path / "a.spacy", document(["New", "\n", "York", "!", "\n", "Yes"], [(0, 3, "LOC")]))
    assert read(path)[0] == [(["New", "York", "!"], ["B-LOC", "I-LOC", "O"]), (["Yes"], ["O"])]


def test_what_says_nothing_is_left_out(tmp_path):
    path = write(tmp_path / "a.spacy", document(["a"]), document(["b"], []))
    assert read(path) == ([(["b"], ["O"])], [("not-annotated", 1, False)])


def test_groups_of_spans(tmp_path):
    nested = {"sc": [(0, 3, "ORG"), (2, 3, "LOC")]}
    path = write(tmp_path / "a.spacy", document(["Bank", "of", "Oslo"], spans=nested))
    assert read(path) == ([], [("overlapping-spans", 1, True)])
    kept = [(["Bank", "of", "Oslo"], ["B-ORG", "I-ORG", "I-ORG"])]
    assert read(path, overlaps="longest") == (kept, [("overlapping-spans", 1, False)])
    two = {"a": [(0, 1, "X")], "b": [(0, 1, "Y")]}
    path = write(tmp_path / "b.spacy", document(["Bank"], spans=two))
    assert read(path) == ([], [("bad-span", 1, True)])
    assert read(path, tag_column="b") == ([(["Bank"], ["B-Y"])], [])


def test_parts_of_speech(tmp_path):
    path = write(tmp_path / "a.spacy", document(["We", "left"], pos=["PRON", "VERB"], tags=["PRP", "VBD"]))
    assert read(path, task="pos") == ([(["We", "left"], ["PRON", "VERB"])], [])
    assert read(path, task="pos", tag_column="tag") == ([(["We", "left"], ["PRP", "VBD"])], [])
    path = write(tmp_path / "b.spacy", document(["We", "left"], pos=["PRON", ""]))
    assert read(path, task="pos") == ([], [("empty-tag", 1, True)])


def test_a_folder_of_splits(tmp_path):
    for name in ("train", "dev"):
        write(tmp_path / f"{name}.spacy", document(["Oslo"], [(0, 1, "LOC")]))
    assert load_corpus(tmp_path).keys() == {"train", "validation"}


def test_without_spacy(tmp_path, monkeypatch):
    path = write(tmp_path / "train.spacy", document(["Oslo"], [(0, 1, "LOC")]))
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(DataError, match="pip install spacy"):
        load_corpus(tmp_path)
    monkeypatch.undo()
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="which cannot be read"):
        load_corpus(tmp_path)


WORDS = st.text("abc\u0301দ🦜👩‍👩‍👧שa-", min_size=1, max_size=4)


@given(data=st.data())
def test_a_corpus_comes_back(tmp_path_factory, data):
    words = data.draw(st.lists(WORDS, min_size=1, max_size=8))
    borders = sorted(data.draw(st.sets(st.integers(0, len(words)), max_size=4)))
    entities = [(start, end, "AB"[start % 2]) for start, end in zip(borders[::2], borders[1::2], strict=False)]
    tags = ["O"] * len(words)
    for start, end, label in entities:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    path = write(tmp_path_factory.mktemp("spacy") / "a.spacy", document(words, entities))
    assert read(path) == ([(words, tags)], [])


def test_damaged_files_end_in_no_traceback(tmp_path):
    """Damaged before they are compressed, since a checksum finds the rest."""
    path = write(tmp_path / "a.spacy", document(["Greta", "left"], [(0, 1, "PER")]), document(["b"], []))
    whole = {"inner": zlib.decompress(path.read_bytes())}

    def ended(inner, _):
        path.write_bytes(zlib.compress(inner.read_bytes()))
        try:
            read(path)
        except DataError:
            return "refused"
        return "read"

    assert damage_and_check(tmp_path, whole, ended, num_cases=examples(4), seed=0)["inner", "refused"] > 0

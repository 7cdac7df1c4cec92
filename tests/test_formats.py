import io

import pytest

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.formats.conll import read_conll, write_conll
from tf_ner.corpus.loading.sources import load_corpus
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError

CASES = {
    "two columns": (b"EU B-ORG\nrejects O\n\nPeter B-PER\n", [("EU rejects", "B-ORG O"), ("Peter", "B-PER")]),
    "four columns": (b"EU NNP B-NP B-ORG\n\n", [("EU", "B-ORG")]),
    "tabs": (b"EU\tB-ORG\nit\tO\n", [("EU it", "B-ORG O")]),
    "runs of spaces": (b"EU   B-ORG \n", [("EU", "B-ORG")]),
    "separator with a tab": (b"a\tO\n\t\nb\tO\n", [("a", "O"), ("b", "O")]),
    "several separators": (b"\n\na O\n\n \nb O\n\n\n", [("a", "O"), ("b", "O")]),
    "document starts": (b"-DOCSTART- O\n\na O\n-DOCSTART- O\nb O\n", [("a", "O"), ("b", "O")]),
    "carriage returns": (b"a O\r\n\r\nb B-X\r\n", [("a", "O"), ("b", "B-X")]),
    "byte order mark": (b"\xef\xbb\xbfa O\n", [("a", "O")]),
    "no final line end": (b"a O\nb O", [("a b", "O O")]),
    "a byte order mark in a word stays": ("a\ufeff O\n".encode(), [("a\ufeff", "O")]),
    "a line separator character is a word": ("a\u2028b\tO\n".encode(), [("a\u2028b", "O")]),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES)
def test_reads(tmp_path, content, expected):
    path = tmp_path / "file.conll"
    path.write_bytes(content)
    assert [(" ".join(s.words), " ".join(s.tags)) for s in read_conll(path)] == expected


def test_unicode_spaces_are_words_between_tabs(tmp_path):
    path = tmp_path / "file.conll"
    path.write_text("\u3000\tO\n\u00a0\tB-X\n", encoding="utf-8")
    assert [s.words for s in read_conll(path)] == [["\u3000", "\u00a0"]]


def test_columns_can_be_chosen_and_lines_are_counted(tmp_path):
    path = tmp_path / "file.conll"
    path.write_text("-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\n", encoding="utf-8")
    [sentence] = read_conll(path, Layout(word_column=0, tag_column=1))
    assert (sentence.tags, sentence.lines) == (["NNP"], [3])


LAYOUTS = {
    "by name": ({"columns": ("pos", "word", "ner")}, "NNP EU B-ORG\n", ("EU", "B-ORG")),
    "an index in front": ({"columns": ("index", "word", "ner")}, "1 EU B-ORG\n", ("EU", "B-ORG")),
    "a number of the task's": ({"task": "pos", "tag_column": 1}, "EU NNP B-ORG\n", ("EU", "NNP")),
    "numbers as text": ({"word_column": "-1", "tag_column": "0"}, "B-ORG EU\n", ("EU", "B-ORG")),
    "another name than the task's": (
        {"columns": ("word", "fine", "ner"), "tag_column": "fine"},
        "EU B-A O\n",
        ("EU", "B-A"),
    ),
    "a prefix": ({"word_prefix": "en:"}, "en:en:EU B-ORG\n", ("en:EU", "B-ORG")),
    "comments": ({"comments": True}, "# id 1\nEU B-ORG\n#\n", ("EU", "B-ORG")),
    "no comments": ({}, "#EU B-ORG\n", ("#EU", "B-ORG")),
    "a document behind an index": ({"columns": ("index", "word", "ner")}, "0 -DOCSTART- O\n1 a O\n", ("a", "O")),
    "a document behind a prefix": ({"word_prefix": "en:"}, "en:-DOCSTART- O\nen:a O\n", ("a", "O")),
}


@pytest.mark.parametrize(("layout", "text", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_says_what_stands_where(tmp_path, layout, text, expected):
    path = tmp_path / "file.conll"
    path.write_text(text, encoding="utf-8")
    assert [(" ".join(s.words), " ".join(s.tags)) for s in read_conll(path, Layout(**layout))] == [expected]


BAD = {
    "one column": (b"a O\nb\n", ":2: received 1 column ('b'); expected 2"),
    "one column throughout": (b"a\nb\n", ":1: received 1 column"),
    "too many columns": (b"a O\nb c O\n", ":2: received 3 columns"),
    "no tag": (b"a\tO\nb\t\n", ":2: received 1 column"),
    "no word": (b"a\tO\n\tO\n", ":2: received an empty word"),
    "not UTF-8": (b"a O\n\nb\xff O\n", ":3: received bytes that are not UTF-8"),
    "UTF-16": ("a O\n".encode("utf-16-le"), ":1: received a NUL byte"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_bad_rows_are_named_by_line(tmp_path, content, message):
    path = tmp_path / "file.conll"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        list(read_conll(path))
    assert str(error.value).startswith(str(path) + message)


def test_a_reader_that_may_go_on_leaves_out_bad_lines(tmp_path):
    path = tmp_path / "file.conll"
    path.write_bytes(b"a O\nb\nc B-X\n\n\xff O\n\n\tO\nd O\n")
    findings: list[Finding] = []
    assert [s.words for s in read_conll(path, report=findings.append)] == [["a", "c"], ["d"]]
    assert [(f.kind, f.line) for f in findings] == [("ragged-row", 2), ("encoding", 5), ("empty-word", 7)]


def test_a_word_without_the_prefix_is_named(tmp_path):
    path = tmp_path / "file.conll"
    path.write_text("en:a O\nb O\n", encoding="utf-8")
    with pytest.raises(DataError, match=r":2: received an empty word in 'b O'; expected 'en:' and a word"):
        list(read_conll(path, Layout(word_prefix="en:")))


@pytest.mark.parametrize(
    ("name", "text", "layout"),
    [
        ("a.conll", "EU NN B-ORG\n", {"word_column": -1}),
        ("a.conll", "EU B-ORG\n", {"tag_column": 0}),
        ("a.conllu", "1\tEU" + "\t_" * 8 + "\n", {"tag_column": "form"}),
        ("a.jsonl", '{"words": ["EU"]}\n', {"word_column": "words", "tag_column": "words"}),
        ("a.jsonl", '{"words": ["EU"], "tags": ["B-ORG"]}\n', {"tag_column": "words"}),
    ],
)
def test_the_tag_is_never_the_word(tmp_path, name, text, layout):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"for (both )?words and tags.*; expected two"):
        list(read_corpus_file(tmp_path / name, Layout(**layout)))


@pytest.mark.parametrize(("name", "message"), [("none.conll", "does not exist"), (".", "the folder")])
def test_a_path_that_is_no_file(tmp_path, name, message):
    with pytest.raises(DataError, match=message):
        list(read_conll(tmp_path / name))


def test_what_is_written_is_read_again(tmp_path):
    sentences = [(["New York", "\u3000", "x"], ["B-LOC", "O", "O"], ["O", "O", "I-LOC"]), (["a\tb\nc"], ["O"], ["O"])]
    path = tmp_path / "out.conll"
    with path.open("w", encoding="utf-8") as file:
        write_conll(file, sentences)
    read = [(s.words, s.tags) for s in read_conll(path)]
    assert read == [(["New York", "\u3000", "x"], ["O", "O", "I-LOC"]), (["a b c"], ["O"])]


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        write_conll(io.StringIO(), [(["a", "b"], ["O"])])


@pytest.mark.parametrize(
    ("split", "sentences", "words"),
    [("train", 14041, 203621), ("validation", 3250, 51362), ("test", 3453, 46435)],
)
def test_conll2003_is_read_whole(shared, conll2003, split, sentences, words):
    rows = conll2003[split]
    assert (len(rows), sum(map(len, rows["words"]))) == (sentences, words)


@pytest.fixture(scope="module")
def conll2003(shared):
    return load_corpus(shared / "data" / "conll2003")


def test_conll2003_has_the_ids_of_the_published_one(conll2003):
    first = conll2003["train"][0]
    assert first["words"] == ["EU", "rejects", "German", "call", "to", "boycott", "British", "lamb", "."]
    assert first["tags"] == [3, 0, 7, 0, 0, 0, 7, 0, 0]


def test_wnut17_is_read_whole(shared):
    folder = shared / "data" / "wnut17"
    files = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}
    corpus = load_corpus(files={split: folder / name for split, name in files.items()})
    assert {split: len(rows) for split, rows in corpus.items()} == {"train": 3394, "validation": 1009, "test": 1287}

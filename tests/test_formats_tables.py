import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.formats.tables import parse_list
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError


def read(path, **layout):
    """The sentences of a file, and its findings as (kind, line)."""
    findings: list[Finding] = []
    sentences = list(read_corpus_file(path, Layout(**layout), report=findings.append))
    return [("|".join(s.words), " ".join(s.tags)) for s in sentences], [(f.kind, f.line) for f in findings]


def write(tmp_path, text, name="train.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


TWO = [("EU|said", "B-ORG O"), ("Ada", "B-PER")]
TABLES = {
    "sentence numbers": ("sentence,word,tag\n1,EU,B-ORG\n1,said,O\n2,Ada,B-PER\n", {}, TWO),
    "Kaggle": (
        "Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-ORG\n,said,VBD,O\nSentence: 2,Ada,NNP,B-PER\n",
        {},
        TWO,
    ),
    "Kaggle, parts of speech": (
        "Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-ORG\n",
        {"task": "pos"},
        [("EU", "NNP")],
    ),
    "blank rows": ("word,tag\nEU,B-ORG\nsaid,O\n\nAda,B-PER\n\n\n", {}, TWO),
    "blank rows of commas": ("word,tag\r\n,\r\nEU,B-ORG\r\nsaid,O\r\n,\r\nAda,B-PER\r\n", {}, TWO),
    "a blank row between numbered ones": ("sentence_id,word,tag\n1,EU,B-ORG\n,,\n1,said,O\n2,Ada,B-PER", {}, TWO),
    "JSON lists": ('tokens,ner_tags\n"[""EU"", ""said""]","[""B-ORG"", ""O""]"\n"[""Ada""]","[""B-PER""]"\n', {}, TWO),
    "Python lists": ("id,tokens,ner_tags\n1,\"['EU', 'said']\",\"['B-ORG', 'O']\"\n2,['Ada'],['B-PER']\n", {}, TWO),
    "quotes, commas, line ends": (
        'word,tag\n"""",O\n",",O\n"a\r\nb",B-X\n',
        {},
        [('"|,|a\r\nb', "O O B-X")],
    ),
    "brackets as words": ("word,tag\n[,O\n[x],O\n", {}, [("[|[x]", "O O")]),
    "semicolons": ("word;tag\nEU;B-ORG\n1,5;O\n", {}, [("EU|1,5", "B-ORG O")]),
    "tabs": ("word\ttag\nEU\tB-ORG\n", {}, [("EU", "B-ORG")]),
    "a byte order mark": ("\ufeffword,tag\nEU,B-ORG\n", {}, [("EU", "B-ORG")]),
    "by name, in any letters": (
        "Form,Fine,tag\nEU,B-A,O\n",
        {"word_column": "form", "tag_column": "fine"},
        [("EU", "B-A")],
    ),
    "by number": ("a,b,c\nO,x,EU\n", {"word_column": -1, "tag_column": 0}, [("EU", "O")]),
    "white space is a word": ('word,tag\n" ",O\n\u3000,O\n', {}, [(" |\u3000", "O O")]),
    "only a header": ("word,tag\n", {}, []),
    "empty": ("", {}, []),
}


@pytest.mark.parametrize(("text", "layout", "expected"), TABLES.values(), ids=TABLES)
def test_csv(tmp_path, text, layout, expected):
    assert read(write(tmp_path, text), **layout) == (expected, [])


TSV = {
    "a header": ("sentence\tword\ttag\n1\tEU\tB-ORG\n1\tsaid\tO\n2\tAda\tB-PER\n", {}, TWO),
    "blank lines": ("\ufeffToken\tLabel\r\nEU\tB-ORG\r\nsaid\tO\r\n\r\nAda\tB-PER\r\n", {}, TWO),
    "quotes are characters": ('word\ttag\n"\tO\n"a\tO\n', {}, [('"|"a', "O O")]),
    "no header": ("EU\tB-ORG\nsaid\tO\n\nAda\tB-PER\n", {}, TWO),
    "a header by given names": (
        "form\tfine\nEU\tB-ORG\n",
        {"word_column": "form", "tag_column": "fine"},
        [("EU", "B-ORG")],
    ),
    "a header, columns by number": (
        "word\tpos\tner\nEU\tNNP\tB-ORG\n",
        {"word_column": 0, "tag_column": 1},
        [("EU", "NNP")],
    ),
}


@pytest.mark.parametrize("name", ["train.tsv", "train.txt", "train.conll"])
def test_the_names_of_columns_are_no_words_where_the_columns_are_said(tmp_path, name):
    layout = {"columns": ("word", "pos"), "task": "pos"}
    text = "word\tpos\nAda\tNOUN\nword\tpos\n"
    assert read(write(tmp_path, text, name), **layout) == ([("Ada|word", "NOUN pos")], [("header", 1)])


@pytest.mark.parametrize("name", ["train.tsv", "train.txt"])
@pytest.mark.parametrize(("text", "layout", "expected"), TSV.values(), ids=TSV)
def test_tsv_is_told_by_its_header(tmp_path, name, text, layout, expected):
    assert read(write(tmp_path, text, name), **layout) == (expected, [])


BAD_ROWS = {
    "too few cells": ("word,tag\na,O\nb\nc,O\n", [("a|c", "O O")], [("ragged-row", 3)]),
    "too many cells": ("word,tag\na,O\n,,O\nc,O\n", [("a|c", "O O")], [("ragged-row", 3)]),
    "an empty word": ("word,tag\na,O\n,O\n", [("a", "O")], [("empty-word", 3)]),
    "an empty tag": ("n,word,tag\n1,a,O\n2,b,\n", [("a", "O")], [("empty-tag", 3)]),
    "a wrong row that begins a sentence": (
        "sentence,word,tag\n1,a,O\n2,,O\n,b,O\n",
        [("a", "O"), ("b", "O")],
        [("empty-word", 3)],
    ),
    "not UTF-8": (b"word,tag\na,O\n\xe9,O\nb,O\n", [("a|b", "O O")], [("encoding", 3)]),
    "NUL": (b"word,tag\na,O\n\0,O\n", [("a", "O")], [("encoding", 3)]),
    "a sentence in a row": ("word,tag\na,O\nthe EU,O B-ORG\n", [("a", "O")], [("bad-record", 3)]),
    "a list in a row": ("word,tag\na,O\n\"['a']\",\"['O']\"\n", [("a", "O")], [("bad-record", 3)]),
    "a word and a label with a space": ("word,tag\nthe EU,B-a b\n\xff", [("the EU", "B-a b")], [("ragged-row", 3)]),
    "a quote as a word": ('word,tag\na,O\n",O\nb,O\n', [("a", "O")], [("bad-quotes", 3)]),
    "a quote that swallows": ('word,tag\na,O\n"b,O\nc,O\n"d",O\n', [("a", "O")], [("bad-quotes", 3)]),
    "a quote opened late": ('word,tag\n"a\nb","O\nc,O\n', [], [("bad-quotes", 3)]),
    "text behind a quote": ('word,tag\na,O\n"b"c,O\n', [("a", "O")], [("bad-quotes", 3)]),
    "lists of unequal length": ("words,tags\n\"['a','b']\",['O']\n['a'],['O']\n", [("a", "O")], [("bad-record", 2)]),
    "arrays of numpy": ("words,tags\n['a' 'b'],['O' 'O']\n['a'],['O']\n", [("a", "O")], [("bad-record", 2)]),
    "tags by number": ("words,tags\n['a'],[0]\n['a'],['O']\n", [("a", "O")], [("bad-record", 2)]),
    "no list": ("words,tags\n['a'],['O']\nb,O\n", [("a", "O")], [("bad-record", 3)]),
    "half a character": ("words,tags\n['\\ud800'],['O']\n['a'],['O']\n", [("a", "O")], [("bad-record", 2)]),
}


@pytest.mark.parametrize(("text", "sentences", "findings"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_rows_of_csv_are_left_out_and_told(tmp_path, text, sentences, findings):
    path = write(tmp_path, text)
    assert read(path) == (sentences, findings)
    with pytest.raises(DataError, match=f"^{path}:{findings[0][1]}: received "):
        list(read_corpus_file(path))


def test_a_row_without_a_word_is_told(tmp_path):
    assert read(write(tmp_path, "words,tags\n['a'],['O']\n[],[]\n")) == ([("a", "O")], [("no-word", 3)])


@pytest.mark.parametrize(
    ("header", "blank", "options", "num_sentences", "kinds"),
    [
        ("n,word,tag", "", {}, 1, ["one-sentence"]),
        ("n,word,tag", "", {"sentence_column": "n"}, 60, []),
        ("n,word,tag", "", {"sentence_column": 0}, 60, []),
        ("Sentence ID,word,tag", "", {}, 60, []),
        ("n,word,tag", "\n", {}, 2, []),
    ],
)
def test_a_long_table_says_where_sentences_begin(tmp_path, header, blank, options, num_sentences, kinds):
    rows = [f"{number // 2},w{number},O\n" for number in range(120)]
    path = write(tmp_path, "".join([f"{header}\n", *rows[:60], blank, *rows[60:]]))
    findings = []
    sentences = list(read_corpus_file(path, Layout(**options), report=findings.append))
    assert len(sentences) == num_sentences
    assert sum(len(sentence.words) for sentence in sentences) == 120
    assert [finding.kind for finding in findings] == kinds


def test_a_column_of_sentences_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match=r"and one of sentences .'n'., each once"):
        list(read_corpus_file(write(tmp_path, "word,tag\na,O\n"), Layout(sentence_column="n")))


HEADERS = {
    "no header": "EU,B-ORG\n",
    "no tags": "word,pos\nEU,NNP\n",
    "a name twice": "word,tag,tag\nEU,O,O\n",
    "UTF-16": "word,tag\nEU,O\n".encode("utf-16-le"),
    "spaces": "word tag\nEU O\n",
}


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
def test_a_header_must_name_words_and_tags(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=f"^{path}:1: received"):
        list(read_corpus_file(path))


def test_a_column_that_is_not_there(tmp_path):
    path = write(tmp_path, "word,tag\nEU,O\n")
    with pytest.raises(DataError, match=r"'word', 'tag'; .* \('form'\) and one of tags \(number 5\)"):
        list(read_corpus_file(path, Layout(word_column="form", tag_column=5)))


def test_long_cells_are_read_and_the_limit_of_csv_stays(tmp_path):
    words = ["word"] * 40_000
    path = write(tmp_path, f'words,tags\n"{words}","{["O"] * 40_000}"\n')
    limit = csv.field_size_limit()
    sentences = read_corpus_file(path)
    assert next(sentences).words == words
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("option", [{"columns": ("word", "ner")}, {"word_prefix": "en:"}, {"comments": True}])
def test_options_of_conll_columns_are_refused(tmp_path, option):
    with pytest.raises(DataError, match=r"Received --(columns|word-prefix|comments) for .*train\.csv"):
        read(write(tmp_path, "word,tag\nEU,O\n"), **option)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("['a', \"b's\"]", ["a", "b's"]),
        (r"['\\', '\'\n', '\u200b', '\U0001f99c']", ["\\", "'\n", "\u200b", "\U0001f99c"]),
        ('["a", 1]', ["a", 1]),
        (" [ 'a' , 'b', ] ", ["a", "b"]),
        ("[]", []),
        ("['a' 'b']", "['a' 'b']"),
        ("['a', b]", "['a', b]"),
        ("[__import__('os')]", "[__import__('os')]"),
        ("[['a']]x", "[['a']]x"),
        ("('a',)", "('a',)"),
        ('{"a": 1}', '{"a": 1}'),
    ],
)
def test_lists_in_a_cell(cell, expected):
    assert parse_list(cell) == expected


def table(tmp_path, columns, types=None):
    arrays = {name: pa.array(values, type=(types or {}).get(name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), tmp_path / "train.parquet")
    return tmp_path / "train.parquet"


WORDS, TAGS = [["EU", "said"], ["Ada"]], [["B-ORG", "O"], ["B-PER"]]
TEXTS = pa.dictionary(pa.int32(), pa.string())
PARQUET = {
    "lists": ({"tokens": WORDS, "ner_tags": TAGS}, {}, {}),
    "large lists": (
        {"tokens": WORDS, "tags": TAGS},
        {"tokens": pa.large_list(pa.large_string()), "tags": pa.list_(TEXTS)},
        {},
    ),
    "named": ({"tokens": TAGS, "a": WORDS, "b": TAGS}, {}, {"word_column": "a", "tag_column": 2}),
    "a word each row": (
        {"sentence_id": [1, 1, 2], "word": ["EU", "said", "Ada"], "tag": ["B-ORG", "O", "B-PER"]},
        {"tag": TEXTS},
        {},
    ),
    "rows without a word between": (
        {"word": ["EU", "said", None, "Ada"], "tag": ["B-ORG", "O", None, "B-PER"]},
        {"word": pa.large_string()},
        {},
    ),
}


@pytest.mark.parametrize(("columns", "types", "layout"), PARQUET.values(), ids=PARQUET)
def test_parquet(tmp_path, columns, types, layout):
    assert read(table(tmp_path, columns, types), **layout) == (TWO, [])


@pytest.mark.parametrize("num_rows", [0, 1, 1023, 1024, 1025, 3000])
def test_parquet_is_read_whole(tmp_path, num_rows):
    words = [[f"w{row}"] * (row % 3 + 1) for row in range(num_rows)]
    tags = [["O"] * len(row) for row in words]
    list_type = pa.list_(pa.string())
    path = table(tmp_path, {"words": words, "tags": tags}, {"words": list_type, "tags": list_type})
    sentences = list(read_corpus_file(path))
    assert [s.words for s in sentences] == words
    assert [s.lines[0] for s in sentences] == list(range(1, num_rows + 1))


BAD_PARQUET = {
    "a null row": ({"words": [["a"], None, ["b"]], "tags": [["O"], ["O"], ["O"]]}, {}, ["a", "b"], ("bad-record", 2)),
    "a null word": ({"words": [["a"], [None]], "tags": [["O"], ["O"]]}, {}, ["a"], ("bad-record", 2)),
    "unequal": ({"words": [["a", "b"], ["c"]], "tags": [["O"], ["O"]]}, {}, ["c"], ("bad-record", 1)),
    "an empty row": ({"words": [["a"], []], "tags": [["O"], []]}, {}, ["a"], ("no-word", 2)),
    "a null tag": ({"word": ["a", "b"], "tag": ["O", None]}, {}, ["a"], ("empty-tag", 2)),
}


@pytest.mark.parametrize(("columns", "types", "words", "finding"), BAD_PARQUET.values(), ids=BAD_PARQUET)
def test_bad_rows_of_parquet_are_left_out_and_told(tmp_path, columns, types, words, finding):
    sentences, findings = read(table(tmp_path, columns, types))
    assert ([sentence for sentence, _ in sentences], findings) == (words, [finding])


@pytest.mark.parametrize(
    "columns",
    [
        {"words": WORDS, "tags": [[3, 0], [1]]},
        {"words": [[["EU"]]], "tags": [[["O"]]]},
        {"words": [{"a": 1}], "tags": ["O"]},
        {"words": ["EU said"], "tags": [["O"]]},
        {"words": [1], "tags": [2]},
        {"words": [None], "tags": [None]},
    ],
)
def test_other_types_in_parquet_are_refused(tmp_path, columns):
    with pytest.raises(DataError, match=r"train.parquet with 'words' of type .* expected two lists of strings"):
        read(table(tmp_path, columns))


def test_a_parquet_file_without_such_columns(tmp_path):
    with pytest.raises(DataError, match=r"received the header 'a', 'b'; expected"):
        read(table(tmp_path, {"a": WORDS, "b": TAGS}))


def test_numbers_in_parquet_have_the_names_that_datasets_gave_them(tmp_path):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-ORG", "B-PER"]))})
    rows = Dataset.from_dict({"tokens": [*WORDS, ["x"]], "ner_tags": [[1, 0], [2], [-1]]}, features=features)
    rows.to_parquet(tmp_path / "train.parquet")
    assert read(tmp_path / "train.parquet") == (TWO, [("bad-record", 3)])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"word,tag\nEU,O\n", b"PAR1" + b"\xff" * 99 + b"PAR1"])
def test_a_file_that_is_no_parquet(tmp_path, content):
    with pytest.raises(
        DataError, match=r"train.parquet, which cannot be read \(.*\); expected a complete Parquet file"
    ):
        read(write(tmp_path, content, "train.parquet"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.parquet", "a.jsonl", "a.conllu"])
def test_a_path_that_is_no_file(tmp_path, name):
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / name, task="pos")
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="the folder"):
        read(tmp_path / name, task="pos")

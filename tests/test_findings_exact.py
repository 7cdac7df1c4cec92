"""What readers of tables and records say of a file that is wrong, value by value."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from tests.test_formats_exact import read
from tf_ner.corpus.formats import FORMATS, format_of_file
from tf_ner.corpus.formats.parquet import parquet_rows
from tf_ner.corpus.formats.tables import csv_rows
from tf_ner.corpus.sentences import NO_WORD, Layout, Sentence
from tf_ner.errors import DataError

LONG = "a" * 45
FORTY = "a" * 40
NO_NUMBER = "something that is not a number of characters"
NINES = 10**20 - 1


def spans(text, /, *found, **others):
    return {"text": text, "spans": [list(span) for span in found], **others}


def tokens(text, /, *places, **others):
    return spans(text, tokens=[{"start": start, "end": end, **others} for start, end in places])


RECORDS = {
    "a place that is text": (
        spans("Ada", ("0", 3, "PER")),
        [("bad-span", f"received a span from {NO_NUMBER} to 3; expected whole numbers of characters. Fix the span.")],
    ),
    "the other one": (spans("Ada", (0, True, "PER")), [("bad-span", f"received a span from 0 to {NO_NUMBER};")]),
    "the largest number that is shown": (
        spans("Ada", (-NINES, NINES, "PER")),
        [
            (
                "bad-span",
                f"received a span from -{NINES} to {NINES} (PER) in a text of 3 characters, counted in ",
            )
        ],
    ),
    "a number too long to be shown": (
        spans("Ada", (-NINES - 1, NINES + 1, "PER")),
        [("bad-span", "received a span from a huge number to a huge number (PER) in a text of 3 characters")],
    ),
    "a span of nothing": (spans("Ada", (2, 2, "PER")), [("bad-span", "received a span from 2 to 2 (PER)")]),
    "no label": (
        {"text": "Ada", "spans": [{"start": 0, "end": 3}]},
        [("bad-span", "received a span from 0 to 3 without a label; expected one name under ")],
    ),
    "a token's place that is text": (
        tokens("Ada b", ("0", 3)),
        [("bad-token", f"received a token from {NO_NUMBER} to 3, after 0 characters of 5; expected whole numbers")],
    ),
    "the other one of a token": (
        tokens("Ada b", (0, "3")),
        [("bad-token", f"received a token from 0 to {NO_NUMBER},")],
    ),
    "tokens that go back": (
        tokens("Ada b", (0, 3), (2, 5)),
        [("bad-token", "received a token from 2 to 5, after 3 characters of 5;")],
    ),
    "another text than the token's": (
        tokens(LONG, (0, 45), text="b"),
        [("bad-token", f"received a token whose text differs from '{FORTY}', the text from 0 to 45; expected the")],
    ),
    "text in no token": (
        tokens(f"Ada {LONG}", (0, 3)),
        [("bad-token", f"received '{FORTY}' (in 3 to 49) outside all tokens; expected tokens for all words.")],
    ),
    "a span that begins inside a token": (
        tokens("AdaBob", (0, 6)) | {"spans": [[3, 6, "PER"]]},
        [
            (
                "span-inside-word",
                "received the span 'Bob' (3 to 6, PER), which begins inside the token 'AdaBob' (0 to 6);",
            )
        ],
    ),
    "a long one that ends inside a token": (
        tokens(f"{LONG}{LONG}", (0, 90)) | {"spans": [[0, 45, LONG]]},
        [
            (
                "span-inside-word",
                f"received the span '{FORTY}' (0 to 45, {FORTY}), which ends inside the token '{FORTY}' (0 to 90);",
            )
        ],
    ),
    "white space that ends inside a token": (
        tokens("a bcd", (0, 5)) | {"spans": [[0, 2, "PER"]]},
        [
            (
                "span-with-spaces",
                "received the span 'a ' (0 to 2, PER), with white space at its ends; it is read without that,",
            ),
            ("span-inside-word", "received the span 'a' (0 to 1, PER), which ends inside the token 'a bcd' (0 to 5);"),
        ],
    ),
    "spans under two names": (
        spans("Ada", (0, 3, "A"), label=[[0, 3, "B"]]),
        [("bad-record", "received spans and label next to the text; expected one list of spans. ")],
    ),
    "text of spaces": (spans(" "), [("no-word", NO_WORD)]),
    "no words": ({"words": [], "tags": []}, [("no-word", NO_WORD)]),
    "other keys": (
        {LONG: 1, **{f"key{number:02}": 1 for number in range(12)}},
        [
            (
                "bad-record",
                f"received an object with the keys '{FORTY}', 'key00', 'key01', 'key02', 'key03', 'key04', 'key05', "
                "'key06', 'key07', 'key08'; expected words (words or tokens or word or token) and tags (",
            )
        ],
    ),
    "no keys": ({}, [("bad-record", "received an object with the keys none; expected words (")]),
    "a list": ([1], [("bad-record", "received a list")]),
    "a number": (1, [("bad-record", "received")]),
}


@pytest.mark.parametrize(("record", "expected"), RECORDS.values(), ids=RECORDS)
def test_a_record_that_is_wrong(tmp_path, record, expected):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record) + "\n")
    sentences, found = read(path)
    assert sentences == []
    assert [(kind, line) for kind, line, _, _ in found] == [(kind, 1) for kind, _ in expected]
    for (_, _, _, message), (_, begin) in zip(found, expected, strict=True):
        assert message.startswith(begin)


def test_one_key_for_words_and_tags(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"words": ["a"]}\n')
    sentences, [(kind, line, is_error, message)] = read(path, tag_column="words")
    assert (sentences, kind, line, is_error) == ([], "bad-record", 1, True)
    assert message.startswith("received 'words' for both words and tags; expected two keys.")


def test_a_list_is_not_answered_as_another_value(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("[1]\n1\n")
    _, [(*_, of_list), (*_, of_number)] = read(path)
    assert of_list != of_number
    assert "list" in of_list
    assert "list" not in of_number


RIGHT = {
    "spans beside each other": (spans("Ada-Bob", (0, 4, "A"), (4, 7, "B")), ["Ada", "-", "Bob"], ["B-A", "I-A", "B-B"]),
    "labels of the whole beside spans": (spans("Ada", (0, 3, "PER"), label=["news"]), ["Ada"], ["B-PER"]),
    "tokens with places beside tags of the whole": (tokens("Ada", (0, 3)) | {"tags": ["x"]}, ["Ada"], ["O"]),
}


@pytest.mark.parametrize(("record", "words", "tags"), RIGHT.values(), ids=RIGHT)
def test_a_record_that_is_right(tmp_path, record, words, tags):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record) + "\n")
    [sentence], found = read(path)
    assert sentence == (words, tags, [1] * len(words))
    assert {kind for kind, *_ in found} <= {"span-inside-word"}


ROW = '{"words": ["a"], "tags": ["O"]}'
TEXTS = {
    "no JSON": ("a.jsonl", b'{"a" 1}\n', 0, [("bad-record", 1, "Expecting ':' delimiter")]),
    "a number that is too long": ("a.jsonl", b'{"a": %s}\n' % (b"1" * 5000), 0, [("bad-record", 1, "5000 digits")]),
    "nested": ("a.jsonl", b"[" * 200_000 + b"\n", 0, [("bad-list", 1, "nested too deeply")]),
    "no number of JSON": ("a.jsonl", b'{"a": NaN}\n', 0, [("bad-record", 1, "NaN is not a JSON number")]),
    "no UTF-8": ("a.jsonl", b"\xff\n%s\n" % ROW.encode(), 1, [("encoding", 1, "")]),
    "an empty list": ("a.json", b"[]\n", 0, []),
    "an empty list and more": ("a.json", b"[] x\n", 0, [("bad-list", 1, "")]),
    "a list with one character more": ("a.json", f"[{ROW}]x".encode(), 1, [("bad-list", 1, "")]),
    "a list behind spaces": ("a.json", f"  [{ROW}]\n".encode(), 1, []),
    "a list that breaks off": ("a.json", f"[{ROW},\n".encode(), 1, [("bad-list", 1, "Expecting value")]),
    "a list with no JSON": ("a.json", f'[{ROW},\n{{"a" 1}}]'.encode(), 1, [("bad-list", 2, "Expecting ':' delimiter")]),
    "a list with no UTF-8": ("a.json", b"[\xff]\n", 0, [("encoding", 1, "")]),
    "ragged rows": (
        "a.csv",
        b"word,tag\na\nb,O,c\n,,,\nd,O\n",
        1,
        [("ragged-row", 2, "received 1 cell; expected 2"), ("ragged-row", 3, "received 3 cells; expected 2")],
    ),
    "ragged rows between tabs": ("a.tsv", b"word\ttag\na\nd\tO\n", 1, [("ragged-row", 2, "received 1 cell; expected")]),
    "no UTF-8 between tabs": ("a.tsv", b"word\ttag\n\xff\tO\nd\tO\n", 1, [("encoding", 2, "")]),
    "an empty tag": (
        "a.csv",
        f"word,tag\n{LONG},\nd,O\n".encode(),
        1,
        [("empty-tag", 2, f"received an empty tag next to '{FORTY}'; expected")],
    ),
    "an empty word": (
        "a.csv",
        b"word,tag\n,B-X\n",
        0,
        [("empty-word", 2, "received an empty word next to 'B-X'; exp")],
    ),
    "several in a cell": (
        "a.csv",
        f"word,tag\nb {LONG},O B-{LONG}\nd,O\n".encode(),
        1,
        [("bad-record", 2, f"'b {'a' * 38}'"), ("bad-record", 2, f"'O B-{'a' * 36}'")][:1],
    ),
    "quotes": ("a.csv", b'word,tag\n"a"b,O\n', 0, [("bad-quotes", 2, "',' expected after '\"'")]),
    "lists with a blank row between": ("a.csv", b"words,tags\n['a'],['O']\n\n['b'],['O']\n", 2, []),
    "lists with spaces around": ("a.csv", b"words,tags\n ['a'] , ['O'] \n", 1, []),
    "brackets that open only": ("a.csv", b"word,tag\n[,B-[\n", 1, []),
    "brackets that close only": ("a.csv", b"word,tag\n],B-]\n", 1, []),
}


@pytest.mark.parametrize(("name", "content", "num_sentences", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_file_that_is_wrong_here_and_there(tmp_path, name, content, num_sentences, expected):
    (tmp_path / name).write_bytes(content)
    sentences, found = read(tmp_path / name)
    assert len(sentences) == num_sentences
    assert [(kind, line) for kind, line, _, _ in found] == [(kind, line) for kind, line, _ in expected]
    for (_, _, _, message), (_, _, part) in zip(found, expected, strict=True):
        assert part in message
        # What Python advises itself helps nobody here.
        assert "set_int_max_str_digits" not in message


def test_what_several_in_a_cell_are_named(tmp_path):
    (tmp_path / "a.csv").write_text(f"word,tag\nb {LONG},O B-{LONG}\n")
    _, [(*_, message)] = read(tmp_path / "a.csv")
    assert f"'b {'a' * 38}'" in message
    assert f"'O B-{'a' * 36}'" in message


@pytest.mark.parametrize(
    ("before", "num_words", "is_told"),
    [("", 100, False), ("", 101, True), ("x,O\n\n", 101, False)],
)
def test_one_sentence_of_many_words_is_told(tmp_path, before, num_words, is_told):
    (tmp_path / "a.csv").write_text("word,tag\n" + before + "a,O\n" * num_words)
    sentences, found = read(tmp_path / "a.csv")
    assert [len(words) for words, *_ in sentences] == [1] * ("x" in before) + [num_words]
    first = 2 + before.count("\n")
    assert sentences[-1][2] == list(range(first, first + num_words))
    assert [finding[:3] for finding in found] == [("one-sentence", first, False)] * is_told
    assert all(message for *_, message in found)


@pytest.mark.parametrize(
    ("content", "layout", "name"),
    [
        (b"word\ttag\nEU\tO\n", {}, "tsv"),
        (b"word\ttag\rEU\tO\r", {}, "tsv"),
        (b"word\ttag\t\xff\nEU\tO\n", {}, "tsv"),
        (b"word tag\nEU O\n", {}, "conll"),
        (b"w\ttag\nEU\tO\n", {}, "conll"),
        (b"w\ttag\nEU\tO\n", {"word_column": "w"}, "tsv"),
        (b"word\tt\nEU\tO\n", {"tag_column": "t"}, "tsv"),
        (b"w\ttag\nEU\tO\n", {"word_column": 0}, "conll"),
    ],
)
def test_whether_a_first_line_is_a_header(tmp_path, content, layout, name):
    for ending in (".tsv", ".txt"):
        path = tmp_path / f"a{ending}"
        path.write_bytes(content)
        assert format_of_file(path, Layout(**layout)) == name


@pytest.mark.parametrize(
    ("name", "header", "cells"),
    [
        ("a.tsv", "a\tb,c,d", ["a", "b,c,d"]),
        ("a.TSV", "a\tb,c,d", ["a", "b,c,d"]),
        ("a.csv", "a\tb,c,d", ["a\tb", "c", "d"]),
        ("a.csv", "a;b;c,d", ["a", "b", "c,d"]),
        ("a.csv", "XXXX;b", ["XXXX", "b"]),
    ],
)
def test_what_divides_the_cells(tmp_path, name, header, cells):
    (tmp_path / name).write_text(f"{header}\n")
    assert list(csv_rows(tmp_path / name, print)) == [(1, cells)]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_without_the_columns_is_named(tmp_path, name):
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(pa.table({"a": ["x"], "b": ["y"]}), path)
    else:
        path.write_text("a,b\nx,y\n")
    with pytest.raises(
        DataError, match=rf"^{path}:1: received the header 'a', 'b'; expected a column of words \('w'\)"
    ):
        read(path, word_column="w", tag_column="b")


def saved(path, columns, **names):
    """A Parquet file as `datasets` saves it, with the names of the numbers in some columns."""
    features = {
        column: (
            (List(ClassLabel(names=names[column])) if isinstance(values[0], list) else ClassLabel(names=names[column]))
            if column in names
            else (List(Value("string")) if isinstance(values[0], list) else Value("string"))
        )
        for column, values in columns.items()
    }
    Dataset.from_dict(columns, features=Features(features)).to_parquet(path)
    return path


def test_rows_of_texts_with_names_for_numbers(tmp_path):
    path = saved(
        tmp_path / "a.parquet", {"text": ["x", "y"], "label": [1, 0], "other": ["p", "q"]}, label=["no", "yes"]
    )
    asked = []

    def choose(names):
        asked.append(list(names))
        return ["label", "text"]

    assert list(parquet_rows(path, choose)) == [(1, ("yes", "x")), (2, ("no", "y"))]
    assert asked == [["text", "label", "other"]]
    lists = saved(tmp_path / "b.parquet", {"text": [["x"]], "label": ["a"]})
    with pytest.raises(DataError, match=rf"Received {lists} with 'text' of type .*list.*; expected text, numbers or"):
        list(parquet_rows(lists, lambda names: names))
    with pytest.raises(DataError, match=f"{tmp_path / 'c.parquet'}"):
        list(parquet_rows(tmp_path / "c.parquet", lambda names: names))
    (tmp_path / "c.parquet").write_bytes(b"no Parquet")
    with pytest.raises(DataError, match=rf"Received {tmp_path / 'c.parquet'}, which cannot be read"):
        list(parquet_rows(tmp_path / "c.parquet", lambda names: names))


def test_rows_of_parquet_that_are_wrong(tmp_path):
    path = saved(tmp_path / "a.parquet", {"words": [["a"], ["b", "c"]], "tags": [["O"], ["O"]]})
    sentences, [(kind, row, is_error, _)] = read(path)
    assert (len(sentences), kind, row, is_error) == (1, "bad-record", 2, True)
    path = saved(tmp_path / "b.parquet", {"word": ["a", "b", "c"], "tag": ["O", "", "B-X"]})
    sentences, [(kind, row, _, message)] = read(path)
    assert (len(sentences), kind, row) == (1, "empty-tag", 2)
    assert "next to 'b'" in message


def test_numbers_of_parquet_without_a_name(tmp_path):
    table = saved(tmp_path / "a.parquet", {"words": [["a"]], "tags": [[1]]}, tags=["O", "B-X"])
    assert read(table)[0] == [(["a"], ["B-X"], [1])]
    metadata = pq.read_schema(table).metadata
    more = pa.table({"words": [["a"]], "tags": [[2]]}).replace_schema_metadata(metadata)
    pq.write_table(more, tmp_path / "b.parquet")
    sentences, [(kind, row, is_error, _)] = read(tmp_path / "b.parquet")
    assert (sentences, kind, row, is_error) == ([], "bad-record", 1, True)
    for names in (b"[0, 1]", b'"OB"', b"null"):
        others = {b"huggingface": metadata[b"huggingface"].replace(b'["O", "B-X"]', names)}
        assert others != metadata
        pq.write_table(more.replace_schema_metadata(others), tmp_path / "c.parquet")
        with pytest.raises(DataError, match="expected two lists of strings, or two strings"):
            read(tmp_path / "c.parquet")


@pytest.mark.parametrize(
    "word",
    [
        pa.array([1, 2]).dictionary_encode(),
        pa.array([[["a"]], [["b"]]]),
        pa.array([[1], [2]]),
        pa.array([1, 2]),
        pa.array([{"a": 1}, {"a": 2}]),
    ],
    ids=str,
)
def test_types_of_parquet_that_hold_no_words(tmp_path, word):
    tags = [["O"], ["O"]] if pa.types.is_list(word.type) else ["O", "O"]
    pq.write_table(pa.table({"words": word, "tags": tags}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="expected two lists of strings, or two strings"):
        read(tmp_path / "a.parquet")


def test_columns_of_few_words_that_parquet_numbers(tmp_path):
    words, tags = pa.array(["a", "b", "a"]).dictionary_encode(), pa.array(["O", "O", "B-X"]).dictionary_encode()
    pq.write_table(pa.table({"word": words, "tag": tags}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ([(["a", "b", "a"], ["O", "O", "B-X"], [1, 2, 3])], [])


def test_a_changed_byte_of_parquet_is_seen(tmp_path):
    path = tmp_path / "a.parquet"
    FORMATS["parquet"].write(path, [Sentence([f"word{number}"], ["O"], [number]) for number in range(400)])
    whole = path.read_bytes()
    place = len(whole) // 3
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(
        DataError, match=rf"Received {path}, which cannot be read \(.*\); expected a complete Parquet file"
    ):
        read(path)

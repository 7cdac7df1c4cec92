"""Columns by name, and what records may hold, value by value."""

from pathlib import Path

import pytest

from tf_ner.corpus.sentences import (
    NO_WORD,
    Layout,
    Sentence,
    find_columns,
    is_header,
    raise_same_column,
    require_columns,
    sentence_of_lists,
    what_is_no_text,
    what_is_wrong,
)
from tf_ner.errors import DataError

PATH = Path("file.csv")


@pytest.mark.parametrize(
    ("names", "layout", "expected"),
    [
        ("word tag", {}, (0, 1, None)),
        ("TAG Words", {}, (1, 0, None)),
        ("token tags word", {}, (2, 1, None)),
        ("x tag ner word", {}, (3, 2, None)),
        ("word tag sentence", {}, (0, 1, 2)),
        ("sentence sent_id word tag", {}, (2, 3, 1)),
        # One is missing, or is there twice.
        ("word x", {}, None),
        ("x tag", {}, None),
        ("word word tag", {}, None),
        ("word tag tag", {}, None),
        ("word tag sentence sentence", {}, (0, 1, None)),
        ("word tag", {"tag_column": "word"}, None),
        ("word tag", {"word_column": 1}, None),
        # By number, to both ends and past them.
        ("a b c", {"word_column": 0, "tag_column": 2}, (0, 2, None)),
        ("a b c", {"word_column": -3, "tag_column": -1}, (0, 2, None)),
        ("a b c", {"word_column": -2, "tag_column": 0}, (1, 0, None)),
        ("a b c", {"word_column": 1, "tag_column": 3}, None),
        ("a b c", {"word_column": -4, "tag_column": 1}, None),
        ("a b c", {"word_column": "C", "tag_column": "a"}, (2, 0, None)),
        # Of sentences.
        ("word tag n", {"sentence_column": "n"}, (0, 1, 2)),
        ("word tag n", {"sentence_column": 2}, (0, 1, 2)),
        ("sentence word tag n", {"sentence_column": "n"}, (1, 2, 3)),
        ("word tag n", {"sentence_column": "m"}, None),
        ("word tag n", {"sentence_column": "word"}, None),
        ("word tag n", {"sentence_column": "tag"}, None),
        ("word pos ner", {"task": "pos"}, (0, 1, None)),
        ("word chunk ner", {"task": "chunk"}, (0, 1, None)),
    ],
)
def test_columns_of_a_header(names, layout, expected):
    names, layout = [name.join("  ") for name in names.split()], Layout(**layout)
    assert find_columns(names, layout) == expected
    if expected is None:
        with pytest.raises(DataError, match=r"^file.csv:1: received the header ' "):
            require_columns(names, layout, PATH)
    else:
        assert require_columns(names, layout, PATH) == expected


@pytest.mark.parametrize(
    ("names", "layout", "received", "words", "tags", "sentences"),
    [
        ([], {}, "no columns", "words or tokens or word or token", "ner_tags or ner or tags or tag or", ""),
        (["a"], {"task": "pos"}, "'a'", "words or", "pos_tags or upos or pos or tags or", ""),
        (["a", "b"], {"word_column": "x", "tag_column": 7}, "'a', 'b'", "'x'", "number 7", ""),
        (["a"], {"word_column": 0, "tag_column": "y"}, "'a'", "number 0", "'y'", ""),
        (["a"], {"sentence_column": "s"}, "'a'", "words or", "ner_tags or", ", and one of sentences ('s')"),
        ([*"abcdefghijkl"], {}, "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'", "words", "ner_tags", ""),
    ],
)
def test_what_a_header_lacks(names, layout, received, words, tags, sentences):
    with pytest.raises(DataError) as error:
        require_columns(names, Layout(**layout), PATH)
    shown = str(error.value)
    assert shown.startswith(f"file.csv:1: received the header {received}; expected a column of words ({words}")
    assert f"one of tags ({tags}" in shown
    assert f"){sentences}, each once." in shown


def test_usual_names_are_a_header():
    for names in (["Word", " NER "], ["x", "tokens", "upos"], ["chunk", "token"], ["words", "label"]):
        assert is_header(names)
    for names in (["word"], ["ner"], ["word", "x"], ["EU", "B-ORG"], []):
        assert not is_header(names)


def test_one_column_for_both():
    with pytest.raises(DataError, match=r"column of file.csv .*--word-column w, --tag-column 1\)"):
        raise_same_column(PATH, Layout(word_column="w", tag_column=1))


RECORDS = [
    (["a", "b"], ["O", "O"], None),
    ([], [], None),
    ("a b", ["O"], "received 'a b' as words;"),
    (["a"], "O", "received 'O' as tags;"),
    (["a"], None, "received None as tags;"),
    (["a"], {"a": 1}, "received an object as tags;"),
    (["a", 3], ["O", "O"], "received 3 among the words;"),
    (["a", 2.5], ["O", "O"], "received 2.5 among the words;"),
    (["a"], [3], "received the tag 3;"),
    (["a"], [2], "received the tag 2;"),
    (["a"], [2.5], "received 2.5 among the tags;"),
    (["a"], [None], "received None among the tags;"),
    ([["a"]], ["O"], "received a list among the words;"),
    (["a"], [{}], "received an object among the tags;"),
    (["a", ""], ["O", "O"], "received an empty word;"),
    (["a"], [""], "received an empty tag;"),
    (["a", "b"], ["O"], "received 2 words and 1 tags;"),
    (["a\ud800"], ["O"], r"received '\ud800', half"),
    (["a"], ["O\udfff"], r"received '\udfff', half"),
    (["a"], [10**20 - 1], f"received the tag {10**20 - 1};"),
    (["a"], [10**20], "received the tag a very large number;"),
    (["a"], [-(10**20)], "received the tag a very large number;"),
    ("x" * 38, ["O"], f"received '{'x' * 38}' as"),
    ("x" * 39, ["O"], f"received '{'x' * 39}… as"),
    (True, ["O"], "received True as"),
]


@pytest.mark.parametrize(("words", "tags", "problem"), RECORDS)
def test_what_a_record_holds(words, tags, problem):
    found = what_is_wrong(words, tags)
    assert found is None if problem is None else found.startswith(problem)
    told = []
    rows = list(sentence_of_lists(PATH, 7, words, tags, told.append))
    if problem is not None:
        assert [(f.kind, f.path, f.line, f.message, f.is_error) for f in told] == [("bad-record", PATH, 7, found, True)]
    elif not words:
        assert [(f.kind, f.path, f.line, f.message, f.is_error) for f in told] == [("no-word", PATH, 7, NO_WORD, False)]
    assert rows == ([Sentence(words, tags, [7] * len(words))] if problem is None and words else [])


def test_halves_of_characters():
    assert what_is_no_text() is None
    assert what_is_no_text("a", "b\U0001f99c") is None
    assert "'\\udc00'" in what_is_no_text("a", "b\udc00c\udc01")

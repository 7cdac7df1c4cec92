"""Readers and writers of corpus files, byte by byte and finding by finding."""

from pathlib import Path

import pytest

from tf_ner.corpus import findings as told
from tf_ner.corpus.characters import faults_of_tag
from tf_ner.corpus.entities import EntityReader
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import FORMATS, format_of_file, format_of_name, read_corpus_file, what_cannot_be_written
from tf_ner.corpus.formats.conll import what_conll_cannot_hold
from tf_ner.corpus.formats.conllu import what_conllu_cannot_hold
from tf_ner.corpus.lines import numbered_lines
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.tags import Span
from tf_ner.corpus.words import Word, split_words, words_at_spaces
from tf_ner.errors import DataError
from tf_ner.options.commands import ConvertConfig


def read(path, **layout):
    """Sentences as (words, tags, lines), and findings as (kind, line, is it an error, message)."""
    found: list[Finding] = []
    sentences = [sentence[:3] for sentence in read_corpus_file(path, Layout(**layout), report=found.append)]
    assert {finding.path for finding in found} <= {path}
    return sentences, [(finding.kind, finding.line, finding.is_error, finding.message) for finding in found]


def sentence(words, tags):
    words = words.split("|")
    return Sentence(words, tags.split(), list(range(1, len(words) + 1)))


TWO = [sentence("EU|New York", "B-ORG B-LOC"), sentence("it's", "O")]
WRITTEN = {
    "conll": "EU\tB-ORG\nNew York\tB-LOC\n\nit's\tO\n\n",
    "conllu": f"1\tEU\t_\tB-ORG{6 * chr(9) + '_'}\n2\tNew York\t_\tB-LOC\n\n",
    "jsonl": '{"words": ["EU", "New York"], "tags": ["B-ORG", "B-LOC"]}\n{"words": ["it\'s"], "tags": ["O"]}\n',
    "jsonl-spans": (
        '{"text": "EU New York", "tokens": [{"text": "EU", "start": 0, "end": 2, "id": 0}, {"text": "New York", '
        '"start": 3, "end": 11, "id": 1}], "spans": [{"start": 0, "end": 2, "label": "ORG", "token_start": 0, '
        '"token_end": 0}, {"start": 3, "end": 11, "label": "LOC", "token_start": 1, "token_end": 1}]}\n'
        '{"text": "it\'s", "tokens": [{"text": "it\'s", "start": 0, "end": 4, "id": 0}], "spans": []}\n'
    ),
    "csv": "sentence,word,tag\r\n1,EU,B-ORG\r\n1,New York,B-LOC\r\n2,it's,O\r\n",
    "tsv": "sentence\tword\ttag\n1\tEU\tB-ORG\n1\tNew York\tB-LOC\n2\tit's\tO\n",
}
WRITTEN["conllu"] = "".join(
    f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n{end}"
    for number, word, tag, end in ((1, "EU", "B-ORG", ""), (2, "New York", "B-LOC", "\n"), (1, "it's", "O", "\n"))
)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written(tmp_path, name):
    path = tmp_path / f"file{FORMATS[name].extensions[0]}"
    FORMATS[name].write(path, TWO)
    assert path.read_bytes().decode("utf-8") == WRITTEN[name]
    rows, found = read(path, **({"task": "pos"} if name == "conllu" else {}))
    assert ([row[:2] for row in rows], found) == ([row[:2] for row in TWO], [])
    FORMATS[name].write(path, [sentence("é", "O")])
    assert "é" in path.read_text(encoding="utf-8")


def test_a_byte_order_mark_is_written_before_one(tmp_path):
    path = tmp_path / "a.conll"
    for first, expected in (("\ufeffa", "\ufeff\ufeffa\tO\n\n"), ("a\ufeff", "a\ufeff\tO\n\n")):
        FORMATS["conll"].write(path, [sentence(first, "O")])
        assert path.read_bytes().decode() == expected
        assert read(path)[0][0][0] == [first]
    FORMATS["conll"].write(path, [])
    assert path.read_bytes() == b""
    FORMATS["conll"].write(path, [sentence("a\tb\rc\nd", "O")])
    assert path.read_bytes() == b"a b c d\tO\n\n"


@pytest.mark.parametrize(
    ("name", "words", "tags", "position", "values"),
    [
        ("conll", "a|b", "O B-X", None, []),
        ("conll", "a|-DOCSTART-", "O O", 1, ["-DOCSTART-", "than conll."]),
        ("conll", "words|ner", "O pos", None, []),
        ("conll", "word|b", "ner O", 0, ["'word'", "'ner'"]),
        ("conll", "a|b\tc", "O O", 1, ["word 'b\\tc'", "without '\\t'"]),
        ("conll", "a||b", "O O O", 1, ["empty word"]),
        ("conllu", "a|b", "X _", 1, ["'b' with the tag _"]),
        ("conllu", "_|b", "X X", None, []),
        ("conllu", "a\n", "X", 0, ["word 'a\\n'"]),
        ("csv", "a b|c d", "O O", None, []),
        ("csv", "[a]|c", "[O] O", 0, ["'[a]'", "'[O]'", "than csv."]),
        ("csv", "a\tb", "O", None, []),
        ("csv", "a\0", "O", 0, ["without '\\x00'"]),
        ("tsv", "a\tb", "O", 0, ["without '\\t'"]),
        ("jsonl", "a\t\0\n", "O", None, []),
        ("jsonl", "a|\ud800", "O O", 1, ["'\\ud800'"]),
        ("jsonl-spans", "a|b|c", "B-X I-X O", None, []),
        ("jsonl-spans", "a|b|c", "O I-X O", 1, ["'I-X' where IOB2 has 'B-X'"]),
        ("jsonl-spans", "a|b", "NN B-X", 0, ["'NN' where IOB2 has 'O'"]),
        ("parquet", "a\n|\udfff", "O O", 1, ["'\\udfff'"]),
    ],
)
def test_what_a_format_cannot_hold(name, words, tags, position, values):
    found = what_cannot_be_written(sentence(words, tags), name)
    assert (found and found.position) == position
    for value in values:
        assert value in found.message


@pytest.mark.parametrize("name", FORMATS)
def test_a_tag_too_few_is_no_sentence(tmp_path, name):
    wrong = Sentence(["a", "b"], ["O"], [1, 2])
    if name != "parquet":
        with pytest.raises(ValueError, match="shorter"):
            what_cannot_be_written(wrong, name)
    if not name.startswith(("json", "parquet")):
        with pytest.raises(ValueError, match="shorter"):
            FORMATS[name].write(tmp_path / "file", [wrong])


def test_cells_beside_those_that_can_be_written():
    empty = what_cannot_be_written(Sentence(["a"], [""], [1]), "jsonl")
    assert (empty.position, "empty tag" in empty.message) == (0, True)
    of_tag = what_cannot_be_written(Sentence(["a"], ["B-\t"], [1]), "tsv")
    assert "the tag 'B-\\t'" in of_tag.message
    assert "'O '" in what_conll_cannot_hold("a", "O ")
    assert "'\\u3000'" in what_conll_cannot_hold("\u3000", "\u3000")
    for word, tag in (("\u3000", "O"), ("a", "a b"), (" a", "O"), ("word", "O"), ("a", "ner"), ("-DOCSTART-x", "O")):
        assert what_conll_cannot_hold(word, tag) is None
    assert what_conllu_cannot_hold("_", "O") is None
    assert "'a' with the tag _" in what_conllu_cannot_hold("a", "_")


@pytest.mark.parametrize(
    ("text", "layout", "values"),
    [
        ("a O\nb\n", {}, ["received 1 column ('b'); expected 2", "Add the missing"]),
        ("a O\n x  y z \n", {}, ["received 3 columns ('x y z'); expected 2", "Remove"]),
        ("a\tX\tO\nb X\tO\n", {}, ["received 2 columns ('b X O'); expected 3", "Put tabs"]),
        ("a\tX\tO\nb\tO\n", {}, ["received 2 columns ('b O'); expected 3", "Add the missing"]),
        ("a X O\nb O\n", {}, ["received 2 columns", "Add the missing"]),
        ("a\tX\tO\nb X Y\tO\n", {}, ["expected 3", "Put tabs"]),
        ("a\tO\n\tO\n", {}, ["an empty word in 'O'; expected a word and a tag"]),
        ("a\tX\tO\nb\t\tO\n", {"tag_column": 1}, ["an empty tag in 'b\\t\\tO'; expected a word and a tag"]),
        (
            "en:a\tX\tO\nen:b\t\tO\n",
            {"tag_column": 1, "word_prefix": "en:"},
            ["an empty tag", "expected a word and a tag"],
        ),
        ("en:a O\nb O\n", {"word_prefix": "en:"}, ["an empty word in 'b O'; expected 'en:' and a word"]),
        ("en:a O\nen: O\n", {"word_prefix": "en:"}, ["an empty word in 'en: O'"]),
    ],
)
def test_a_bad_line_of_columns_is_shown(tmp_path, text, layout, values):
    (tmp_path / "a.conll").write_text(text, encoding="utf-8")
    rows, [(kind, line, is_error, message)] = read(tmp_path / "a.conll", **layout)
    assert [row[0] for row in rows] == [["a"]]
    expected = "ragged-row" if "column" in message else "empty-tag" if "empty tag" in message else "empty-word"
    assert (kind, line, is_error) == (expected, 2, True)
    for value in values:
        assert value in message


@pytest.mark.parametrize(
    ("text", "layout", "num_columns"),
    [
        ("a\nb X O\n", {}, 3),
        ("a b\nb X O\n", {"tag_column": 2}, 3),
        ("a b\nb X O\n", {"tag_column": -3, "word_column": 1}, 3),
        ("a b\nb X O\n", {"word_column": 2, "tag_column": 0}, 3),
        ("a b\nb X O\n", {"columns": ("word", "x", "ner")}, 3),
        ("a X O Z\nb X O\n", {"columns": ("word", "x", "ner")}, 3),
    ],
)
def test_the_first_line_needs_the_columns_that_are_asked_for(tmp_path, text, layout, num_columns):
    (tmp_path / "a.conll").write_text(text, encoding="utf-8")
    rows, [(kind, line, _, message)] = read(tmp_path / "a.conll", **layout)
    assert (kind, line) == ("ragged-row", 1)
    assert f"expected {num_columns}." in message
    assert [row[2] for row in rows] == [[2]]


def test_lines_of_columns(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("\n#x O\nword ner\na O\n\n \n-DOCSTART- O\nb-DOCSTART- O\n", encoding="utf-8")
    assert read(path)[0] == [(["#x", "word", "a"], ["O", "ner", "O"], [2, 3, 4]), (["b-DOCSTART-"], ["O"], [8])]
    assert read(path, comments=True) == read(path)
    path.write_text("\n#x O y\nword ner\na O\n\n \n-DOCSTART- O\nb-DOCSTART- O\n", encoding="utf-8")
    rows, [(kind, line, is_error, message)] = read(path, comments=True)
    assert rows == [(["a"], ["O"], [4]), (["b-DOCSTART-"], ["O"], [8])]
    assert (kind, line, is_error, "('word ner')" in message) == ("header", 3, True, True)
    path.write_text("# a comment\na O\n", encoding="utf-8")
    assert read(path, comments=True) == ([(["a"], ["O"], [2])], [])
    # The document's line may be shorter than the others, and stand in the column of words.
    path.write_text("0 a O\n-DOCSTART-\n0 -DOCSTART- O\n0 -DOCSTART-\n0 b -DOCSTART-\n", encoding="utf-8")
    assert read(path, word_column=1) == ([(["a"], ["O"], [1]), (["b"], ["-DOCSTART-"], [5])], [])


def test_cells_end_at_tabs_and_plain_spaces_alone(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("a\tB-X\t \nb\tO\u3000\n\u3000c  B-X \n d O\u3000\n", encoding="utf-8")
    assert read(path)[0] == [(["a", "b", "\u3000c", "d"], ["B-X", "O\u3000", "B-X", "O\u3000"], [1, 2, 3, 4])]
    with pytest.raises(DataError, match=f"column of {path} for both"):
        read(path, tag_column=0)
    path.write_text("word " + "x" * 60 + " ner\n", encoding="utf-8")
    [(kind, line, _, message)] = read(path)[1]
    assert (kind, line, f"('word {'x' * 55}')" in message) == ("header", 1, True)


ROW = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"


@pytest.mark.parametrize(
    ("lines", "expected", "kind", "values"),
    [
        ([ROW.format(1, "a", "X"), ROW.format(1, "b", "X")], [1], "bad-id", ["number '1'; expected 2", "blank line"]),
        ([ROW.format(1, "a", "X"), ROW.format(3, "b", "X")], [1], "bad-id", ["number '3'; expected 2", "1, 2, 3"]),
        ([ROW.format(1, "a", "X"), ROW.format("9" * 30, "b", "X")], [1], "bad-id", [f"number '{'9' * 20}';"]),
        ([ROW.format(1, "a", "X"), "b\n"], [1], "ragged-row", ["1 column; expected 10"]),
        ([ROW.format(1, "a", "X"), "b\tc\n"], [1], "ragged-row", ["2 columns; expected 10"]),
        ([ROW.format(1, "a", "X"), ROW.format(2, "b", "_")], [1], "empty-tag", ["'b' without a UPOS"]),
        ([ROW.format(1, "a", "X"), ROW.format(2, "b", "")], [1], "empty-tag", ["'b' without a UPOS"]),
        ([ROW.format(1, "a", "X"), ROW.format(2, "", "X")], [1], "empty-word", ["'' without a FORM"]),
    ],
)
def test_a_bad_line_of_conllu_is_shown(tmp_path, lines, expected, kind, values):
    path = tmp_path / "a.conllu"
    path.write_text("".join(lines) + "\n" + ROW.format(1, "c", "Y"), encoding="utf-8")
    rows, [found] = read(path, task="pos")
    assert [row[2] for row in rows] == [expected, [4]]
    assert found[:3] == (kind, 2, True)
    for value in values:
        assert value in found[3]


def test_places_of_conllu(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text("1\ta\tb\tc\td\te\tf\tg\th\ti\n#\n1.1\tx\n \n1\tj\tk\tl\tm\tn\to\tp\tq\tr\n", encoding="utf-8")
    assert read(path, task="pos")[0] == [(["a"], ["c"], [1]), (["j"], ["l"], [5])]
    for column, expected in ((9, "i"), (-10, "1"), (0, "1"), (-1, "i"), ("XPOS", "d"), ("misc", "i")):
        assert read(path, tag_column=column)[0][0][:2] == (["a"], [expected])
    for column in (10, -11, "other"):
        for wrong in ({"tag_column": column}, {"word_column": column, "task": "pos"}):
            with pytest.raises(
                DataError, match=f"column {column} for {path}; expected one of id, form, lemma, upos, xpos"
            ):
                read(path, **wrong)
    path.write_bytes(b"1\t\xff\n")
    assert [finding[:3] for finding in read(path, task="pos")[1]] == [("encoding", 1, True)]
    path.write_text(ROW.format(1, "a", "X"), encoding="utf-8")
    with pytest.raises(DataError, match=r"a.conllu for the task 'ner'"):
        read(path)
    with pytest.raises(DataError, match=r"one column of .*a.conllu .*--word-column 3, --tag-column None"):
        read(path, task="pos", word_column=3)


def test_lines_and_their_ends(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfa\r\n\n\xef\xbb\xbfb\rc\xff\nd\0\n\xe2\x80\xa8e")
    found: list[Finding] = []
    lines = [(1, "a"), (2, ""), (3, "\ufeffb"), (6, "\u2028e")]
    assert list(numbered_lines(path, found.append)) == lines
    assert [(f.kind, f.path, f.line, f.is_error) for f in found] == [("encoding", path, n, True) for n in (4, 5)]
    assert "(invalid start byte)" in found[0].message
    with_ends = [(number, text + end) for (number, text), end in zip(lines, ("\r\n", "\n", "\r", ""), strict=True)]
    assert list(numbered_lines(path, found.append, keep_ends=True)) == with_ends
    # What follows a bad line behind a carriage return is read too.
    path.write_bytes(b"a\xff\rb\rc\0\rd\n")
    assert list(numbered_lines(path, found.append)) == [(2, "b"), (4, "d")]
    with pytest.raises(DataError, match=f"^Received {path}x, which does not exist"):
        list(numbered_lines(tmp_path / "ax", found.append))
    with pytest.raises(DataError, match=f"^Received the folder {tmp_path};"):
        list(numbered_lines(tmp_path, found.append))


def test_findings_are_raised_or_passed():
    error, warning = Finding("a", "file", 3, "bad\nline"), Finding("b", "file", 4, "odd", is_error=False)
    assert str(error) == "file:3: bad\\nline"
    told.raise_error(warning)
    with pytest.raises(DataError, match=r"^file:3: bad\\nline$"):
        told.raise_error(error)
    told.raise_errors([])
    told.raise_errors([warning])
    for errors, more in (
        ([error], ""),
        ([error] * 2, r" \(1 more line like this\.\)"),
        ([error] * 3, r" \(2 more lines .*\.\)"),
    ):
        with pytest.raises(DataError, match=rf"^file:3: bad\\nline{more}$"):
            told.raise_errors([warning, *errors], advice=".")
    with pytest.raises(DataError, match="`tf-ner check-data` lists them"):
        told.raise_errors([error] * 2)


def test_errors_of_other_kinds_are_not_said_to_be_alike():
    errors = [Finding(kind, "file", 3, "bad") for kind in "abacab"]
    for some, more in (
        (errors, r"2 more lines like this, 3 other errors"),
        (errors[:3], r"1 more line like this, 1 other error"),
        (errors[:2], r"1 other error"),
    ):
        with pytest.raises(DataError, match=rf"^file:3: bad \({more}\)$"):
            told.raise_errors(some, advice="")


def test_warnings_are_logged_once_a_kind(caplog):
    kinds = ("odd", "rare", "odd", "odd")
    odd, *others = (Finding(kind, "file", line, kind, is_error=False) for line, kind in enumerate(kinds, start=4))
    told.raise_or_warn([odd, *others])
    told.raise_or_warn([odd, odd], advice="")
    assert caplog.messages == [
        "file:4: odd (3 such places: `tf-ner check-data` lists them.)",
        "file:5: rare",
        "file:4: odd (2 such places)",
    ]
    with pytest.raises(DataError, match=r"^file:3: bad \(1 more line like this\)$"):
        told.raise_or_warn([odd, *[Finding("a", "file", 3, "bad")] * 2], advice="")
    assert len(caplog.messages) == 3


def test_a_layout_is_that_of_the_options():
    given = {
        "task": "pos",
        "columns": ("word", "pos"),
        "word_column": 3,
        "tag_column": "x",
        "sentence_column": "y",
        "word_prefix": "en:",
        "comments": True,
    }
    config = ConvertConfig(source="sample", output=Path("out"), **given)
    assert Layout.configured(config) == Layout(**given)


@pytest.mark.parametrize(
    ("layout", "word", "tag"),
    [
        ({}, 0, -1),
        ({"word_column": "2", "tag_column": "-2"}, 2, -2),
        ({"columns": ("x", "word", "ner")}, 1, 2),
        ({"columns": ("pos", "word", "ner"), "task": "pos"}, 1, 0),
        ({"columns": ("a", "b"), "word_column": "b", "tag_column": "a"}, 1, 0),
        ({"columns": ("a", "b"), "word_column": 0, "tag_column": 1}, 0, 1),
        ({"word_column": 0, "tag_column": 0}, 0, 0),
    ],
)
def test_places_of_columns(layout, word, tag):
    assert (Layout(**layout).place_of_word(), Layout(**layout).place_of_tag()) == (word, tag)


def test_places_that_cannot_be_told():
    for layout, values in (
        ({"task": "pos"}, "columns without names for the task 'pos'; expected one named 'pos'.*--columns word pos"),
        ({"columns": ("word", "x")}, "columns word x for the task 'ner'; expected one named 'ner'"),
        ({"columns": ("word", "ner", "ner")}, "columns word ner ner"),
        ({"tag_column": "x"}, "without names for .* named 'x'"),
    ):
        with pytest.raises(DataError, match=values):
            Layout(**layout).place_of_tag()
    with pytest.raises(DataError, match="named 'word'"):
        Layout(columns=("x", "ner")).place_of_word()
    with pytest.raises(DataError, match="task 'names'; expected one of ner, pos, chunk"):
        Layout(task="names")
    assert Layout(word_column="x1", tag_column="1x", sentence_column="12").sentence_column == 12
    assert Layout(word_column="x1").word_column == "x1"
    for word, expected in (("en:a", "a"), ("a", ""), ("en:", ""), ("xen:a", ""), ("en:en:a", "en:a")):
        assert Layout(word_prefix="en:").without_prefix(word) == expected


@pytest.mark.parametrize(
    ("name", "text", "layout", "expected"),
    [
        ("a.tsv", "word\tner\n", {}, "tsv"),
        ("a.TXT", "word\tner\n", {}, "tsv"),
        ("a.tsv", "a\tO\n", {}, "conll"),
        ("a.conll", "word\tner\n", {}, "conll"),
        ("a.tsv", "word\tner\n", {"columns": ("word", "ner")}, "conll"),
        ("a.tsv", "x\ty\n", {"word_column": "x", "tag_column": "y"}, "tsv"),
        ("a.tsv", "x\ty\n", {"word_column": 0, "tag_column": 1}, "conll"),
        ("a.JSON", "", {}, "jsonl"),
        ("a.unknown", "", {}, "conll"),
        ("a.conllu", "", {}, "conllu"),
    ],
)
def test_the_format_of_a_file(tmp_path, name, text, layout, expected):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert format_of_file(tmp_path / name, Layout(**layout)) == expected
    assert format_of_name(tmp_path / "a") is None


def test_options_of_columns_are_for_columns(tmp_path):
    (tmp_path / "a.csv").write_text("word,tag\na,O\n", encoding="utf-8")
    for option, given in (
        ("--columns", {"columns": ("a",)}),
        ("--word-prefix", {"word_prefix": "x"}),
        ("--comments", {"comments": True}),
    ):
        with pytest.raises(DataError, match=f"^Received {option} for {tmp_path / 'a.csv'};"):
            read(tmp_path / "a.csv", **given)
    (tmp_path / "a.conllu").write_text(ROW.format(1, "a", "X"), encoding="utf-8")
    assert read(tmp_path / "a.conllu", task="pos", comments=True) == ([(["a"], ["X"], [1])], [])


def test_words_have_their_places():
    assert words_at_spaces(" a  b,\n") == [Word("a", 1, 2), Word("b,", 4, 6)]
    assert split_words(" a  b,\n") == [Word("a", 1, 2), Word("b", 4, 5), Word(",", 5, 6)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("((a))", "(( a ))"),
        ("(['a'])", "( [ ' a ' ] )"),
        ("...", "..."),
        ("--a--", "-- a --"),
        ("?!a!?", "? ! a ! ?"),
        ("a?!!", "a ? !!"),
        ("@", "@"),
        ("@a @ab: #1 @! #", "@a @ab : #1 @ ! #"),
        ("'s 're 'VE ’ll 'd 'm 't 'a", "'s 're 'VE ’ll 'd 'm ' t ' a"),
        ("'ss 'vee", "' ss ' vee"),
        (
            "he'll we've I'm they're she'd it’s can't CAN’T 'll",
            "he 'll we 've I 'm they 're she 'd it ’s ca n't CA N’T 'll",
        ),
        ("dogs' a's'", "dogs ' a 's '"),
        ("U.S. Dr. dr. x. no. e.g. a.b. 1. _.", "U.S. Dr. dr. x. no. e.g. a.b. 1 . _ ."),
        ("Prof.! Abc.", "Prof. ! Abc ."),
        ("a." * 20, "a." * 20),
        ("a." * 21, "a." * 20 + "a ."),
        ("$5 5% €", "$ 5 5 % €"),
        ("n't 's's", "n't ' s 's"),
    ],
)
def test_words_by_table(text, expected):
    words = split_words(text)
    assert [word.text for word in words] == expected.split()
    assert [text[word.start : word.end] for word in words] == expected.split()


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("B-PER", []),
        ("B-LIVING THING", []),
        ("B-A X", []),
        ("B-A B\t", ["U+0009 control character"]),
        (" B-PER", ["U+0020 SPACE"]),
        ("B-PER ", ["U+0020 SPACE"]),
        ("B-\u00a0X\u200b", ["U+00A0 NO-BREAK SPACE", "U+200B ZERO WIDTH SPACE"]),
        ("B-A B\u00ad", ["U+00AD SOFT HYPHEN"]),
    ],
)
def test_characters_of_tags(tag, expected):
    assert faults_of_tag(tag) == expected


@pytest.mark.parametrize(
    ("scheme", "tags", "spans", "illegal", "repaired"),
    [
        ("iob2", "", [], [], ""),
        ("iob2", "O O", [], [], "O O"),
        ("iob2", "B-X I-X O B-Y", [(0, 2, "X"), (3, 4, "Y")], [], "B-X I-X O B-Y"),
        ("iob2", "I-X O I-X I-X", [(0, 1, "X"), (2, 4, "X")], [(0, "at the start"), (2, "after O")], "B-X O B-X I-X"),
        ("iob2", "O O I-X O", [(2, 3, "X")], [(2, "I-X after O; expected B-X")], "O O B-X O"),
        ("iob2", "O B-X ? I-X", [(1, 2, "X"), (3, 4, "X")], [], "O B-X ? I-X"),
        ("iob2", "O I-X ?", [(1, 2, "X")], [(1, "after O")], "O I-X ?"),
        ("iob2", "O I O", [(1, 2, "_")], [(1, "I after O; expected B")], "O B O"),
        (
            "bioes",
            "B-X O E-Y I-Y O",
            [(0, 1, "X"), (2, 3, "Y"), (3, 4, "Y")],
            [(0, "not ended"), (2, ""), (3, "")],
            "S-X O S-Y S-Y O",
        ),
        (
            "iob1",
            "B-X O B-X B-X",
            [(0, 1, "X"), (2, 3, "X"), (3, 4, "X")],
            [(0, "start"), (2, "after O")],
            "I-X O I-X B-X",
        ),
        ("plain", "X X O Y", [(0, 2, "X"), (3, 4, "Y")], [], "X X O Y"),
    ],
)
def test_entities_of_a_sentence(scheme, tags, spans, illegal, repaired):
    reader = EntityReader(scheme)
    for _ in range(2):
        assert reader.spans(tags.split()) == spans
        found = list(reader.illegal(tags.split()))
        assert [place for place, _ in found] == [place for place, _ in illegal]
        assert all(part in reason for (_, reason), (_, part) in zip(found, illegal, strict=True))
        assert reader.repaired(tags.split()) == repaired.split()
        assert reader.found_illegal is bool(illegal)


def test_entities_by_new_names():
    reader = EntityReader("iob2", {"X": "Y", "Z": None})
    assert reader.spans(["B-X", "B-Z", "O", "B-Z", "B-Y"]) == [Span(0, 1, "Y"), Span(4, 5, "Y")]
    # The same run at the start and behind an O, in this order and the other.
    reader = EntityReader("iob2")
    assert [list(reader.illegal(tags)) for tags in (["O", "I-X"], ["I-X"], ["O", "I-X"])] == [
        [(1, "I-X after O; expected B-X")],
        [(0, "I-X at the start; expected B-X")],
        [(1, "I-X after O; expected B-X")],
    ]
    reader.spans(["B-X"])
    assert reader.found_illegal is True
    assert EntityReader("iob2").found_illegal is False

import pytest

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError


def conllu(text):
    """Rows `id form upos xpos`, divided by spaces, as CoNLL-U; others as they are."""
    rows = (line.split(" ") for line in text.splitlines())
    return "\n".join(
        "\t".join([row[0], row[1], "_", row[2], row[3], *"_____"]) if len(row) == 4 and row[0] != "#" else " ".join(row)
        for row in rows
    )


def read(tmp_path, text, **layout):
    path = tmp_path / "train.conllu"
    path.write_text(text, encoding="utf-8", newline="")
    findings: list[Finding] = []
    sentences = list(read_corpus_file(path, Layout(**{"task": "pos"} | layout), report=findings.append))
    return [("|".join(s.words), " ".join(s.tags), s.lines) for s in sentences], [(f.kind, f.line) for f in findings]


TEXT = """# text = don't # go
1-2 don't _ _
1 do AUX VB
2 n't PART RB
2.1 gone VERB VB
3 # SYM #

# newpar
1 _ PUNCT NFP
2 1-2 NUM CD"""


def test_words_and_their_parts_of_speech(tmp_path):
    assert read(tmp_path, conllu(TEXT)) == (
        [("do|n't|#", "AUX PART SYM", [3, 4, 6]), ("_|1-2", "PUNCT NUM", [9, 10])],
        [],
    )


@pytest.mark.parametrize("column", ["xpos", "XPOS", "4", "-6"])
def test_another_column(tmp_path, column):
    sentences, _ = read(tmp_path, conllu(TEXT), task="ner", tag_column=column)
    assert [tags for _, tags, _ in sentences] == ["VB RB #", "NFP CD"]


def test_lemmas_for_words(tmp_path):
    assert read(tmp_path, "1\tdid\tdo\tAUX" + "\t_" * 6, word_column="lemma")[0] == [("do", "AUX", [1])]


def test_words_may_hold_spaces(tmp_path):
    assert read(tmp_path, "1\t10 000\t_\tNUM" + "\t_" * 6 + "\r\n\r\n")[0] == [("10 000", "NUM", [1])]


BAD = {
    "a number left out": ("1 a X _\n3 b X _\n4 c X _", "a|c", [("bad-id", 2)]),
    "a number twice": ("1 a X _\n1 b X _\n2 c X _", "a|c", [("bad-id", 2)]),
    "no number": ("1 a X _\nx b X _\n3 c X _", "a|c", [("bad-id", 2)]),
    "a number of another script": ("1 a X _\n٢ b X _\n3 c X _", "a|c", [("bad-id", 2)]),
    "a huge number": (f"1 a X _\n{'9' * 5000} b X _\n3 c X _", "a|c", [("bad-id", 2)]),
    "no tag": ("1 a X _\n2 b _ B\n3 c X _", "a|c", [("empty-tag", 2)]),
    "an empty word": ("1 a X _\n2  X _\n3 c X _", "a|c", [("empty-word", 2)]),
    "nine columns": ("1 a X _\n2\tb\t_\tX\t_\t_\t_\t_\t_\n3 c X _", "a|c", [("ragged-row", 2)]),
    "spaces for tabs": ("1 a X _\n2 b _ X _ _ _ _ _ _\n2 c X _", "a|c", [("ragged-row", 2), ("bad-id", 3)]),
    "a byte order mark behind": ("1 a X _\n\ufeff2 b X _\n3 c X _", "a|c", [("bad-id", 2)]),
}


@pytest.mark.parametrize(("text", "words", "findings"), BAD.values(), ids=BAD)
def test_bad_lines_are_left_out_and_told(tmp_path, text, words, findings):
    sentences, found = read(tmp_path, conllu(text))
    assert found[: len(findings)] == findings
    assert sentences[0][0].startswith("a")
    with pytest.raises(DataError, match=r"train.conllu:2: received "):
        list(read_corpus_file(tmp_path / "train.conllu", Layout(task="pos")))
    if len(findings) == 1:
        assert [row[0] for row in sentences] == [words]


@pytest.mark.parametrize("task", ["ner", "chunk"])
def test_entities_need_a_column(tmp_path, task):
    with pytest.raises(DataError, match=r"--task pos, or name the column with --tag-column"):
        read(tmp_path, conllu(TEXT), task=task)


@pytest.mark.parametrize("column", ["entity", "10", "-11"])
def test_a_column_that_is_not_there(tmp_path, column):
    with pytest.raises(DataError, match="expected one of id, form, lemma"):
        read(tmp_path, conllu(TEXT), tag_column=column)


@pytest.mark.parametrize(
    ("split", "sentences", "words"), [("train", 12544, 204577), ("dev", 2001, 25147), ("test", 2077, 25094)]
)
def test_english_ewt_is_read_whole(shared, split, sentences, words):
    path = shared / "data" / "ud-en-ewt" / f"en_ewt-ud-{split}.conllu"
    read = list(read_corpus_file(path, Layout(task="pos")))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(read) == sum(line.startswith("# sent_id") for line in lines) == sentences
    assert sum(len(s.words) for s in read) == sum(line.partition("\t")[0].isdigit() for line in lines) == words
    assert len({tag for s in read for tag in s.tags}) == 17

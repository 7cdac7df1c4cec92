"""What a column file shows before it is read, tags that no scheme spells so, and that what is advised helps."""

import re

import pytest

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.loading.sources import load_corpus
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError
from tf_ner.options.train import ReadingConfig


def read(path, **layout):
    """The sentences of a file, and its findings."""
    findings: list[Finding] = []
    sentences = list(read_corpus_file(path, Layout(**layout), report=findings.append))
    return [("|".join(s.words), " ".join(s.tags)) for s in sentences], findings


def written(tmp_path, text, name="train.conll"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def told(findings):
    return [(finding.kind, finding.line, finding.is_error) for finding in findings]


COMMENTS = "# id = 1\nGreta B-PER\n#1 O\n\n# newdoc\n\nOslo B-LOC\n"


def test_comments_are_told_once_with_their_option(tmp_path):
    path = written(tmp_path, COMMENTS)
    sentences, findings = read(path)
    assert (sentences, told(findings)) == ([], [("columns", 1, True)])
    assert findings[0].message.endswith("Give --comments.")
    assert read(path, comments=True) == ([("Greta|#1", "B-PER O"), ("Oslo", "B-LOC")], [])


def test_a_word_may_begin_with_the_sign_of_comments(tmp_path):
    path = written(tmp_path, "#nlp O\n# O\nGreta B-PER\n")
    assert read(path) == ([("#nlp|#|Greta", "O O B-PER")], [])


NUMBERED = "#\tnotes of 2019\n1\tGreta\tB-PER\tO\n2\tleft\tO\tO\n\n1\tOslo\tB-LOC\tB-LOCpart\n"


def test_numbered_words_are_told_once_with_all_that_is_to_be_said(tmp_path):
    path = written(tmp_path, NUMBERED, "train.tsv")
    sentences, findings = read(path)
    assert (sentences, told(findings)) == ([], [("columns", 1, True)])
    assert findings[0].message.endswith("Give --comments --word-column 1 --tag-column 2 or 3.")
    assert read(path, comments=True, word_column=1, tag_column=2) == (
        [("Greta|left", "B-PER O"), ("Oslo", "B-LOC")],
        [],
    )


def test_columns_that_are_named_need_no_advice(tmp_path):
    path = written(tmp_path, NUMBERED.partition("\n")[2], "train.tsv")
    columns = ("index", "word", "ner", "part")
    assert read(path, columns=columns) == ([("Greta|left", "B-PER O"), ("Oslo", "B-LOC")], [])
    assert told(read(path)[1]) == [("columns", 1, True)]


def test_sentences_of_numbers_are_none_that_number(tmp_path):
    text = "1 CARD B-NUM\n3 CARD B-NUM\n\n2 CARD B-NUM\n"
    assert read(written(tmp_path, text)) == ([("1|3", "B-NUM B-NUM"), ("2", "B-NUM")], [])


def test_an_ending_does_not_make_ten_columns(tmp_path):
    path = written(tmp_path, "# sent_id = 1\n1\tGreta\tB-PER\n2\tleft\tO\n", "train.conllu")
    sentences, findings = read(path)
    assert (sentences, told(findings)) == ([], [("columns", 1, True)])
    assert read(path, comments=True, word_column=1) == ([("Greta|left", "B-PER O")], [])


def test_a_prefix_of_all_words_is_told(tmp_path):
    path = written(tmp_path, "".join(f"xx:w{number} O\n" for number in range(6)))
    [finding] = read(path)[1]
    assert (finding.kind, finding.is_error) == ("word-prefix", False)
    assert "--word-prefix xx:" in finding.message
    assert read(path, word_prefix="xx:") == ([("|".join(f"w{number}" for number in range(6)), " ".join("OOOOOO"))], [])
    # Of few words, or not of all, it may be chance.
    assert read(written(tmp_path, "xx:a O\nxx:b O\n"))[1] == []
    assert read(written(tmp_path, "".join(f"xx:w{number} O\n" for number in range(6)) + "x O\n"))[1] == []


def test_tags_in_small_letters_are_read_and_told(tmp_path, caplog):
    written(tmp_path, "the b-np\nferry i-np\nleft b-vp\n. o\n")
    corpus = load_corpus(tmp_path, task="chunk", tag_column=-1)
    assert corpus["train"].features["tags"].feature.names == ["O", "B-np", "I-np", "B-vp", "I-vp"]
    assert "tags in small letters, such as 'b-np' and 'o'; they are read as 'B-np' and 'O'" in caplog.text


def test_small_letters_among_capitals_are_wrong(tmp_path):
    written(tmp_path, "the B-NP\nferry i-NP\n. O\n")
    with pytest.raises(DataError, match="'i-NP'"):
        load_corpus(tmp_path, task="chunk", tag_column=-1)


SEVERAL = "Greta B-PER|B-ORG\nLund I-PER|I-ORG\nleft O\n"


def test_several_tags_in_a_cell(tmp_path):
    path = written(tmp_path, SEVERAL)
    with pytest.raises(DataError, match=r"train\.conll:1: .*'B-PER\|B-ORG'.*--several-tags: first"):
        load_corpus(tmp_path)
    assert tags_of(tmp_path, several_tags="first") == [["B-PER", "I-PER", "O"]]
    written(tmp_path, f"{SEVERAL}Oslo B-LOC\n", path.name)
    assert tags_of(tmp_path, several_tags="none") == [["O", "O", "O", "B-LOC"]]


def tags_of(folder, **options):
    rows = load_corpus(folder, **options)["train"]
    names = rows.features["tags"].feature.names
    return [[names[tag] for tag in tags] for tags in rows["tags"]]


BARE = "Greta B-PER\nat O\nnoon TIM\nMonday TIM\n\nit O\nTIM TIM\n\n" + "Oslo B-LOC\n\n" * 4


def test_labels_without_a_prefix(tmp_path):
    written(tmp_path, BARE)
    with pytest.raises(DataError, match=r"'TIM'.*--bare-labels") as error:
        load_corpus(tmp_path)
    # Once for the tag, not for each line.
    assert "more line" not in str(error.value)
    assert "3 words" in str(error.value)
    others = [["B-LOC"]] * 4
    as_entities = [["B-PER", "O", "B-TIM", "I-TIM"], ["O", "B-TIM"], *others]
    assert tags_of(tmp_path, bare_labels="entity") == as_entities
    assert tags_of(tmp_path, bare_labels="outside") == [["B-PER", "O", "O", "O"], ["O", "O"], *others]


def test_a_label_called_o_is_told(tmp_path, caplog):
    written(tmp_path, "Greta B-O\nleft O\n")
    assert tags_of(tmp_path) == [["B-O", "O"]]
    assert caplog.text.count("called O") == 1
    [command] = re.findall("--map-label (O=OTHER)", caplog.text)
    old, _, new = command.partition("=")
    assert tags_of(tmp_path, new_labels={old: new}) == [["B-OTHER", "O"]]


def test_more_labels_without_a_prefix_than_with_one(tmp_path):
    written(tmp_path, "Greta B-PER\nat O\nnoon TIM\n\nOn O\nMonday TIM\n")
    with pytest.raises(DataError, match=r"'B-PER' and 'TIM', with a prefix and without; .* --bare-labels"):
        load_corpus(tmp_path)
    assert tags_of(tmp_path, bare_labels="entity") == [["B-PER", "O", "B-TIM"], ["O", "B-TIM"]]
    assert tags_of(tmp_path, scheme="plain") == [["B-B-PER", "O", "B-TIM"], ["O", "B-TIM"]]


def test_sentences_that_come_back_are_told_once(tmp_path):
    rows = ["0,Greta,B-PER", "0,came,O", "1,It,O", "0,late,O", "1,rained,O", "0,again,O"]
    path = written(tmp_path, "\n".join(["sentence_id,words,labels", *rows]) + "\n", "train.csv")
    sentences, findings = read(path)
    assert [words for words, _ in sentences] == ["Greta|came", "It", "late", "rained", "again"]
    assert told(findings) == [("sentence-again", 5, False)]
    # What it advises.
    rows = sorted(rows, key=lambda row: row[0])
    path = written(tmp_path, "\n".join(["sentence_id,words,labels", *rows]) + "\n", "train.csv")
    assert read(path) == ([("Greta|came|late|again", "B-PER O O O"), ("It|rained", "O O")], [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.conll", "Greta 1\nLund 2\nleft 0\n"),
        ("train.csv", "sentence,word,tag\n1,Greta,1\n1,Lund,2\n1,left,0\n"),
        ("train.tsv", "word\ttag\nGreta\t1\nLund\t2\nleft\t0\n"),
    ],
)
def test_numbers_in_columns_are_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    rows = load_corpus(tmp_path, label_names=("O", "B-PER", "I-PER"))["train"]
    assert [rows.features["tags"].feature.names[tag] for tag in rows["tags"][0]] == ["B-PER", "I-PER", "O"]


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({"TIM": None}, ["B-PER", "O", "O", "O"]),
        ({"TIM": "TIME"}, ["B-PER", "O", "B-TIME", "I-TIME"]),
        ({"TIM": "TIM"}, ["B-PER", "O", "B-TIM", "I-TIM"]),
    ],
)
def test_a_label_without_a_prefix_may_be_renamed_or_ignored(tmp_path, options, tags):
    (tmp_path / "train.conll").write_text("Greta B-PER\nleft O\nMonday TIM\nnoon TIM\n")
    with pytest.raises(DataError, match="--bare-labels"):
        load_corpus(tmp_path)
    rows = load_corpus(tmp_path, new_labels=options)["train"]
    assert [rows.features["tags"].feature.names[tag] for tag in rows["tags"][0]] == tags


def test_the_prefix_that_a_label_lacks_may_be_written_out():
    assert ReadingConfig(map_label=("TIM=B-TIM", "GPE=LOC")).new_labels == {"TIM": "TIM", "GPE": "LOC"}

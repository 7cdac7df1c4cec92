"""Words that are empty or invisible, and sentences that are too long to be one."""

import json

import pytest
from datasets import Dataset

from tf_ner import load_corpus
from tf_ner.cli import main
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.loading.splits import read_splits
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError

WORDS = ["Greta", "", "left", " ", "\u200b"]
TAGS = ["B-PER", "O", "O", "O", "O"]
VISIBLE = ["Greta", "left"]
FILES = {
    "train.tsv": "".join(f"{word}\t{tag}\n" for word, tag in zip(WORDS, TAGS, strict=True)),
    "train.csv": "sentence,word,tag\n" + "".join(f"1,{word},{tag}\n" for word, tag in zip(WORDS, TAGS, strict=True)),
    "train.jsonl": json.dumps({"words": WORDS, "tags": TAGS}) + "\n",
}


@pytest.mark.parametrize("name", FILES)
def test_empty_words_are_refused_dropped_or_kept(name, tmp_path, caplog):
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    with pytest.raises(DataError, match=r"empty word.*--empty-words"):
        load_corpus(tmp_path)
    [words] = load_corpus(tmp_path, empty_words="drop")["train"]["words"]
    assert words == VISIBLE
    assert "by --empty-words drop" in caplog.text
    [words] = load_corpus(tmp_path, empty_words="keep")["train"]["words"]
    assert words == WORDS


def test_each_is_told_with_its_line(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text(FILES["train.tsv"], encoding="utf-8")
    for choice, lines in (("drop", [2, 4, 5]), ("keep", [2])):
        findings = []
        read_splits({"train": path}, Layout(empty_words=choice), report=findings.append)
        assert [(found.kind, found.line, found.is_error) for found in findings] == [
            ("empty-word", line, False) for line in lines
        ]


def test_parquet_and_what_is_in_memory(tmp_path):
    rows = Dataset.from_dict({"words": [WORDS, [""], ["Bo"]], "tags": [TAGS, ["O"], ["B-PER"]]})
    rows.to_parquet(str(tmp_path / "train.parquet"))
    for data in (tmp_path, rows):
        with pytest.raises(DataError, match="--empty-words"):
            load_corpus(data)
        dropped = load_corpus(data, empty_words="drop")["train"]
        assert dropped["words"] == [VISIBLE, ["Bo"]]
        assert [len(tags) for tags in dropped["tags"]] == [2, 1]
        assert load_corpus(data, empty_words="keep")["train"]["words"] == [WORDS, [""], ["Bo"]]


def test_an_entity_goes_on_without_its_first_word(tmp_path):
    (tmp_path / "train.tsv").write_text("\tB-PER\nLund\tI-PER\nleft\tO\n")
    corpus = load_corpus(tmp_path, empty_words="drop")["train"]
    names = corpus.features["tags"].feature.names
    assert [names[tag] for tag in corpus["tags"][0]] == ["B-PER", "O"]


def test_a_word_without_its_prefix_is_no_empty_word(tmp_path):
    (tmp_path / "train.conll").write_text("en:Greta B-PER\nleft O\nen: O\n")
    with pytest.raises(DataError, match="'en:' and a word"):
        load_corpus(tmp_path, word_prefix="en:", empty_words="drop")


def test_check_data_names_the_option_where_nothing_is_visible(tmp_path, capsys):
    (tmp_path / "train.tsv").write_text("Greta\tB-PER\n\u200b\tO\n", encoding="utf-8")
    main(["check-data", "--dataset", str(tmp_path)])
    assert "train.tsv:2: received '\\u200b'" in (shown := capsys.readouterr().out)
    assert "--empty-words drop leaves such words out" in shown
    main(["check-data", "--dataset", str(tmp_path), "--empty-words", "drop"])
    assert "control-character" not in capsys.readouterr().out


def test_a_file_without_blank_lines_is_told(tmp_path):
    def told(text):
        path = tmp_path / "a.conll"
        path.write_text(text)
        findings = []
        list(read_corpus_file(path, report=findings.append))
        return [(found.kind, found.line) for found in findings]

    assert told("word O\n" * 200) == []
    assert told("word O\n" * 201) == [("no-blank-line", 1)]
    assert told("word O\n" * 150 + "\n" + "word O\n" * 250) == []
    assert told("word O\n" * 150 + "\n" + "word O\n" * 301 + "\n" + "word O\n" * 900) == [("no-blank-line", 152)]

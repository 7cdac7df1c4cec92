"""The pairs of sentences that come with tf_ner."""

import shutil
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from tf_ner import cli, load_texts
from tf_ner.corpus.loading.splits import SAMPLE_DIR


@pytest.fixture(scope="module")
def pairs():
    return load_texts("sample")


def words_of(text):
    return frozenset(word.strip(string.punctuation).lower() for word in text.split())


def test_the_readme_counts_right(pairs):
    readme = (SAMPLE_DIR / "README.md").read_text(encoding="utf-8")
    for file, split in {"train": "train", "valid": "validation", "test": "test"}.items():
        labels = Counter(pairs[split].features["label"].int2str(pairs[split]["label"][:]))
        assert f"| `{file}.tsv` | {labels.total()} | {labels['equivalent']} | {labels['different']} |" in readme
        assert 0.6 <= labels["equivalent"] / labels.total() <= 0.7
    project = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"{sum(map(len, pairs.values()))} pairs of English sentences" in project


def test_label_1_is_equivalent(pairs):
    """So that precision, recall and F1 are its, as those of MRPC."""
    assert pairs["train"].features["label"].names == ["different", "equivalent"]


def test_no_sentence_stands_twice(pairs):
    sentences = [text for rows in pairs.values() for name in ("text", "text_pair") for text in rows[name]]
    assert len(sentences) == len(set(sentences)) == 2 * sum(map(len, pairs.values()))
    assert [text for text in sentences if text != text.strip() or not text[0].isupper() or text[-1] != "."] == []


def test_words_in_common_alone_do_not_tell(pairs):
    """The best border on the share of words in common, chosen on the very rows it is scored on, is often wrong."""
    rows = [row for split in pairs.values() for row in split]
    sides = [(words_of(row["text"]), words_of(row["text_pair"])) for row in rows]
    shares = np.array([len(first & second) / len(first | second) for first, second in sides])
    gold = np.array([row["label"] for row in rows])
    assert max(np.mean((shares >= border) == gold) for border in shares) < 0.85


@pytest.mark.parametrize("side", ["text", "text_pair"])
def test_one_of_the_two_sentences_alone_does_not_tell(pairs, side):
    rows = [row for split in pairs.values() for row in split]
    gold = np.array([row["label"] for row in rows])
    model = make_pipeline(CountVectorizer(binary=True), LogisticRegression())
    accuracy = cross_val_score(model, [row[side] for row in rows], gold, cv=10).mean()
    assert accuracy < max(np.mean(gold), 1 - np.mean(gold)) + 0.05


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE_DIR / "pairs", tmp_path / "sample")
    (tmp_path / "sample" / "train.tsv").write_text("sentence\tlabel\na\tx\nb\ty\n", encoding="utf-8")
    for name in ("valid", "test"):
        (tmp_path / "sample" / f"{name}.tsv").unlink()
    assert load_texts("sample")["train"].column_names == ["text", "label"]


@pytest.mark.slow
def test_the_command_trains_on_them(tiny_bert, tmp_path, capsys):
    options = ["--task", "text-classification", "--model", str(tiny_bert), "--dataset", "sample", "--epochs", "1"]
    cli.main(["train", *options, "--demo", "--output-dir", str(tmp_path / "run")])
    assert "equivalent" in capsys.readouterr().out
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "text-classification" in card

"""Where the sentences of a split stand in their files."""

import pytest

from tests.conftest import TEST, conll
from tf_ner import TrainConfig
from tf_ner.corpus.loading.places import read_places
from tf_ner.corpus.loading.sources import load_configured


def words_of(sentences):
    return [[cell.rpartition("/")[0] for cell in sentence.split()] for sentence in sentences]


@pytest.fixture
def folder(tmp_path):
    for name in ("train", "test"):
        parts = [conll(TEST[:2]), "-DOCSTART- O\n\n", conll(TEST[2:])]
        (tmp_path / f"{name}.conll").write_text("".join(parts), encoding="utf-8")
    return tmp_path


def test_lines_and_documents(folder):
    places = read_places(TrainConfig(dataset=str(folder)), "test", words_of(TEST))
    lines = (folder / "test.conll").read_text(encoding="utf-8").split("\n")
    for words, place in zip(words_of(TEST), places, strict=True):
        assert place.path == str(folder / "test.conll")
        assert [lines[line - 1].split()[0] for line in place.lines] == words
    assert [place.document for place in places] == [1, 1, 2, 2, 2, 2]
    first = read_places(TrainConfig(dataset=str(folder), max_eval_examples=3), "test", words_of(TEST[:3]))
    assert first == places[:3]


def test_a_share_of_train(folder):
    config = TrainConfig(dataset=str(folder), validation_share=0.4)
    words = list(load_configured(config)["validation"]["words"])
    places = read_places(config, "validation", words)
    lines = (folder / "train.conll").read_text(encoding="utf-8").split("\n")
    assert [[lines[line - 1].split()[0] for line in place.lines] for place in places] == words


def test_files_without_documents_and_the_sample(corpus_dir):
    places = read_places(TrainConfig(dataset=str(corpus_dir)), "test", words_of(TEST))
    assert {place.document for place in places} == {None}
    sample = list(load_configured(TrainConfig(dataset="sample"))["test"]["words"])
    assert len(read_places(TrainConfig(dataset="sample"), "test", sample)) == len(sample)


def test_what_cannot_be_told_costs_no_run(folder, caplog):
    config = TrainConfig(dataset=str(folder))
    assert read_places(TrainConfig(dataset="some/set"), "test", [["a"]]) is None
    assert caplog.text == ""
    assert read_places(config, "test", [["other", "words"]]) is None
    assert "its files have changed" in caplog.text
    (folder / "test.conll").unlink()
    assert read_places(config, "test", words_of(TEST)) is None
    assert "the lines of test cannot be told" in caplog.text

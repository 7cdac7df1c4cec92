"""Which files of a folder are which splits: names, shards, compression."""

import gzip
import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from tf_ner.corpus.checks.check_data import check_data
from tf_ner.corpus.loading.sources import load_corpus
from tf_ner.corpus.texts.loading import load_texts
from tf_ner.errors import DataError
from tf_ner.options.commands import CheckConfig

CONLL = "Greta B-PER\nleft O\n\n"


def write(folder, *names, text=CONLL):
    for name in names:
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("training.conll", "train"),
        ("val.conll", "validation"),
        ("devel.conll", "validation"),
        ("en_development.txt", "validation"),
        ("demo.test", "test"),
        ("testset.bio", "test"),
        ("test", "test"),
        ("Test", "test"),
        ("corpus.val.conll", "validation"),
    ],
)
def test_names_that_people_give_splits(tmp_path, name, split):
    write(tmp_path, name)
    if split != "train":
        write(tmp_path, "train")
    assert set(load_corpus(tmp_path)) == {"train", split}


def test_two_files_of_a_split_are_both_named(tmp_path):
    write(tmp_path, "train.conll", "val.conll", "devel.conll")
    with pytest.raises(DataError, match=r"2 files for the validation split \(.*devel\.conll, .*val\.conll\)"):
        load_corpus(tmp_path)


def test_files_that_are_not_read_are_named(tmp_path, caplog):
    write(tmp_path, "train.conll", "gold.conll", "extra.tsv", "notes.md")
    with caplog.at_level(logging.INFO):
        load_corpus(tmp_path)
    assert f"not read of {tmp_path}, since their names say no split: extra.tsv, gold.conll" in caplog.text


def write_shards(folder, split, tables):
    for number, columns in enumerate(tables):
        pq.write_table(pa.table(columns), folder / f"{split}-{number:05}-of-{len(tables):05}.parquet")


def words(*sentences):
    return {"tokens": [list(each) for each in sentences], "ner_tags": [["O"] * len(each) for each in sentences]}


def test_shards_are_one_split(tmp_path):
    write_shards(tmp_path, "train", [words("ab", "c"), words("de")])
    write_shards(tmp_path, "test", [words("f")])
    corpus = load_corpus(tmp_path)
    assert corpus["train"]["words"][:] == [["a", "b"], ["c"], ["d", "e"]]
    # Named one by one as well.
    named = load_corpus(files={"train": tmp_path / "train-00001-of-00002.parquet"})
    assert len(named["train"]) == 3
    (tmp_path / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(DataError, match=r"one of 2 files, of which train-00001-of-00002\.parquet is missing"):
        load_corpus(tmp_path)


def test_shards_of_texts_are_one_split(tmp_path):
    write_shards(tmp_path, "train", [{"text": ["a"], "label": ["x"]}, {"text": ["b"], "label": ["y"]}])
    write_shards(tmp_path, "validation", [{"text": ["c"], "label": ["y"]}])
    assert load_texts(tmp_path)["train"]["text"][:] == ["a", "b"]


def test_a_place_in_shards_names_no_wrong_file(tmp_path):
    write_shards(tmp_path, "train", [words("ab"), {"tokens": [["a"]], "ner_tags": [["B-"]]}])
    with pytest.raises(DataError, match=r"train-\*-of-00002\.parquet:1: "):
        load_corpus(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.conll.gz", CONLL),
        ("train.jsonl.gz", '{"words": ["Greta", "left"], "tags": ["B-PER", "O"]}\n'),
        ("train.tsv.gz", "word\ttag\nGreta\tB-PER\nleft\tO\n"),
        ("train.csv.gz", "word,tag\nGreta,B-PER\nleft,O\n"),
        ("train.json.gz", '[{"text": "Greta left", "spans": [[0, 5, "PER"]]}]'),
    ],
)
def test_compressed_files(tmp_path, name, text):
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert load_corpus(tmp_path)["train"]["words"][:] == [["Greta", "left"]]


def test_compressed_texts(tmp_path):
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(b"text,label\na,x\nb,y\n"))
    (tmp_path / "test.csv").write_text("text,label\na,x\n")
    assert load_texts(tmp_path)["train"]["text"][:] == ["a", "b"]


@pytest.mark.parametrize("cut", [3, 30])
def test_what_cannot_be_unpacked(tmp_path, cut):
    (tmp_path / "train.conll.gz").write_bytes(gzip.compress(CONLL.encode() * 99)[:cut])
    with pytest.raises(DataError, match=r"train\.conll\.gz, which cannot be unpacked .* Copy it again"):
        load_corpus(tmp_path)


def test_a_compressed_parquet_file_is_told(tmp_path):
    write_shards(tmp_path, "x", [words("a")])
    (tmp_path / "train.parquet.gz").write_bytes(gzip.compress((tmp_path / "x-00000-of-00001.parquet").read_bytes()))
    with pytest.raises(DataError, match="Unpack it"):
        load_corpus(tmp_path)


TAGGED = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER"]))})
ROWS = {"tokens": [["Greta", "left"]], "ner_tags": [[1, 0]]}


def test_folders_that_datasets_has_saved(tmp_path):
    rows = Dataset.from_dict(ROWS, features=TAGGED)
    DatasetDict({"train": rows, "dev": rows}).save_to_disk(str(tmp_path / "all"))
    rows.save_to_disk(str(tmp_path / "one"))
    corpus = load_corpus(tmp_path / "all")
    assert set(corpus) == {"train", "validation"}
    assert corpus["train"].features["tags"].feature.names == ["O", "B-PER"]
    assert load_corpus(tmp_path / "one")["train"]["words"][:] == [["Greta", "left"]]
    next((tmp_path / "one").glob("*.arrow")).write_bytes(b"x")
    with pytest.raises(DataError, match=r"which cannot be read .* Copy or save it again"):
        load_corpus(tmp_path / "one")


def test_saved_texts(tmp_path):
    rows = Dataset.from_dict({"text": ["a", "b"], "label": ["x", "y"]})
    DatasetDict({"train": rows, "validation": rows}).save_to_disk(str(tmp_path / "all"))
    assert load_texts(tmp_path / "all")["train"]["text"][:] == ["a", "b"]


def test_tags_that_are_numbers_get_names(tmp_path):
    names = ("O", "B-PER")
    numbers = {"tokens": ["Greta", "left"], "ner_tags": [1, 0]}
    (tmp_path / "train.jsonl").write_text(json.dumps(numbers))
    (tmp_path / "table.csv").write_text('tokens,ner_tags\n"[""Greta"", ""left""]","[1, 0]"\n')
    pq.write_table(pa.table(ROWS), tmp_path / "plain.parquet")
    Dataset.from_dict(ROWS).save_to_disk(str(tmp_path / "saved"))
    for source in ("train.jsonl", "table.csv", "plain.parquet"):
        corpus = load_corpus(files={"train": tmp_path / source}, label_names=names)
        assert corpus["train"].features["tags"].feature.names == ["O", "B-PER", "I-PER"]
        assert corpus["train"]["tags"][:] == [[1, 0]]
        with pytest.raises(DataError, match="--label-names"):
            load_corpus(files={"train": tmp_path / source})
    assert load_corpus(tmp_path / "saved", label_names=names)["train"]["tags"][:] == [[1, 0]]
    for given in ((), ("O",)):
        with pytest.raises(DataError, match="--label-names"):
            load_corpus(tmp_path / "saved", label_names=given)


def test_a_clone_of_a_data_set_on_the_hub(tmp_path):
    (tmp_path / "README.md").write_text("---\n---\n")
    (tmp_path / "data").mkdir()
    write_shards(tmp_path / "data", "train", [words("ab")])
    assert len(load_corpus(tmp_path)["train"]) == 1
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_text(pointer)
    with pytest.raises(DataError, match="Run `git lfs pull`"):
        load_corpus(tmp_path)


def test_shards_and_compressed_files_are_not_repaired(tmp_path):
    for name in ("train-00000-of-00001.conll", "train.conll.gz"):
        folder = tmp_path / name
        folder.mkdir()
        data = CONLL.encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        with pytest.raises(DataError, match="to repair; expected one file that is not compressed"):
            check_data(CheckConfig(dataset=str(folder), fix=tmp_path / "fixed"))

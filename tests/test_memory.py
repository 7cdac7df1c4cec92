"""Corpora that the caller has in memory already."""

import pandas as pd
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from tf_ner import load_corpus
from tf_ner.errors import DataError

ROWS = {"tokens": [["Greta", "left"], ["Oslo"]], "ner_tags": [["B-PER", "O"], ["B-LOC"]]}
PAIRS = [(["Greta", "left"], ["B-PER", "O"]), (["Oslo"], ["B-LOC"])]
BY_WORD = {"Sentence #": ["1", None, "2"], "Word": ["Greta", "left", "Oslo"], "Tag": ["B-PER", "O", "B-LOC"]}
RECORDS = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]


def read(data, **options):
    rows = load_corpus(data, **options)["train"]
    names = rows.features["tags"].feature.names
    return [(row["words"], [names[tag] for tag in row["tags"]]) for row in rows]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(Dataset.from_dict(ROWS), id="Dataset"),
        pytest.param(pd.DataFrame(ROWS), id="pandas"),
        pytest.param(pd.DataFrame(BY_WORD), id="pandas, a word a row"),
        pytest.param(pa.table(ROWS), id="pyarrow"),
        pytest.param(RECORDS, id="records"),
        pytest.param(PAIRS, id="pairs"),
    ],
)
def test_one_split_is_train(data):
    assert read(data) == PAIRS


def test_polars():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    assert read(polars.DataFrame(ROWS)) == PAIRS


def test_splits_by_name():
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "B-LOC"]))})
    numbers = {"tokens": ROWS["tokens"], "ner_tags": [[1, 0], [2]]}
    rows = Dataset.from_dict(numbers, features=features)
    corpus = load_corpus(DatasetDict({"train": rows, "dev": rows}))
    assert set(corpus) == {"train", "validation"}
    assert corpus["train"].features["tags"].feature.names == ["O", "B-PER", "B-LOC"]
    assert set(load_corpus({"train": RECORDS, "test": pd.DataFrame(ROWS)})) == {"train", "test"}


def test_columns_and_numbers_are_named_as_for_files():
    table = pd.DataFrame({"a": ROWS["tokens"], "b": [[1, 0], [2]]})
    assert read(table, word_column="a", tag_column="b", label_names=("O", "B-PER", "B-LOC")) == PAIRS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"train": PAIRS, "test": RECORDS}, "splits with other columns"),
        (7, "data of type int; expected a DatasetDict"),
        ([], "data of type list; expected"),
        ([{"tokens": ["a"]}, {"tokens": 3}], "makes no table"),
        (pd.DataFrame({"x": [1]}), r"Received data set 'the data given' with the columns x; expected words"),
        ([(["a", "b"], ["O"])], r"the data given\[train\]:1: received 2 words and 1 tags"),
    ],
)
def test_what_is_no_corpus(data, message):
    with pytest.raises(DataError, match=message):
        load_corpus(data)

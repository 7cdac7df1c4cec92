"""Texts with labels, from files and from tables in memory."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from tf_ner import load_texts
from tf_ner.corpus.texts.files import LabelledText, TextLayout, read_texts
from tf_ner.corpus.texts.labels import read_labels
from tf_ner.corpus.texts.loading import choose_texts
from tf_ner.errors import DataError

MRPC = {"text_columns": ("#1 String", "#2 String"), "label_column": "Quality"}


def write(path, text):
    path.write_bytes(text.encode())
    return path


def test_mrpc_is_read_whole(shared):
    corpus = load_texts(shared / "data" / "mrpc", **MRPC)
    assert {split: (len(rows), sum(rows["label"])) for split, rows in corpus.items()} == {
        "train": (3668, 2474),
        "validation": (408, 279),
        "test": (1725, 1147),
    }
    assert corpus["train"].features == {
        "text": Value("string"),
        "text_pair": Value("string"),
        "label": ClassLabel(names=["0", "1"]),
    }
    assert corpus["train"][0]["text"].startswith('Amrozi accused his brother , whom he called " the witness " ,')


ROWS = [("Ada wrote , and", 'she said "no"', "1"), ("Bruno", "", "0")]
RECORDS = [dict(zip(("a", "b", "label"), row, strict=True)) for row in ROWS]
FORMATS = {
    "rows.tsv": 'a\tb\tlabel\nAda wrote , and\tshe said "no"\t1\r\n\nBruno\t\t0\n',
    "bom.tsv": '\ufeffa\tb\tlabel\nAda wrote , and\tshe said "no"\t1\nBruno\t\t0',
    "rows.csv": 'a,b,label\n"Ada wrote , and","she said ""no""",1\nBruno,,0\n',
    "semicolons.csv": 'a;b;label\nAda wrote , and;"she said ""no""";1\nBruno;;0\n',
    "rows.jsonl": "\n".join(map(json.dumps, RECORDS)) + "\n",
    "rows.ndjson": "\n".join(json.dumps({"id": 7, **record}) for record in RECORDS),
    "rows.json": json.dumps(RECORDS, indent=1),
}


@pytest.mark.parametrize("name", [*FORMATS, "rows.parquet"])
def test_each_format_gives_the_same_rows(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist([{"id": [7], **record} for record in RECORDS]), path)
    else:
        write(path, FORMATS[name])
    seen = []
    layout = TextLayout(text_columns=("a", "b"))
    read = list(read_texts(path, layout, report=lambda finding: seen.append(finding)))
    assert [(*row.texts, row.label) for row in read] == ROWS
    assert [(finding.kind, finding.is_error) for finding in seen] == [("empty-text", False)]
    assert seen[0].line == read[1].line


def test_lines_are_those_of_the_file(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"two\nlines",x\n\nb,y\n')
    assert list(read_texts(path)) == [LabelledText(("two\nlines",), "x", 2), LabelledText(("b",), "y", 5)]


@pytest.mark.parametrize(
    ("name", "quoting", "text"),
    [
        ("a.tsv", "auto", '"a"'),
        ("a.tsv", "off", '"a"'),
        ("a.tsv", "on", "a"),
        ("a.csv", "auto", "a"),
        ("a.csv", "on", "a"),
        ("a.csv", "off", '"a"'),
    ],
)
def test_quotes_are_characters_or_not(tmp_path, name, quoting, text):
    divider = "\t" if name.endswith(".tsv") else ","
    path = write(tmp_path / name, f'text{divider}label\n"a"{divider}1\n')
    assert [row.texts for row in read_texts(path, TextLayout(quoting=quoting))] == [(text,)]


@pytest.mark.parametrize(
    ("names", "texts", "label"),
    [
        ("sentence1 sentence2 label", ("sentence1", "sentence2"), "label"),
        ("idx Premise Hypothesis Label", ("Premise", "Hypothesis"), "Label"),
        ("question sentence text label", ("question", "sentence"), "label"),
        ("text labels", ("text",), "labels"),
        ("text label labels", ("text",), "label"),
    ],
)
def test_columns_are_found_by_usual_names(names, texts, label):
    assert TextLayout().choose(names.split(), "x:1") == (texts, label)


@pytest.mark.parametrize(
    ("options", "names", "message"),
    [
        ({}, "a b", r"x:1: received the columns 'a', 'b'; expected text, or a pair of texts, and 'label', each once"),
        ({}, "text", "and 'label', each once. Name them with --text-columns and --label-column"),
        ({}, "", "received the columns no columns; expected"),
        ({"text_columns": ("a", "c")}, "a b label", "expected 'a' and 'c' and 'label'"),
        ({"text_columns": ("a",)}, "a a label", "each once"),
        ({"text_columns": ("a", "a")}, "a label", "expected 'a' and 'a' and 'label', each once"),
        # The model would be shown what it shall say.
        ({"text_columns": ("a", "label")}, "a label", "expected 'a' and 'label' and 'label', each once"),
        ({"text_columns": ("a",), "label_column": "A"}, "a label", "expected 'a' and 'A'"),
    ],
)
def test_columns_that_are_not_there(options, names, message):
    with pytest.raises(DataError, match=message):
        TextLayout(**options).choose(names.split(), "x:1")


BAD = {
    "ragged": ("a.tsv", "text\tlabel\na\tb\t1\nc\t1\n", 2, "received 3 cells; expected 2"),
    "no label": ("a.tsv", "text\tlabel\na\t\nc\t1\n", 2, "received no label; expected one"),
    "a blank label": ("a.tsv", "text\tlabel\na\t \nc\t1\n", 2, "received no label; expected one"),
    "no text": ("a.jsonl", '{"text": null, "label": 1}\n{"text": "c", "label": 1}\n', 1, "received 'None' as text"),
    "a number": ("a.jsonl", '{"text": "c", "label": 1}\n{"text": 3, "label": 1}\n', 2, "received '3' as text"),
    "a list": ("a.jsonl", '{"text": "c", "label": 1}\n{"text": "a", "label": [1]}', 2, r"received '\[1\]' as label"),
    "a new key": (
        "a.jsonl",
        '{"text": "c", "label": 1}\n{"text": "a", "text_pair": "b", "label": 1}\n',
        2,
        "received 'text_pair' too; expected the keys of the first record",
    ),
    "no key": ("a.jsonl", '{"text": "c", "label": 1}\n{"text": "a"}\n', 2, "received 'text'; expected 'label' too"),
    "no object": ("a.jsonl", '{"text": "c", "label": 1}\n[1]\n', 2, "received no object; expected 'text', 'label'"),
    "no JSON": ("a.jsonl", '{"text": "c", "label": 1}\n{"text"\n', 2, "received invalid JSON"),
    "half": (
        "a.jsonl",
        '{"text": "\\ud800", "label": 1}\n{"text": "c", "label": 1}',
        1,
        r"received '.*', half of a surrogate pair",
    ),
    "no UTF-8": ("a.tsv", b"text\tlabel\n\xff\t1\nc\t1\n", 2, "received bytes that are not UTF-8"),
    "quotes": ("a.csv", 'text,label\nc,1\n"a,1\n', 3, "received a quote that is not closed"),
}


@pytest.mark.parametrize(("name", "content", "line", "message"), BAD.values(), ids=BAD)
def test_bad_rows_are_named_and_the_others_read(tmp_path, name, content, line, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f"{name}:{line}: {message}"):
        list(read_texts(path))
    findings = []
    assert [row.texts for row in read_texts(path, report=findings.append)] == [("c",)]
    assert len(findings) == 1


def test_no_row_is_lost_but_blank_lines(tmp_path):
    rows = "text\ttext_pair\nI like it\tx\n\t\n\nI hate it\ty\n"
    layout = TextLayout(may_lack_labels=True)
    findings = []
    found = list(read_texts(write(tmp_path / "a.tsv", rows), layout, report=findings.append))
    assert [row.texts for row in found] == [("I like it", "x"), ("", ""), ("I hate it", "y")]
    assert [(finding.kind, finding.line) for finding in findings] == [("empty-text", 3)]


def test_a_label_column_that_a_file_does_not_have_is_told(tmp_path, caplog):
    write(tmp_path / "train.tsv", "text\tgold\na\t1\nb\t2\n")
    write(tmp_path / "test.tsv", "text\tlabel\na\t1\n")
    corpus = load_texts(tmp_path, label_column="gold")
    assert corpus["test"]["label"] == [-1]
    assert "test.tsv:1: received no 'gold' among the columns 'text', 'label'; its rows are predicted" in caplog.text


def test_warnings_are_told_once_a_kind(tmp_path, caplog):
    write(tmp_path / "train.tsv", "text\tgold\na\t1\n\t2\n\t1\n")
    write(tmp_path / "test.tsv", "text\na\n")
    load_texts(tmp_path, label_column="gold")
    empty, no_label, *_ = caplog.messages
    assert "train.tsv:3: received an empty text" in empty
    assert empty.endswith(" (2 such places: `tf-ner check-data --task text-classification` lists them.)")
    assert "test.tsv:1: received no 'gold' among the columns 'text'" in no_label


def test_a_label_that_comes_late_is_told(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": "b", "label": 1, "id": 3}\n')
    with pytest.raises(DataError, match=r"a.jsonl:2: received 'label' too; expected the keys of the first record"):
        list(read_texts(path, TextLayout(may_lack_labels=True)))


@pytest.mark.parametrize(("train", "test", "hidden"), [((0, 1), (-1, -1), True), ((-1, 1), (-1, -1), False)])
def test_minus_one_hides_a_label_unless_it_is_one(tmp_path, train, test, hidden):
    for split, labels in (("train", train), ("test", test)):
        write(tmp_path / f"{split}.csv", "text,label\n" + "".join(f"a,{label}\n" for label in labels))
    corpus = load_texts(tmp_path)
    assert corpus["test"]["label"] == ([-1, -1] if hidden else [0, 0])


def test_a_row_without_a_label_makes_no_label_of_minus_one():
    labels = read_labels({"train": [0, 1, None, 0], "test": [-1, -1]})
    assert labels == (["0", "1"], {"train": [0, 1, -1, 0], "test": [-1, -1]})


def test_two_bad_rows_are_counted(tmp_path):
    write(tmp_path / "train.tsv", "text\tlabel\na\t\nb\t\nc\t1\n")
    with pytest.raises(
        DataError,
        match=r"train.tsv:2: received no label.*\(1 more line like this: .*check-data --task text-.* lists them.\)$",
    ):
        load_texts(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"expected files such as train\.csv, valid\.csv"),
        ({"train.tsv": ""}, "train.tsv:1: received no row"),
        ({"train.tsv": "text\tlabel\n"}, "train.tsv:1: received no row"),
        ({"train.tsv": "a\tb\n"}, "train.tsv:1: received the columns 'a', 'b'"),
        ({"train.tsv": "text\tlabel\na\t1\n", "train.csv": "x"}, r"2 files for the train split"),
        ({"train.tsv": "text\tlabel\na\t-1\n"}, "train, whose labels are all hidden|labels are all hidden"),
        ({"train.parquet": "x"}, "expected a complete Parquet file"),
        (
            {"train.tsv": "text\tlabel\na\t1\n", "test.tsv": "sentence1\tsentence2\na\tb\n"},
            "texts in train, pairs in test; expected the same in all splits",
        ),
        (
            {"train.tsv": "text\tlabel\na\t1\n", "dev.tsv": "text\tlabel\na\t-1\n"},
            "validation, whose labels are all hidden.*--validation-file",
        ),
        ({"train.tsv": "text\tlabel\n" + "".join(f"a\tx{n}\n" for n in range(150))}, "150 different labels"),
    ],
)
def test_folders_that_do_not_fit(tmp_path, files, message):
    for name, text in files.items():
        write(tmp_path / name, text)
    with pytest.raises(DataError, match=message):
        load_texts(tmp_path)


def test_columns_of_texts_are_one_or_two(tmp_path):
    write(tmp_path / "train.tsv", "first\tb\tc\tlabel\na\tb\tc\t0\nd\te\tf\t1\n")
    assert load_texts(tmp_path, text_columns="first")["train"]["text"][:] == ["a", "d"]
    for columns in (("first", "b", "c"), ()):
        with pytest.raises(DataError, match=r"Received the text columns .*; expected one, or two for pairs"):
            load_texts(tmp_path, text_columns=columns)


def test_other_sources_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match=r"a\.conll; expected one of \.csv, \.json"):
        load_texts(files={"train": write(tmp_path / "a.conll", "")})
    with pytest.raises(DataError, match="does not exist"):
        load_texts(files={"train": tmp_path / "a.tsv"})
    pq.write_table(pa.table({"text": [["a"]], "label": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'text' of type list"):
        load_texts(files={"train": tmp_path / "a.parquet"})


def labels_of(tmp_path, *labels, **options):
    """The names, and the labels of train, of a file with these labels."""
    rows = "".join(json.dumps({"text": "a", "label": label}) + "\n" for label in labels)
    rows = load_texts(files={"train": write(tmp_path / "train.jsonl", rows)}, **options)["train"]
    feature = rows.features["label"]
    return (feature.names, rows["label"][:]) if isinstance(feature, ClassLabel) else (None, rows["label"][:])


@pytest.mark.parametrize(
    ("labels", "names", "values"),
    [
        (["no", "yes", "no"], ["no", "yes"], [0, 1, 0]),
        (["10", "9", "2"], ["2", "9", "10"], [2, 1, 0]),
        ([1, -1, 0], ["-1", "0", "1"], [2, 0, 1]),
        ([True, False], ["False", "True"], [1, 0]),
        (["1.0", "0.0", "1"], ["0", "1"], [1, 0, 1]),
        ([2.0, 1.0], ["1", "2"], [1, 0]),
        (["01", "1"], ["01", "1"], [0, 1]),
        ([" a", "a ", "b"], ["a", "b"], [0, 0, 1]),
        (["3.8", "5", "1e1"], None, [3.8, 5.0, 10.0]),
        ([0.5, 1], None, [0.5, 1.0]),
        (["0.5", "a"], ["0.5", "a"], [0, 1]),
    ],
)
def test_labels_are_names_or_numbers(tmp_path, labels, names, values):
    found = labels_of(tmp_path, *labels)
    assert found == (names, pytest.approx(values))


def test_whole_numbers_are_learnt_as_numbers_where_asked(tmp_path):
    assert labels_of(tmp_path, 1, 3, "2.0", label_type="numbers") == (None, [1.0, 3.0, 2.0])
    assert labels_of(tmp_path, 0.5, 1, label_type="names") == (["0.5", "1"], [0, 1])
    with pytest.raises(DataError, match=r"Received the label 'b' \(row 2 of train\); expected numbers"):
        labels_of(tmp_path, 1, "b", label_type="numbers")


def test_a_label_that_is_no_number_is_no_label(tmp_path):
    table = pa.table({"text": ["a", "b", "c"], "label": [0.5, math.nan, 1.5]})
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"train.parquet:2: received no label"):
        load_texts(files={"train": tmp_path / "train.parquet"})


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        (["0.5", "nan"], "nan"),
        (["0", "1", "NaN"], "NaN"),
        (["0.5", "1.5", "-inf"], "-inf"),
        (["0.5", "1e39"], "1e39"),
        ([0.5, 10**400], "1" + "0" * 39),
    ],
)
def test_numbers_that_are_none_make_neither_names_nor_losses_without_a_value(tmp_path, labels, wrong):
    message = rf"Received the label '{wrong}' \(row {len(labels)} of train\); expected numbers that float32 can hold"
    with pytest.raises(DataError, match=message):
        labels_of(tmp_path, *labels)
    if isinstance(labels[-1], str):
        assert len(labels_of(tmp_path, *labels, label_type="names")[0]) == len(labels)


def test_names_may_be_numbers_of_any_length(tmp_path):
    assert labels_of(tmp_path, "9" * 5000, "1")[0] == ["1", "9" * 5000]


def test_a_new_name_for_a_number_is_told(tmp_path, caplog):
    labels_of(tmp_path, 0.5, 1, new_labels={"1": "one"})
    assert "Received '1' to be renamed, but labels that are numbers; expected names." in caplog.text


def test_labels_that_train_does_not_have_are_told(tmp_path, caplog):
    write(tmp_path / "train.tsv", "text\tlabel\na\tx\nb\ty\n")
    write(tmp_path / "dev.tsv", "text\tlabel\na\tz\nb\ty\nc\tz\n")
    write(tmp_path / "test.tsv", "text\na\n")
    with caplog.at_level("INFO", logger="tf_ner"):
        load_texts(tmp_path)
    told = [message for message in caplog.messages if "never occurs" in message]
    assert told == ["validation: 2 examples are labelled z, which never occurs in train and cannot be learnt."]


def test_labels_are_renamed_and_may_fall_together(tmp_path, caplog):
    new = {"0": "different", "1": "equal", "2": "equal"}
    assert labels_of(tmp_path, 0, 1, 2, 3, new_labels=new) == (["different", "equal", "3"], [0, 1, 1, 2])
    assert not caplog.messages
    labels_of(tmp_path, 0, 1, new_labels={"yes": "1"})
    assert "Received 'yes' to be renamed, which is not a label of this data; expected one of 0, 1." in caplog.text


@pytest.mark.parametrize("test", ["text\na\nb\n", "text\tlabel\na\t-1\nb\t-1\n", "text\tlabel\na\t-1.0\nb\t-1.0\n"])
@pytest.mark.parametrize("labels", [("x", "y"), ("0.5", "1.5")])
def test_hidden_labels_are_told_apart(tmp_path, caplog, labels, test):
    for name in ("train.tsv", "dev.tsv"):
        write(tmp_path / name, "text\tlabel\na\t{}\nb\t{}\n".format(*labels))
    write(tmp_path / "test.tsv", test)
    with caplog.at_level("INFO", logger="tf_ner"):
        corpus = load_texts(tmp_path)
    values = np.array(corpus["test"]["label"])
    assert np.all(values == -1) if labels == ("x", "y") else np.all(np.isnan(values))
    assert "test: 2 of 2 labels are hidden; predicted, not scored" in caplog.text
    assert corpus["train"].features == corpus["test"].features


def from_hub(tables, features=None):
    """What is made of tables as they come from the Hub."""
    features = Features({name: (features or {}).get(name, Value("string")) for name in tables[0]})
    splits = ("train", "validation", "test")[: len(tables)]
    loaded = {split: Dataset.from_dict(table, features=features) for split, table in zip(splits, tables, strict=True)}
    return choose_texts(DatasetDict(loaded), "lab/set", TextLayout())


NAMES = ClassLabel(names=["z", "y", "unused"])


def test_a_hub_set_keeps_its_order_of_labels():
    columns = [{"idx": [7, 8], "text": ["a", "b"], "label": [0, 1]}]
    corpus = from_hub(columns, {"idx": Value("int32"), "label": NAMES})
    assert corpus["train"].features == {"text": Value("string"), "label": NAMES}
    assert corpus["train"]["label"][:] == [0, 1]


def test_rows_without_a_label_are_left_out_of_training_only(caplog):
    table = {"premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"], "label": [0, -1, 1]}
    with caplog.at_level("INFO", logger="tf_ner"):
        corpus = from_hub([table] * 2, {"label": NAMES})
    assert corpus["train"]["text"][:] == ["a", "c"]
    assert corpus["validation"]["label"][:] == [0, -1, 1]
    assert "train: 1 of 3 rows have no label; they are left out" in caplog.text
    assert "validation: 1 of 3 labels are hidden; predicted, not scored" in caplog.text


def test_numbers_of_a_hub_set_stay_numbers_even_if_whole():
    table = {"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [1.0, 5.0]}
    hidden = {**table, "label": [-1.0, -1.0]}
    corpus = from_hub([table, table, hidden], {"label": Value("float32")})
    assert corpus["train"].features["label"] == Value("float32")
    assert corpus["train"]["label"][:] == [1.0, 5.0]
    assert np.isnan(corpus["test"]["label"]).all()


@pytest.mark.parametrize(
    ("table", "features", "message"),
    [
        ({"a": ["x"], "label": ["y"]}, {}, "data set 'lab/set': received the columns 'a', 'label'"),
        ({"text": [3], "label": ["y"]}, {"text": Value("int32")}, "'text' of type int32; expected text"),
        ({"text": [None], "label": ["y"]}, {}, r"lab/set\[train\]:1: received no text"),
        ({"text": ["a"], "label": [["y"]]}, {"label": [Value("string")]}, "expected one label per row"),
        ({"text": [], "label": []}, {}, r"lab/set\[train\]:1: received an empty split"),
    ],
)
def test_hub_sets_that_do_not_fit(table, features, message):
    with pytest.raises(DataError, match=message):
        from_hub([table], features)

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from tf_ner.corpus.sources import find_split_files, load_corpus, words_and_tags
from tf_ner.errors import DataError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("train.conll valid.conll test.conll", "train.conll valid.conll test.conll"),
        ("eng.train eng.testa eng.testb", "eng.train eng.testa eng.testb"),
        ("wnut17train.conll emerging.dev.conll", "wnut17train.conll emerging.dev.conll"),
        ("train.txt validation.txt latest.txt README.md", "train.txt validation.txt"),
        ("TRAIN.TXT", "TRAIN.TXT"),
    ],
)
def test_files_are_found_by_name(tmp_path, names, expected):
    for name in names.split():
        (tmp_path / name).touch()
    assert [file.name for file in find_split_files(tmp_path).values()] == expected.split()


def test_two_files_for_one_split_are_listed(tmp_path):
    for name in ("train.conll", "train.txt"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"2 files .*train\.conll, .*train\.txt.*--train-file"):
        load_corpus(tmp_path)


def write(folder, text, name="train.conll"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "without a sentence"),
        ("-DOCSTART- O\n\n", "without a sentence"),
        ("EU NNP\n", "train.conll:1: received tag 'NNP'; expected O, B-LABEL or I-LABEL"),
    ],
)
def test_bad_splits(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load_corpus(write(tmp_path, text))


def test_a_folder_without_splits_lists_what_it_holds(tmp_path):
    with pytest.raises(DataError, match=r"notes\.md; expected files such as train\.conll"):
        load_corpus(write(tmp_path, "", "notes.md"))


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "a/b/c"])
def test_a_path_that_is_not_there(name):
    with pytest.raises(DataError, match="no folder and no name on the Hub"):
        load_corpus(name)


def test_a_file_is_no_data_set(tmp_path):
    with pytest.raises(DataError, match="--train-file"):
        load_corpus(write(tmp_path, "a O\n") / "train.conll")


def test_without_a_network_the_error_names_local_files():
    with pytest.raises(DataError, match=r"'conll2003'.*Hub.*--train-file"):
        load_corpus("conll2003")


def test_tags_of_all_splits_get_ids(tmp_path):
    write(tmp_path, "a B-X\n", "train.conll")
    write(tmp_path, "a I-Y\n", "test.conll")
    corpus = load_corpus(tmp_path)
    assert corpus["train"].features == corpus["test"].features
    assert corpus["test"].features["tags"].feature.names == ["O", "B-X", "I-X", "B-Y", "I-Y"]


FOUR_COLUMNS = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n"


@pytest.mark.parametrize(
    ("task", "names", "tags"),
    [
        ("ner", ["O", "B-ORG", "I-ORG"], [1, 0]),
        ("pos", ["NNP", "VBZ"], [0, 1]),
        ("chunk", ["O", "B-NP", "I-NP", "B-VP", "I-VP"], [1, 3]),
    ],
)
def test_each_task_reads_its_own_column(tmp_path, task, names, tags):
    write(tmp_path, FOUR_COLUMNS)
    columns = ("word", "pos", "chunk", "ner")
    by_name = load_corpus(files={"train": tmp_path / "train.conll"}, task=task, columns=columns)
    for rows in (load_corpus(tmp_path, task=task, columns=columns)["train"], by_name["train"]):
        assert rows.features["tags"].feature.names == names
        assert rows[0] == {"words": ["EU", "rejects"], "tags": tags}
    other_order = load_corpus(write(tmp_path, "NNP EU\nVBZ rejects\n"), task="pos", columns=("pos", "word"))
    assert other_order["train"][0]["words"] == ["EU", "rejects"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("word", "ner", "chunk", "x"), "columns word ner chunk x for the task 'pos'; expected one named 'pos'"),
        (("pos",), "columns pos for the task 'pos'; expected one named 'word'"),
        (("word", "pos", "pos", "ner"), "expected one named 'pos'"),
        (("word", "pos"), r"train.conll:1: received 4 columns .*; expected 2"),
        (None, "columns without names for the task 'pos'; expected one named 'word'"),
    ],
)
def test_columns_must_tell_word_and_tag(tmp_path, columns, message):
    with pytest.raises(DataError, match=message):
        load_corpus(write(tmp_path, FOUR_COLUMNS), task="pos", columns=columns)


@pytest.mark.parametrize("dataset", ["sample", "conll2003"])
def test_columns_are_for_files_only(dataset):
    with pytest.raises(DataError, match=f"Received columns .word pos. for {dataset}, which knows its own"):
        load_corpus(dataset, task="pos", columns=("word", "pos"))


@pytest.mark.parametrize("dataset", ["sample", "conll2003"])
def test_an_unknown_task_is_refused(dataset):
    with pytest.raises(DataError, match="Received task 'POS'; expected one of ner, pos, chunk"):
        load_corpus(dataset, task="POS")


def test_chunks_must_be_iob(tmp_path):
    with pytest.raises(DataError, match="received tag 'NNP'"):
        load_corpus(write(tmp_path, FOUR_COLUMNS), task="chunk", columns=("word", "chunk", "pos", "ner"))


HUB_ROWS = {"id": ["0"], "tokens": [["EU", "said"]], "ner_tags": [[3, 0]]}
HUB_NAMES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]


def test_hub_columns_become_words_and_tags():
    features = Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=HUB_NAMES))}
    )
    loaded = words_and_tags(DatasetDict({"train": Dataset.from_dict(HUB_ROWS, features=features)}), "hub/set")
    assert loaded["train"].column_names == ["words", "tags"]
    assert loaded["train"].features["tags"].feature.names == HUB_NAMES
    assert loaded["train"][0] == {"words": ["EU", "said"], "tags": [3, 0]}


def test_hub_parts_of_speech_may_have_any_names():
    features = Features({"tokens": List(Value("string")), "pos_tags": List(ClassLabel(names=["VBZ", "."]))})
    rows = Dataset.from_dict({"tokens": [["stop", "."]], "pos_tags": [[0, 1]]}, features=features)
    loaded = words_and_tags(DatasetDict({"train": rows}), "hub/set", "pos")["train"]
    assert loaded.features["tags"].feature.names == ["VBZ", "."]
    assert loaded[0]["tags"] == [0, 1]
    with pytest.raises(DataError, match=r"tags \(chunk_tags\)"):
        words_and_tags(DatasetDict({"train": rows}), "hub/set", "chunk")


def test_the_task_chooses_the_hub_column():
    rows = {
        "tokens": [["stop"]],
        "tags": [["O"]],
        "ner_tags": [["B-X"]],
        "pos_tags": [["VB"]],
        "chunk_tags": [["B-VP"]],
    }
    for task, tag in (("ner", "B-X"), ("pos", "VB"), ("chunk", "B-VP")):
        loaded = words_and_tags(DatasetDict({"train": Dataset.from_dict(rows)}), "hub/set", task)["train"]
        assert loaded.features["tags"].feature.int2str(loaded[0]["tags"]) == [tag]


def test_hub_tags_may_be_strings():
    rows = Dataset.from_dict({"tokens": [["EU", "said"]], "ner_tags": [["B-ORG", "O"]]})
    loaded = words_and_tags(DatasetDict({"train": rows}), "hub/set")["train"]
    assert [loaded.features["tags"].feature.names[tag] for tag in loaded[0]["tags"]] == ["B-ORG", "O"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"text": ["a"], "label": [0]}, "columns text, label; expected words"),
        ({"tokens": [["a"]], "ner_tags": [["NN"]]}, "ner_tags: received tag 'NN'"),
        ({"tokens": [], "ner_tags": []}, "empty train split"),
        ({"tokens": ["a b"], "ner_tags": ["O O"]}, "expected words"),
        ({"tokens": [["a", "b"]], "ner_tags": [["O", None]]}, "words without a tag"),
    ],
)
def test_hub_sets_that_do_not_fit(rows, message):
    with pytest.raises(DataError, match=message):
        words_and_tags(DatasetDict({"train": Dataset.from_dict(rows)}), "hub/set")


def test_hidden_hub_tags_are_refused():
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=HUB_NAMES))})
    rows = Dataset.from_dict({"tokens": [["EU"]], "ner_tags": [[-1]]}, features=features)
    with pytest.raises(DataError, match="test split has words without a tag"):
        words_and_tags(DatasetDict({"test": rows}), "hub/set")

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, LargeList, List, Value

from tf_ner.corpus.findings import raise_error
from tf_ner.corpus.loading.hub_sets import read_hub_splits, with_usual_names, words_and_tags
from tf_ner.corpus.loading.sources import load_corpus
from tf_ner.corpus.loading.splits import find_split_files
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("train.conll valid.conll test.conll", "train.conll valid.conll test.conll"),
        ("eng.train eng.testa eng.testb", "eng.train eng.testa eng.testb"),
        ("wnut17train.conll emerging.dev.conll", "wnut17train.conll emerging.dev.conll"),
        ("train.txt validation.txt latest.txt README.md", "train.txt validation.txt"),
        ("TRAIN.TXT", "TRAIN.TXT"),
        (
            "train.jsonl dev.csv test.parquet README.md LICENSE.txt dataset_info.json",
            "train.jsonl dev.csv test.parquet",
        ),
        ("en_ewt-ud-train.conllu en_ewt-ud-test.conllu stats.json", "en_ewt-ud-train.conllu en_ewt-ud-test.conllu"),
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


def test_a_file_for_two_splits_is_refused(tmp_path):
    """Otherwise the scores would be those of sentences that were learnt."""
    for name in ("en.train_dev.conll", "en.test.conll"):
        (tmp_path / name).touch()
    message = (
        r"train_dev\.conll, whose name says train and validation; .* name the files: each split's with --train-file"
    )
    with pytest.raises(DataError, match=message):
        find_split_files(tmp_path)


def write(folder, text, name="train.conll"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "train.conll:1: received no sentence"),
        ("-DOCSTART- O\n\n", "received no sentence"),
        ("EU NNP\n", r"train.conll:1: received tags such as NNP, and no O; expected entity tags"),
        ("EU B-ORG\nEU B-ORG\nb NNP\nc X-PER\n", r"train.conll:3: received tag 'NNP'; .*1 more line like this"),
    ],
)
def test_bad_splits(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load_corpus(write(tmp_path, text))


def test_files_that_are_passed_over_are_told(tmp_path, caplog):
    for name in ("train.conll", "testing.conll", "emerging.dev.annotated", "notes.md", "training.log"):
        write(tmp_path, "a O\nb B-X\n", name)
    assert list(load_corpus(tmp_path)) == ["train"]
    told = [record.getMessage() for record in caplog.records if "which is not read" in record.getMessage()]
    assert len(told) == 2
    assert "testing.conll, which is not read; expected a name such as test.conll for the test split" in caplog.text
    assert "emerging.dev.annotated, which is not read" in caplog.text
    assert "expected a name such as validation.conll for the validation split. If it is that split, " in caplog.text


def test_a_tag_that_looks_like_another_is_told(tmp_path, caplog):
    corpus = load_corpus(write(tmp_path, "a B-X\nb O\nc B-X\u00a0\n\nd B-X\u00a0\n"))
    assert len(corpus["train"].features["tags"].feature.names) == 5
    assert "train.conll:3: received the tag 'B-X\\xa0' with U+00A0 NO-BREAK SPACE" in caplog.text
    assert "Correct the tag; `tf-ner check-data --fix` does so in column files. (2 such" in caplog.text
    assert "(2 such places: `tf-ner check-data` lists them.)" in caplog.text


def test_a_file_that_cannot_be_read_is_told_once(tmp_path):
    with pytest.raises(DataError, match=r"train.jsonl:1: received a list; .* ends in \.json\.$"):
        load_corpus(write(tmp_path, '[{"words": ["a"], "tags": ["O"]}]', "train.jsonl"))


def test_a_folder_without_splits_lists_what_it_holds(tmp_path):
    with pytest.raises(DataError, match=r"notes\.md; expected files such as train\.conll"):
        load_corpus(write(tmp_path, "", "notes.md"))


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "a/b/c"])
def test_a_path_that_is_not_there(name):
    with pytest.raises(DataError, match="neither a folder nor a name on the Hub"):
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
        (("pos", "a", "b", "c"), "columns pos a b c for the task 'pos'; expected one named 'word'"),
        (("word", "pos", "pos", "ner"), "expected one named 'pos'"),
        (
            ("word", "pos"),
            r"train.conll:1: received lines of 4 columns, and --columns with 2 \(word pos\); .* in their order.$",
        ),
        (None, "columns without names for the task 'pos'; expected one named 'pos'"),
    ],
)
def test_columns_must_tell_word_and_tag(tmp_path, columns, message):
    with pytest.raises(DataError, match=message):
        load_corpus(write(tmp_path, FOUR_COLUMNS), task="pos", columns=columns)


@pytest.mark.parametrize("dataset", ["sample", "conll2003"])
def test_columns_are_for_files_only(dataset):
    with pytest.raises(DataError, match=f"Received columns .word pos. for {dataset}, which has its own"):
        load_corpus(dataset, task="pos", columns=("word", "pos"))


@pytest.mark.parametrize("dataset", ["sample", "conll2003"])
def test_an_unknown_task_or_scheme_is_refused(dataset):
    with pytest.raises(DataError, match="Received task 'POS'; expected one of ner, pos, chunk"):
        load_corpus(dataset, task="POS")
    with pytest.raises(DataError, match="Received scheme 'iob'; expected one of iob1, iob2, bioes, bilou, io, plain"):
        load_corpus(dataset, scheme="iob")


def test_chunks_must_be_iob(tmp_path):
    with pytest.raises(DataError, match=r"train.conll:1: received tags such as NNP, VBZ, and no O"):
        load_corpus(write(tmp_path, FOUR_COLUMNS), task="chunk", columns=("word", "chunk", "pos", "ner"))


HUB_NAMES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]
STRINGS = List(Value("string"))
IDS = List(ClassLabel(names=HUB_NAMES))


def hub_rows(columns, features=None):
    features = Features({name: (features or {}).get(name, STRINGS) for name in columns})
    return DatasetDict({"train": Dataset.from_dict(columns, features=features)})


def read_hub(columns, features=None, **layout):
    """The words and tags of the only sentence."""
    chosen = words_and_tags(hub_rows(columns, features), "hub/set", Layout(**layout))
    [sentence] = read_hub_splits(chosen, "hub/set", Layout(), report=raise_error)["train"].sentences
    return " ".join(sentence.words), " ".join(sentence.tags)


TASK_COLUMNS = {
    "tokens": [["stop"]],
    "tags": [["O"]],
    "ner_tags": [["B-X"]],
    "pos_tags": [["VB"]],
    "chunk_tags": [["B-VP"]],
}
HUB_SETS = {
    "ids": ({"tokens": [["EU", "said"]], "ner_tags": [[3, 0]]}, {"ner_tags": IDS}, {}, ("EU said", "B-ORG O")),
    "strings": ({"words": [["EU"]], "tags": [["B-ORG"]]}, {}, {}, ("EU", "B-ORG")),
    "entities of several": (TASK_COLUMNS, {}, {}, ("stop", "B-X")),
    "parts of speech of several": (TASK_COLUMNS, {}, {"task": "pos"}, ("stop", "VB")),
    "chunks of several": (TASK_COLUMNS, {}, {"task": "chunk"}, ("stop", "B-VP")),
    "the only ids": (
        {"text": [["EU"]], "fine": [[3]], "id": ["7"]},
        {"fine": IDS, "id": Value("string")},
        {},
        ("EU", "B-ORG"),
    ),
    "ids before strings": ({"text": [["EU"]], "fine": [[3]]}, {"fine": IDS}, {"task": "chunk"}, ("EU", "B-ORG")),
    "a usual name before the only ids": (
        {"tokens": [["EU"]], "ner_tags": [["B-X"]], "chunk_tags": [[3]]},
        {"chunk_tags": IDS},
        {},
        ("EU", "B-X"),
    ),
    "the only ids before a name of any tags": (
        {"tokens": [["EU"]], "tags": [["news"]], "fine": [[3]]},
        {"fine": IDS},
        {},
        ("EU", "B-ORG"),
    ),
    "a name of these tags before the only ids": (
        {"tokens": [["EU"]], "ner_tags": [["B-X"]], "fine": [[3]]},
        {"fine": IDS},
        {},
        ("EU", "B-X"),
    ),
    "large lists": (
        {"tokens": [["EU"]], "ner_tags": [["B-X"]]},
        dict.fromkeys(("tokens", "ner_tags"), LargeList(Value("large_string"))),
        {},
        ("EU", "B-X"),
    ),
    "named": (
        {"a": [["EU"]], "b": [["B-X"]], "c": [["B-Y"]]},
        {},
        {"word_column": "a", "tag_column": "c"},
        ("EU", "B-Y"),
    ),
}


@pytest.mark.parametrize(("columns", "features", "layout", "expected"), HUB_SETS.values(), ids=HUB_SETS)
def test_hub_columns_are_found_by_name_and_type(columns, features, layout, expected):
    assert read_hub(columns, features, **layout) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("train dev testb", "train validation test"),
        ("train valid", "train validation"),
        ("train validation dev", "train validation dev"),
        ("train validation_matched test", "train validation_matched test"),
    ],
)
def test_splits_of_the_hub_get_their_usual_names(names, expected):
    rows = Dataset.from_dict({"a": [1]})
    assert " ".join(with_usual_names(DatasetDict(dict.fromkeys(names.split(), rows)))) == expected


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        (
            {"text": ["a"], "label": ["b"]},
            dict.fromkeys(("text", "label"), Value("string")),
            "columns text, label; expected words",
        ),
        (
            {"tokens": ["a b"], "ner_tags": ["O O"]},
            dict.fromkeys(("tokens", "ner_tags"), Value("string")),
            "expected words",
        ),
        ({"a": [["a"]], "b": [["O"]], "c": [["O"]]}, {}, "a, b, c; expected words"),
        ({"tokens": [["a"]], "x": [[0]], "y": [[0]]}, {"x": IDS, "y": IDS}, "--tag-column"),
        ({"tokens": [["a"]], "pos_tags": [["DT"]]}, {}, "columns tokens, pos_tags; expected words"),
        ({"tokens": [["a"]], "chunk_tags": [[0]]}, {"chunk_tags": IDS}, "columns tokens, chunk_tags; expected words"),
        ({"tokens": [], "ner_tags": []}, {}, r"hub/set\[train\]:1: received an empty split"),
        ({"tokens": [["a", "b"]], "ner_tags": [["O", None]]}, {}, r"hub/set\[train\]:1: received words without a tag"),
        ({"tokens": [["EU"]], "ner_tags": [[-1]]}, {"ner_tags": IDS}, "words without a tag"),
        ({"tokens": [["a", "b"]], "ner_tags": [["O"]]}, {}, "received 2 words and 1 tags"),
        ({"tokens": [["a", ""]], "ner_tags": [["O", "O"]]}, {}, "received an empty word"),
        ({"tokens": [["a"], None], "ner_tags": [["O"], ["O"]]}, {}, r"hub/set\[train\]:2: received no words"),
        ({"tokens": [["a"], ["b"]], "ner_tags": [["O"], None]}, {}, r"hub/set\[train\]:2: received no tags"),
    ],
)
def test_hub_sets_that_do_not_fit(columns, features, message):
    with pytest.raises(DataError, match=message):
        read_hub(columns, features)


@pytest.mark.parametrize(
    ("tags", "names", "said"),
    [
        ("B-X I-X O B-X", "B-X I-X O B-X", None),
        ("S-X O B-X E-X", "B-X O B-X I-X", "The tags are BIOES; they are converted to IOB2."),
        ("X X O Y", "B-X I-X O B-Y", "The tags are PLAIN; they are converted to IOB2."),
        ("I-X B-X O I-X", "B-X B-X O B-X", "The tags are IOB1; they are converted to IOB2."),
        ("B-X O I-X O", "B-X O I-X O", "train.conll:3: I-X after O; expected B-X. Violations of IOB2: 1."),
    ],
)
def test_the_scheme_is_found_and_said(tmp_path, caplog, tags, names, said):
    write(tmp_path, "".join(f"w {tag}\n" for tag in tags.split()))
    with caplog.at_level("INFO", logger="tf_ner"):
        rows = load_corpus(tmp_path)["train"]
    assert rows.features["tags"].feature.int2str(rows[0]["tags"]) == names.split()
    assert [record.message for record in caplog.records if not said or said in record.message] == caplog.messages
    assert len(caplog.messages) == (said is not None)


def test_the_scheme_may_be_given(tmp_path):
    rows = load_corpus(write(tmp_path, "w B-X\nw O\nw I-X\n"), scheme="iob1")["train"]
    assert rows.features["tags"].feature.int2str(rows[0]["tags"]) == ["B-X", "O", "B-X"]


def test_labels_are_renamed_and_dropped(tmp_path):
    write(tmp_path, "a B-GPE\nb B-LOC\nc B-MISC\n", "train.conll")
    rows = load_corpus(tmp_path, new_labels={"GPE": "LOC", "MISC": None})["train"]
    assert rows.features["tags"].feature.names == ["O", "B-LOC", "I-LOC"]
    assert rows[0]["tags"] == [1, 1, 0]
    write(tmp_path, "a NN\nb NNS\n", "train.conll")
    # Parts of speech spell no spans, whatever a scheme says.
    rows = load_corpus(tmp_path, task="pos", tag_column=1, new_labels={"NNS": "NN"}, scheme="iob2")["train"]
    assert rows.features["tags"].feature.names == ["NN"]


@pytest.mark.parametrize("tags", [("B_PER", "I_PER"), ("PER-B", "PER-I"), ("B:PER", "I:PER")])
def test_prefixes_that_no_scheme_spells_so_are_no_labels(tmp_path, tags):
    first, second = tags
    write(tmp_path, f"a {first}\nb {second}\nc O\n")
    with pytest.raises(DataError, match=f"received tags such as '{first}' and '{second}'; expected prefixes as in"):
        load_corpus(tmp_path)
    names = load_corpus(tmp_path, scheme="plain")["train"].features["tags"].feature.names
    assert names == ["O", f"B-{first}", f"I-{first}", f"B-{second}", f"I-{second}"]


@pytest.mark.parametrize("tags", [("geo-loc", "sportsteam"), ("PLAN-B", "PER"), ("B_GROUP", "PER")])
def test_labels_may_look_a_little_like_tags(tmp_path, tags):
    write(tmp_path, f"a {tags[0]}\nb {tags[1]}\nc O\n")
    assert len(load_corpus(tmp_path)["train"].features["tags"].feature.names) == 5


@pytest.mark.parametrize(
    ("text", "task", "known"),
    [("a S-LOC\nb S-PER\nc O\n", "ner", "LOC, PER"), ("a LOC\nb O\n", "ner", "LOC"), ("a NN\nb O\n", "pos", "NN, O")],
)
def test_a_misspelt_label_is_told(tmp_path, caplog, text, task, known):
    write(tmp_path, text)
    load_corpus(tmp_path, task=task, tag_column=1, new_labels={"LOK": "X", known.partition(",")[0]: "Y"})
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"Received 'LOK' to be renamed, which is not a label of this data; expected one of {known}. "
        "Correct --map-label."
    ]


def test_labels_that_cannot_be_learnt_are_said(tmp_path, caplog):
    write(tmp_path, "a B-X\n", "train.conll")
    write(tmp_path, "a B-Y\nb I-Y\n", "test.conll")
    with caplog.at_level("INFO", logger="tf_ner"):
        corpus = load_corpus(tmp_path)
    assert caplog.messages == ["test: 2 words are tagged Y, which never occurs in train and cannot be learnt."]
    assert corpus["train"].features == corpus["test"].features


def test_lines_that_cannot_be_read_come_before_what_their_loss_does_to_the_tags(tmp_path):
    with pytest.raises(DataError, match=r"train\.conll:2: received 1 column"):
        load_corpus(write(tmp_path, "a NN\nb\n"))

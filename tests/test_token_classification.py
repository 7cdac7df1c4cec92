from itertools import pairwise

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertTokenizer

from tf_ner import TokenClassification
from tf_ner.corpus.schemes import scheme_of_names
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.tasks.task import Outputs
from tf_ner.tasks.tokenizers import load_tokenizer
from tf_ner.tasks.windows import NO_WORD, first_subwords, merge_words

CONLL_2003 = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")
PUBLISHED = ["EU", "rejects", "German", "call", "to", "boycott", "British", "lamb", "."]
PUBLISHED_TAGS = [3, 0, 7, 0, 0, 0, 7, 0, 0]


@pytest.fixture(scope="module")
def bert_cased(shared):
    return load_tokenizer(str(shared / "tokenizers" / "bert-base-cased"))


def test_the_published_example_comes_out_exactly(bert_cased):
    task = TokenClassification(bert_cased, CONLL_2003, max_length=512)
    columns = task.encode([PUBLISHED], [PUBLISHED_TAGS])
    assert columns["input_ids"] == [[101, 7270, 22961, 1528, 1840, 1106, 21423, 1418, 2495, 12913, 119, 102]]
    assert columns["word_ids"][0].tolist() == [-1, 0, 1, 2, 3, 4, 5, 6, 7, 7, 8, -1]
    assert columns["labels"][0].tolist() == [-100, 3, 0, 7, 0, 0, 0, 7, 0, 0, 0, -100]


@pytest.mark.parametrize(("alignment", "later"), [("all", 4), ("first", -100), ("repeat", 3)])
def test_label_alignments(bert_cased, alignment, later):
    task = TokenClassification(bert_cased, CONLL_2003, max_length=512, label_alignment=alignment)
    columns = task.encode([["Zwingmann", "lamb"]], [[3, 0]])
    pieces = bert_cased.convert_ids_to_tokens(columns["input_ids"][0])
    assert pieces == ["[CLS]", "Z", "##wing", "##mann", "la", "##mb", "[SEP]"]
    outside = -100 if alignment == "first" else 0
    assert columns["labels"][0].tolist() == [-100, 3, later, later, 0, outside, -100]


def test_inside_tags_are_found_by_name_in_any_order(tokenizer):
    task = TokenClassification(tokenizer, ("I-X", "B-Y", "O", "B-X"), max_length=64)
    # B-Y has no I-Y to become and stays.
    assert task.inside_ids.tolist() == [0, 1, 2, 0]


words = st.lists(
    st.sampled_from(["London", "Lovelace", "a", ".", "shop", "hammers", "\u200b", "\x01", "Z"]), min_size=1, max_size=40
)


@given(
    sentences=st.lists(words, min_size=1, max_size=4),
    max_length=st.integers(4, 20),
    stride=st.integers(0, 6),
    alignment=st.sampled_from(["all", "first", "repeat"]),
    data=st.data(),
)
def test_merging_what_was_split_is_the_identity(tokenizer, sentences, max_length, stride, alignment, data):
    task = TokenClassification(tokenizer, CONLL_2003, max_length=max_length, stride=stride, label_alignment=alignment)
    num_words = sum(map(len, sentences))
    tags = data.draw(st.lists(st.integers(0, 8), min_size=num_words, max_size=num_words))
    borders = np.cumsum([0, *map(len, sentences)])
    by_sentence = [tags[start:end] for start, end in pairwise(borders)]
    columns = task.encode(sentences, by_sentence)
    assert all(len(row) <= max_length for row in columns["input_ids"])
    word_ids, labels = np.concatenate(columns["word_ids"]), np.concatenate(columns["labels"])
    has_subword = [bool(tokenizer.tokenize(word)) for row in sentences for word in row]
    # Each word that has a subword is decided, and trained on, in exactly one place.
    assert sorted(word_ids[first_subwords(word_ids)]) == np.flatnonzero(has_subword).tolist()
    merged = merge_words(word_ids, labels, num_words=num_words, missing=-1)
    assert merged.tolist() == [tag if there else -1 for tag, there in zip(tags, has_subword, strict=True)]
    assert np.all(labels[word_ids == NO_WORD] == -100)


def test_a_word_longer_than_a_window_keeps_its_place(tokenizer):
    task = TokenClassification(tokenizer, CONLL_2003, max_length=6, stride=2)
    columns = task.encode([["a", "shopLagosshopLagosshop", "a"]], [[0, 1, 0]])
    assert [row.tolist() for row in columns["word_ids"]] == [[-1, 0, -1], [-1, 1, 1, 1, 1, -1], [-1, 2, -1]]


def test_encode_split_counts_words_through_the_split(task, corpus):
    encoded = task.encode_split(corpus["train"])
    assert encoded.num_words.tolist() == [len(row) for row in corpus["train"]["words"]]
    assert encoded.word_ids.max() == encoded.num_words.sum() - 1
    assert encoded.num_words_without_subwords == 0
    assert encoded.num_windows_by_sentence.tolist() == [1] * 8


def test_tags_are_told_by_name_and_unknown_ones_ignored(tokenizer):
    task = TokenClassification(tokenizer, ("B-X", "I-X", "O"), max_length=64)
    features = Features({"words": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-X", "B-NEW"]))})
    rows = Dataset.from_dict({"words": [["a", "a", "a"]], "tags": [[0, 1, 2]]}, features=features)
    assert task.encode_split(rows).windows[0]["labels"] == [-100, 2, 0, -100, -100]


HUB_ROWS = {
    "tokens": [["a", "b", "c"], ["c"]],
    "pos_tags": [["NN", "IN", "NN"], ["NN"]],
    "chunk_tags": [["B-NP", "O", "B-NP"], ["I-NP"]],
    "ner_tags": [["B-X", "O", "B-X"], ["I-X"]],
}


@pytest.mark.parametrize(
    ("column", "tags"),
    [("ner_tags", ("O", "B-X", "I-X")), ("chunk_tags", ("O", "B-NP", "I-NP")), ("pos_tags", ("IN", "NN"))],
)
@pytest.mark.parametrize("kind", ["strings", "numbers"])
def test_rows_as_the_hub_has_them(tokenizer, column, tags, kind):
    task = TokenClassification(tokenizer, tags, max_length=64)
    rows = Dataset.from_dict(HUB_ROWS)
    if kind == "numbers":
        for name in HUB_ROWS.keys() - {"tokens"}:
            names = sorted({tag for row in HUB_ROWS[name] for tag in row}, reverse=True)
            rows = rows.cast_column(name, List(ClassLabel(names=names)))
    expected = [[-100, *(tags.index(tag) for tag in row), -100] for row in HUB_ROWS[column]]
    assert task.encode_split(rows).windows["labels"][:] == expected
    assert task.references(task.usual_rows(rows)) == HUB_ROWS[column]


def test_rows_without_such_columns(tokenizer):
    task = TokenClassification(tokenizer, ("O", "B-X"), max_length=64)
    with pytest.raises(DataError, match="Received rows with the columns text; expected words"):
        task.encode_split(Dataset.from_dict({"text": ["a"]}))
    with pytest.raises(DataError, match="words without a tag"):
        task.encode_split(Dataset.from_dict({"tokens": [["a", "b"]], "ner_tags": [["O", None]]}))


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        ([["a"], ["a", "a"]], [[0], [1]], "Received 2 words and 1 tags in sentence 2; expected a tag for each word"),
        ([["a"], ["a", "a"]], [[0], [1, -1]], "Received the tag number -1 in sentence 2; expected 0 to 2"),
    ],
)
def test_a_word_without_a_tag(tokenizer, words, tags, message):
    task = TokenClassification(tokenizer, ("B-X", "I-X", "O"), max_length=64)
    features = Features({"words": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-X", "I-X"]))})
    with pytest.raises(DataError, match=message):
        task.encode_split(Dataset.from_dict({"words": words, "tags": tags}, features=features))


def test_a_tokenizer_that_was_told_to_pad_and_truncate(tokenizer):
    task = TokenClassification(tokenizer, CONLL_2003, max_length=64)
    expected = task.encode([["London", "calls"]])
    tokenizer(["a"], padding="max_length", max_length=2, truncation=True)
    found = task.encode([["London", "calls"]])
    assert found["input_ids"] == expected["input_ids"]
    assert found["word_ids"][0].tolist() == expected["word_ids"][0].tolist()


def test_a_tokenizer_without_word_ids_is_refused(shared):
    slow = BertTokenizer.from_pretrained(shared / "tokenizers" / "bert-base-cased")
    with pytest.raises(ModelError, match="BertTokenizer, which has no word ids"):
        TokenClassification(slow, CONLL_2003, max_length=512)


def test_a_length_that_holds_no_word_is_refused(tokenizer):
    with pytest.raises(ConfigError, match="more than the 2 special subwords"):
        TokenClassification(tokenizer, CONLL_2003, max_length=2)


def test_limits_baked_into_a_tokenizer_are_switched_off():
    tokenizer = load_tokenizer("minilm")
    assert tokenizer.backend_tokenizer.truncation is None
    assert tokenizer.backend_tokenizer.padding is None
    assert len(tokenizer(["word"] * 300, is_split_into_words=True)["input_ids"]) == 302


def test_mrpc_has_the_published_lengths(shared):
    path = shared / "data" / "mrpc" / "train.tsv"
    rows = [line.rstrip("\n").split("\t") for line in path.read_text(encoding="utf-8-sig").split("\n")[1:9]]
    uncased = AutoTokenizer.from_pretrained(load_tokenizer("minilm").name_or_path)
    lengths = [len(uncased(row[3], row[4], truncation=False, padding=False)["input_ids"]) for row in rows]
    assert lengths == [50, 59, 47, 67, 59, 50, 62, 32]


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        (("O", "B-PER", "I-PER"), "iob2"),
        (("O", "I-PER"), "iob2"),
        (("O", "B-PER", "I-PER", "E-PER", "S-PER"), "bioes"),
        (("O", "S-PER", "B-PER", "E-PER"), "bioes"),
        (("U-PER", "B-PER", "L-PER", "I-PER", "O"), "bilou"),
        (("NOUN", "VERB", "O"), None),
        (("B-PER", "NOUN"), None),
        (("LABEL_0", "LABEL_1"), None),
    ],
)
def test_the_scheme_of_a_model_is_told_by_its_labels(names, scheme):
    assert scheme_of_names(names) == scheme


BIOES = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC")
OTHERS = {"bioes": BIOES, "bilou": tuple(name.replace("E-", "L-").replace("S-", "U-") for name in BIOES)}


@pytest.mark.parametrize("scheme", OTHERS)
def test_labels_of_other_schemes_are_scored_and_read_as_entities(tokenizer, scheme):
    """A model from elsewhere, every word of which is right."""
    task = TokenClassification(tokenizer, OTHERS[scheme], max_length=64)
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "B-PER", "I-PER", "I-PER"], ["O"]]
    features = Features(
        {"words": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-LOC", "B-PER", "I-PER"]))}
    )
    words = [["a", "London", "b", "c"], ["d", "e", "f", "g"], ["h"]]
    ids = [[features["tags"].feature.str2int(tag) for tag in row] for row in gold]
    rows = Dataset.from_dict({"words": words, "tags": ids}, features=features)
    task.compare_outputs(features["tags"].feature.names)
    usual = task.usual_rows(rows)
    assert task.references(usual) == gold
    encoded = task.encode_split(usual)
    labels = [np.where(np.array(row) == -100, 0, row) for row in encoded.windows["labels"]]
    scored = task.score(encoded, task.references(usual), Outputs(labels, [np.ones(len(row)) for row in labels]))
    assert scored.predicted == gold
    assert (scored.metrics["f1"], scored.metrics["support"], scored.metrics["accuracy"]) == (1.0, 4, 1.0)
    columns = task.encode(words)
    found = task.results(words, columns, Outputs(labels, [np.ones(len(row)) for row in labels]))
    assert [row.tags for row in found] == gold
    assert task.has_entities
    with pytest.raises(DataError, match="expected some of the model's"):
        task.compare_outputs(["O", "B-ORG", "I-ORG"])

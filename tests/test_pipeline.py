import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tf_ner import make_dataset, num_batches
from tf_ner.batches.layouts import Padded, padding_ratio
from tf_ner.batches.sampling import evaluation_batches, training_batches
from tf_ner.batches.to_tf import batches_to_tf

LENGTHS = st.lists(st.integers(2, 60), min_size=1, max_size=200).map(np.array)


@given(LENGTHS, st.integers(1, 17), st.integers(0, 5), st.booleans())
def test_no_example_is_lost_or_repeated(lengths, batch_size, epoch, group_by_length):
    for batches in (
        training_batches(lengths, batch_size=batch_size, seed=42, epoch=epoch, group_by_length=group_by_length),
        evaluation_batches(lengths, batch_size=batch_size),
    ):
        assert len(batches) == num_batches(len(lengths), batch_size)
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert sorted(map(len, batches))[1:] == [batch_size] * (len(batches) - 1)


def test_epochs_differ_and_reruns_agree():
    lengths = np.random.default_rng(0).integers(5, 50, 1000)
    order = [np.concatenate(training_batches(lengths, batch_size=8, seed=1, epoch=epoch)) for epoch in (0, 0, 1)]
    other_seed = np.concatenate(training_batches(lengths, batch_size=8, seed=2, epoch=0))
    assert np.array_equal(order[0], order[1])
    assert not np.array_equal(order[0], order[2])
    assert not np.array_equal(order[0], other_seed)


def test_grouping_by_length_saves_padding():
    lengths = np.random.default_rng(0).integers(5, 50, 4000)
    ratios = [
        padding_ratio(
            Padded(), lengths, training_batches(lengths, batch_size=8, seed=1, epoch=0, group_by_length=grouped)
        )
        for grouped in (True, False)
    ]
    assert ratios[0] < ratios[1] / 5


@pytest.mark.parametrize(("examples", "expected"), [(14041, 5268), (3668, 1377)])
def test_published_step_counts(examples, expected):
    assert 3 * num_batches(examples, 8) == expected


def test_batches_are_padded_to_their_longest_row(task, tokenizer, corpus):
    encoded = task.encode_split(corpus["train"])
    dataset = make_dataset(encoded.windows, tokenizer=tokenizer, batch_size=3, shuffle=True, epochs=2)
    assert dataset.cardinality() == 6
    seen = []
    for inputs, labels in dataset:
        lengths = inputs["attention_mask"].numpy().sum(axis=1)
        assert inputs["input_ids"].shape == labels.shape == (len(lengths), lengths.max())
        for ids, row_labels, length in zip(inputs["input_ids"].numpy(), labels.numpy(), lengths, strict=True):
            seen.append((ids[:length].tolist(), row_labels[:length].tolist()))
            assert np.all(row_labels[length:] == -100)
    rows = zip(encoded.windows["input_ids"], encoded.windows["labels"], strict=True)
    assert sorted(seen) == sorted(2 * [(list(ids), list(labels)) for ids, labels in rows])


def test_one_long_row_among_many_alike_does_not_break_the_shapes(tokenizer):
    lengths = [10] * 199 + [30]
    columns = {name: [[1] * length for length in lengths] for name in (*tokenizer.model_input_names, "labels")}
    windows = Dataset.from_dict(columns)
    dataset = batches_to_tf(windows, [np.array([row]) for row in range(200)], tokenizer=tokenizer, layout=Padded())
    assert dataset.element_spec[1].shape.as_list() == [None, None]
    assert [labels.shape[1] for _, labels in dataset] == lengths


def test_the_published_pair_of_sentences_collates_as_published(shared):
    from tests.test_token_classification import CONLL_2003, PUBLISHED, PUBLISHED_TAGS
    from tf_ner import TokenClassification, load_tokenizer

    bert_cased = load_tokenizer(str(shared / "tokenizers" / "bert-base-cased"))
    task = TokenClassification(bert_cased, CONLL_2003, max_length=512)
    windows = Dataset.from_dict(task.encode([PUBLISHED, ["Peter", "Blackburn"]], [PUBLISHED_TAGS, [1, 2]]))
    [(_, labels)] = make_dataset(windows, tokenizer=bert_cased, batch_size=2)
    assert labels.numpy().tolist() == [
        [-100, 3, 0, 7, 0, 0, 0, 7, 0, 0, 0, -100],
        [-100, 1, 2, -100, -100, -100, -100, -100, -100, -100, -100, -100],
    ]

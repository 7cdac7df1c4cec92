"""Tables on disk: what is read of them, what stays in memory, and where there is no room for them."""

import signal
import sys
import tempfile
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st

import tf_ner.corpus.stored
import tf_ner.tasks.word_encoder
from tests.conftest import SENTENCES, conll
from tf_ner import load_corpus, make_dataset
from tf_ner.corpus.loading import hub_sets
from tf_ner.corpus.sentences import Sentence
from tf_ner.corpus.stored import StoredSentences
from tf_ner.errors import DataError
from tf_ner.tables import Lists, dataset_of, stored

ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), min_size=1, max_size=30)


def table_of(rows, chunk_size):
    """Rows of numbers, kept so many at a time."""
    schema = pa.schema({"numbers": pa.list_(pa.int32())})
    chunks = [rows[start : start + chunk_size] for start in range(0, len(rows), chunk_size)]
    return stored((pa.record_batch([pa.array(chunk, schema.types[0])], schema=schema) for chunk in chunks), schema)


@given(ROWS, st.integers(1, 7), st.data())
def test_lists_are_read_across_chunks(rows, chunk_size, data):
    dataset = dataset_of(table_of(rows, chunk_size))
    assert dataset["numbers"][:] == rows
    # A part of a data set begins and ends within a chunk.
    start = data.draw(st.integers(0, len(rows) - 1))
    end = data.draw(st.integers(start + 1, len(rows)))
    part, expected = dataset.select(range(start, end)), rows[start:end]
    lists = Lists.of(part, "numbers")
    assert lists.lengths.tolist() == [len(row) for row in expected]
    assert lists.numbers().tolist() == lists.values.to_pylist() == [number for row in expected for number in row]
    chosen = np.array(data.draw(st.lists(st.integers(0, len(expected) - 1), max_size=9)), dtype=np.int64)
    assert [row.tolist() for row in lists.of_rows(chosen)] == [expected[row] for row in chosen]


def test_a_table_without_rows_has_columns():
    lists = Lists.of(dataset_of(table_of([], 1)), "numbers")
    assert (len(lists.lengths), lists.numbers().tolist(), lists.values.to_pylist()) == (0, [], [])


def test_sentences_are_kept_as_they_are(monkeypatch):
    monkeypatch.setattr(tf_ner.corpus.stored, "_BATCH", 3)
    sentences = [Sentence([f"w{n}", "ä\u200b"], [f"B-{n % 4}", "O"], [2 * n, 10**10 + n]) for n in range(8)]
    sentences.insert(2, Sentence([], [], []))
    kept = StoredSentences(iter(sentences))
    assert list(kept) == list(kept) == sentences
    assert len(kept) == 9
    assert sentences[4] in kept
    assert Sentence(["other"], ["O"], [1]) not in kept
    assert kept.tag_names == ["B-0", "O", "B-1", "B-2", "B-3"]


def test_rows_in_parts_are_those_of_the_whole(task, corpus_dir, monkeypatch):
    whole = load_corpus(corpus_dir)
    encoded = task.encode_split(whole["train"])
    monkeypatch.setattr(tf_ner.corpus.stored, "_BATCH", 3)
    monkeypatch.setattr(tf_ner.tasks.word_encoder, "_SENTENCES_AT_A_TIME", 3)
    part_by_part = load_corpus(corpus_dir)
    assert {name: rows[:] for name, rows in part_by_part.items()} == {name: rows[:] for name, rows in whole.items()}
    again = task.encode_split(part_by_part["train"])
    assert again.windows[:] == encoded.windows[:]
    assert again.num_words.tolist() == encoded.num_words.tolist()
    assert again.word_ids.tolist() == encoded.word_ids.tolist()
    assert len(again.windows.data.column("input_ids").chunks) == 3


def test_memory_does_not_grow_with_the_corpus(task, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(tf_ner.corpus.stored, "_BATCH", 50)
    monkeypatch.setattr(tf_ner.tasks.word_encoder, "_SENTENCES_AT_A_TIME", 50)
    peaks = []
    # The first one makes what libraries keep for good.
    for num_copies in (10, 50, 400):
        file = tmp_path / f"train-{num_copies}.conll"
        with file.open("w", encoding="utf-8") as text:
            text.writelines(conll(SENTENCES) for _ in range(num_copies))
        in_arrow = pa.total_allocated_bytes()
        tracemalloc.start()
        rows = load_corpus(files={"train": file})["train"]
        encoded = task.encode_split(rows)
        batches = make_dataset(encoded.windows, tokenizer=tokenizer, batch_size=8, shuffle=True, packing=True)
        assert sum(int(inputs["segment_ids"].numpy().max()) for inputs, _ in batches) == 8 * num_copies
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        # Only the numbers of the rows of each batch.
        assert pa.total_allocated_bytes() - in_arrow < 10 * 8 * num_copies + 1000
    # Some numbers a sentence; its words, tags and lines as Python holds them would be 700 bytes.
    assert peaks[2] - peaks[1] < 8 * 350 * 200, peaks


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize("limit", [100, 1000, 2000, 4000])
def test_a_disk_without_room_is_told(limit):
    """A limit to the size of files stands for it: the first write fails, or a later one, or the last."""
    import resource

    sentences = [Sentence(["word"] * 20, ["O"] * 20, [*range(20)])] * 40
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(DataError, match=rf"{tempfile.gettempdir()} \(File too large\).*TMPDIR=FOLDER"):
            StoredSentences(sentences)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_is_made_of_a_corpus_of_the_hub_is_found_again(tmp_path, monkeypatch):
    """The library knows rows by a fingerprint, and keeps on disk what a user makes of them."""
    rows = Dataset.from_dict({"tokens": [["EU", "said"]] * 9, "ner_tags": [["B-ORG", "O"]] * 9}, split="train")
    rows.save_to_disk(tmp_path / "set")
    monkeypatch.setattr(hub_sets, "load_dataset", lambda *_, **__: DatasetDict.load_from_disk(tmp_path))
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["set"]}')
    first, second = (load_corpus("lab/set")["set"] for _ in range(2))
    assert first._fingerprint == second._fingerprint
    assert first.split == "train"
    assert first[:] == second[:] == {"words": [["EU", "said"]] * 9, "tags": [[1, 0]] * 9}

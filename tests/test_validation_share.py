"""A part of the training data for validation: which rows it is, and that nothing is in both parts."""

import json
import logging
from collections import Counter

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tf_ner import TrainConfig, load_corpus, load_texts, train
from tf_ner.cli import main
from tf_ner.corpus.loading.validation import validation_rows
from tf_ner.errors import ConfigError, DataError

ROWS = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), min_size=4, max_size=60)


@given(rows=ROWS, share=st.floats(0.05, 0.9), seed=st.integers(0, 5), data=st.data())
def test_equal_rows_are_in_one_part(rows, share, seed, data):
    begins = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)) | st.just([]))
    try:
        chosen = validation_rows(rows, share, seed=seed, begins=begins)
    except DataError:
        counts = Counter(map(tuple, rows))
        assert min(counts.values()) > round(share * len(rows))
        return
    assert chosen == sorted(set(chosen))
    assert 0 < len(chosen) <= round(share * len(rows))
    validation = {tuple(rows[row]) for row in chosen}
    assert validation.isdisjoint(tuple(text) for row, text in enumerate(rows) if row not in chosen)


def test_documents_stay_whole_but_for_what_others_have_too(caplog):
    caplog.set_level(logging.INFO)
    rows = [[f"{document} {number}"] for document in range(20) for number in range(4)]
    rows = [["The end ."] if number % 4 == 3 else row for number, row in enumerate(rows)]
    begins = [number % 4 == 0 for number in range(80)]
    chosen = validation_rows(rows, 0.2, begins=begins)
    documents = {row // 4 for row in chosen}
    assert len(documents) == 4
    assert chosen == [4 * document + number for document in sorted(documents) for number in range(3)]
    assert "4 rows of documents for validation stay in train" in caplog.text


def test_documents_that_are_too_large_are_divided(caplog):
    caplog.set_level(logging.INFO)
    rows = [[str(number)] for number in range(40)]
    assert len(validation_rows(rows, 0.1, begins=[number in (0, 20) for number in range(40)])) == 4
    assert "may be divided" in caplog.text


def test_what_is_chosen_follows_from_content_and_seed():
    rows = [[str(number)] for number in range(1000)]
    chosen = {rows[row][0] for row in validation_rows(rows, 0.1)}
    assert len(chosen) == 100
    turned = rows[::-1]
    assert {turned[row][0] for row in validation_rows(turned, 0.1)} == chosen
    assert {rows[row][0] for row in validation_rows(rows, 0.1, seed=1)} != chosen
    more = rows + [[str(number)] for number in range(1000, 1100)]
    assert len(chosen - {more[row][0] for row in validation_rows(more, 0.1)}) < 25


def conll(num_documents):
    sentences = [f"Town{document} B-LOC\nno{number} O\n\n" for document in range(num_documents) for number in range(3)]
    return "".join(f"-DOCSTART- O\n\n{''.join(sentences[first : first + 3])}" for first in range(0, len(sentences), 3))


def conllu(num_documents):
    rest = "\t_" * 6
    return "".join(
        ("# newdoc\n" if number == 0 else "") + f"1\tTown{document}\t_\tPROPN{rest}\n2\tno{number}\t_\tNOUN{rest}\n\n"
        for document in range(num_documents)
        for number in range(3)
    )


FILES = {"train.conll": (conll(20), {}), "train.conllu": (conllu(20), {"task": "pos"})}


@pytest.mark.parametrize("name", FILES)
def test_documents_of_files(name, tmp_path):
    text, options = FILES[name]
    (tmp_path / name).write_text(text)
    parts = load_corpus(tmp_path, validation_share=0.2, **options)
    towns = {part: Counter(words[0] for words in parts[part]["words"]) for part in parts}
    assert towns.keys() == {"train", "validation"}
    assert len(towns["validation"]) == 4
    assert set(towns["validation"].values()) == {3}
    assert towns["train"].keys().isdisjoint(towns["validation"])
    assert sum(towns["train"].values()) == 48


def test_documents_of_brat(tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    for document in range(10):
        (folder / f"{document}.txt").write_text(f"Town{document} a\nTown{document} b\n")
        (folder / f"{document}.ann").write_text(f"T1\tLOC 0 5\tTown{document}\n")
    parts = load_corpus(tmp_path, validation_share=0.2)
    assert sorted(Counter(words[0] for words in parts["validation"]["words"]).values()) == [2, 2]


def test_what_is_in_memory_and_texts(tmp_path):
    rows = Dataset.from_dict({"words": [[f"w{n}"] for n in range(50)] * 2, "tags": [["O"]] * 100})
    parts = load_corpus(rows, validation_share=0.1)
    assert {name: len(part) for name, part in parts.items()} == {"train": 90, "validation": 10}
    assert {words[0] for words in parts["validation"]["words"]}.isdisjoint(
        words[0] for words in parts["train"]["words"]
    )
    with (tmp_path / "train.jsonl").open("w") as file:
        file.writelines(json.dumps({"text": f"t{n % 50}", "label": "a" if n % 2 else "b"}) + "\n" for n in range(100))
    parts = load_texts(tmp_path, validation_share=0.1)
    assert len(parts["validation"]) == 10
    assert set(parts["validation"]["text"]).isdisjoint(parts["train"]["text"])


def test_words_that_look_alike_are_equal(tmp_path, capsys):
    lines = [f"Town{number % 30}{mark} B-LOC\nx O\n\n" for number in range(60) for mark in ("", "\u200e")]
    (tmp_path / "train.conll").write_text("".join(lines), encoding="utf-8")
    main(["check-data", "--dataset", str(tmp_path), "--validation-share", "0.2"])
    assert "leak:" not in (shown := capsys.readouterr().out)
    assert "validation" in shown


def test_a_run_validates_with_it_and_repeats_it(tiny_bert, tmp_path):
    (tmp_path / "train.conll").write_text(conll(20))
    config = TrainConfig(
        model=str(tiny_bert), dataset=str(tmp_path), output_dir=tmp_path / "run", epochs=1, validation_share=0.2
    )
    with pytest.raises(DataError, match=r"--validation-share 0\.1"):
        train(TrainConfig(**{**vars(config), "validation_share": None, "output_dir": tmp_path / "none"}), verbose=0)
    train(config, verbose=0)
    options = json.loads((tmp_path / "run" / "run_config.json").read_text())
    assert (options["validation_share"], options["validation_seed"]) == (0.2, 0)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    main(["evaluate", str(tmp_path / "run"), "--output", str(tmp_path / "again.json")])
    assert json.loads((tmp_path / "again.json").read_text())["validation"]["f1"] == metrics["validation"]["f1"]


def test_convert_writes_both_parts(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "train.conll").write_text(conll(20))
    main(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--validation-share", "0.2"])
    parts = load_corpus(tmp_path / "out")
    assert {name: len(part) for name, part in parts.items()} == {"train": 48, "validation": 12}
    assert parts["validation"]["words"] == load_corpus(tmp_path / "in", validation_share=0.2)["validation"]["words"]


def test_what_cannot_be_divided(tmp_path):
    (tmp_path / "train.conll").write_text("same B-LOC\n\n" * 20)
    with pytest.raises(DataError, match="20 rows, 1 of them different; expected enough to divide"):
        load_corpus(tmp_path, validation_share=0.2)
    (tmp_path / "dev.conll").write_text(conll(1))
    with pytest.raises(DataError, match="have a split for validation"):
        load_corpus(tmp_path, validation_share=0.2)
    with pytest.raises(DataError, match="with the splits test; expected train"):
        load_corpus(files={"test": tmp_path / "train.conll"}, validation_share=0.2)
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            TrainConfig(validation_share=share)

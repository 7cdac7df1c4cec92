"""Likely annotation errors: folds, their runs, what is found in them, and what is written."""

import json
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from subprocess import DEVNULL

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import processes
from tests.conftest import conll
from tests.test_cli import fails
from tf_ner import FindErrorsConfig, TrainConfig, cli, find_errors
from tf_ner.corpus.formats.json_lines import read_json_lines
from tf_ner.corpus.loading.validation import fold_of_rows
from tf_ner.corpus.tags import tags_to_spans
from tf_ner.errors import ConfigError, DataError, OutputError
from tf_ner.training.folds import read_folds

NAMES, CITIES = ("Ada", "Bruno", "Lovelace"), ("London", "Lagos")
PATTERNS = ("{name}/B-PER lived/O in/O {city}/B-LOC ./O", "{city}/B-LOC met/O {name}/B-PER ./O")
SENTENCES = [PATTERNS[number % 2].format(name=NAMES[number % 3], city=CITIES[number // 2 % 2]) for number in range(60)]
WRONG = {6: "Ada/B-LOC lived/O in/O Lagos/B-LOC ./O", 33: "London/B-LOC met/O Ada/O ./O"}


@given(st.data())
def test_folds_divide_all_rows_and_keep_documents_and_equal_rows_together(data):
    rows = data.draw(st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=12, max_size=60))
    begins = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)) | st.just([]))
    num_folds = data.draw(st.integers(2, 4))
    try:
        folds = fold_of_rows(rows, num_folds, begins=begins)
    except DataError:
        return
    assert set(folds) == set(range(num_folds))
    assert folds == fold_of_rows(rows, num_folds, begins=begins)
    documents = list(accumulate(map(int, begins)))
    has_documents = len(set(documents)) > 1
    sizes = Counter(documents)
    for row, fold in enumerate(folds):
        if has_documents and sizes[documents[row]] <= -(-len(rows) // num_folds):
            assert fold == folds[documents.index(documents[row])]
        elif not has_documents:
            assert fold == folds[rows.index(rows[row])]


def test_folds_are_of_about_the_same_size_and_a_large_document_is_divided():
    rows = [[str(number)] for number in range(100)]
    begins = [number % 5 == 0 for number in range(100)]
    folds = fold_of_rows(rows, 5, begins=begins)
    assert Counter(folds) == dict.fromkeys(range(5), 20)
    assert all(len(set(folds[start : start + 5])) == 1 for start in range(0, 100, 5))
    assert fold_of_rows(rows, 5, begins=begins, seed=1) != folds
    one_large = fold_of_rows(rows, 5, begins=[number in (0, 90, 95) for number in range(100)])
    assert Counter(one_large) == dict.fromkeys(range(5), 20)
    assert len(set(one_large[90:95])) == len(set(one_large[95:])) == 1


def test_too_few_sentences_for_the_folds():
    with pytest.raises(DataError, match=r"--folds 3 for 4 sentences, 2 of them different; expected enough to divide"):
        fold_of_rows([["a"], ["b"], ["a"], ["b"]], 3)


def line_of(number, word):
    """Documents of five sentences have two lines in front, and sentences a blank one behind."""
    return 1 + 2 * (number // 5 + 1) + sum(len(sentence.split()) + 1 for sentence in SENTENCES[:number]) + word


LINES = {line_of(6, 0): ("B-LOC", "B-PER"), line_of(33, 2): ("O", "B-PER")}


@pytest.fixture(scope="module")
def config(tiny_bert, tmp_path_factory):
    """Sixty sentences in twelve documents, of which two are wrong."""
    folder = tmp_path_factory.mktemp("planted")
    sentences = [conll([WRONG.get(number, sentence)]) for number, sentence in enumerate(SENTENCES)]
    documents = ["-DOCSTART- O\n\n" + "".join(sentences[start : start + 5]) for start in range(0, 60, 5)]
    (folder / "train.conll").write_text("".join(documents), encoding="utf-8")
    options = {"epochs": 10, "batch_size": 4, "learning_rate": 3e-3, "save_every": 10}
    return FindErrorsConfig(
        model=str(tiny_bert), dataset=str(folder), folds=3, output_dir=folder / "folds",
        output=folder / "found.jsonl", **options,
    )  # fmt: skip


def test_documents_are_in_one_fold(config):
    corpus = read_folds(config)
    assert len(corpus.sentences) == 60
    assert all(len(set(corpus.fold_of[start : start + 5])) == 1 for start in range(0, 60, 5))
    rows = [row for fold in range(3) for row in corpus.held_out(fold)]
    assert sorted(rows) == list(range(60))
    few = read_folds(replace(config, max_train_examples=10, folds=2))
    assert few.fold_of.count(0) == few.fold_of.count(1) == 5


@pytest.fixture(scope="module")
def found(config):
    return find_errors(config, verbose=0)


@pytest.mark.slow
def test_what_was_planted_comes_first(config, found):
    first = {doubtful.line: doubtful for doubtful in found[:2]}
    assert {line: (one.error.given, one.error.suggested) for line, one in first.items()} == LINES
    doubtful = first[min(LINES)]
    assert [(span.start, span.label) for span in tags_to_spans(doubtful.suggested)] == [(0, "PER"), (3, "LOC")]
    assert doubtful.path == f"{config.dataset}/train.conll"
    assert str(doubtful).startswith(
        f"{doubtful.path}:{doubtful.line}: received B-LOC for 'Ada'; more likely B-PER (probability of"
    )
    assert str(doubtful).endswith("%): [Ada] lived in Lagos .")


@pytest.mark.slow
def test_what_is_written_can_be_read_again(config, found):
    records = [json.loads(line) for line in config.output.read_text(encoding="utf-8").splitlines()]
    assert len(records) == len(found)
    for record, doubtful in zip(records, found, strict=True):
        for spans, tags in ((record["spans"], doubtful.given), (record["suggested"]["spans"], doubtful.suggested)):
            words = [(record["text"][span["start"] : span["end"]], span["label"]) for span in spans]
            expected = [(" ".join(doubtful.words[s.start : s.end]), s.label) for s in tags_to_spans(tags)]
            assert words == expected
        assert record["meta"]["place"] == f"{doubtful.path}:{doubtful.line}"
        assert record["meta"]["given"] == doubtful.error.given
    read = list(read_json_lines(config.output))
    assert [(sentence.words, sentence.tags) for sentence in read] == [(one.words, one.given) for one in found]


@pytest.mark.slow
def test_finished_folds_are_kept(config, found):
    before = {path: path.stat().st_mtime_ns for path in config.output_dir.glob("fold-*/metrics.json")}
    assert len(before) == 3
    (config.output_dir / "fold-2" / "metrics.json").unlink()
    again = find_errors(config, verbose=0)
    changed = {path.parent.name for path, was in before.items() if path.stat().st_mtime_ns != was}
    assert changed == {"fold-2"}
    assert {one.line for one in again[:2]} == {one.line for one in found[:2]} == LINES.keys()


@pytest.mark.slow
def test_folds_of_other_data_or_options_are_not_taken_for_these(config, found):
    with pytest.raises(OutputError, match="whose folds hold other sentences; expected the same data and --folds"):
        find_errors(replace(config, folds=4), verbose=0)
    with pytest.raises(OutputError, match="fold-1, which is not empty"):
        find_errors(replace(config, epochs=1), verbose=0)
    with pytest.raises(OutputError, match="fold-1, which holds a run; expected a folder for the runs of several folds"):
        find_errors(replace(config, output_dir=config.output_dir / "fold-1"), verbose=0)


@pytest.mark.slow
def test_it_goes_on_after_a_kill(config, tmp_path, caplog):
    folder = tmp_path / "folds"
    options = ["--epochs", "10", "--batch-size", "4", "--learning-rate", "3e-3", "--save-every", "10", "--folds", "3"]
    code = "from tf_ner.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "find-errors",
        "--dataset",
        config.dataset,
        "--model",
        config.model,
        *options,
    ]
    killed = processes.Process([*command, "--output-dir", folder], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    with killed:
        while not list(folder.glob("fold-2/checkpoints/step-*")):
            assert killed.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        killed.kill()
    finished = (folder / "fold-1" / "metrics.json").stat().st_mtime_ns
    assert not (folder / "fold-2" / "metrics.json").exists()
    with caplog.at_level("INFO"):
        found = find_errors(replace(config, output_dir=folder, output=None), verbose=0)
    assert "resuming after step" in caplog.text
    assert (folder / "fold-1" / "metrics.json").stat().st_mtime_ns == finished
    assert {one.line for one in found[:2]} == LINES.keys()


@pytest.mark.slow
def test_the_command_prints_the_first_ones_by_line(config, found, capsys):
    cli.main(
        ["find-errors", "--dataset", config.dataset, "--model", config.model, "--epochs", "10", "--batch-size", "4",
         "--learning-rate", "3e-3", "--save-every", "10", "--folds", "3", "--output-dir", str(config.output_dir),
         "--limit", "1"]
    )  # fmt: skip
    lines = [line for line in capsys.readouterr().out.splitlines() if "train.conll:" in line or "Sentences in" in line]
    assert len(lines) == 2
    assert lines[0].startswith(f"{config.dataset}/train.conll:")
    assert lines[1].endswith("--output FILE keeps them.")


def test_what_cannot_be_searched(config, tmp_path, capsys):
    with pytest.raises(ConfigError, match="--folds 1; expected at least 2"):
        replace(config, folds=1)
    with pytest.raises(ConfigError, match="--task text-classification; expected one of ner, pos, chunk"):
        replace(config, task="text-classification")
    with pytest.raises(ConfigError, match=r"--validation-share 0\.1; expected no share"):
        replace(config, validation_share=0.1)
    with pytest.raises(ConfigError, match="--push-to-hub; expected no upload"):
        replace(config, push_to_hub=True)
    with pytest.raises(DataError, match="with the splits test; expected train"):
        read_folds(replace(config, test_file=f"{config.dataset}/train.conll"))
    message = fails(["find-errors", "--dataset", str(tmp_path / "no"), "--output", str(tmp_path / "no" / "f")], capsys)
    assert "whose folder does not exist" in message


def test_the_names_of_other_libraries_work_too(tmp_path, capsys):
    options = ["--lr", "1e-4", "--num_train_epochs", "1", "--folds", "1"]
    assert "--folds 1; expected at least 2" in fails(["find-errors", *options], capsys)


def test_a_fold_is_trained_as_the_options_say_on_data_that_are_read_already():
    config = FindErrorsConfig(
        train_file="a.conll", map_label="GPE=LOC", word_column=1, scheme="bioes", max_train_examples=9,
        empty_words="keep", learning_rate=1e-4, seed=3, resume=True, overwrite=False,
    )  # fmt: skip
    expected = TrainConfig(
        dataset="data", output_dir="fold-1", scheme="iob2", empty_words="keep", learning_rate=1e-4, seed=3
    )
    assert config.of_fold(Path("data"), Path("fold-1"), scheme="iob2") == expected


def test_the_folder_is_not_that_of_a_training():
    assert str(FindErrorsConfig(model="minilm", dataset="sample").run_dir) == "runs/minilm-sample-folds"
    assert str(FindErrorsConfig(output_dir="runs/x").run_dir) == "runs/x"

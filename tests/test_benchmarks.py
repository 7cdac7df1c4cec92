"""The benchmarks: that only one works at a time, that all is counted, and that the tables say what was measured."""

import re
import statistics
import sys
import time

import numpy as np
import pytest

from benchmarks.report import MOST_OTHERS, Spread, rates, ratios, section, table
from benchmarks.rounds import Worker, WorkerError
from benchmarks.run import ROWS, measure, without_contestants
from benchmarks.scores import difference, mean_and_deviation
from benchmarks.scores import report as report_of_scores
from tests import processes

OURS = [sys.executable, "-c", "from benchmarks.worker_tf_ner import main; main()"]

# Notes when each of its rounds begins and ends, in a file that all write to.
NOTING = """
import sys, time
from benchmarks.rounds import Rounds
name, notes, warm_up = sys.argv[1:]
rounds = Rounds(warm_up=int(warm_up), steps=3)
print("what libraries say")
rounds.begin()
while True:
    with open(notes, "a") as file:
        file.write(f"{name} begins\\n")
    time.sleep(0.02)
    with open(notes, "a") as file:
        file.write(f"{name} ends\\n")
    rounds.step(5)
"""


def start(command, *, limit):
    return Worker(command, limit=limit, start=processes.Process)


def answers(*seconds, sentences=60, others=0.0):
    return [
        {
            "seconds": each,
            "cpu_seconds": each,
            "steps": 6,
            "sentences": sentences,
            "peak_mb": 100 + each,
            "others": others,
        }
        for each in seconds
    ]


def cells(text):
    """The cells of a Markdown table without its header, by the name of their row."""
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {name: dict(zip(rows[0][1:], row, strict=True)) for name, *row in rows[2:]}


def numbers(cell):
    return [float(number.replace(",", "")) for number in re.findall(r"[\d.,]*\d", cell)]


def test_ratios_are_those_of_rounds():
    own, others = [10.0, 40.0, 30.0, 20.0], [20.0, 10.0, 10.0, 40.0]
    by_round = np.array(own) / np.array(others)
    assert ratios(own, others) == (np.median(by_round), by_round.min(), by_round.max())
    assert ratios(own, others).median != statistics.median(own) / statistics.median(others)
    with pytest.raises(ValueError, match="shorter"):
        ratios(own, others[1:])


def test_a_spread_is_the_median_and_the_ends():
    values = [3.0, 1.0, 10.0, 2.0]
    assert Spread.of(values) == (statistics.median(values), 1.0, 10.0)
    assert Spread.of(values).text(1) == "2.5 (1.0 to 10.0)"
    assert Spread.of([2.01, 2.02]).text(1) == "2.0"


def test_tables_say_what_was_measured():
    seconds = {"peer": [4.0, 8.0, 5.0], "fast": [2.0, 2.5, 5.0]}
    for unit, count in (("sentences", 60), ("steps", 6)):
        measured = {name: answers(*its) for name, its in seconds.items()}
        assert rates(measured["fast"], unit) == [count / 2, count / 2.5, count / 5]
        rows = cells(table(measured, num_references=1, unit=unit))
        rate = "batches a second" if unit == "steps" else "sentences a second"
        for name, its in seconds.items():
            speeds = count / np.array(its)
            expected = [np.median(speeds), speeds.min(), speeds.max()]
            assert numbers(rows[name][rate]) == pytest.approx(expected, abs=0.0501)
            assert numbers(rows[name]["a round, s"]) == [np.median(its), min(its), max(its)]
            assert numbers(rows[name]["peak memory, MB"]) == [100 + max(its)]
        # Twice, 3.2 times and as fast.
        assert rows["fast"]["÷ peer"] == "2.00 (1.00 to 3.20)"
        assert rows["peer"]["÷ peer"] == ""


@pytest.mark.parametrize(("others", "is_marked"), [(MOST_OTHERS, False), (MOST_OTHERS + 0.01, True)])
def test_figures_of_a_busy_machine_are_marked(others, is_marked):
    measured = {"": {"peer": answers(1.0, 1.0), "own": answers(1.0, others=others)}}
    result = {
        "measured": measured, "num_rounds": 2, "num_references": 0, "when": "", "where": "", "commands": []
    }  # fmt: skip
    text = section("title", "about", result, unit="sentences")
    assert ("Not to be quoted" in text) == is_marked


def test_contestants_can_be_left_out():
    row = without_contestants(ROWS["best"], "bfloat16")
    assert list(row.contestants) == ["`Trainer`, float32", "tf_ner, float32"]
    assert row.num_references == 1
    assert without_contestants(ROWS["best"], "float64") == ROWS["best"]
    assert without_contestants(ROWS["best"], None) is ROWS["best"]
    for text in ("Trainer", "tf_ner"):
        with pytest.raises(ValueError, match="nothing to compare with"):
            without_contestants(ROWS["best"], text)


def test_one_works_at_a_time(tmp_path):
    notes = tmp_path / "notes"
    contestants = {name: [sys.executable, "-c", NOTING, name, str(notes), "2"] for name in ("a", "b")}
    measured = measure(contestants, num_rounds=3, start=start)[""]
    lines = notes.read_text().splitlines()
    turns = [name for name in "ab" for _ in range(2)] + [name for _ in range(3) for name in "ab" for _ in range(3)]
    assert lines == [f"{name} {what}" for name in turns for what in ("begins", "ends")]
    for its in measured.values():
        assert [(answer["steps"], answer["sentences"]) for answer in its] == [(3, 15)] * 3
        assert all(0.06 <= answer["seconds"] < 5 for answer in its)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what all processors do")
def test_what_else_the_machine_does_is_noticed():
    code = (
        "import time; from benchmarks.rounds import Rounds; rounds = Rounds(warm_up=0, steps=1); rounds.begin();"
        "time.sleep(1.2); rounds.step(1)"
    )
    busy_command = [sys.executable, "-c", "while True: pass"]
    with start([sys.executable, "-c", code], limit=20) as worker, processes.Process(busy_command) as busy:
        answer = worker.round()
        busy.kill()
    assert answer["cpu_seconds"] < 0.3
    # Less than a whole one, where the system lets others work too.
    assert answer["others"] > 0.4


def test_parts_are_done_by_new_processes(tmp_path):
    notes = tmp_path / "notes"
    contestants = {name: [sys.executable, "-c", NOTING, name, str(notes), "0"] for name in ("a", "b")}
    measured = measure(contestants, num_rounds=2, parts=("first", "second"), start=start)
    assert {part: {name: len(its) for name, its in of_part.items()} for part, of_part in measured.items()} == {
        part: {"a": 2, "b": 2} for part in ("first", "second")
    }
    begun = [line[0] for line in notes.read_text().splitlines()[::6]]
    assert begun == ["a", "a", "b", "b", "a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('no such corpus')", r"ended[\s\S]*no such corpus"),
        ("from time import sleep; print('{}', flush=True); sleep(0.2); 1 / 0", r"ended[\s\S]*ZeroDivisionError"),
        ("import sys, time; print('at work', file=sys.stderr); time.sleep(60)", r"nothing for 2 seconds[\s\S]*at work"),
    ],
)
def test_a_worker_that_fails_ends_the_driver(code, words):
    begin = time.monotonic()
    with pytest.raises(WorkerError, match=words), Worker([sys.executable, "-c", code], limit=2) as worker:
        worker.round()
    assert time.monotonic() - begin < 20


@pytest.fixture(scope="module")
def training(tiny_bert, corpus_dir):
    """A training in rounds of three steps, with a batch of four in each."""
    options = ["--data", corpus_dir, "--model", tiny_bert, "--batch-size", 4, "--warm-up", 1, "--steps", 3]
    return [*OURS, "train", *map(str, options), "--rounds", "2"]


@pytest.mark.slow
def test_every_step_of_a_training_is_counted(training):
    with start([*training, "--sentences", "8"], limit=100) as worker:
        # Rounds end within epochs, of two batches each.
        assert [(answer["steps"], answer["sentences"]) for answer in (worker.round(), worker.round())] == [(3, 12)] * 2
        assert worker.warm_up["sentences"] == 4


@pytest.mark.slow
def test_a_batch_that_is_not_full_is_not_miscounted(training):
    with pytest.raises(WorkerError, match=r"--sentences 7.*2 batches of 4"):
        start([*training, "--sentences", "7"], limit=100)


@pytest.mark.parametrize("packing", ["auto", "off"])
def test_sentences_are_counted_in_the_batches(tiny_bert, corpus_dir, packing):
    options = ["feed", "--data", corpus_dir, "--model", tiny_bert, "--batch-size", "3", "--packing", packing]
    with start([*OURS, *map(str, options), "--steps", "3"], limit=100) as worker:
        # Eight, the last of three batches being smaller.
        assert worker.round()["sentences"] == 8


def test_growth_reads_and_feeds_every_copy(tiny_bert, corpus_dir):
    options = ["grow", "--data", corpus_dir, "--model", tiny_bert, "--copies", "3"]
    with start([*OURS, *map(str, options)], limit=100) as worker:
        assert [worker.round()["sentences"] for _ in ROWS["growth"].parts] == [24, 24, 24]


def test_scores_of_seeds_are_summed_up():
    own, others = [0.91, 0.93, 0.92], [0.90, 0.88, 0.92]
    assert numbers(mean_and_deviation(own)) == [round(np.mean(own), 4), round(np.std(own, ddof=1), 4)]
    error = np.sqrt(np.var(own, ddof=1) / 3 + np.var(others, ddof=1) / 3)
    assert numbers(difference(own, others)) == [round(np.mean(own) - np.mean(others), 4), round(error, 4)]
    assert difference(others, own).startswith("-")
    assert (mean_and_deviation([0.5]), difference([0.5], [0.25])) == ("0.5000", "+0.2500")


def test_page_of_scores_shows_each_contestant_over_its_seeds():
    columns = "validation", "validation_subword", "test", "test_subword"
    names = {"ours --batch-size 8": ("published", "tf_ner"), "theirs": ("published", "Trainer")}
    kept = {
        f"{command} --seed {seed}": {"scores": dict.fromkeys(columns, f1), "when": "today", "where": "here"}
        for command, seed, f1 in (("ours --batch-size 8", 1, 0.5), ("ours --batch-size 8", 2, 0.7), ("theirs", 1, 0.25))
    }
    page = report_of_scores(kept, names)
    rows = {cells[2].strip(): cells[3:7] for line in page.splitlines() if len(cells := line.split("|")) == 8}
    assert [numbers(cell) for cell in rows["tf_ner"]] == [[0.6, 0.1414]] * 4
    assert [numbers(cell) for cell in rows["Trainer"]] == [[0.25]] * 4
    assert [numbers(cell) for cell in rows["tf_ner less Trainer"]] == [[0.35]] * 4
    assert page.count("here\n") == 1
    assert all(f"    {command}  # today\n" in page for command in kept)
    # What is kept of commands that nobody asks for any more is not shown.
    assert "theirs" not in report_of_scores(kept, dict(list(names.items())[:1]))

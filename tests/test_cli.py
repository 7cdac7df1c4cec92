import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from tests import processes
from tests.conftest import SPLITS, conll
from tf_ner.cli import commands, main
from tf_ner.cli.parsing import parse
from tf_ner.options.commands import DEMO, TrainCommand
from tf_ner.options.train import TrainConfig

HEAVY = ("tensorflow", "transformers", "datasets", "numpy")


COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "export",
    "push",
    "compare",
    "convert",
    "check-data",
    "find-errors",
    "tpu-check",
)


@pytest.mark.parametrize("arguments", ["--help", *(f"{command} --help" for command in COMMANDS), "evaluate x/y -h"])
def test_help_needs_no_heavy_library(arguments):
    code = f"""
import sys
from tf_ner.cli import main
try: main({arguments.split()})
except SystemExit as stop: assert not stop.code
assert not [name for name in {HEAVY} if name in sys.modules]
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "usage: tf-ner" in done.stdout
    assert done.stderr == ""


def fails(arguments, capsys):
    """Runs a command that must fail with one line and exit code 2; gives the line."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", f"error: Expected one of {{{', '.join(COMMANDS)}}}. See tf-ner --help"),
        ("fly", "Received the command 'fly'; expected one of train"),
        ("train --modle x", "Received the option --modle; did you mean --model? See tf-ner train --help."),
        ("train --label-alignment none", "invalid choice 'none' for argument '--label-alignment'"),
        ("train --epochs many", "Error parsing --epochs"),
        ("train --demo=True", "Unrecognized options: True"),
        ("train help", "See tf-ner train --help"),
        ("evaluate", "tf-ner evaluate"),
        ("train --epochs 0", "Received --epochs 0; expected at least 1"),
        ("train --warmup-ratio 2", "Received --warmup-ratio 2.0; expected 0 to 1"),
        ("train --language en English", "Received --language en English; expected ISO 639 codes"),
        ("train --license MIT", "Received --license MIT; expected the Hub's name"),
        ("train --bootstrap 99", "Received --bootstrap 99; expected 0 or at least 100"),
        ("train --learning-rate -1", "Received --learning-rate -1.0; expected a finite number above 0"),
        ("train --output-dir /dev/null", "which is a file"),
        ("train --dataset /no/such/folder", "neither a folder nor a name on the Hub"),
        ("train --task fly", "Received --task fly; expected one of ner, pos, chunk, text-classification"),
        (
            "train --text-columns a --dataset DATA",
            "Received --text-columns with --task ner; expected it with --task text",
        ),
        ("TEXT --scheme iob1", "--scheme with --task text-classification; expected it with --task ner or pos or chunk"),
        ("TEXT --stride 8 --dataset DATA", "Received --stride with --task text-classification"),
        ("TEXT --text-columns a b c", "Received --text-columns a b c; expected one column, or two for pairs"),
        ("TEXT --quoting no", "invalid choice 'no' for argument '--quoting'"),
        ("TEXT --dataset DATA", "expected files such as train.csv, valid.csv and test.csv"),
        ("train --model /no/such/model --dataset DATA --output-dir OUT", "which cannot be loaded"),
        ("train --train-file /no/file --output-dir OUT", "/no/file, which does not exist"),
        ("train --train-file DATA/train.conll --output-dir OUT", "expected train and validation"),
        ("evaluate /no/such/model --dataset DATA", "which cannot be loaded"),
        ("evaluate MODEL --dataset DATA", "expected one fine-tuned for token classification"),
        ("evaluate MODEL --dataset DATA --output OUT/scores.json", "whose folder does not exist"),
        ("evaluate MODEL --dataset DATA --output DATA", "which is a folder; expected a file"),
        ("predict MODEL --batch-size 0", "Received --batch-size 0; expected at least 1"),
        ("predict", "Missing from tf-ner predict"),
        (
            "train --model MODEL --dataset DATA --output-dir OUT --ignore-label PER LOC ORG MISC",
            "Received data whose only tag is 'O'; expected at least two tags",
        ),
        (
            "check-data --dataset my_corpus",
            "Received data set 'my_corpus', which is neither a folder here nor available from",
        ),
        ("check-data --dataset DATA --limit -1", "Received --limit -1; expected at least 0"),
        ("check-data --train-file /no/file", "/no/file, which does not exist"),
        ("check-data --dataset DATA --fix DATA", "which is not empty; expected a new folder"),
        ("check-data --dataset DATA --model /no/such/model", "which cannot be loaded"),
        ("predict MODEL /no/file", "No such file or directory: /no/file"),
        ("predict MODEL DATA/train.conll", "expected one fine-tuned for token classification"),
        ("compare DATA", "Missing from tf-ner compare"),
        ("compare DATA OUT", "DATA/predictions.test.conll, which does not exist; expected the predictions.test.conll"),
        ("compare DATA/train.conll OUT", "DATA/train.conll:1: received 'Ada B-PER'; expected a word, its gold tag"),
        ("compare DATA OUT --resamples 99", "Received --resamples 99; expected at least 100"),
        ("compare DATA OUT --seed -1", "Received --seed -1; expected at least 0"),
        ("compare DATA DATA --output OUT/comparison.json", "whose folder does not exist"),
    ],
)
def test_mistakes_get_one_line(arguments, message, capsys, tmp_path, corpus_dir, tiny_bert):
    places = {"DATA": str(corpus_dir), "OUT": str(tmp_path / "out"), "MODEL": str(tiny_bert)}
    places["TEXT"] = "train --task text-classification"
    for name, place in places.items():
        arguments, message = arguments.replace(name, place), message.replace(name, place)
    assert message in fails(arguments.split(), capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("EU O\nrejects\n", "train.conll:2: received 1 column"),
        ("EU B-ORG\nsaid VBD\n", "train.conll:2: received tag 'VBD'"),
    ],
)
def test_bad_data_is_named_by_line(content, message, capsys, tmp_path, corpus_dir, tiny_bert):
    (tmp_path / "train.conll").write_text(content)
    valid = corpus_dir / "valid.conll"
    files = ["--train-file", tmp_path / "train.conll", "--validation-file", valid]
    line = fails(["train", "--model", tiny_bert, *files, "--output-dir", tmp_path / "out"], capsys)
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ("", {}),
        # Given, though it is the default of other runs.
        ("--learning-rate 2e-5", {"learning_rate": 2e-5}),
        ("--no-group-by-length", {"group_by_length": False}),
        ("--dataset corpus --epochs 1 --overwrite", {"dataset": "corpus", "epochs": 1, "overwrite": True}),
    ],
)
def test_the_demo_fills_in_only_what_is_not_given(given, changed):
    for arguments in (["train", "--demo", *given.split()], ["train", *given.split(), "--demo"]):
        assert parse(arguments) == TrainCommand(config=dataclasses.replace(DEMO, **changed), demo=True)
    assert parse(["train", *given.split()]) == TrainCommand(config=TrainConfig(**changed))


def test_the_demo_needs_no_hub_and_little_time():
    assert (DEMO.model, DEMO.dataset) == ("minilm", "sample")
    assert DEMO.epochs <= 5


def test_commands_are_shown_as_they_can_be_typed(monkeypatch, tmp_path):
    (tmp_path / "tf-ner").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands._program() == "tf-ner"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert commands._program() == str(tmp_path / "tf-ner")
    monkeypatch.chdir(tmp_path.parent)
    assert commands._program() == f"{tmp_path.name}/tf-ner"


def check(arguments, capsys):
    """Runs check-data; gives the exit code and what it prints."""
    code = 0
    try:
        main(["check-data", *map(str, arguments)])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert err == ""
    return code, out


def test_bad_data_is_told_and_exits_with_1(capsys, tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("EU B-ORG\nrejects\n")
    code, out = check(["--train-file", path], capsys)
    assert code == 1
    assert f"{path}:2: received 1 column ('rejects'); expected 2." in out
    path.write_text("EU I-ORG\n")
    code, out = check(["--train-file", path, "--scheme", "iob2"], capsys)
    assert code == 0
    assert "illegal-transition: 1 warning" in out


def test_everything_can_be_had_as_json(capsys, tmp_path, tiny_bert):
    path = tmp_path / "train.conll"
    path.write_text("".join(f"EU\u00ad I-ORG\nw{number}\n\n" for number in range(12)), encoding="utf-8")
    options = ["--scheme", "iob2", "--fix", tmp_path / "out", "--model", tiny_bert, "--json", "--limit", 1]
    code, out = check(["--train-file", path, *options], capsys)
    told = json.loads(out)
    copy = str(tmp_path / "out" / "train.conll")
    assert code == 1
    assert told["scheme"] == "iob2"
    assert (told["splits"]["train"]["path"], told["splits"]["train"]["sentences"]) == (copy, 12)
    ragged = [finding["line"] for finding in told["findings"] if finding["kind"] == "ragged-row"]
    assert ragged == list(range(2, 36, 3)), "all of them, whatever the limit"
    assert set(told["findings"][0]) == {"kind", "path", "line", "message", "is_error"}
    assert told["changes"][:2] == [
        {"path": str(path), "line": 1, "old": "'EU\\xad'", "new": "'EU'"},
        {"path": str(path), "line": 1, "old": "'I-ORG'", "new": "'B-ORG'"},
    ]
    assert told["tokenizer"]["max_length"] == 64


def test_only_the_hub_needs_its_library():
    code = """
import sys
from tf_ner.cli import main
main(["check-data", "--dataset", "sample"])
assert not {"tensorflow", "tf_keras", "transformers", "datasets", "numpy"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


WITHOUT_A_NETWORK = """
import sys
attempts = []
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        attempts.append((event, arguments))
        raise OSError("no network here")
sys.addaudithook(refuse)
from tf_ner.cli import main
main(sys.argv[1:])
assert not attempts, attempts
"""


@pytest.mark.slow
def test_the_demo_never_tries_the_network(tmp_path):
    arguments = ["train", "--demo", "--output-dir", tmp_path / "run"]
    small = ["--max-train-examples", 32, "--max-eval-examples", 8, "--epochs", 1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = processes.run(
        [sys.executable, "-c", WITHOUT_A_NETWORK, *map(str, arguments + small)],
        env=environment | {"HF_HOME": str(tmp_path / "empty")},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for shown in ("PER", "MISC", "test", "Sylvain", f"predict {tmp_path / 'run'}", "What to try next"):
        assert shown in done.stdout


def run_cli(*arguments, stdin=None):
    """Runs a command in a process of its own."""
    command = [sys.executable, "-c", "from tf_ner.cli import main; main()", *map(str, arguments)]
    return processes.run(command, text_input=stdin)


def test_an_output_that_cannot_say_every_letter_shows_escapes(tmp_path):
    (tmp_path / "train.conll").write_text("গর\u200b O\nAda B-PER\n", encoding="utf-8")
    code = "from tf_ner.cli import main; main()"
    command = [sys.executable, "-c", code, "check-data", "--train-file", str(tmp_path / "train.conll")]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"\u0997\u09b0" in done.stdout


def test_nothing_in_the_data_steers_the_terminal(tmp_path):
    (tmp_path / "a.conll").write_text("a\tB\x1b[31mP\nb\tX\x1b]0;x\x07\nc\tB\u2028\n", encoding="utf-8")
    done = run_cli("convert", tmp_path / "a.conll", tmp_path / "a.jsonl")
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == len(done.stderr.decode().splitlines()) == 1
    assert b"\x1b" not in done.stderr


def test_ctrl_c_is_one_line():
    code = """
import signal
from tf_ner import cli
from tf_ner.cli import commands
# Shells let what runs in the background ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
commands._COMMANDS[commands.PredictConfig] = lambda config: signal.raise_signal(signal.SIGINT)
cli.main(["predict", "anything"])
"""
    done = processes.run([sys.executable, "-c", code], text=True)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.startswith("error: Interrupted.")
    assert "--resume" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_from_the_shell_to_entities(tmp_path, deeper_bert):
    """Train, evaluate and predict, each in a process of its own, as a user would."""
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for split, sentences in SPLITS.items():
        (data / f"{split}.txt").write_text(conll(sentences), encoding="utf-8")

    def tf_ner(*arguments, stdin=None):
        done = run_cli(*arguments, stdin=stdin and stdin.encode())
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    options = ("--epochs", 80, "--batch-size", 3, "--learning-rate", 3e-3)
    printed = tf_ner("train", "--model", deeper_bert, "--dataset", data, "--output-dir", run, *options)
    assert f"tf-ner predict {run}" in printed
    assert "val_f1: 1.0000" in printed
    assert "\b" not in printed, "a progress bar in what is no terminal"
    assert "1.0000" in tf_ner("evaluate", run, "--dataset", data)
    lines = tf_ner("predict", run, stdin="Ada Lovelace lived in London.\n\nNobody came.").splitlines()
    first, *others = map(json.loads, lines)
    assert [(e["label"], e["start"], e["end"], e["text"]) for e in first["entities"]] == [
        ("PER", 0, 12, "Ada Lovelace"),
        ("LOC", 22, 28, "London"),
    ]
    spaced = tf_ner("predict", run, "--words", stdin="\ufeffAda Lovelace, London").splitlines()
    assert "Lovelace" not in [e["text"].split()[-1] for e in json.loads(spaced[0])["entities"]]
    assert others == [{"text": "", "entities": []}, {"text": "Nobody came.", "entities": []}]

    done = run_cli("predict", run, stdin=b"London\xff\n")
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert done.stderr.splitlines()[-1].startswith(b"error: Received standard input, which is not UTF-8")

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import SENTENCES, conll
from tf_ner import cli
from tf_ner.cli import main
from tf_ner.config import DEMO, TrainCommand, TrainConfig

HEAVY = ("tensorflow", "transformers", "datasets", "numpy")


@pytest.mark.parametrize("arguments", ["--help", "train --help", "evaluate --help", "predict --help", "push --help"])
def test_help_needs_no_heavy_library(arguments):
    code = f"""
import sys
from tf_ner.cli import main
try: main({arguments.split()})
except SystemExit as stop: assert not stop.code
assert not [name for name in {HEAVY} if name in sys.modules]
"""
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "usage: tf-ner" in printed


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
        ("", "error: Expected one of {train, evaluate, predict, push}. See tf-ner --help"),
        ("fly", "Unrecognized options: fly"),
        ("train --modle x", "Unrecognized options: --modle"),
        ("train --label-alignment none", "invalid choice 'none' for argument '--label-alignment'"),
        ("train --epochs many", "Error parsing --epochs"),
        ("train --epochs 0", "Received --epochs 0; expected at least 1"),
        ("train --warmup-ratio 2", "Received --warmup-ratio 2.0; expected 0 to 1"),
        ("train --language en English", "Received --language en English; expected ISO 639 codes"),
        ("train --license MIT", "Received --license MIT; expected the Hub's name"),
        ("train --learning-rate -1", "Received --learning-rate -1.0; expected more than 0"),
        ("train --output-dir /dev/null", "which is a file"),
        ("train --dataset /no/such/folder", "no folder and no name on the Hub"),
        ("train --model /no/such/model --dataset DATA --output-dir OUT", "which cannot be loaded"),
        ("train --train-file /no/file --output-dir OUT", "/no/file, which does not exist"),
        ("train --train-file DATA/train.conll --output-dir OUT", "expected train and validation"),
        ("evaluate /no/such/model --dataset DATA", "which cannot be loaded"),
        ("evaluate MODEL --dataset DATA --splits test dev", "Received --splits test dev"),
        ("evaluate MODEL --dataset DATA", "expected one fine-tuned for entities"),
        ("evaluate MODEL --dataset DATA --output OUT/scores.json", "whose folder does not exist"),
        ("predict MODEL --batch-size 0", "Received --batch-size 0; expected at least 1"),
        ("predict", "Missing from tf-ner predict"),
        ("predict MODEL /no/file", "No such file or directory: /no/file"),
        ("predict MODEL DATA/train.conll", "expected one fine-tuned for entities"),
    ],
)
def test_mistakes_get_one_line(arguments, message, capsys, tmp_path, corpus_dir, tiny_bert):
    places = {"DATA": str(corpus_dir), "OUT": str(tmp_path / "out"), "MODEL": str(tiny_bert)}
    for name, place in places.items():
        arguments = arguments.replace(name, place)
    assert message in fails(arguments.split(), capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [("EU O\nrejects\n", "train.conll:2: received 1 column"), ("EU NNP\n", "train.conll:1: received tag 'NNP'")],
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
        assert cli._parse(arguments) == TrainCommand(config=dataclasses.replace(DEMO, **changed), demo=True)
    assert cli._parse(["train", *given.split()]) == TrainCommand(config=TrainConfig(**changed))


def test_the_demo_needs_no_hub_and_little_time():
    assert (DEMO.model, DEMO.dataset) == ("minilm", "sample")
    assert DEMO.epochs <= 5


def test_commands_are_shown_as_they_can_be_typed(monkeypatch, tmp_path):
    (tmp_path / "tf-ner").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli._program() == "tf-ner"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert cli._program() == str(tmp_path / "tf-ner")
    monkeypatch.chdir(tmp_path.parent)
    assert cli._program() == f"{tmp_path.name}/tf-ner"


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
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_NETWORK, *map(str, arguments + small)],
        env=environment | {"HF_HOME": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for shown in ("PER", "MISC", "test", "Sylvain", f"predict {tmp_path / 'run'}", "What to try next"):
        assert shown in done.stdout


def run_cli(*arguments, stdin=None):
    """Runs a command in a process of its own."""
    command = [sys.executable, "-c", "from tf_ner.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def test_from_the_shell_to_entities(tmp_path, tiny_bert):
    """Train, evaluate and predict, each in a process of its own, as a user would."""
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for split in ("train", "dev", "test"):
        (data / f"{split}.txt").write_text(conll(SENTENCES), encoding="utf-8")

    def tf_ner(*arguments, stdin=None):
        done = run_cli(*arguments, stdin=stdin and stdin.encode())
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    options = ("--epochs", 80, "--batch-size", 3, "--learning-rate", 3e-3)
    printed = tf_ner("train", "--model", tiny_bert, "--dataset", data, "--output-dir", run, *options)
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

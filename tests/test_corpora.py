"""The commands that docs/data.md gives for known corpora, run on these corpora with a tiny encoder."""

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from tf_ner import cli

DOCS = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
FOLDERS = {"CONLL2003": "conll2003", "WNUT17": "wnut17", "BENGALI": "bengali", "UD_EN_EWT": "ud-en-ewt"}
COMMANDS = [command for command in re.findall("`tf-ner (train .*)`", DOCS) if any(map(command.__contains__, FOLDERS))]

EVALUATED = {
    "conll2003": ("valid.txt", "test.txt"),
    "wnut17": ("emerging.dev.conll", "emerging.test.annotated"),
    "bengali": ("dev.conll", "test.conll"),
    "ud-en-ewt": ("en_ewt-ud-dev.conllu", "en_ewt-ud-test.conllu"),
}
COLUMN = {"ner": -1, "pos": 1, "chunk": 2}


def count(path: Path, task: str) -> tuple[Counter, int]:
    """How often each label and how many words there are, counted line by line: all these files are legal IOB2."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if path.suffix == ".conllu":
        tags = [line.split("\t")[3] for line in lines if re.match(r"\d+\t", line)]
    else:
        rows = [line.split("\t" if "\t" in line else " ") for line in lines if line.strip()]
        tags = [row[COLUMN[task]].strip() for row in rows if row[0] != "-DOCSTART-"]
    if task == "pos":
        return Counter(tags), len(tags)
    return Counter(tag[2:] for tag in tags if tag.startswith("B-")), len(tags)


def test_each_corpus_has_a_command():
    assert {folder for folder in FOLDERS for command in COMMANDS if folder in command} == FOLDERS.keys()
    assert len(COMMANDS) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_scores_every_word_and_entity(command, shared, tiny_bert, tmp_path, capsys):
    [(name, folder)] = {(name, folder) for name, folder in FOLDERS.items() if name in command}
    words = shlex.split(command.replace(name, str(shared / "data" / folder)))
    quick = ["--model", tiny_bert, "--max-train-examples", 64, "--epochs", 1, "--eval-batch-size", 128]
    cli.main([*words, *map(str, quick), "--output-dir", str(tmp_path / "run")])
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    task = re.search(r"--task (\w+)|$", command)[1] or "ner"
    for split, file in zip(("validation", "test"), EVALUATED[folder], strict=True):
        scores = metrics[split]
        support, num_words = count(shared / "data" / folder / file, task)
        assert {label: row["support"] for label, row in scores["per_label"].items() if row["support"]} == support
        assert scores["support"] == support.total()
        assert scores["words"] == scores["words_scored"] == num_words
        has_entities = task != "pos"
        assert ("f1" in scores) == has_entities

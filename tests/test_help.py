"""What `--help` says, and what is said to who mistypes."""

import pytest

from tf_ner.cli import main
from tf_ner.cli.help import train_help
from tf_ner.options.checks import option_name
from tf_ner.options.commands import TrainCommand
from tf_ner.options.kinds import Group, groups_of, kinds_of
from tf_ner.options.train import TrainConfig


def test_each_option_has_a_group():
    assert list(groups_of(TrainConfig)) == list(kinds_of(TrainConfig))
    assert set(groups_of(TrainConfig).values()) == set(Group)


def test_help_shows_each_option_once_with_its_meaning_and_default(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    shown = train_help()
    first, *groups = shown.split("\n\n")[2:-1]
    assert first.startswith(Group.MAIN.value)
    assert [group.partition(":")[0] for group in groups] == [group.value for group in Group][1:]
    options = [line.split()[0] for line in shown.splitlines() if line.startswith("  --")]
    own = {"demo": "--demo", "options_file": "--config", "seeds": "--seeds"}
    expected = [option_name(name) for name in kinds_of(TrainConfig)] + [*own.values()]
    assert own.keys() == kinds_of(TrainCommand).keys() - {"config"}
    assert sorted(options) == sorted(expected)
    assert sum(line.startswith("  --") for line in first.splitlines()) <= 14
    assert "--learning-rate X           Peak learning rate. (default: 2e-05)" in first
    assert "--task {ner,pos,chunk,text-classification}" in first
    assert "--per-device-train-batch-size" in shown.rpartition("\n\n")[2]


@pytest.mark.parametrize("typed", [["train", "--help"], ["train", "--epochs", "2", "-h"]])
def test_the_command_shows_it(capsys, typed):
    with pytest.raises(SystemExit) as stop:
        main(typed)
    assert stop.value.code == 0
    assert capsys.readouterr().out == train_help() + "\n"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["trian"], "Received the command 'trian'; did you mean train? See tf-ner --help."),
        (["check"], "Received the command 'check'; did you mean check-data? See tf-ner --help."),
        (["fly", "--help"], "Received the command 'fly'; expected one of train, evaluate, predict, "),
        (
            ["train", "--learnig-rate", "1e-4"],
            "Received the option --learnig-rate; did you mean --learning-rate? See tf-ner train --help.",
        ),
        (["train", "--epoch=2"], "Received the option --epoch; did you mean --epochs? See tf-ner train --help."),
        (["train", "--num_train_epoch", "2"], "did you mean --num-train-epochs?"),
        (["evaluate", "runs/first", "--split", "test"], "did you mean --splits? See tf-ner evaluate --help."),
        (["push", "runs/first", "--fly"], "Received the option --fly; expected a known one. See the list: tf-ner push"),
    ],
)
def test_who_mistypes_is_told_what_was_likely_meant(capsys, typed, message):
    with pytest.raises(SystemExit) as stop:
        main(typed)
    assert stop.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line

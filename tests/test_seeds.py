"""The same run with several seeds."""

import json
import math
import statistics
from dataclasses import replace

import pytest
from huggingface_hub import HfApi, constants

from tests.test_cli import fails
from tf_ner import TrainConfig, cli, hub_client, train
from tf_ner.cli.terminal import print_spread
from tf_ner.errors import ConfigError, OutputError
from tf_ner.hub import upload
from tf_ner.options.commands import TrainCommand
from tf_ner.training.several_seeds import _spread, train_seeds


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds") / "runs"
    options = {"epochs": 2, "batch_size": 3, "learning_rate": 3e-3}
    return TrainConfig(model=str(tiny_bert), dataset=str(corpus_dir), output_dir=folder, **options)


@pytest.fixture(scope="module")
def summary(config):
    return train_seeds(config, (1, 2, 3), verbose=0)


def test_each_seed_has_its_run_and_the_folder_a_summary(config, summary, tmp_path):
    folder = config.output_dir
    assert json.loads((folder / "seeds.json").read_text()) == summary
    assert summary["seeds"] == [1, 2, 3]
    assert summary["splits"].keys() == {"validation", "test"}
    assert summary["splits"]["test"].keys() == {"loss", "precision", "recall", "f1", "accuracy"}
    runs = [json.loads((folder / f"seed-{seed}" / "metrics.json").read_text()) for seed in (1, 2, 3)]
    for split, scores in summary["splits"].items():
        for name, score in scores.items():
            values = [run[split][name] for run in runs]
            mean = sum(values) / 3
            deviation = (sum((value - mean) ** 2 for value in values) / 2) ** 0.5
            assert score == {"mean": pytest.approx(mean), "std": pytest.approx(deviation), "values": values}
    assert len(set(summary["splits"]["test"]["loss"]["values"])) == 3
    alone = train(replace(config, output_dir=tmp_path / "alone", seed=2), verbose=0).metrics
    assert alone["test"]["loss"] == pytest.approx(summary["splits"]["test"]["loss"]["values"][1], rel=1e-4)


def test_what_is_finished_is_kept_and_what_was_cut_short_is_made_anew(config, summary):
    folder = config.output_dir
    before = {path: path.stat().st_mtime_ns for path in folder.glob("seed-*/metrics.json")}
    (folder / "seed-2" / "metrics.json").unlink()
    again = train_seeds(config, (2, 1, 4), verbose=0)
    assert again["seeds"] == [2, 1, 4]
    changed = {
        path.parent.name for path in folder.glob("seed-*/metrics.json") if before.get(path) != path.stat().st_mtime_ns
    }
    assert changed == {"seed-2", "seed-4"}
    losses = summary["splits"]["test"]["loss"]["values"]
    assert again["splits"]["test"]["loss"]["values"][:2] == pytest.approx([losses[1], losses[0]], rel=1e-4)
    train_seeds(replace(config, overwrite=True), (1,), verbose=0)
    assert (folder / "seed-1" / "metrics.json").stat().st_mtime_ns != before[folder / "seed-1" / "metrics.json"]


def test_a_run_with_other_options_is_not_taken_for_it(config, summary):
    with pytest.raises(OutputError, match=r"seed-1, which is not empty.*--overwrite"):
        train_seeds(replace(config, learning_rate=1e-4), (1,), verbose=0)


def test_a_run_of_another_revision_is_not_taken_for_it(config, summary):
    with pytest.raises(OutputError, match="seed-1, which is not empty"):
        train_seeds(replace(config, dataset_revision="older"), (1,), verbose=0)


def test_a_branch_may_be_named_again_and_another_may_not(config, summary):
    """Though each run notes the commit that the branch was then, and not its name."""
    branch = replace(config, output_dir=config.output_dir.with_name("of-a-branch"), model_revision="main", epochs=1)
    first = train_seeds(branch, (1,), verbose=0)
    path = branch.output_dir / "seed-1" / "run_config.json"
    replace(TrainConfig.load(path), model_revision="a" * 40).save(path)
    before = (path.parent / "metrics.json").stat().st_mtime_ns
    assert train_seeds(branch, (1,), verbose=0) == first
    assert (path.parent / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(OutputError, match="seed-1, which is not empty"):
        train_seeds(replace(branch, model_revision="older"), (1,), verbose=0)
    assert train_seeds(branch, (1,), verbose=0) == first


def test_a_run_is_no_folder_of_runs(config, summary):
    with pytest.raises(OutputError, match="seed-1, which holds a run; expected a folder for the runs"):
        train_seeds(replace(config, output_dir=config.output_dir / "seed-1"), (1,), verbose=0)


def test_each_seed_has_a_repository_and_what_did_not_arrive_goes_when_the_command_is_repeated(
    config, tmp_path, hub, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_bruno")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setattr(upload, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(hub_client, "_FIRST_WAIT", 0.01)
    pushed = replace(config, output_dir=tmp_path / "towns", epochs=1, push_to_hub=True)
    hub.faults.fail(status=500, path="towns-seed-1/commit/")
    train_seeds(pushed, (1, 2), verbose=0)
    api = HfApi(hub.url, token="hf_bruno")
    assert [api.file_exists(f"bruno/towns-seed-{seed}", "model.safetensors") for seed in (1, 2)] == [False, True]
    hub.faults.clear()
    train_seeds(pushed, (1,), verbose=0)
    assert api.file_exists("bruno/towns-seed-1", "model.safetensors")


def test_scores_that_are_no_numbers_have_no_deviation():
    spread = _spread([0.5, None, math.nan])
    assert math.isnan(spread["mean"])
    assert math.isnan(spread["std"])


def test_one_seed_has_no_deviation(config, summary, capsys):
    one = train_seeds(config, (3,), verbose=0)
    assert one["splits"]["test"]["f1"]["std"] is None
    print_spread(one)
    assert "seed 3" in capsys.readouterr().out


def test_the_table_shows_mean_and_deviation(capsys):
    values = [0.5, 0.7, 0.9]
    score = {"mean": statistics.fmean(values), "std": statistics.stdev(values), "values": values}
    print_spread({"seeds": [4, 5, 6], "splits": {"test": {"f1": score}}})
    [row] = [line for line in capsys.readouterr().out.splitlines() if "test" in line]
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "test", "F1", "0.7000", "0.2000", "0.5000", "0.7000", "0.9000",
    ]  # fmt: skip


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,), (2**32,)])
def test_seeds_that_cannot_be(seeds):
    with pytest.raises(ConfigError, match=r"Received --seeds .*; expected distinct seeds from 0 to 4294967295"):
        TrainCommand(seeds=seeds)


def test_from_the_shell(config, summary, capsys):
    options = ["--model", config.model, "--dataset", config.dataset, "--output-dir", str(config.output_dir)]
    options += ["--epochs", "2", "--batch-size", "3", "--learning-rate", "3e-3"]
    cli.main(["train", *options, "--seeds", "3"])
    printed = capsys.readouterr().out
    assert "deviation" in printed
    assert f"Saved in {config.output_dir}: a folder for each seed" in printed
    assert "Error parsing --seeds" in fails(["train", "--seeds", "one"], capsys)

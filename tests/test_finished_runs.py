"""What is finished stays as it is, until what takes its place is finished too."""

import shutil
from dataclasses import replace

import pytest
import tf_keras as keras

from tests.families import make_encoder
from tf_ner import EvaluateConfig, TrainConfig, evaluate, train
from tf_ner.errors import OutputError
from tf_ner.hub.changes import list_files
from tf_ner.training import run


class KilledError(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Ends a training after one of its steps."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step:
            raise KilledError


def files_of(folder):
    """The files of a run by name, hidden ones apart."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def contents(folder):
    return {name: data for name, (data, _) in files_of(folder).items()}


@pytest.fixture(scope="module")
def first_run(tiny_bert, corpus_dir, tmp_path_factory):
    """The options of a run of six steps that is finished and has kept a checkpoint."""
    config = TrainConfig(
        model=str(tiny_bert), dataset=str(corpus_dir), output_dir=tmp_path_factory.mktemp("first") / "run", epochs=2,
        batch_size=3, learning_rate=3e-3, keep_checkpoints=1,
    )  # fmt: skip
    train(config, verbose=0)
    return config


@pytest.fixture
def finished(first_run, tmp_path):
    """The options of a copy of that run."""
    shutil.copytree(first_run.run_dir, tmp_path / "run")
    return replace(first_run, output_dir=tmp_path / "run")


def test_to_resume_what_is_finished_changes_nothing(finished):
    before = files_of(finished.run_dir)
    assert any(name.startswith("checkpoints/") for name in before)
    train(replace(finished, keep_checkpoints=None, resume=True), verbose=0)
    assert files_of(finished.run_dir) == before
    # Whatever else is gone, it is finished.
    for name in ("README.md", "history.csv"):
        (finished.run_dir / name).unlink()
        del before[name]
    train(replace(finished, resume=True), verbose=0)
    assert files_of(finished.run_dir) == before
    (finished.run_dir / "metrics.json").write_text("")
    with pytest.raises(OutputError, match=r"metrics.json, which is not JSON"):
        train(replace(finished, resume=True), verbose=0)


def test_the_scores_come_last(finished, monkeypatch):
    """Killed before they are written, the run is not finished, and goes on with all else that was missing."""

    def killed(*arguments):
        raise KilledError

    again = replace(finished, overwrite=True)
    with monkeypatch.context() as patched:
        patched.setattr(run, "write_text", killed)
        with pytest.raises(KilledError):
            train(again, verbose=0)
    assert not (finished.run_dir / "metrics.json").exists()
    train(replace(finished, resume=True), verbose=0)
    assert {"metrics.json", "README.md", "predictions.test.conll"} <= files_of(finished.run_dir).keys()


def test_what_is_replaced_is_kept_until_the_new_run_is_finished(finished):
    """Also where it is cut short twice, and what is left of the first attempt is replaced too."""
    before, replaced = contents(finished.run_dir), finished.run_dir / ".replaced"
    again = replace(finished, learning_rate=1e-3, overwrite=True)
    for step in (4, 1):
        with pytest.raises(KilledError):
            train(again, callbacks=[KillAt(step)], verbose=0)
        assert contents(replaced) == before
    scores = evaluate(EvaluateConfig(model=str(replaced), dataset=finished.dataset))
    assert scores["test"]["support"] > 0
    train(replace(again, overwrite=False, resume=True), verbose=0)
    assert not replaced.exists()
    after = contents(finished.run_dir)
    assert after.keys() == before.keys()
    assert after["model.safetensors"] != before["model.safetensors"]


def test_another_tokenizer_leaves_nothing_of_the_one_before(finished, tmp_path):
    """Read beside the new files, the old ones make a tokenizer that is neither."""
    assert (finished.run_dir / "vocab.txt").exists()
    other = make_encoder("Roberta", tmp_path / "roberta")
    train(replace(finished, model=str(other), epochs=1, overwrite=True), verbose=0)
    assert not (finished.run_dir / "vocab.txt").exists()
    assert (finished.run_dir / "merges.txt").exists()
    assert "vocab.txt" not in {file.name for file in list_files(finished.run_dir)}


def test_a_model_whose_scores_are_gone_is_kept_while_it_is_made_anew(finished):
    (finished.run_dir / "metrics.json").unlink()
    model = (finished.run_dir / "model.safetensors").read_bytes()
    for folder in (finished.run_dir / "checkpoints").iterdir():
        folder.rename(finished.run_dir / folder.name)
    with pytest.raises(KilledError):
        train(replace(finished, resume=True), callbacks=[KillAt(1)], verbose=0)
    assert (finished.run_dir / ".replaced" / "model.safetensors").read_bytes() == model
    train(replace(finished, resume=True), verbose=0)
    assert not (finished.run_dir / ".replaced").exists()

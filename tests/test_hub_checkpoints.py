"""Checkpoints on the Hub: a training that is cut short here goes on elsewhere."""

import json
import signal
import threading
from dataclasses import replace

import pytest
import tf_keras as keras
from huggingface_hub import constants, snapshot_download

from tests.test_push import local, remote, wait_for
from tests.test_resume import KilledError, Raise, assert_same
from tf_ner import (
    TrainConfig,
    train,
)
from tf_ner.errors import HubError, TrainingInterruptedError
from tf_ner.hub.upload import push_run
from tf_ner.options.commands import PushConfig

NAME = "lab/towns"


@pytest.fixture
def hub(hub, monkeypatch, tmp_path):
    """The Hub, and a user who is logged in, with a cache of their own."""
    monkeypatch.setenv("HF_TOKEN", "hf_ada")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return hub


@pytest.fixture(scope="module")
def config(tiny_bert, corpus_dir):
    return TrainConfig(model=str(tiny_bert), dataset=str(corpus_dir), epochs=3, batch_size=3, learning_rate=3e-3)


class KillWhenPushed(keras.callbacks.Callback):
    """Ends a training at a step of the second epoch, when the checkpoint of the first is on the Hub."""

    def __init__(self, hub):
        super().__init__()
        self.hub = hub

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 5:
            wait_for(lambda: "last-checkpoint/training_state.json" in remote(self.hub, NAME))
            raise KilledError


def test_a_run_goes_on_elsewhere_from_the_hub(hub, config, tmp_path):
    train(replace(config, output_dir=tmp_path / "whole"), verbose=0)
    pushed = replace(config, push_to_hub=True, hub_model_id=NAME, push_checkpoints=True)
    with pytest.raises(KilledError):
        train(replace(pushed, output_dir=tmp_path / "here"), callbacks=[KillWhenPushed(hub)], verbose=0)
    wait_for(lambda: not any(thread.name == "tf_ner push" for thread in threading.enumerate()))
    files = remote(hub, NAME)
    assert json.loads(files["last-checkpoint/training_state.json"])["step"] == 3
    assert {"last-checkpoint/optimizer.safetensors", "last-checkpoint/best.safetensors"} <= files.keys()
    # The best model so far is the repository's, and as an object of the storage it is there once.
    assert files["last-checkpoint/best.safetensors"] == files["model.safetensors"]

    train(replace(pushed, output_dir=tmp_path / "elsewhere", resume_from="hub"), verbose=0)
    assert_same(tmp_path / "elsewhere", tmp_path / "whole")
    assert remote(hub, NAME) == local(tmp_path / "elsewhere")


def test_the_checkpoint_of_a_signal_is_pushed_and_stays_until_the_run_is_finished(hub, config, tmp_path):
    pushed = replace(config, output_dir=tmp_path / "run", push_to_hub=True, hub_model_id=NAME, push_checkpoints=True)
    with pytest.raises(TrainingInterruptedError):
        train(pushed, callbacks=[Raise(signal.SIGTERM, step=5)], verbose=0)
    assert json.loads(remote(hub, NAME)["last-checkpoint/training_state.json"])["step"] == 5
    # What else is pushed meanwhile does not take away the only checkpoint elsewhere.
    push_run(PushConfig(run=tmp_path / "run"))
    assert "last-checkpoint/optimizer.safetensors" in remote(hub, NAME)
    result = train(replace(pushed, resume=True), verbose=0)
    assert remote(hub, NAME) == local(tmp_path / "run")
    # Cut off between the card and the push: the same command pushes, and nothing else.
    hub.add_repo("model", "lab/again", {})
    again = train(replace(pushed, hub_model_id="lab/again", resume=True), verbose=0)
    assert again.metrics == result.metrics
    assert again.commit_url.startswith(f"{hub.url}/lab/again/commit/")
    assert remote(hub, "lab/again") == local(tmp_path / "run")
    assert '"lab/again"' in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


def test_a_repository_without_a_checkpoint_is_told(hub, config, tmp_path):
    pushed = replace(config, output_dir=tmp_path / "run", resume_from="hub", push_to_hub=True, hub_model_id=NAME)
    with pytest.raises(HubError, match=f"refusal from the Hub for {NAME}.*check the name with --hub-model-id"):
        train(pushed, verbose=0)
    hub.add_repo("model", NAME, {"config.json": b"{}"})
    with pytest.raises(HubError, match="holds no last-checkpoint; expected that of an unfinished run"):
        train(pushed, verbose=0)
    assert not (tmp_path / "run").exists()


def test_without_an_answer_no_older_checkpoint_is_taken(hub, config, tmp_path, monkeypatch):
    """What was fetched before lies in the cache, and the repository may have a newer one."""
    hub.add_repo("model", NAME, {"last-checkpoint/training_state.json": b"{}"})
    snapshot_download(NAME)
    hub.close()
    pushed = replace(config, output_dir=tmp_path / "run", resume_from="hub", push_to_hub=True, hub_model_id=NAME)
    with pytest.raises(HubError, match=rf"The Hub did not respond for {NAME}.*run the command again"):
        train(pushed, verbose=0)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match=f"HF_HUB_OFFLINE is set, so {NAME} cannot be reached"):
        train(pushed, verbose=0)


def test_who_is_not_logged_in_is_told_so(hub, config, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    pushed = replace(config, output_dir=tmp_path / "run", resume_from="hub", push_to_hub=True, hub_model_id="towns")
    with pytest.raises(HubError, match=r"towns requires you to be logged in to the Hub. Log in with"):
        train(pushed, verbose=0)

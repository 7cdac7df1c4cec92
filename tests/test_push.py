"""Pushing to the Hub: whole, in the background, over lines that fail."""

import inspect
import logging
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import tf_keras as keras
from huggingface_hub import HfApi, constants
from transformers.keras_callbacks import PushToHubCallback as TransformersPushToHubCallback

from tests import processes
from tests.hub import Hub
from tests.hub.client import online
from tf_ner import (
    PushToHubCallback,
    TokenClassificationLoss,
    TrainConfig,
    hub_client,
    load_untrained,
    make_dataset,
    train,
)
from tf_ner.card import card as card_module
from tf_ner.card.merge import is_as_sealed, sealed
from tf_ner.cli import main
from tf_ner.errors import ConfigError, HubError
from tf_ner.files import write_text
from tf_ner.hub import background, upload
from tf_ner.hub.background import BackgroundUploader
from tf_ner.hub.changes import forget_pushed, list_files
from tf_ner.hub.upload import HubTarget, push_folder

TOKEN = "hf_" + "planted" * 5


@pytest.fixture
def hub(monkeypatch):
    """A Hub that the client in this process takes for the real one, and a user who is logged in."""
    with Hub() as hub, online(hub):
        hub.add_user("ada", token=TOKEN, organisations=("lab",))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
        monkeypatch.setattr(upload, "_FIRST_WAIT", 0.01)
        monkeypatch.setattr(hub_client, "_FIRST_WAIT", 0.01)
        yield hub


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 4000)
    (folder / "config.json").write_text("{}")
    (folder / "run_config.json").write_text("{}")
    return folder


def local(folder):
    return {file.as_posix(): (folder / file).read_bytes() for file in list_files(folder)}


def remote(hub, name):
    files = hub.files("model", name)
    files.pop(".gitattributes", None)
    return files


def wait_for(happened):
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pushed(hub, name):
    """The messages of what was pushed so far, the newest first."""
    return [message for message, _ in hub.commits("model", name) if message != "initial commit"]


def sent_objects(hub):
    return [request for request in hub.requests if request.method == "PUT" and request.status == 200]


def test_a_folder_arrives_byte_for_byte(hub, folder):
    (folder / ".partial.model").mkdir()
    (folder / ".partial.model" / "half").write_text("half")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "state").write_text("state")
    address = push_folder(folder, HubTarget("run"), message="All of it")
    assert remote(hub, "ada/run") == local(folder)
    assert remote(hub, "ada/run").keys() == {"model.safetensors", "config.json", "run_config.json"}
    assert address == f"{hub.url}/ada/run/commit/{hub.commits('model', 'ada/run')[0][1]}"


def test_what_is_there_is_not_sent_again(hub, folder):
    push_folder(folder, HubTarget("lab/run"), message="First")
    assert len(sent_objects(hub)) == 1
    (folder / "metrics.json").write_text("{}")
    push_folder(folder, HubTarget("lab/run"), message="Second")
    assert len(sent_objects(hub)) == 1
    assert remote(hub, "lab/run") == local(folder)
    num_commits = len(hub.commits("model", "lab/run"))
    push_folder(folder, HubTarget("lab/run"), message="Nothing new")
    assert len(hub.commits("model", "lab/run")) == num_commits


@pytest.mark.parametrize("private", [None, True])
def test_a_repository_is_private_when_asked(hub, folder, private):
    push_folder(folder, HubTarget("run", private=private), message="m")
    assert HfApi().model_info("ada/run").private is bool(private)


def test_half_of_all_requests_may_fail(hub, folder, monkeypatch):
    # The client itself waits too, from one second on.
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    hub.faults.fail(share=0.5, seed=1, status=503)
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder)
    assert sum(request.status == 503 for request in hub.requests) >= 2


@pytest.mark.parametrize("fault", ["status", "cut", "lost answer"])
def test_a_passing_fault_is_tried_again(hub, folder, fault):
    if fault == "status":
        hub.faults.fail(path="/commit/", status=429, retry_after=0, times=2)
    elif fault == "cut":
        hub.faults.cut(path="/lfs/", after_bytes=1000, times=1)
    else:
        hub.faults.lose_answer(path="/commit/", times=1)
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder)


def test_waits_grow_and_follow_the_hub():
    waits = [[upload._wait_after(OSError(), number) for _ in range(50)] for number in (1, 2, 3, 20)]
    assert sum(waits[0]) < sum(waits[1]) < sum(waits[2]) < sum(waits[3])
    assert max(waits[3]) <= 1.5 * upload._LONGEST_WAIT
    assert len(set(waits[0])) > 1, "everybody would come back at the same moment"


def test_no_wait_is_without_end(hub, folder, monkeypatch):
    """Not even where the Hub asks for an hour, and asks again and again."""
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    hub.faults.fail(path="/api/", status=429, retry_after=3600)
    with pytest.raises(OSError, match="429"):
        push_folder(folder, HubTarget("ada/run"), message="m")
    assert 0 < max(waits) <= 60
    assert sum(waits) < 1500


def test_faults_without_a_kind_are_tried_again(hub, folder, monkeypatch):
    """As the client's faster transfer raises them."""
    whole = HfApi.create_commit
    faults = iter([RuntimeError("Data processing error: CAS"), RuntimeError("again")])

    def create_commit(*args, **options):
        for fault in faults:
            raise fault
        return whole(*args, **options)

    monkeypatch.setattr(HfApi, "create_commit", create_commit)
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder)


@pytest.mark.parametrize(("status", "times"), [(403, 1), (400, 1)])
def test_an_address_in_the_storage_may_expire(hub, folder, status, times):
    hub.faults.fail(path="/lfs/", method="PUT", status=status, times=times)
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder)


def test_a_card_that_is_no_card_is_told(hub, folder):
    (folder / "README.md").write_text("---\nlicense: [\n---\n")
    with pytest.raises(HubError, match=r"expected a README\.md with metadata"):
        push_folder(folder, HubTarget("ada/run"), message="m")


def test_names_with_brackets_are_names(hub, folder):
    (folder / "notes[1].txt").write_text("n")
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder)


def test_results_that_are_gone_go_from_the_repository_and_nothing_else(hub, folder):
    for name in ("predictions.test.conll", "metrics.json", "notes.txt"):
        (folder / name).write_text(name)
    push_folder(folder, HubTarget("ada/run"), message="m")
    for name in ("predictions.test.conll", "metrics.json", "notes.txt"):
        (folder / name).unlink()
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder) | {"notes.txt": b"notes.txt"}


def put(hub, name, **files):
    """Somebody else writes files, called `metrics_json` for `metrics.json`, into a repository, a new one if need be."""
    api = HfApi(token=TOKEN)
    api.create_repo(name, exist_ok=True)
    for file, text in files.items():
        api.upload_file(path_or_fileobj=text.encode(), path_in_repo=file.replace("_", "."), repo_id=name)


def test_a_push_takes_away_nothing_that_it_did_not_put_there(hub, folder):
    """Such as the card and the scores that a run does not have before its end; a kill there would leave it so."""
    others = {"README_md": "---\nlicense: mit\n---\n# By hand\n", "metrics_json": "{}", "predictions_test_conll": "Ada"}
    put(hub, "ada/run", **others)
    push_folder(folder, HubTarget("ada/run"), message="m")
    expected = {name.replace("_", "."): text.encode() for name, text in others.items()}
    assert remote(hub, "ada/run") == local(folder) | expected


@pytest.mark.parametrize(
    "what", ["changed on the Hub", "put into another repository", "put by another run", "found there", "torn"]
)
def test_what_is_not_surely_its_own_stays(hub, folder, what):
    (folder / "metrics.json").write_text("{}")
    push_folder(folder, HubTarget("ada/run"), message="m")
    (folder / "metrics.json").unlink()
    name, content = "ada/run", "{}"
    if what == "changed on the Hub":
        content = '{"by": "hand"}'
        put(hub, name, metrics_json=content)
    elif what == "put into another repository":
        name, content = "ada/other", "{ }"
        put(hub, name, metrics_json=content)
    elif what == "put by another run":
        forget_pushed(folder)
    elif what == "found there":
        forget_pushed(folder)
        (folder / "metrics.json").write_text(content)
        push_folder(folder, HubTarget(name), message="m")
        (folder / "metrics.json").unlink()
    else:
        (folder / ".pushed.json").write_text('{"ada/run": {"metr')
    push_folder(folder, HubTarget(name), message="m")
    assert remote(hub, name) == local(folder) | {"metrics.json": content.encode()}


def test_a_lost_answer_makes_nothing_somebody_elses(hub, folder):
    (folder / "metrics.json").write_text("{}")
    hub.faults.lose_answer(path="/commit/", times=1)
    push_folder(folder, HubTarget("ada/run"), message="m")
    (folder / "metrics.json").unlink()
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(folder)


def test_large_results_go_too_and_from_a_copy_of_the_folder(hub, folder, tmp_path):
    """As objects of the storage; and the record moves with the folder."""
    (folder / "predictions.test.conll").write_bytes(b"Ada B-PER B-PER\n" * 800_000)
    push_folder(folder, HubTarget("run"), message="m")
    assert len(hub.objects("model", "ada/run")) == 2
    moved = folder.rename(tmp_path / "moved")
    (moved / "predictions.test.conll").unlink()
    push_folder(moved, HubTarget("ada/run"), message="m")
    assert remote(hub, "ada/run") == local(moved)


def test_the_background_remembers_what_it_pushed(hub, folder):
    (folder / "vocab.txt").write_text("v")
    uploader = BackgroundUploader(HubTarget("ada/run"))
    uploader.submit(folder, "State")
    wait_for(lambda: uploader.commit_url is not None)
    (folder / "vocab.txt").unlink()
    assert uploader.finish(folder, "Final") is not None
    assert remote(hub, "ada/run") == local(folder)


@pytest.mark.parametrize(("options", "stays"), [('{"seed": 42}', False), ('{"seed": 1}', True), (None, True)])
def test_a_finished_run_takes_away_its_own_checkpoint_only(hub, folder, options, stays):
    """Whatever machine had put it there."""
    files = {"last-checkpoint/optimizer.safetensors": b"o"}
    if options is not None:
        files["last-checkpoint/run_config.json"] = options.encode()
    hub.add_repo("model", "ada/run", files)
    push_folder(folder, HubTarget("ada/run"), message="not finished")
    assert remote(hub, "ada/run") == local(folder) | files
    for name in ("README.md", "metrics.json"):
        (folder / name).write_text("---\nlicense: mit\n---\n")
    push_folder(folder, HubTarget("ada/run"), message="finished")
    assert remote(hub, "ada/run") == local(folder) | (files if stays else {})


def test_a_change_by_others_while_large_files_are_sent_is_seen(hub, folder):
    (folder / "metrics.json").write_text("{}")
    push_folder(folder, HubTarget("ada/run"), message="m")
    (folder / "metrics.json").unlink()
    (folder / "model.safetensors").write_bytes(bytes(1_000_000))
    hub.requests.clear()
    hub.faults.delay(seconds=600, path="/lfs/", method="PUT")
    uploader = BackgroundUploader(HubTarget("ada/run"))
    uploader.submit(folder, "m")
    wait_for(lambda: any(request.path.endswith("/objects/batch") for request in hub.requests))
    put(hub, "ada/run", metrics_json="by hand")
    hub.faults.clear()
    wait_for(lambda: uploader.commit_url is not None)
    assert remote(hub, "ada/run") == local(folder) | {"metrics.json": b"by hand"}


OURS = sealed("---\nlicense: apache-2.0\ntags:\n- tf_ner\n---\n\n# Towns\n")
HANDS = "---\nlicense: mit\nextra_gated_prompt: Ask\n---\n# By hand\n"


def test_a_card_that_somebody_wrote_stays_until_it_is_asked_for(hub, folder, caplog, capsys):
    put(hub, "ada/run", README_md=HANDS)
    (folder / "README.md").write_text(OURS)
    main(["push", str(folder), "--dry-run"])
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()][-1] == ["kept", "README.md,"]
    main(["push", str(folder)])
    assert remote(hub, "ada/run") == local(folder) | {"README.md": HANDS.encode()}
    [told] = [line for line in caplog.messages if "was left as it is" in line]
    assert "--hub-replace-card" in told
    main(["push", str(folder), "--hub-replace-card"])
    assert remote(hub, "ada/run") == local(folder)


def test_the_metadata_that_somebody_wrote_stay_when_the_card_is_replaced(hub, folder, caplog):
    put(hub, "ada/run", README_md="---\nlicense: mit\nextra_gated_prompt: Ask\n---\n")
    for text in ("# Towns\n", "# Cities\n", "# Cities\n"):
        caplog.clear()
        (folder / "README.md").write_text(sealed(OURS.replace("# Towns\n", text)))
        push_folder(folder, HubTarget("run"), message="m")
        card = remote(hub, "ada/run")["README.md"].decode()
        assert "license: mit\n" in card
        assert "extra_gated_prompt: Ask\n" in card
        assert text in card
        assert "keeps what somebody else wrote there for license" in caplog.text


def test_a_card_changed_in_the_folder_is_pushed_again_and_again(hub, folder):
    """It was this run that put there what it replaces, though no longer as tf_ner wrote it."""
    for text in ("# One\n", "# Two\n", "---\nlicense: mit\n---\n# Three\n", "# Four\n"):
        (folder / "README.md").write_text(text)
        push_folder(folder, HubTarget("run"), message="m")
        assert remote(hub, "ada/run") == local(folder)
    put(hub, "ada/run", README_md="# Five")
    (folder / "README.md").write_text("# Six\n")
    push_folder(folder, HubTarget("run"), message="m")
    assert remote(hub, "ada/run")["README.md"] == b"# Five"


def test_a_state_of_a_training_says_nothing_of_a_card_that_stays(hub, folder, caplog):
    put(hub, "ada/run", README_md=HANDS)
    (folder / "README.md").write_text(OURS)
    uploader = BackgroundUploader(HubTarget("ada/run"))
    with caplog.at_level(logging.WARNING):
        uploader.submit(folder, "Epoch 1")
        wait_for(lambda: uploader._thread is None)
        assert "was left as it is" not in caplog.text
        uploader.finish(folder, "Final")
    assert caplog.text.count("was left as it is") == 1


def test_private_is_never_public(hub, folder):
    hub.add_repo("model", "ada/shown", {})
    with pytest.raises(HubError, match="which already exists and is public"):
        push_folder(folder, HubTarget("ada/shown", private=True), message="m")
    assert "config.json" not in hub.files("model", "ada/shown")


def test_a_full_disk_does_not_end_the_training(hub, folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(background.shutil, "copyfile", full)
    uploader = BackgroundUploader(HubTarget("ada/run"))
    uploader.submit(folder, "Epoch 1")
    assert "Epoch 1 was not pushed" in caplog.text
    assert uploader.finish(folder, "Final") is not None
    assert remote(hub, "ada/run") == local(folder)
    assert not list(folder.glob(".partial*"))


def test_a_panic_is_told_and_ends_no_waiting(hub, folder, monkeypatch):
    class Panic(BaseException):
        pass

    def panic(*_, **__):
        raise Panic("from below")

    uploader = BackgroundUploader(HubTarget("ada/run"))
    assert uploader.finish(folder, "First") is not None
    with monkeypatch.context() as patch:
        patch.setattr(background, "push_folder", panic)
        assert uploader.finish(folder, "Second") is None
        assert uploader.fault == "from below"
    assert uploader.finish(folder, "Third") is not None


def test_a_refusal_is_told_at_once(hub, folder):
    hub.add_user("reader", token="hf_reader", can_write=False)
    for token in ("hf_reader", "hf_nobody"):
        with pytest.raises(HubError, match=r"Received a refusal .*expected a token with write access") as error:
            push_folder(folder, HubTarget("reader/run", token=token), message="m")
        assert token not in str(error.value)
    assert len(hub.requests) <= 6, "a refusal was tried again"
    with pytest.raises(HubError, match="expected name, user/name or organisation/name"):
        push_folder(folder, HubTarget("a/b/c"), message="m")


def test_a_newer_state_takes_the_place_of_one_that_waits(hub, folder):
    uploader = BackgroundUploader(HubTarget("ada/run"))
    hub.faults.delay(seconds=600, path="/commit/")
    for number in range(5):
        (folder / "config.json").write_text(str(number))
        uploader.submit(folder, f"State {number}")
    assert pushed(hub, "ada/run") == [], "training had to wait"
    (folder / "config.json").write_text("final")
    hub.faults.clear()
    assert uploader.finish(folder, "Final") == uploader.commit_url
    assert remote(hub, "ada/run") == local(folder)
    messages = pushed(hub, "ada/run")
    assert messages[0] == "Final"
    assert len(messages) < 5
    assert not list(folder.glob(".partial*"))


def test_a_state_is_pushed_as_it_was_when_submitted(hub, folder):
    uploader = BackgroundUploader(HubTarget("ada/run"))
    hub.faults.delay(seconds=0.3, path="/preupload/")
    uploader.submit(folder, "Before")
    write_text(folder / "config.json", "changed while the upload ran")
    wait_for(lambda: uploader.commit_url is not None)
    assert remote(hub, "ada/run")["config.json"] == b"{}"


def test_training_goes_on_when_the_network_is_gone(hub, folder, monkeypatch, caplog):
    hub.close()
    uploader = BackgroundUploader(HubTarget("ada/run"))
    with caplog.at_level(logging.WARNING):
        assert uploader.finish(folder, "Final") is None
    assert "Nothing is lost" in caplog.text
    assert "tf-ner push" in caplog.text
    assert TOKEN not in caplog.text


@pytest.fixture
def fit(tiny_bert, task, corpus):
    """A `fit` with one more callback."""

    def fit(callback, epochs=3):
        model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
        model.compile(keras.optimizers.Adam(1e-3), loss=TokenClassificationLoss())
        windows = task.encode_split(corpus["train"]).windows
        dataset = make_dataset(windows, tokenizer=task.tokenizer, batch_size=4)
        model.fit(dataset, epochs=epochs, callbacks=[callback], verbose=0)
        return model

    return fit


def test_the_callback_pushes_what_it_saves(hub, fit, task, tmp_path):
    callback = PushToHubCallback(tmp_path / "model", tokenizer=task.tokenizer, language="en")
    assert isinstance(callback, TransformersPushToHubCallback)
    fit(callback)
    assert callback.hub_model_id == "ada/model"
    assert remote(hub, "ada/model") == local(tmp_path / "model")
    assert {"model.safetensors", "tokenizer.json", "README.md"} <= remote(hub, "ada/model").keys()
    assert callback.commit_url.endswith(hub.commits("model", "ada/model")[0][1])
    assert is_as_sealed(remote(hub, "ada/model")["README.md"].decode())
    # Its card takes the place of its own, and of no other but when asked.
    put(hub, "ada/model", README_md=HANDS)
    fit(PushToHubCallback(tmp_path / "model", save_strategy="no"), epochs=1)
    assert remote(hub, "ada/model")["README.md"] == HANDS.encode()
    fit(PushToHubCallback(tmp_path / "model", save_strategy="no", hub_replace_card=True), epochs=1)
    assert is_as_sealed(remote(hub, "ada/model")["README.md"].decode())


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"save_strategy": "no"}, ["End of training"]),
        ({"save_strategy": "steps", "save_steps": 4}, ["End of training", "Step 4"]),
    ],
)
def test_when_the_callback_pushes(hub, fit, tmp_path, monkeypatch, options, messages):
    callback = PushToHubCallback(tmp_path / "model", **options)
    # Each state is given the time to be pushed.
    submit = callback._uploader.submit

    def submit_and_wait(folder, message):
        submit(folder, message)
        wait_for(lambda: callback._uploader._thread is None)

    monkeypatch.setattr(callback._uploader, "submit", submit_and_wait)
    fit(callback)
    assert pushed(hub, "ada/model") == messages


def test_uploads_slower_than_epochs_hold_nothing_up(hub, fit, tmp_path):
    """`fit` waits for the last upload only: none arrives before the last epoch is over, and all is there."""
    callback = PushToHubCallback(tmp_path / "model", hub_model_id="lab/slow")
    line = _HeldUntilTrained(hub, "lab/slow")
    fit(_Sequence(callback, line))
    assert line.commits == [0, 0, 0]
    assert remote(hub, "lab/slow") == local(tmp_path / "model")


class _HeldUntilTrained(keras.callbacks.Callback):
    """A line on which no commit arrives before the last epoch is over: who waits for one waits for ever.

    Attributes:
        commits: How many had arrived at the end of each epoch.
    """

    def __init__(self, hub, name):
        super().__init__()
        self.hub, self.name = hub, name
        self.commits = []
        hub.faults.delay(seconds=600, path="/commit/")

    def on_epoch_end(self, epoch, logs=None):
        self.commits.append(len(pushed(self.hub, self.name)))
        if len(self.commits) == self.params["epochs"]:
            self.hub.faults.clear()


class _Sequence(keras.callbacks.CallbackList, keras.callbacks.Callback):
    def __init__(self, *callbacks):
        keras.callbacks.CallbackList.__init__(self, list(callbacks))


def test_what_a_killed_process_left_half_pushed_goes(hub, tmp_path):
    left = tmp_path / "model" / ".partial.push.killed"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    PushToHubCallback(tmp_path / "model")
    assert not left.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"save_strategy": "sometimes"}, "expected no, epoch or steps"),
        ({"save_strategy": "steps"}, "save_steps None"),
        ({"hub_private": True, "save_stategy": "no"}, "Received hub_private, save_stategy; expected arguments of"),
        ({"checkpoint": True}, "Received checkpoint=True; expected False, since only runs write checkpoints"),
    ],
)
def test_arguments_that_cannot_be_used(hub, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        PushToHubCallback(tmp_path / "model", **options)
    assert hub.requests == []


def test_arguments_have_the_places_they_have_in_transformers():
    """So that what stood there for a checkpoint is not taken for leave to replace somebody's card."""
    ours, theirs = (
        list(inspect.signature(callback).parameters.values())
        for callback in (PushToHubCallback, TransformersPushToHubCallback)
    )
    positional = [each.name for each in theirs if each.kind == each.POSITIONAL_OR_KEYWORD]
    assert [each.name for each in ours if each.kind == each.POSITIONAL_OR_KEYWORD] == positional


@pytest.fixture(scope="module")
def pushed_run(tiny_bert, corpus_dir, tmp_path_factory):
    """A Hub, which is not the client's any more, and a run that was pushed to it."""
    config = TrainConfig(
        model=str(tiny_bert), dataset=str(corpus_dir), output_dir=tmp_path_factory.mktemp("pushed") / "towns", epochs=1,
        push_to_hub=True, hub_model_id="lab/towns", hub_private=True,
    )  # fmt: skip
    with Hub() as hub:
        with online(hub), pytest.MonkeyPatch.context() as patch:
            hub.add_user("ada", token=TOKEN, organisations=("lab",))
            patch.setenv("HF_TOKEN", TOKEN)
            patch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
            result = train(config, verbose=0)
        yield hub, result


@pytest.fixture
def run(pushed_run, tmp_path):
    """A copy of the run."""
    _, result = pushed_run
    shutil.copytree(result.output_dir, tmp_path / "towns")
    return replace(result, output_dir=tmp_path / "towns")


def test_a_run_arrives_whole_and_says_where_it_is(pushed_run):
    hub, run = pushed_run
    assert remote(hub, "lab/towns") == local(run.output_dir)
    assert run.commit_url == f"{hub.url}/lab/towns/commit/{hub.commits('model', 'lab/towns')[0][1]}"
    card = (run.output_dir / "README.md").read_text(encoding="utf-8")
    assert 'model="lab/towns"' in card
    assert is_as_sealed(card)


def test_a_right_that_is_withdrawn_meanwhile_loses_no_run(hub, tiny_bert, corpus_dir, tmp_path, caplog):
    withdraw = keras.callbacks.LambdaCallback(on_train_end=lambda *_: hub.faults.fail(status=403))
    options = {"model": str(tiny_bert), "dataset": str(corpus_dir), "output_dir": tmp_path / "run", "epochs": 1}
    result = train(TrainConfig(**options, push_to_hub=True), callbacks=[withdraw], verbose=0)
    assert result.commit_url is None
    assert "Nothing is lost" in caplog.text
    assert {"README.md", "metrics.json", "model.safetensors"} <= local(result.output_dir).keys()


def test_no_file_of_a_run_holds_the_token(run):
    for file in run.output_dir.rglob("*"):
        assert file.is_dir() or TOKEN.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("fault", ["slower than all epochs", "half of all requests"])
def test_three_epochs_arrive_whole_over_a_bad_line(
    hub, tiny_bert, corpus_dir, tmp_path, monkeypatch, caplog, capfd, fault
):
    """And nothing that was written or logged meanwhile holds the token."""
    callbacks = []
    if fault == "slower than all epochs":
        callbacks = [_HeldUntilTrained(hub, "ada/run")]
    else:
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        hub.faults.fail(share=0.5, seed=3, status=500)
    options = {"model": str(tiny_bert), "dataset": str(corpus_dir), "output_dir": tmp_path / "run", "epochs": 3}
    with caplog.at_level(logging.DEBUG):
        result = train(TrainConfig(**options, push_to_hub=True), callbacks=callbacks, verbose=0)
    assert result.commit_url is not None
    assert remote(hub, "ada/run") == local(result.output_dir)
    for line in callbacks:
        assert line.commits == [0, 0, 0], "an epoch had to wait"
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    logged = capfd.readouterr()
    for secret in (TOKEN, "signature="):
        assert secret not in caplog.text + logged.out + logged.err
        assert secret.encode() not in written


def test_a_dry_run_shows_what_goes_and_changes_nothing(hub, folder, capsys):
    push = ["push", str(folder), "--hub-model-id", "run", "--dry-run"]
    main(push)
    assert "removed" not in capsys.readouterr().out
    assert not any(request.method == "POST" for request in hub.requests), "a repository was made"
    (folder / "metrics.json").write_text("{}")
    push_folder(folder, HubTarget("run"), message="m")
    put(hub, "ada/run", notes_txt="n")
    (folder / "metrics.json").unlink()
    before = remote(hub, "ada/run")
    main(push)
    *files, last = capsys.readouterr().out.splitlines()
    assert [line.split() for line in files] == [
        ["2", "config.json"],
        ["1,024,000", "model.safetensors"],
        ["2", "run_config.json"],
    ]
    assert last.split() == ["removed", "metrics.json"]
    assert remote(hub, "ada/run") == before
    hub.close()
    main(push)
    *same, last = capsys.readouterr().out.splitlines()
    assert same == files
    assert last.startswith("Cannot tell now what would be removed")


def test_a_run_in_the_place_of_another_takes_nothing_away_before_its_end(hub, run):
    """Neither what it does not have yet, nor what the run before had and it never has."""
    push_folder(run.output_dir, HubTarget("lab/towns", private=True), message="The run before")
    whole = remote(hub, "lab/towns")
    config = replace(
        TrainConfig.load(run.output_dir / "run_config.json"),
        output_dir=run.output_dir,
        overwrite=True,
        seed=1,
        epochs=2,
    )

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                wait_for(lambda: pushed(hub, "lab/towns")[0].startswith("Epoch"))
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, callbacks=[Kill()], verbose=0)
    left = remote(hub, "lab/towns")
    assert left.keys() == whole.keys()
    assert left["model.safetensors"] != whole["model.safetensors"]
    for name in ("README.md", "metrics.json", "predictions.test.conll"):
        assert left[name] == whole[name]


def test_push_lists_and_sends_from_the_shell(hub, run, capsys):
    hub.requests.clear()
    main(["push", str(run.output_dir), "--dry-run"])
    listed = capsys.readouterr().out
    assert all(file.name in listed for file in list_files(run.output_dir))
    assert f"{(run.output_dir / 'model.safetensors').stat().st_size:,}" in listed
    assert {request.method for request in hub.requests} <= {"GET", "HEAD"}
    main(["push", str(run.output_dir), "--hub-model-id", "ada/elsewhere"])
    assert "/ada/elsewhere/commit/" in capsys.readouterr().out
    assert remote(hub, "ada/elsewhere") == local(run.output_dir)
    card = (run.output_dir / "README.md").read_text(encoding="utf-8")
    assert card.count('"ada/elsewhere"') == 3
    assert is_as_sealed(card)
    assert '"lab/towns"' not in card


@pytest.mark.parametrize(("asked", "private"), [([], True), (["--hub-public"], False), (["--hub-private"], True)])
def test_private_as_the_run_was_told_or_as_asked(hub, run, asked, private):
    main(["push", str(run.output_dir), "--hub-model-id", "ada/other", *asked])
    assert HfApi(token=TOKEN).model_info("ada/other").private is private


def test_what_is_no_run_leaves_the_results_of_others(hub, folder):
    written = {"README.md": "---\nlicense: mit\n---\n# By hand\n", "metrics.json": "{}", "predictions.csv": "a"}
    api = HfApi(token=TOKEN)
    api.create_repo("ada/model")
    for name, text in written.items():
        api.upload_file(path_or_fileobj=text.encode(), path_in_repo=name, repo_id="ada/model")
    (folder / "run_config.json").rename(folder / "config.json")
    push_folder(folder, HubTarget("ada/model"), message="Weights")
    assert remote(hub, "ada/model") == local(folder) | {name: text.encode() for name, text in written.items()}


def test_offline_is_told_before_the_work(hub, folder, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        PushToHubCallback(folder)
    assert hub.requests == []


def test_a_fault_never_shows_a_token():
    target = HubTarget("run", token="hf_given")
    assert upload.reason(OSError("bad hf_given\n  here"), target) == "bad hf_… here"
    assert HubTarget("run", token=" hf_given\n") == target
    assert "hf_given" not in repr(target)


@pytest.mark.parametrize("token", ["hf_sec…ret", "hf_two hf_three", "hf_\x1b"])
def test_a_token_that_is_none_is_told_and_not_shown(hub, folder, token):
    with pytest.raises(HubError, match=r"Received a token with invalid characters.*expected one such as hf_"):
        push_folder(folder, HubTarget("ada/run", token=token), message="m")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://x/y?a=1&signature=2 again", "at https://x/y again"),
        ("url: /lfs/0?a=UTF-8''m.bin&b=(c)&signature=2 (Caused", "url: /lfs/0 (Caused"),
        ("Really? No.", "Really? No."),
    ],
)
def test_addresses_are_shown_without_their_queries(text, shown):
    assert hub_client.without_queries(text) == shown


@pytest.mark.parametrize("card", [b"\xff", None])
def test_a_card_that_cannot_be_written_is_pushed_as_it_is(hub, folder, monkeypatch, caplog, card):
    def full(*_):
        raise OSError("No space left on device")

    text = '## How to use it\n\npipeline("token-classification", model="PATH_OF_THIS_FOLDER")\n'
    (folder / "README.md").write_bytes(card or f"---\nlicense: mit\n---\n{text}".encode())
    monkeypatch.setattr(card_module, "write_text", full)
    card_module.name_in_card(folder, "ada/run")
    assert "README.md was left as it is" in caplog.text


def test_what_the_client_logs_shows_no_signature(hub, folder, caplog):
    hub.faults.cut(after_bytes=1000, path="/lfs/", method="PUT", times=1)
    push_folder(folder, HubTarget("ada/run"), message="m")
    assert "/lfs/" in caplog.text
    assert "signature" not in caplog.text


def test_push_wants_a_run(hub, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["push", str(tmp_path)])
    assert stop.value.code == 2
    assert "holds no run_config.json" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["file", "commit"])
def test_killed_during_an_upload_and_pushed_again(hub, folder, tmp_path, moment):
    """Nothing is lost, and nothing that had arrived whole is sent again."""
    (folder / "second.safetensors").write_bytes(b"second" * 100_000)
    if moment == "commit":
        hub.faults.delay(seconds=600, path="/commit/")
    else:
        hub.faults.cut(after_bytes=1000, path="/lfs/", method="PUT")
    code = "import sys; from tf_ner.cli import main; main(['push', sys.argv[1], '--hub-model-id', 'ada/run'])"
    push = [sys.executable, "-c", code, str(folder)]
    process = processes.Process(push, env=hub.environment(tmp_path / "home", token=TOKEN), stderr=subprocess.PIPE)
    if moment == "commit":
        wait_for(lambda: len(sent_objects(hub)) == 2)
    else:
        wait_for(lambda: any((request.method, request.status) == ("PUT", 0) for request in hub.requests))
    process.kill()
    process.communicate()
    hub.faults.clear()
    arrived = len(sent_objects(hub))
    assert arrived == (2 if moment == "commit" else 0)
    push_folder(folder, HubTarget("ada/run"), message="Again")
    assert len(sent_objects(hub)) == 2
    assert remote(hub, "ada/run") == local(folder)

"""Options of a run where they meet: those of a file, of the command line, of the run before, of another version."""

import json
import logging

import pytest

from tests.conftest import SENTENCES, conll
from tf_ner import EvaluateConfig, Predictor, TrainConfig, cli, load_tokenizer, load_untrained, save_model, train
from tf_ner.cli.parsing import parse
from tf_ner.errors import ConfigError, HubError
from tf_ner.hub.upload import plan_push
from tf_ner.options.commands import ConvertConfig, PushConfig
from tf_ner.training.checkpoints.resume import find_resume_point

TAGS = ("O", "B-PER", "I-PER")


@pytest.mark.parametrize(
    ("text", "typed", "expected"),
    [
        ("push-checkpoints: true", "--push-to-hub", {"push_to_hub": True, "push_checkpoints": True}),
        ("tpu-name: local", "--tpu", {"tpu": True, "tpu_name": "local"}),
        ("task: pos\nignore-label: [X]", "--task ner", {"task": "ner", "ignore_label": ("X",)}),
        ("overwrite: true", "--no-overwrite --resume", {"overwrite": False, "resume": True}),
        ("epochs: 0", "--epochs 2", {"epochs": 2}),
        ("demo: true\nepochs: 9", "", {"model": "minilm", "dataset": "sample", "epochs": 9}),
    ],
)
def test_a_file_and_the_command_line_are_judged_together(tmp_path, text, typed, expected):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    config = parse(["train", "--config", str(tmp_path / "a.yaml"), *typed.split()]).config
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(("typed", "seeds"), [("", (3, 4)), ("--seeds 5", (5,))])
def test_a_file_may_have_all_options_of_the_command(tmp_path, typed, seeds):
    (tmp_path / "a.yaml").write_text("seeds: [3, 4]\nepochs: 2", encoding="utf-8")
    command = parse(["train", "--config", str(tmp_path / "a.yaml"), *typed.split()])
    assert (command.seeds, command.config.epochs, command.demo) == (seeds, 2, False)


@pytest.mark.parametrize(("typed", "names_file"), [("", True), ("--seed 1", True), ("--epochs 0", False)])
def test_an_option_of_a_file_is_refused_with_the_file_s_name(tmp_path, typed, names_file):
    (tmp_path / "a.yaml").write_text("epochs: 0", encoding="utf-8")
    with pytest.raises(ConfigError, match="Received --epochs 0; expected at least 1") as refused:
        parse(["train", "--config", str(tmp_path / "a.yaml"), *typed.split()])
    assert ("a.yaml" in str(refused.value)) == names_file


@pytest.mark.parametrize(
    ("config_type", "options", "named", "advised"),
    [
        (TrainConfig, {"overwrite": True, "resume": True}, "--overwrite and --resume", "--overwrite or --resume"),
        (
            TrainConfig, {"overwrite": True, "resume_from": "hub"},
            "--overwrite and --resume-from hub", "--overwrite or --resume-from",
        ),
        (TrainConfig, {"tpu": True, "strategy": "single"}, "--tpu and --strategy single", "--tpu or --strategy"),
        (TrainConfig, {"tpu": True, "logical_devices": 2}, "--logical-devices 2 and --tpu", "--logical-devices or"),
        (
            TrainConfig, {"strategy": "tpu", "logical_devices": 2},
            "--logical-devices 2 and --strategy tpu", "--logical-devices or --strategy",
        ),
        (TrainConfig, {"tpu_name": "local"}, "--tpu-name local without --tpu", "Add --tpu, or leave out --tpu-name"),
        (TrainConfig, {"push_checkpoints": True}, "--push-checkpoints without --push-to-hub", "Add --push-to-hub"),
        (
            TrainConfig, {"task": "pos", "ignore_label": ("X",)},
            "--ignore-label X, which does not apply with --task pos", "Leave out --ignore-label, or change --task",
        ),
        (
            PushConfig, {"run": "a", "hub_public": True, "hub_private": True},
            "--hub-public and --hub-private", "--hub-public or --hub-private",
        ),
        (
            ConvertConfig, {"source": "a", "output": "b", "task": "pos", "to_scheme": "iob2"},
            "--to-scheme iob2, which does not apply with --task pos", "Leave out --to-scheme",
        ),
    ],
    ids=lambda value: "" if isinstance(value, type) else None,
)  # fmt: skip
def test_options_that_do_not_go_together_are_both_named(config_type, options, named, advised):
    with pytest.raises(ConfigError) as refused:
        config_type(**options)
    message = str(refused.value)
    assert named in message
    assert advised in message
    assert "True" not in message
    assert "None" not in message


@pytest.fixture
def begun(tmp_path):
    """The options of a run that has begun and has no checkpoint yet."""
    config = TrainConfig(output_dir=tmp_path / "run", max_eval_examples=7, precision="bfloat16")
    config.run_dir.mkdir()
    config.save(config.run_dir / "run_config.json")
    return config


@pytest.mark.parametrize(
    ("changed", "received", "begun_with"),
    [
        ({"max_eval_examples": None}, "no --max-eval-examples", "--max-eval-examples 7"),
        ({"freeze_embeddings": True}, "--freeze-embeddings", "no --freeze-embeddings"),
        ({"pad_to_length": 64}, "--pad-to-length 64", "no --pad-to-length"),
        ({"tpu": True}, "--pad-to-length 128", "no --pad-to-length"),
    ],
    ids=repr,
)
def test_what_would_change_the_steps_is_refused(begun, changed, received, begun_with):
    options = {**vars(begun), "resume": True, **changed}
    with pytest.raises(ConfigError, match=f"Received {received} to resume .* started with {begun_with}; expected"):
        find_resume_point(TrainConfig(**options))


def test_seeds_of_a_branch_are_kept_though_the_run_notes_the_commit(begun):
    commit = "a" * 40
    noted = TrainConfig(**{**vars(begun), "model_revision": commit})
    for revision, is_it in ((None, True), ("main", False), (commit, True), ("b" * 40, False)):
        assert TrainConfig(**{**vars(begun), "model_revision": revision}).matches_run(noted) == is_it
    main = TrainConfig(**{**vars(begun), "model_revision": "main", "hub_replace_card": True})
    assert main.matches_run(noted, is_asked_again=True)


@pytest.fixture
def model_dir(tiny_bert, tmp_path):
    """A tagger as a run leaves it, untrained."""
    folder = tmp_path / "model"
    save_model(load_untrained(str(tiny_bert), tag_names=TAGS), load_tokenizer(str(tiny_bert)), folder)
    TrainConfig(model="x", output_dir=folder, max_length=9, word_prefix="en:").save(folder / "run_config.json")
    return folder


@pytest.mark.parametrize(
    ("name", "value"), [("later_option", [1, {"a": None}]), ("schedule", "wsd"), ("epochs", "many"), ("task", "later")]
)
def test_a_run_of_another_version_is_read_as_far_as_it_is_known(model_dir, caplog, name, value):
    path = model_dir / "run_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with caplog.at_level(logging.WARNING):
        predictor = Predictor.from_pretrained(str(model_dir))
    assert len(list(predictor.tag_words([["Ada", "came"]]))) == 1
    assert predictor._task.max_length == 9
    [warning] = [record.getMessage() for record in caplog.records if record.name.startswith("tf_ner")]
    assert str(path) in warning
    assert name in warning
    assert plan_push(PushConfig(run=model_dir)).files
    # As options to train with it is refused: it would be another training.
    with pytest.raises(ConfigError):
        TrainConfig.load(path)


def test_evaluate_begins_with_the_options_of_the_run(model_dir, tmp_path):
    run = {
        "dataset": "sample", "dataset_revision": "abc", "validation_file": "v.conll", "task": "chunk", "scheme": "io",
        "columns": ["word", "ner"], "word_prefix": "en:", "comments": True, "map_label": ["A=B"],
    }  # fmt: skip
    TrainConfig(**run).save(model_dir / "run_config.json")

    def evaluated(typed):
        return parse(["evaluate", str(model_dir), *typed.split()])

    alike = EvaluateConfig(model=str(model_dir), **run)
    assert evaluated("") == EvaluateConfig.of_run(TrainConfig(**run), model=str(model_dir)) == alike
    changed = {"word_prefix": "", "comments": False}
    assert evaluated("--word-prefix= --no-comments") == EvaluateConfig(model=str(model_dir), **run | changed)
    # Other data are where the command says, and only there.
    other = evaluated("--dataset news")
    assert (other.dataset, other.files, other.dataset_revision, other.columns) == ("news", {}, None, None)
    assert (other.scheme, other.word_prefix, other.map_label) == ("io", "en:", ("A=B",))
    other = evaluated("--test_file a.conll")
    assert other.files.keys() == {"test"}
    # They are read as those of the run were.
    assert (other.columns, other.word_prefix) == (("word", "ner"), "en:")
    assert evaluated("--dataset-revision def").dataset == "sample"
    (model_dir / "run_config.json").unlink()
    assert evaluated("") == EvaluateConfig(model=str(model_dir))


@pytest.mark.parametrize(
    ("run", "typed", "expected"),
    [
        ({"task": "pos"}, "--map-label SYM=O --dataset a", {"task": "pos", "map_label": ("SYM=O",)}),
        ({"ignore_label": ("X",)}, "--ignore-label --map-label X=Y", {"ignore_label": (), "map_label": ("X=Y",)}),
        ({"ignore_label": ("X",)}, "--map-label X=Y", "--ignore-label X"),
        ({"task": "pos"}, "--ignore-label X", "--ignore-label X, which does not apply with --task pos"),
    ],
)
def test_what_is_typed_and_what_the_run_says_are_judged_together(model_dir, run, typed, expected):
    TrainConfig(**run).save(model_dir / "run_config.json")
    if isinstance(expected, dict):
        config = parse(["evaluate", str(model_dir), *typed.split()])
        assert {name: getattr(config, name) for name in expected} == expected
        return
    with pytest.raises(ConfigError) as refused:
        parse(["evaluate", str(model_dir), *typed.split()])
    assert expected in str(refused.value)
    # What nobody typed is the run's.
    assert (str(model_dir) in str(refused.value)) == ("--ignore-label" not in typed)


@pytest.mark.parametrize("says", ["true", "later"])
def test_a_privacy_that_cannot_be_read_is_not_taken_for_none(model_dir, says):
    path = model_dir / "run_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hub_private": says}))
    with pytest.raises(HubError, match="hub_private"):
        plan_push(PushConfig(run=model_dir))
    assert plan_push(PushConfig(run=model_dir, hub_private=True)).files


@pytest.mark.usefixtures("graphs")
def test_a_run_is_evaluated_as_it_was_read(tiny_bert, tmp_path, capsys):
    """Words with a prefix, a label that is ignored: without the run's own options the scores would be others."""
    (tmp_path / "data").mkdir()
    for number, split in enumerate(("train", "valid", "test")):
        text = conll(SENTENCES[number:])
        lines = ["en:" + line if line else line for line in text.split("\n")]
        (tmp_path / "data" / f"{split}.conll").write_text("\n".join(lines), encoding="utf-8")
    config = TrainConfig(
        model=str(tiny_bert), dataset=str(tmp_path / "data"), output_dir=tmp_path / "run", word_prefix="en:",
        ignore_label=("MISC",), epochs=30, batch_size=2, learning_rate=3e-3, eval_every=60,
    )  # fmt: skip
    metrics = train(config, verbose=0).metrics
    cli.main(["evaluate", str(tmp_path / "run"), "--output", str(tmp_path / "scores.json")])
    scores = json.loads((tmp_path / "scores.json").read_text())
    for split in ("validation", "test"):
        assert scores[split]["f1"] == metrics[split]["f1"] > 0
        assert scores[split]["per_label"].keys() == metrics[split]["per_label"].keys() == {"LOC", "ORG", "PER"}

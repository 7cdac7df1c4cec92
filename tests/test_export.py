"""`tf-ner export`: the same answers in every runtime, with tf_ner and without; nothing is kept unmeasured."""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tf_ner
from tests import processes
from tests.conftest import SENTENCES, conll
from tests.families import CONFIGS, make_encoder
from tests.test_text_runs import ROWS, write_tsv
from tf_ner import ExportConfig, Predictor, TrainConfig, cli, export, load_corpus, load_trained, train
from tf_ner.cli.parsing import parse
from tf_ner.errors import ConfigError, DataError, ModelError, OutputError, TfNerError
from tf_ner.inference.export.certificate import Side, certify
from tf_ner.inference.export.exporting import CERTIFICATE, write_export
from tf_ner.inference.export.formats import FORMATS, require_packages
from tf_ner.inference.forward import Forward
from tf_ner.inference.runtimes import SETTINGS, load_export, load_exported, module_of

pytestmark = pytest.mark.usefixtures("graphs")

TEXTS = [
    "Ada Lovelace lived in London.",
    "",
    "Acme-Tools, of Lagos: 'Bruno met the Danish team.'",
    # Three windows.
    "Bruno sold Acme Tools hammers in London. " * 9,
    "🦜\u200b said Ada",
]
PYTHONS = os.environ.get("TF_NER_RUNTIMES")
"""A folder with an environment for each runtime that has nothing else (`make test-all` makes it)."""


def is_there(runtime):
    form = FORMATS[runtime]
    return all(importlib.util.find_spec(name) is not None for name in (form.module, *form.converters))


def needs(runtime, *values):
    """A case for a runtime, left out where it is not installed."""
    reason = f"{runtime} is not installed: pip install tf_ner[{runtime}]"
    return pytest.param(runtime, *values, marks=pytest.mark.skipif(not is_there(runtime), reason=reason))


def answers(printed):
    return [json.loads(line) for line in printed.splitlines()]


def alike(found, expected):
    """Whether answers are the same, scores but for their last digits."""
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            if key == "entities":
                alike(one[key], other[key])
            elif key == "score" or key == "scores":
                np.testing.assert_allclose(one[key], other[key], atol=1e-3)
            else:
                assert one[key] == other[key]
    return True


def predicted(folder, texts, capsys, *options):
    """What `tf-ner predict` prints."""
    file = Path(folder).with_name("lines.txt")
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    capsys.readouterr()
    cli.main(["predict", str(folder), str(file), *options])
    return answers(capsys.readouterr().out)


def predicted_alone(folder, texts, python=sys.executable):
    """What the script of an export prints, where tf_ner cannot be imported."""
    code = "import runpy, sys; sys.modules.update(tf_ner=None, transformers=None); folder = sys.argv.pop(1); "
    code += "sys.path.insert(0, folder); runpy.run_path(folder + '/predict.py', run_name='__main__')"
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")
    }
    done = subprocess.run(
        [python, "-c", code, folder], input="\n".join(texts), capture_output=True, check=False, text=True,
        encoding="utf-8", env=variables | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return answers(done.stdout)


@pytest.fixture(scope="module")
def run(deeper_bert, corpus_dir, tmp_path_factory):
    """A model that has learnt its sentences."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    config = TrainConfig(
        model=str(deeper_bert), dataset=str(corpus_dir), output_dir=folder, epochs=120, batch_size=2,
        learning_rate=3e-3, eval_every=240, stride=8,
    )  # fmt: skip
    assert train(config, verbose=0).metrics["validation"]["f1"] == 1
    return folder


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """Exports of the model in float32, each made once."""
    made = {}

    def of(runtime):
        if runtime not in made:
            made[runtime] = tmp_path_factory.mktemp("exports") / runtime
            cli.main(["export", str(run), "--to", runtime, "--output", str(made[runtime])])
        return made[runtime]

    return of


EVERY = [needs(runtime) for runtime in FORMATS]


@pytest.mark.parametrize("runtime", EVERY)
def test_every_runtime_answers_as_the_model_does(run, exported, runtime, capsys):
    folder = exported(runtime)
    expected = predicted(run, TEXTS, capsys)
    assert sum(len(row["entities"]) for row in expected) > 20
    assert alike(predicted(folder, TEXTS, capsys), expected)
    assert alike(predicted_alone(folder, TEXTS), expected)
    words = [text.split() for text in TEXTS]
    for options in ({"decoder": "viterbi"}, {"batch_size": 1, "thresholds": {"PER": 0.9}}):
        given, found = (
            list(Predictor.from_pretrained(str(model), **options).tag_words(words)) for model in (run, folder)
        )
        assert [row.tags for row in found] == [row.tags for row in given]
        for one, other in zip(found, given, strict=True):
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)


@pytest.mark.parametrize("runtime", EVERY)
def test_many_lines_are_answered_as_few_are(exported, runtime):
    """Some of which are prepared while others are computed."""
    predictor = Predictor.from_pretrained(str(exported(runtime)))
    expected = [answer.entities for answer in predictor.find_entities(TEXTS)]
    num_times = 4000 // len(TEXTS)
    found = [answer.entities for answer in predictor.find_entities(TEXTS * num_times)]
    places = [[(one.start, one.end, one.label) for one in entities] for entities in found]
    assert places == [[(one.start, one.end, one.label) for one in entities] for entities in expected] * num_times


def test_what_was_measured_is_told(exported):
    folder = exported("saved-model")
    certificate = json.loads((folder / CERTIFICATE).read_text())
    assert certificate["data"]["split"] == "validation"
    assert (certificate["examples"], certificate["different"], certificate["score"]["export"]) == (5, 0, 1.0)
    assert certificate["compared"] > certificate["compared_in_entities"] > 0 == certificate["different_in_entities"]
    assert certificate["recall"].keys() == {"PER", "ORG", "LOC", "MISC"}
    card = (folder / "README.md").read_text()
    assert f"0 of {certificate['compared']} answers differ" in card
    assert "| recall of `LOC` | 1.0000 | 1.0000 | 2 |" in card
    assert str(folder.parent) not in card + json.dumps(certificate)


@pytest.mark.parametrize(
    ("runtime", "precision"),
    [needs(runtime, precision) for runtime, form in FORMATS.items() for precision in form.precisions[1:]],
)
def test_other_precisions_lose_little(run, runtime, precision, tmp_path, capsys):
    folder = tmp_path / "export"
    try:
        cli.main(["export", str(run), "--to", runtime, "--precision", precision, "--output", str(folder)])
    except SystemExit:
        told = capsys.readouterr().err
        if "a processor without units" in told:
            pytest.skip(told)
        raise
    certificate = json.loads((folder / CERTIFICATE).read_text())
    assert certificate["largest_difference_of_a_score"] > 0
    assert certificate["calibrated_on"] == (len(SENTENCES) if (runtime, precision) == ("openvino", "int8") else 0)
    found = predicted(folder, TEXTS[:1], capsys)
    assert [entity["text"] for entity in found[0]["entities"]] == ["Ada Lovelace", "London"]


@pytest.mark.slow
@pytest.mark.parametrize("runtime", [needs(runtime) for runtime in FORMATS if runtime != "saved-model"])
def test_nothing_but_the_runtime_is_needed(run, exported, runtime, capsys):
    if PYTHONS is None:
        pytest.skip("TF_NER_RUNTIMES names no folder of environments; `make test-all` makes it")
    python = processes.ROOT / PYTHONS / runtime / "bin" / "python"
    has_tensorflow = [str(python), "-c", "import tensorflow"]
    assert subprocess.run(has_tensorflow, capture_output=True, check=False).returncode != 0
    assert alike(predicted_alone(exported(runtime), TEXTS, str(python)), predicted(run, TEXTS, capsys))


def test_what_is_copied_needs_no_other_part_of_tf_ner(exported):
    folder = exported("saved-model")
    beside = {file.stem for file in folder.glob("*.py")}
    for file in folder.glob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        own = {"numpy", "tokenizers", "tensorflow", *beside, *sys.stdlib_module_names}
        assert {name.partition(".")[0] for name in names} <= own, file


def spoil_weights(model):
    """Makes a model that tells one entity from another no more."""
    kernel = model.weights[-2]
    kernel.assign(np.roll(kernel.numpy(), 1, axis=-1))


def certified(model, task, folder, rows, precision):
    exported, its_task = load_export(folder)
    return certify(
        rows,
        original=Side(task, Forward(model, task, batch_size=8)),
        exported=Side(its_task, exported.forward(batch_size=8)),
        precision=precision,
    )


def test_an_export_that_says_something_else_is_told(run, corpus, tmp_path):
    model, task = load_trained(str(run))
    wrong, _ = load_trained(str(run))
    spoil_weights(wrong)
    rows = corpus["validation"]
    write_export(wrong, task, tmp_path, runtime="saved-model")
    for precision, expected in (
        ("float32", "differs from the model in"),
        ("int8", "points of f1; expected at most 0.2"),
    ):
        found = certified(model, task, tmp_path, rows, precision)
        assert expected in found.failures[0]
    assert found.measured["different_in_entities"] > found.measured["compared_in_entities"] / 2


def test_labels_in_another_order_are_told(run, corpus, tmp_path):
    """By what they do to the scores where they are exported so, and as damage where they are changed later."""
    model, task = load_trained(str(run))
    other, _ = load_trained(str(run))
    names = [*other.config.id2label.values()]
    other.config.id2label = dict(enumerate([names[0], *names[3:], *names[1:3]]))
    write_export(other, task, tmp_path, runtime="saved-model")
    found = certified(model, task, tmp_path, corpus["validation"], "float32")
    assert found.measured["largest_difference_of_a_score"] < 1e-5
    assert "differs from the model in" in found.failures[0]
    (tmp_path / "config.json").write_text((run / "config.json").read_text())
    with pytest.raises(ModelError, match=r"whose config.json is missing or was changed; expected what `tf-ner export`"):
        load_exported(str(tmp_path))


@pytest.mark.parametrize(
    "tags", [("O", "S-PER", "B-PER", "I-PER", "E-PER"), ("NOUN", "VERB", "X")], ids=["bioes", "pos"]
)
def test_other_tags_are_read_alike(tiny_bert, tags, tmp_path, capsys):
    """By a model that has learnt nothing, whose tags follow one another in all ways."""
    model = tf_ner.load_untrained(str(tiny_bert), tag_names=tags)
    tf_ner.save_model(model, tf_ner.load_tokenizer(str(tiny_bert)), tmp_path / "model")
    loaded, task = load_trained(str(tmp_path / "model"))
    (tmp_path / "export").mkdir()
    write_export(loaded, task, tmp_path / "export", runtime="saved-model")
    texts = [*TEXTS, *(" ".join(sentence.split()[::-1]).replace("/", " ") for sentence in SENTENCES)]
    assert alike(predicted_alone(tmp_path / "export", texts), predicted(tmp_path / "model", texts, capsys))


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_refused_export_leaves_what_was_there(run, exported, tmp_path, capsys):
    (tmp_path / "few.conll").write_text(conll(SENTENCES[4:5]), encoding="utf-8")
    folder = tmp_path / "exports" / "model"
    asked = ["export", str(run), "--to", "saved-model", "--validation-file", tmp_path / "few.conll", "--output", folder]
    for before in ({}, contents(exported("saved-model"))):
        if before:
            shutil.copytree(exported("saved-model"), folder)
        capsys.readouterr()
        with pytest.raises(SystemExit, match="2"):
            cli.main([str(word) for word in asked])
        told = capsys.readouterr().err.splitlines()
        assert told[-1].startswith(
            "error: Received 1 examples without PER, ORG, MISC; expected each label of the model"
        )
        assert told[-1].endswith("Nothing was kept.")
        assert contents(tmp_path / "exports") == {Path("model") / name: data for name, data in before.items()}
        assert [*(tmp_path / "exports").iterdir()] == ([folder] if before else [])
    # What is whole takes the place of what was there.
    shutil.rmtree(folder)
    shutil.copytree(exported("saved-model"), folder)
    (folder / "more").write_text("")
    export(
        ExportConfig.of_run(TrainConfig.load(run / "run_config.json"), model=str(run), to="saved-model", output=folder)
    )
    assert not (folder / "more").exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
@pytest.mark.parametrize("name", ["model/variables/variables.data-00000-of-00001", "tokenizer.json", SETTINGS])
def test_a_damaged_folder_is_told(exported, tmp_path, name, damage):
    folder = tmp_path / "export"
    shutil.copytree(exported("saved-model"), folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 255
    (folder / name).write_bytes(data if damage == "flip" else data[: len(data) // 2])
    if damage == "remove":
        (folder / name).unlink()
    with pytest.raises(TfNerError, match=r"expected .*(export|config\.json)"):
        Predictor.from_pretrained(str(folder))


def test_options_that_cannot_work(run, exported, tmp_path, corpus_dir):
    data = {"model": str(run), "dataset": str(corpus_dir)}
    with pytest.raises(
        ConfigError, match="Received --precision int8 with --to saved-model; expected float32 or bfloat"
    ):
        export(ExportConfig(to="saved-model", precision="int8", **data))
    with pytest.raises(
        ConfigError, match=r"without the package nothing_of_this_name; .*`pip install tf_ner\[litert\]`"
    ):
        require_packages("litert", ("nothing_of_this_name",))
    for given in ({"to": "torch"}, {"to": "onnx", "precision": "int4"}, {"to": "onnx", "max_eval_examples": 0}):
        with pytest.raises(ConfigError):
            ExportConfig(model="x", **given)
    with pytest.raises(OutputError, match="which holds something else than an export"):
        export(ExportConfig(to="saved-model", output=run, **data))
    with pytest.raises(DataError, match="Received --split train and data with the splits train, validation, test"):
        export(ExportConfig(to="saved-model", split="train", output=tmp_path / "x", **data))
    folder = str(exported("saved-model"))
    with pytest.raises(ConfigError, match=r"Received --runtime litert and .*, exported for saved-model"):
        Predictor.from_pretrained(folder, runtime="litert")
    with pytest.raises(ConfigError, match=r"which is no export; .* --to onnx` first"):
        Predictor.from_pretrained(str(run), runtime="onnx")
    with pytest.raises(ConfigError, match=r"Received --precision bfloat16 and .*, exported to compute in float32"):
        Predictor.from_pretrained(folder, precision="bfloat16")
    Predictor.from_pretrained(folder, runtime="tensorflow", precision="auto")


def test_ranges_are_learnt_from_training_data_only(run, tmp_path, corpus_dir):
    if not is_there("openvino"):
        pytest.skip("openvino is not installed")
    asked = ExportConfig(
        model=str(run),
        to="openvino",
        precision="int8",
        validation_file=corpus_dir / "valid.conll",
        output=tmp_path / "x",
    )
    with pytest.raises(DataError, match="data without a training split; expected one"):
        export(asked)


def test_the_data_are_those_of_the_run(run, corpus_dir):
    typed = parse(["export", str(run), "--to", "onnx"])
    assert typed == ExportConfig.of_run(TrainConfig.load(run / "run_config.json"), model=str(run), to="onnx")
    assert (typed.dataset, typed.folder) == (str(corpus_dir), run.parent / "first-onnx-float32")
    other = parse(["export", str(run), "--to", "onnx", "--dataset", "news", "--precision", "int8"])
    assert (other.data.dataset, other.folder.name) == ("news", "first-onnx-int8")
    assert ExportConfig(model="lab/towns", to="litert").folder == Path("runs/towns-litert-float32")
    with pytest.raises(ConfigError, match="--to"):
        parse(["export", str(run)])


@pytest.mark.slow
@pytest.mark.parametrize("runtime", EVERY)
@pytest.mark.parametrize("kind", ["pairs", "singles", "numbers"])
def test_texts_are_labelled_alike(deeper_bert, tmp_path, capsys, kind, runtime):
    data = write_tsv(tmp_path, *ROWS[kind])
    config = TrainConfig(
        model=str(deeper_bert), dataset=str(data), task="text-classification", output_dir=tmp_path / "run", epochs=3,
        batch_size=2, learning_rate=1e-3, eval_every=15,
    )  # fmt: skip
    train(config, verbose=0)
    asked = ["export", str(config.output_dir), "--to", runtime, "--output", str(tmp_path / "export")]
    if kind == "numbers":
        with pytest.raises(SystemExit, match="2"):
            cli.main(asked)
        assert "which gives numbers; expected a model that gives labels" in capsys.readouterr().err
        return
    cli.main(asked)
    texts = ["\t".join(map(str, row[:-1])) for row in ROWS[kind][0]]
    texts.append("\t".join(["Bruno sold hammers in London . " * 20, "Nobody came ."][: len(ROWS[kind][1]) - 1]))
    expected = [
        {name: value for name, value in row.items() if value is not None}
        for row in predicted(config.output_dir, texts, capsys)
    ]
    assert alike(predicted(tmp_path / "export", texts, capsys), expected)
    assert alike(predicted_alone(tmp_path / "export", texts), expected)


REFUSED = {("DebertaV2", "onnx"), ("DebertaV2", "litert"), ("MPNet", "litert")}
"""LiteRT lacks operations for them; the converter to ONNX takes a length of the trace for that of all batches."""


@pytest.mark.slow
@pytest.mark.parametrize("runtime", EVERY)
@pytest.mark.parametrize("family", CONFIGS)
def test_every_family_answers_alike(family, runtime, tmp_path, capsys):
    tags = tuple(load_corpus({"train": tf_ner_rows()})["train"].features["tags"].feature.names)
    model = tf_ner.load_untrained(str(make_encoder(family, tmp_path / "encoder")), tag_names=tags)
    tf_ner.save_model(model, tf_ner.load_tokenizer(str(tmp_path / "encoder")), tmp_path / "model")
    loaded, task = load_trained(str(tmp_path / "model"))
    folder = tmp_path / "export"
    folder.mkdir()
    columns = task.encode([text.split() for text in TEXTS])

    def computed():
        write_export(loaded, task, folder, runtime=runtime)
        return load_export(folder)[0].forward(batch_size=32)(columns)

    if (family, runtime) in REFUSED:
        with pytest.raises(ModelError, match="Export for another runtime"):
            computed()
        return
    computed()
    found, _ = load_export(folder)
    expected = predicted(tmp_path / "model", TEXTS, capsys)
    assert alike(predicted_alone(folder, TEXTS), expected)
    for forward in (found.forward(batch_size=2), found.forward(batch_size=32)):
        for one, other in zip(
            forward(columns).scores, Forward(loaded, task, batch_size=8)(columns).scores, strict=True
        ):
            np.testing.assert_allclose(one, other, atol=2e-4)


def tf_ner_rows():
    rows = [[cell.rpartition("/")[::2] for cell in sentence.split()] for sentence in SENTENCES]
    return [{"words": [word for word, _ in row], "tags": [tag for _, tag in row]} for row in rows]


def test_each_runtime_of_the_table_is_whole():
    copied = Path(tf_ner.__file__).parent / "inference" / "export" / "copied"
    assert {f"{module_of(runtime)}.py" for runtime in FORMATS} == {file.name for file in copied.glob("runtime_*.py")}
    extras = (processes.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{runtime} = [" in extras for runtime in FORMATS if runtime != "saved-model")

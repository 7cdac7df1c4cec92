"""The tasks of GLUE by name, from a Hub on loopback whose tables have the columns of the real ones."""

import json
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests.hub import Hub
from tests.test_text_runs import PAIRS
from tf_ner import load_trained
from tf_ner.corpus.texts.loading import GLUE

ROOT = Path(__file__).parents[1]

# As on the Hub: columns of text, names of labels (none: numbers), splits beside train.
TABLES = {
    "cola": ("sentence", ["unacceptable", "acceptable"], "validation test"),
    "sst2": ("sentence", ["negative", "positive"], "validation test"),
    "mrpc": ("sentence1 sentence2", ["not_equivalent", "equivalent"], "validation test"),
    "qqp": ("question1 question2", ["not_duplicate", "duplicate"], "validation test"),
    "stsb": ("sentence1 sentence2", None, "validation test"),
    "mnli": (
        "premise hypothesis",
        ["entailment", "neutral", "contradiction"],
        "validation_matched validation_mismatched test_matched test_mismatched",
    ),
    "qnli": ("question sentence", ["entailment", "not_entailment"], "validation test"),
    "rte": ("sentence1 sentence2", ["entailment", "not_entailment"], "validation test"),
    "wnli": ("sentence1 sentence2", ["not_entailment", "entailment"], "validation test"),
}
# GLUE tells the test labels of MRPC only.
TOLD = {("mrpc", "test")}


def parquet_of(config, split, folder):
    columns, names, _ = TABLES[config]
    features = Features(
        {
            **dict.fromkeys(columns.split(), Value("string")),
            "label": Value("float32") if names is None else ClassLabel(names=names),
            "idx": Value("int32"),
        }
    )
    labels = [0.5 * number if names is None else number % len(names) for number in range(len(PAIRS))]
    if split.startswith("test") and (config, split) not in TOLD:
        labels = [-1] * len(PAIRS)
    texts = [list(column) for column in list(zip(*PAIRS, strict=True))[: len(columns.split())]]
    table = dict(zip(features, [*texts, labels, range(len(PAIRS))], strict=True))
    Dataset.from_dict(table, features=features).to_parquet(folder / "rows.parquet")
    return (folder / "rows.parquet").read_bytes()


@pytest.fixture(scope="module")
def hub(tiny_bert, tmp_path_factory):
    folder, files, card = tmp_path_factory.mktemp("glue"), {}, "---\nconfigs:\n"
    for config, (_, _, others) in TABLES.items():
        card += f"- config_name: {config}\n  data_files:\n"
        for split in ("train", *others.split()):
            card += f"  - {{split: {split}, path: {config}/{split}-*}}\n"
            files[f"{config}/{split}-00000-of-00001.parquet"] = parquet_of(config, split, folder)
    with Hub() as hub:
        hub.add_user("ada", token="hf_ada")
        hub.add_repo("model", "ada/tiny", {file.name: file.read_bytes() for file in tiny_bert.iterdir()})
        hub.add_repo("dataset", "glue", files | {"README.md": f"{card}---\n".encode()})
        hub.rename("dataset", "glue", "nyu-mll/glue")
        yield hub


TF_NER = ("-c", "from tf_ner.cli import main; main()")
SHORT = ["--task", "text-classification", "--model", "ada/tiny", "--epochs", "1"]


def test_the_table_has_the_columns_of_each_task(run):
    assert {config: " ".join(task.text_columns) for config, task in GLUE.items()} == {
        config: columns for config, (columns, *_) in TABLES.items()
    }
    code = f"""
import json
from tf_ner import load_texts
corpora = {{config: load_texts("glue", config_name=config) for config in {list(TABLES)}}}
print(json.dumps({{config: {{split: (rows.column_names, rows[0]["text"], getattr(rows.features["label"], "names", None))
    for split, rows in corpus.items()}} for config, corpus in corpora.items()}}))
"""
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    for config, corpus in json.loads(done.stdout).items():
        columns, names, others = TABLES[config]
        expected = ["text", *(["text_pair"] if " " in columns else []), "label"]
        assert corpus == {split: [expected, PAIRS[0][0], names] for split in ("train", *others.split())}


@pytest.mark.slow
def test_mrpc_from_the_hub_and_back(hub, run, tmp_path):
    done = run(ROOT / "train_keras.py", *SHORT, "--dataset", "glue", "--dataset-config", "mrpc", "--push-to-hub")
    assert done.returncode == 0, done.stderr
    name = "ada/tiny-glue-mrpc-text-classification"
    files = hub.files("model", name)
    folder = tmp_path / "runs" / "tiny-glue-mrpc-text-classification"
    assert {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")} == {
        path: content for path, content in files.items() if path != ".gitattributes"
    }
    assert json.loads(files["config.json"])["label2id"] == {"not_equivalent": 0, "equivalent": 1}
    metrics = json.loads(files["metrics.json"])
    assert metrics.keys() == {"validation", "test", "training"}
    run_config = json.loads(files["run_config.json"])
    assert run_config["dataset_revision"] == hub.commits("dataset", "nyu-mll/glue")[0][1]
    card = files["README.md"].decode()
    assert "pipeline_tag: text-classification" in card
    assert "config: mrpc" in card

    found = run(*TF_NER, "predict", name, stdin="Ada wrote .\tLovelace wrote .\n")
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    assert (answer["text"], answer["text_pair"]) == PAIRS[-1][:2]
    assert answer["label"] in TABLES["mrpc"][1]
    single = run(*TF_NER, "predict", name, stdin="Ada wrote .\n")
    assert (single.returncode, single.stderr.splitlines()[-1][:15]) == (2, "error: line 1: ")
    data = ("--task", "text-classification", "--dataset", "nyu-mll/glue", "--dataset-config", "mrpc")
    scored = run(*TF_NER, "evaluate", name, *data, "--output", "scores.json")
    assert scored.returncode == 0, scored.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["test"]["per_label"] == metrics["test"]["per_label"]


@pytest.mark.slow
def test_hidden_labels_two_validation_splits_and_numbers(run, tmp_path):
    configs = ("cola", "mnli", "stsb")
    code = "import sys\nfrom tf_ner.cli import main\nfor config in sys.argv[1].split():\n"
    code += "    main([*sys.argv[2:], '--dataset-config', config, '--output-dir', config])\n"
    done = run("-c", code, " ".join(configs), "train", *SHORT, "--epochs", 3, "--dataset", "nyu-mll/glue")
    assert done.returncode == 0, done.stderr
    assert "test_mismatched: 10 of 10 labels are hidden; predicted, not scored" in done.stderr
    for config, headline in zip(configs, ("matthews_correlation", "accuracy", "pearson"), strict=True):
        _, task = load_trained(str(tmp_path / config))
        assert task.headline == headline
        metrics = json.loads((tmp_path / config / "metrics.json").read_text())
        splits = TABLES[config][2].split()
        scored = [split for split in splits if split.startswith("validation")]
        assert list(metrics) == [*scored, "training"]
        rows = (tmp_path / config / "history.csv").read_text().splitlines()
        column = rows[0].split(",").index(f"val_{headline}")
        values = [float(row.split(",")[column]) for row in rows[1:]]
        assert metrics["training"]["best_epoch"] == values.index(max(values)) + 1
        assert metrics[scored[0]][headline] == pytest.approx(max(values), abs=1e-3)
        for split in set(splits) - set(scored):
            written = (tmp_path / config / f"predictions.{split}.jsonl").read_text().splitlines()
            assert len(written) == 10
            assert not [line for line in written if "gold" in json.loads(line)]
        card = (tmp_path / config / "README.md").read_text()
        assert f"type: {headline}" in card
        assert all(f"split: {split}" in card for split in scored)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--dataset glue", "['cola', 'sst2', 'mrpc', 'qqp', 'stsb', 'mnli', 'qnli', 'rte', 'wnli']"),
        ("--dataset glue --dataset-config xnli", "'xnli' not found. Available: ['cola', 'sst2', 'mrpc'"),
    ],
)
def test_a_configuration_must_be_chosen(run, tmp_path, options, message):
    done = run(ROOT / "train_keras.py", *SHORT, *options.split(), "--output-dir", "out")
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: Received data set 'glue' with the configuration ")
    assert message in last
    assert last.endswith("Choose it with --dataset-config.")
    assert not (tmp_path / "out").exists()

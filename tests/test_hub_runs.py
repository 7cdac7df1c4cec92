"""From the Hub, through a run, and back to the Hub: the commands as users type them, with a Hub on loopback."""

import json
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from transformers import AutoTokenizer, BertConfig, TFBertModel

from tests.hub import Hub
from tf_ner import TrainConfig, load_corpus, load_untrained
from tf_ner.models.weights import save_model

ROOT = Path(__file__).parents[1]
NAMES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]


def parquet_files(corpus: DatasetDict, folder: Path, path: str) -> dict[str, bytes]:
    """The tests' corpus as Parquet, in the columns of the real data sets."""
    features = Features(
        {
            "tokens": List(Value("string")),
            "pos_tags": List(ClassLabel(names=["NN", "NNP", "."])),
            "chunk_tags": List(ClassLabel(names=["O", "B-NP", "I-NP"])),
            "ner_tags": List(ClassLabel(names=NAMES)),
        }
    )
    files = {}
    for split, rows in corpus.items():
        own = rows.features["tags"].feature.names
        tags = [[NAMES.index(own[tag]) for tag in row] for row in rows["tags"]]
        words = rows["words"][:]
        parts = [[2 if word == "." else int(word.istitle()) for word in row] for row in words]
        chunks = [[int(part != 2) for part in row] for row in parts]
        columns = {"tokens": words, "pos_tags": parts, "chunk_tags": chunks, "ner_tags": tags}
        table = Dataset.from_dict(columns, features=features)
        table.to_parquet(folder / "rows.parquet")
        files[path.format(split=split)] = (folder / "rows.parquet").read_bytes()
    return files


@pytest.fixture
def hub(tiny_bert, corpus, tmp_path):
    """A Hub with the models and data sets of the course, made small."""
    with Hub() as hub:
        hub.add_user("ada", token="hf_ada", organisations=("lab",))
        model = {file.name: file.read_bytes() for file in tiny_bert.iterdir()}
        hub.add_repo("model", "bert-base-cased", model)
        hub.rename("model", "bert-base-cased", "google-bert/bert-base-cased")
        hub.add_repo("model", "lab/private", model, private=True)
        hub.add_user("bruno", token="hf_bruno")
        hub.add_repo("model", "bruno/gated", model, gated=True)
        hub.add_repo("dataset", "conll2003", {"conll2003.py": b"raise RuntimeError"})
        hub.rename("dataset", "conll2003", "eriktks/conll2003")
        files = parquet_files(corpus, tmp_path, "conll2003/{split}/0000.parquet")
        hub.add_branch("dataset", "eriktks/conll2003", "refs/convert/parquet", files)
        files = parquet_files(corpus, tmp_path, "bn/{split}-00000-of-00001.parquet")
        splits = "".join(f"  - {{split: {split}, path: bn/{split}-*}}\n" for split in corpus)
        card = f"---\nconfigs:\n- config_name: bn\n  data_files:\n{splits}---\n"
        hub.add_repo("dataset", "wikiann", files | {"README.md": card.encode()})
        hub.rename("dataset", "wikiann", "unimelb-nlp/wikiann")
        hub.add_repo("dataset", "lab/reviews", {"train.csv": b"text,label\ngood,1\n"})
        yield hub


def test_each_task_of_conll2003_by_its_name(run):
    code = """
from tf_ner import load_corpus
for task in ("ner", "pos", "chunk"):
    rows = load_corpus("conll2003", task=task)["train"]
    print(*rows.features["tags"].feature.int2str(rows[0]["tags"]))
"""
    done = run("-c", code)
    assert done.stdout.splitlines() == [
        "B-PER I-PER O O B-LOC O", "NNP NNP NN NN NNP .", "B-NP B-NP B-NP B-NP B-NP O"
    ], done.stderr  # fmt: skip


TF_NER = ("-c", "from tf_ner.cli import main; main()")


def train(run, *options, **variables):
    return run(ROOT / "train_keras.py", "--epochs", 1, *options, **variables)


def test_the_course_from_the_hub_and_back(hub, run, tmp_path):
    """`python train_keras.py --dataset conll2003 --model bert-base-cased --push-to-hub`, then the model by its name."""
    done = train(run, "--dataset", "conll2003", "--model", "bert-base-cased", "--push-to-hub")
    assert done.returncode == 0, done.stderr
    name, folder = "ada/bert-base-cased-conll2003", tmp_path / "runs" / "bert-base-cased-conll2003"
    remote = hub.files("model", name)
    assert {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")} == {
        path: content for path, content in remote.items() if path != ".gitattributes"
    }
    assert f"On the Hub: {hub.url}/{name}/commit/" in done.stdout
    config = json.loads(remote["run_config.json"])
    assert config["model_revision"] == hub.commits("model", "google-bert/bert-base-cased")[0][1]
    (_, commit), *_ = hub.commits("dataset", "eriktks/conll2003", "refs/convert/parquet")
    assert config["dataset_revision"] == commit

    found = run(*TF_NER, "predict", name, stdin="Ada Lovelace lived in London.\n")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["text"] == "Ada Lovelace lived in London."
    scored = run(*TF_NER, "evaluate", name, "--dataset", "conll2003", "--output", "scores.json")
    assert scored.returncode == 0, scored.stderr
    metrics = json.loads(remote["metrics.json"])
    assert json.loads((tmp_path / "scores.json").read_text())["test"] == metrics["test"]

    hub.requests.clear()
    again = train(run, "--dataset", "conll2003", "--model", "bert-base-cased", "--overwrite", HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert hub.requests == []
    for output in (done, found, scored, again):
        assert "hf_ada" not in output.stdout + output.stderr


def test_a_model_by_its_name_reads_as_it_was_trained(hub, run, tiny_bert, task, tmp_path):
    save_model(load_untrained(str(tiny_bert), tag_names=task.tag_names), task.tokenizer, tmp_path / "model")
    TrainConfig(max_length=12, stride=3).save(tmp_path / "model" / "run_config.json")
    hub.add_repo("model", "lab/short", {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()})
    (tmp_path / "model" / "run_config.json").unlink()
    hub.add_repo("model", "lab/long", {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()})
    code = """
from tf_ner import load_trained
for name in ("lab/short", "lab/long"):
    _, task = load_trained(name)
    print(task.max_length, task.stride)
"""
    done = run("-c", code)
    assert done.stdout.splitlines() == ["12 3", "64 64"], done.stderr
    offline = run("-c", code, HF_HUB_OFFLINE="1")
    assert (offline.stdout, "how it was trained could not be read" in offline.stderr) == (done.stdout, False)
    [path] = (tmp_path / "home").glob("**/snapshots/*/run_config.json")
    path.unlink()
    offline = run("-c", code, HF_HUB_OFFLINE="1")
    assert offline.stdout.splitlines() == ["64 64", "64 64"]
    assert "how it was trained could not be read (the Hub cannot be reached)" in offline.stderr


def test_a_configuration_of_a_data_set_and_a_private_model_with_a_token(hub, run, tmp_path):
    done = train(run, "--dataset", "wikiann", "--dataset-config", "bn", "--model", "lab/private")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    config = json.loads((folder / "run_config.json").read_text())
    assert config["dataset_revision"] == hub.commits("dataset", "unimelb-nlp/wikiann")[0][1]


@pytest.mark.slow
def test_bengali_with_a_multilingual_tokenizer(hub, run, shared, tmp_path):
    """`--dataset wikiann --dataset-config bn`, real Bengali text and the real multilingual vocabulary."""
    tokenizer = AutoTokenizer.from_pretrained(shared / "tokenizers" / "bert-base-multilingual-cased")
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    model = TFBertModel(config)
    model(model.dummy_inputs)
    save_model(model, tokenizer, tmp_path / "model")
    files = {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()}
    hub.add_repo("model", "bert-base-multilingual-cased", files)
    bengali = load_corpus(shared / "data" / "bengali")
    names = bengali["train"].features["tags"].feature.names
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))})
    card, files = "---\nconfigs:\n- config_name: bn\n  data_files:\n", {}
    for split, rows in bengali.items():
        rows = rows.select(range(40)).rename_columns({"words": "tokens", "tags": "ner_tags"}).cast(features)
        rows.to_parquet(tmp_path / "rows.parquet")
        card += f"  - {{split: {split}, path: bn/{split}-*}}\n"
        files[f"bn/{split}-00000-of-00001.parquet"] = (tmp_path / "rows.parquet").read_bytes()
    hub.add_repo("dataset", "lab/wikiann", files | {"README.md": f"{card}---\n".encode()})

    options = ["--dataset", "lab/wikiann", "--dataset-config", "bn", "--language", "bn", "--output-dir", "bengali"]
    done = train(run, "--model", "bert-base-multilingual-cased", "--push-to-hub", *options)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(hub.files("model", "ada/bengali")["metrics.json"])
    assert metrics["test"]["words"] == metrics["test"]["words_scored"] == sum(map(len, bengali["test"]["words"][:40]))
    assert b"language:\n- bn\n" in hub.files("model", "ada/bengali")["README.md"]


def test_a_data_set_on_the_hub_is_converted(run, corpus_dir, tmp_path):
    options = ("wikiann", "out", "--dataset-config", "bn")
    done = run("-c", "from tf_ner.cli import main; main()", "convert", *options)
    assert done.returncode == 0, done.stderr
    for split, name in (("train", "train"), ("valid", "validation"), ("test", "test")):
        converted = (tmp_path / "out" / f"{name}.conll").read_text(encoding="utf-8")
        assert converted == (corpus_dir / f"{split}.conll").read_text(encoding="utf-8").replace(" ", "\t")


NOT_ON_THE_HUB = {
    "--model bruno/gated": "gated",
    "--model lab/nothing": "lab/nothing",
    "--model bert-base-cased --model-revision nothing": "nothing",
    "--model bert-base-cased --dataset lab/reviews": "columns text, label; expected words",
    "--model bert-base-cased --dataset lab/nothing": "lab/nothing",
    "--model bert-base-cased --dataset wikiann --dataset-config xx": "xx",
    "--model bert-base-cased --push-to-hub --hub-model-id bruno/mine": "expected a token with write access",
}
IN_TURN = """
import sys
from tf_ner.cli import main
for options in sys.argv[1:]:
    try:
        main(["train", *f"--dataset conll2003 {options} --output-dir out".split()])
    except SystemExit as stop:
        print(f"exit {stop.code}", file=sys.stderr)
"""


def test_what_the_hub_does_not_have_or_give_is_one_line(run, tmp_path):
    """One after the other in one process, whose client remembers nothing of the last."""
    done = run("-c", IN_TURN, *NOT_ON_THE_HUB)
    ends = [part.splitlines()[-1] for part in done.stderr.split("exit 2\n")[:-1]]
    assert len(ends) == len(NOT_ON_THE_HUB), done.stderr
    for (options, message), last in zip(NOT_ON_THE_HUB.items(), ends, strict=True):
        assert last.startswith("error: Received "), options
        assert message in last, options
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert "hf_ada" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "advised"),
    [("--dataset conll2003", "--dataset sample --model minilm"), ("--dataset sample", "--model minilm")],
)
def test_without_a_network_it_is_one_line(hub, run, options, advised):
    hub.close()
    done = train(run, *options.split(), "--model", "bert-base-cased")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: Cannot reach the Hub for")
    assert f"`{advised}` works without a network." in last
    assert "etry" not in done.stderr

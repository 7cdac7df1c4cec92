"""The stand-in for the Hub, held against the libraries above the client, and against newer clients."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from tests import processes
from tests.hub import Hub

TRANSFORMERS = """
import json
from transformers import AutoConfig, AutoTokenizer
config = AutoConfig.from_pretrained("lab/tiny-bert", revision="main")
tokenizer = AutoTokenizer.from_pretrained("lab/tiny-bert")
print(json.dumps([config.model_type, config.hidden_size, len(tokenizer)]))
"""
DATASETS = """
import json, sys
from datasets import load_dataset

for name, config, revision in json.loads(sys.argv[1]):
    try:
        loaded = load_dataset(name, config, revision=revision)
        print(json.dumps({split: rows["tokens"][:] for split, rows in loaded.items()}))
    except RuntimeError as error:
        print(json.dumps(str(error)))
"""
PUSH = """
import json
from datasets import Dataset, load_dataset
rows = Dataset.from_dict({"tokens": [["Ada", "lived"]]})
rows.push_to_hub("lab/words", "en", private=True)
rows.push_to_hub("lab/words", "bn", private=True)
print(json.dumps(load_dataset("lab/words", "bn")["train"]["tokens"][:]))
"""
CLIENT = """
import json, sys
from pathlib import Path
from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

def error_of(work, *args, **options):
    try:
        work(*args, **options)
    except (EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        return type(error).__name__

folder = Path(sys.argv[1])
api, nobody = HfApi(), HfApi(token=False)
api.create_repo("ada/tiny", private=True)
api.create_repo("ada/tiny", exist_ok=True)
sha = api.upload_folder(repo_id="ada/tiny", folder_path=folder).oid
again = api.upload_folder(repo_id="ada/tiny", folder_path=folder).oid
file = api.hf_hub_download("ada/tiny", "model.safetensors", revision=sha)
snapshot = Path(api.snapshot_download("ada/tiny"))
api.delete_file("old.json", "ada/tiny")
print(json.dumps({
    "same": Path(file).read_bytes() == (folder / "model.safetensors").read_bytes(),
    "committed once": sha == again,
    "snapshot": sorted(file.name for file in snapshot.iterdir()),
    "listed": sorted(api.list_repo_files("ada/tiny")),
    "card": api.model_info("ada/tiny").card_data.license,
    "moved": api.dataset_info("words").id,
    "errors": [
        error_of(nobody.model_info, "ada/tiny"),
        error_of(api.hf_hub_download, "ada/tiny", "nothing.json"),
        error_of(api.model_info, "ada/tiny", revision="nothing"),
        error_of(nobody.hf_hub_download, "lab/gated", "config.json"),
    ],
}))
"""


def run(hub: Hub, home: Path, code: str, *args: str, token: str = "hf_ada", python: str = sys.executable) -> list[Any]:
    """What a process with an untouched client prints, a line of JSON at a time."""
    # TensorFlow takes seconds to import, and has no part in this.
    environment = hub.environment(home, token) | {"USE_TF": "0", "USE_TORCH": "0"}
    done = processes.run([python, "-c", code, *args], env=environment, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def parquet(words: list[str]) -> bytes:
    """A Parquet file with one row of words and tags, and what `datasets` notes of its columns."""
    table = pa.table({"tokens": [words], "ner_tags": [[0] * len(words)]})
    label = {"names": ["O", "B-PER"], "_type": "ClassLabel"}
    features = {
        "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
        "ner_tags": {"feature": label, "_type": "List"},
    }
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(noted), file)
    return file.getvalue()


def test_transformers_loads_a_config_and_a_tokenizer(hub, tiny_bert, tokenizer, tmp_path):
    files = {file.name: file.read_bytes() for file in tiny_bert.iterdir()}
    hub.add_repo("model", "lab/tiny-bert", files, private=True)
    assert run(hub, tmp_path, TRANSFORMERS) == [["bert", 32, len(tokenizer)]]


def test_datasets_loads_the_parquet_branch_of_a_script(hub, tmp_path):
    hub.add_repo("dataset", "conll2003", {"conll2003.py": b"raise RuntimeError", "README.md": b"A card."})
    hub.rename("dataset", "conll2003", "eriktks/conll2003")
    splits = {"train": ["Ada", "lived"], "validation": ["in"], "test": ["London", "."]}
    files = {f"conll2003/{split}/0000.parquet": parquet(words) for split, words in splits.items()}
    hub.add_branch("dataset", "eriktks/conll2003", "refs/convert/parquet", files)

    new, old = ((name, None, "refs/convert/parquet") for name in ("eriktks/conll2003", "conll2003"))
    # First what is refused: later `datasets` would take it from its cache.
    refused, *loaded = run(hub, tmp_path, DATASETS, json.dumps([("eriktks/conll2003", None, None), new, old]))
    assert "Dataset scripts are no longer supported" in refused
    assert loaded == [{split: [words] for split, words in splits.items()}] * 2

    listed = requests.get(f"{hub.url}/api/datasets/conll2003/parquet", timeout=60).json()["conll2003"]
    assert listed.keys() == splits.keys()
    assert requests.get(listed["test"][0], timeout=60).content == files["conll2003/test/0000.parquet"]


def test_datasets_loads_one_of_several_configurations(hub, tmp_path):
    card, files = "---\nconfigs:\n", {}
    for name in ("bn", "en"):
        card += f"- config_name: {name}\n  data_files:\n"
        for split in ("train", "validation"):
            card += f"  - {{split: {split}, path: {name}/{split}-*}}\n"
            files[f"{name}/{split}-00000-of-00001.parquet"] = parquet([name, split])
    hub.add_repo("dataset", "wikiann", files | {"README.md": f"{card}---\n".encode()})
    hub.rename("dataset", "wikiann", "unimelb-nlp/wikiann")
    (loaded,) = run(hub, tmp_path, DATASETS, json.dumps([("wikiann", "bn", None)]))
    assert loaded == {"train": [["bn", "train"]], "validation": [["bn", "validation"]]}


def test_datasets_pushes_and_loads_what_it_pushed(hub, tmp_path):
    assert run(hub, tmp_path, PUSH) == [[["Ada", "lived"]]]
    folders = {path.partition("/")[0] for path in hub.files("dataset", "lab/words")}
    assert folders == {".gitattributes", "README.md", "bn", "en"}


@pytest.mark.parametrize("version", [0, 1, 2])
def test_clients_of_other_versions(hub, tmp_path, version):
    variable = f"TF_NER_HUB_{version}_PYTHON"
    python = os.environ.get(variable) if version else sys.executable
    if not python:
        pytest.skip(f"{variable} names no interpreter with huggingface_hub {version}")
    hub.add_repo("model", "lab/gated", {"config.json": b"{}"}, gated=True)
    hub.add_repo("dataset", "words", {})
    hub.rename("dataset", "words", "lab/words")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(os.urandom(2_000_000))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "old.json").write_text("{}")

    (told,) = run(hub, tmp_path / "home", CLIENT, str(folder), python=python)
    kept = [".gitattributes", "README.md", "model.safetensors"]
    missing_entry = "EntryNotFoundError" if version == 0 else "RemoteEntryNotFoundError"
    assert told == {
        "same": True,
        "committed once": True,
        "snapshot": [*kept, "old.json"],
        "listed": kept,
        "card": "mit",
        "moved": "lab/words",
        "errors": ["RepositoryNotFoundError", missing_entry, "RevisionNotFoundError", "GatedRepoError"],
    }
    puts = [request for request in hub.requests if request.method == "PUT"]
    assert [(request.status, request.received) for request in puts] == [(200, 2_000_000)]

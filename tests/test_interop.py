"""What is pushed, loaded by name in PyTorch: `make interop` makes the environments and names their interpreters."""

import json
import os
import subprocess
import sys

import pytest

from tf_ner import TrainConfig, train
from tf_ner.hub.upload import HubTarget, push_folder

PYTHONS = [python for python in os.environ.get("TF_NER_INTEROP_PYTHONS", "").split(os.pathsep) if python]
TEXTS = ["Ada Lovelace lived in London.", "Acme Tools opened a shop in Lagos.", "Nobody came."]
READ = """
import json, sys
import numpy as np
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

name, *texts = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForTokenClassification.from_pretrained(name)
logits = [model(**tokenizer(text, return_tensors="pt")).logits.detach().numpy().tolist() for text in texts]
find = pipeline("token-classification", model=name, aggregation_strategy="first")
entities = [[[e["entity_group"], int(e["start"]), int(e["end"])] for e in find(text)] for text in texts]
print(json.dumps({"logits": logits, "entities": entities}))
"""
TENSORFLOW = (
    READ.replace("AutoModelFor", "TFAutoModelFor")
    .replace('return_tensors="pt"', 'return_tensors="tf"')
    .replace(".detach()", "")
    .replace("model=name", 'model=name, framework="tf"')
)


def read(hub, home, code, python=sys.executable):
    done = subprocess.run(
        [python, "-c", code, "ada/towns", *TEXTS],
        env=hub.environment(home, "hf_ada") | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not PYTHONS, reason="TF_NER_INTEROP_PYTHONS names no interpreters with PyTorch; run `make interop`")
def test_pytorch_reads_what_was_pushed(hub, tiny_bert, corpus_dir, tmp_path):
    config = TrainConfig(
        model=str(tiny_bert), dataset=str(corpus_dir), output_dir=tmp_path / "run", epochs=80, batch_size=3,
        learning_rate=3e-3,
    )  # fmt: skip
    train(config, verbose=0)
    push_folder(tmp_path / "run", HubTarget("ada/towns", token="hf_ada"), message="m")
    expected = read(hub, tmp_path / "tf", TENSORFLOW)
    assert ["PER", 0, 12] in expected["entities"][0]
    for number, python in enumerate(PYTHONS):
        found = read(hub, tmp_path / str(number), READ, python)
        assert found["entities"] == expected["entities"]
        for ours, theirs in zip(expected["logits"], found["logits"], strict=True):
            assert flat(theirs) == pytest.approx(flat(ours), abs=1e-5)


def flat(rows):
    return [number for row in rows for subword in row for number in subword]

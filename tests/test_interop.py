"""What is pushed, loaded by name in PyTorch: `make interop` makes the environments and names their interpreters."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import processes
from tests.families import CONFIGS, make_encoder
from tests.processes import PYTORCH_PYTHONS
from tests.test_text_runs import ROWS, write_tsv
from tf_ner import TrainConfig, load_tokenizer, load_trained, load_untrained, train
from tf_ner.hub.upload import HubTarget, push_folder
from tf_ner.models.loading import name_inputs
from tf_ner.models.weights import save_model

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
READ_PAIRS = """
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

name, *texts = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForSequenceClassification.from_pretrained(name)
pairs = list(zip(texts, texts[1:]))
logits = [[model(**tokenizer(*pair, return_tensors="pt")).logits.detach().numpy()[0].tolist()] for pair in pairs]
classify = pipeline("text-classification", model=name)
labels = [classify({"text": pair[0], "text_pair": pair[1]})["label"] for pair in pairs]
print(json.dumps({"logits": logits, "labels": labels, "problem_type": model.config.problem_type}))
"""

READ_FAMILIES = """
import json, sys
import transformers

found = {}
for kind in ("TokenClassification", "SequenceClassification"):
    for family in sys.argv[2:]:
        folder = f"{sys.argv[1]}/{family}-{kind}"
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        auto = getattr(transformers, f"AutoModelFor{kind}")
        model, info = auto.from_pretrained(folder, output_loading_info=True)
        texts = ["Acme Tools opened a shop in Lagos .", "Nobody came ."][: 1 if kind == "TokenClassification" else 2]
        inputs = tokenizer(*texts, return_tensors="pt")
        found[f"{family}-{kind}"] = {
            "class": type(model).__name__,
            "ids": inputs["input_ids"].tolist(),
            "logits": model.eval()(**inputs).logits.detach().numpy().tolist(),
            "other_keys": [*info["missing_keys"], *info["unexpected_keys"], *info["mismatched_keys"]],
        }
print(json.dumps(found))
"""


def for_tensorflow(code):
    return (
        code.replace("AutoModelFor", "TFAutoModelFor")
        .replace('return_tensors="pt"', 'return_tensors="tf"')
        .replace(".detach()", "")
        .replace("model=name", 'model=name, framework="tf"')
    )


def read(hub, home, code, python=sys.executable):
    command = [python, "-c", code, "ada/towns", *TEXTS]
    done = processes.run(command, env=hub.environment(home, "hf_ada"), text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("graphs"),
    pytest.mark.skipif(
        not PYTORCH_PYTHONS, reason="TF_NER_INTEROP_PYTHONS names no interpreters with PyTorch; run `make interop`"
    ),
]


def test_pytorch_reads_what_was_pushed(hub, deeper_bert, corpus_dir, tmp_path):
    config = TrainConfig(
        model=str(deeper_bert), dataset=str(corpus_dir), output_dir=tmp_path / "run", epochs=80, batch_size=3,
        learning_rate=3e-3,
    )  # fmt: skip
    train(config, verbose=0)
    push_folder(tmp_path / "run", HubTarget("ada/towns", token="hf_ada"), message="m")
    expected = read(hub, tmp_path / "tf", for_tensorflow(READ))
    assert ["PER", 0, 12] in expected["entities"][0]
    for number, python in enumerate(PYTORCH_PYTHONS):
        found = read(hub, tmp_path / str(number), READ, python)
        assert found["entities"] == expected["entities"]
        for ours, theirs in zip(expected["logits"], found["logits"], strict=True):
            assert flat(theirs) == pytest.approx(flat(ours), abs=1e-5)


@pytest.mark.parametrize("kind", ["pairs", "numbers"])
def test_pytorch_reads_a_classifier_of_texts(hub, tiny_bert, tmp_path, kind):
    config = TrainConfig(
        model=str(tiny_bert), dataset=str(write_tsv(tmp_path, *ROWS[kind])), task="text-classification",
        output_dir=tmp_path / "run", epochs=10, batch_size=4, learning_rate=3e-3,
    )  # fmt: skip
    train(config, verbose=0)
    push_folder(tmp_path / "run", HubTarget("ada/towns", token="hf_ada"), message="m")
    expected = read(hub, tmp_path / "tf", for_tensorflow(READ_PAIRS))
    for number, python in enumerate(PYTORCH_PYTHONS):
        found = read(hub, tmp_path / str(number), READ_PAIRS, python)
        assert (found["labels"], found["problem_type"]) == (expected["labels"], expected["problem_type"])
        for ours, theirs in zip(expected["logits"], found["logits"], strict=True):
            assert flat([theirs]) == pytest.approx(flat([ours]), abs=1e-5)


def test_pytorch_reads_every_family(tmp_path):
    """Each weight has a value of its own, so that none can be another's, or new, or turned round."""
    rng = np.random.default_rng(0)
    expected = {}
    for family in CONFIGS:
        encoder = str(make_encoder(family, tmp_path / family))
        for kind, name in (("TokenClassification", "ner"), ("SequenceClassification", "text-classification")):
            folder = tmp_path / f"{family}-{kind}"
            model = load_untrained(encoder, tag_names=("O", "B-X", "I-X"), task=name)
            for weight in model.weights:
                weight.assign(weight + rng.normal(scale=0.1, size=weight.shape))
            tokenizer = load_tokenizer(encoder, for_words=name == "ner")
            name_inputs(tokenizer, model)
            save_model(model, tokenizer, folder)
            loaded, task = load_trained(str(folder))
            text, text_pair = "Acme Tools opened a shop in Lagos .", "Nobody came ."
            columns = task.encode([text.split() if name == "ner" else (text, text_pair)])
            inputs = {column: tf.constant(columns[column]) for column in task.tokenizer.model_input_names}
            expected[folder.name] = columns["input_ids"], loaded(inputs).logits.numpy()
            np.testing.assert_array_equal(expected[folder.name][1], model(inputs).logits.numpy())
    for python in PYTORCH_PYTHONS:
        command = [python, "-c", READ_FAMILIES, str(tmp_path), *CONFIGS]
        done = processes.run(command, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        assert found.keys() == expected.keys()
        for name, (ids, logits) in expected.items():
            assert found[name]["ids"] == ids, name
            np.testing.assert_allclose(found[name]["logits"], logits, atol=1e-5, err_msg=name)
            # Of MPNet's head nothing asks the pooler, which PyTorch's classes do not have.
            assert [key for key in found[name]["other_keys"] if not key.startswith("mpnet.pooler.")] == [], name


def flat(rows):
    return [number for row in rows for subword in row for number in subword]

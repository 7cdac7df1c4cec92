"""A tiny encoder, a tiny corpus, and the folder of real data where it is at hand."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import pytest
from hypothesis import Phase, settings

if TYPE_CHECKING:
    from datasets import DatasetDict
    from huggingface_hub import HfApi
    from transformers import BertTokenizerFast

    from tf_ner import TokenClassification

SHARED = Path(__file__).parents[2] / "shared"

# A machine that is busy with other work breaks no test.
settings.register_profile("tf_ner", deadline=None)
# For `make mutants`: the same few examples each time, and none sought that is smaller than one that fails.
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    max_examples=20,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tf_ner"))


def pytest_collection_finish() -> None:
    """Divides the CPU for tests of several replicas; all others use the first part, as they would the only one.

    TensorFlow is loaded by the tests that need it: those of a corpus or of scores do without, and begin at once.
    """
    if (tf := sys.modules.get("tensorflow")) is not None:
        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """New weights do not depend on which tests ran before; fixtures that live longer set a seed of their own."""
    if (keras := sys.modules.get("tf_keras")) is not None:
        keras.utils.set_random_seed(0)


SENTENCES = [
    "Ada/B-PER Lovelace/I-PER lived/O in/O London/B-LOC ./O",
    "Acme/B-ORG Tools/I-ORG opened/O a/O shop/O in/O Lagos/B-LOC ./O",
    "The/O Danish/B-MISC team/O met/O Bruno/B-PER ./O",
    "Nobody/O came/O ./O",
    "London/B-LOC and/O Lagos/B-LOC are/O far/O apart/O ./O",
    "Bruno/B-PER Ada/B-PER and/O Tools/O ./O",
    "A/O Danish/B-MISC shop/O sold/O Acme/B-ORG Tools/I-ORG hammers/O ./O",
    "Lovelace/B-PER wrote/O to/O Acme/B-ORG ./O",
]


def conll(sentences: list[str]) -> str:
    """`word/TAG word/TAG` sentences as CoNLL columns."""
    return "".join(
        "".join(f"{word} {tag}\n" for word, tag in (cell.rsplit("/", 1) for cell in sentence.split())) + "\n"
        for sentence in sentences
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and tokenizers, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at hand ({SHARED})")
    return SHARED


@pytest.fixture(scope="session")
def corpus_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight sentences, the same in each split."""
    folder = tmp_path_factory.mktemp("corpus")
    for split in ("train", "valid", "test"):
        (folder / f"{split}.conll").write_text(conll(SENTENCES), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def corpus(corpus_dir: Path) -> "DatasetDict":
    from tf_ner import load_corpus

    return load_corpus(corpus_dir)


@pytest.fixture(scope="session")
def tokenizer() -> "BertTokenizerFast":
    """A WordPiece tokenizer small enough to cut most words into pieces; drops control characters, as BERT's does."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=False)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=special)
    pieces.train_from_iterator([sentence.replace("/", " ") for sentence in SENTENCES], trainer)
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return BertTokenizerFast(tokenizer_object=pieces, model_max_length=64)


@pytest.fixture(scope="session")
def tiny_bert(tokenizer: "BertTokenizerFast", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer BERT with new weights, and its tokenizer."""
    import tf_keras as keras
    from transformers import BertConfig, TFBertModel

    folder = tmp_path_factory.mktemp("tiny-bert")
    keras.utils.set_random_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = TFBertModel(config)
    model(model.dummy_inputs)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task(tokenizer: "BertTokenizerFast", corpus: "DatasetDict") -> "TokenClassification":
    from tf_ner import TokenClassification

    names = corpus["train"].features["tags"].feature.names
    return TokenClassification(tokenizer, tuple(names), max_length=64, stride=8)


@pytest.fixture
def hub():
    """A Hub of this test alone, which the client in this process takes for the real one."""
    from tests.hub import Hub
    from tests.hub.client import online

    with Hub() as hub, online(hub):
        hub.add_user("ada", token="hf_ada", organisations=("lab",))
        hub.add_user("ada", token="hf_ada_reads", organisations=("lab",), can_write=False)
        hub.add_user("bruno", token="hf_bruno")
        yield hub


@pytest.fixture
def api(hub) -> "HfApi":
    """The client of a user who may write."""
    from huggingface_hub import HfApi

    return HfApi(hub.url, token="hf_ada")


@pytest.fixture
def run(hub, tmp_path):
    """Runs a command in a process with an untouched client, in a folder of its own."""

    def run(*command, token="hf_ada", stdin="", **variables):
        return subprocess.run(
            [sys.executable, *map(str, command)],
            env=hub.environment(tmp_path / "home", token) | {"PYTHONPATH": str(Path(__file__).parents[1]), **variables},
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return run

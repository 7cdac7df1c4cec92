"""A tiny encoder, a tiny corpus, and the folder of real data where it is at hand."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import pytest
from hypothesis import Phase, settings

# Before TensorFlow, for which it chooses how to multiply.
import tf_ner  # noqa: F401
from tests import processes

if TYPE_CHECKING:
    from datasets import DatasetDict
    from huggingface_hub import HfApi
    from transformers import BertTokenizerFast

    from tf_ner import TokenClassification

SHARED = Path(__file__).parents[2] / "shared"

# A machine that is busy with other work breaks no test.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("soak", deadline=None, max_examples=5_000)
# For `make mutants`: the same few examples each time, and none sought that is smaller than one that fails.
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    max_examples=20,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("TF_NER_PROFILE", "quick"))


IS_RELEASE = "TF_NER_RELEASE" in os.environ
"""Whether tests use the packaged encoder where a small one will do, as before a release (`make release`)."""


def examples(share: float) -> int:
    """How many examples a test has that can do with some part of the usual number, or needs some times as many."""
    return max(1, round(settings.default.max_examples * share))


def pytest_configure(config: pytest.Config) -> None:
    """Ends a worker with the one who gives it its tests, which a signal may have ended."""
    if hasattr(config, "workerinput"):
        processes.end_with_parent()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files that take longest first, so that the workers end together."""
    longest = {
        item.path for item in items if "graphs" in item.fixturenames or item.get_closest_marker("release") is not None
    }
    items.sort(key=lambda item: item.path not in longest)


def pytest_collection_finish() -> None:
    """Divides the CPU for tests of several replicas; all others use the first part, as they would the only one.

    TensorFlow is loaded by the tests that need it: those of a corpus or of scores do without, and begin at once. It
    makes no graphs of functions but for `graphs`: to make one takes longer than the few steps of most tests.
    """
    if (tf := sys.modules.get("tensorflow")) is not None:
        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        tf.config.run_functions_eagerly(True)


@pytest.fixture(scope="module")
def graphs() -> Iterator[None]:
    """Trains with graphs, as users do, here and in forked processes: for what takes many steps or is about graphs."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(processes.WITH_GRAPHS, "1")
        yield
    tf.config.run_functions_eagerly(True)


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
# Of the eight, so that what has learnt them knows these too; another number, in another order, for each split.
VALIDATION = [SENTENCES[number] for number in (2, 6, 1, 3, 0)]
TEST = [SENTENCES[number] for number in (7, 4, 5, 0, 2, 1)]
SPLITS = {"train": SENTENCES, "valid": VALIDATION, "test": TEST}


def conll(sentences: list[str]) -> str:
    """`word/TAG word/TAG` sentences as CoNLL columns."""
    return "".join(
        "".join(f"{word} {tag}\n" for word, tag in (cell.rsplit("/", 1) for cell in sentence.split())) + "\n"
        for sentence in sentences
    )


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of this test alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and tokenizers, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at hand ({SHARED})")
    return SHARED


@pytest.fixture(scope="session")
def corpus_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight sentences to learn; some of them, in other orders, to choose by and to test on."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, sentences in SPLITS.items():
        (folder / f"{split}.conll").write_text(conll(sentences), encoding="utf-8")
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
    """A BERT of one layer with new weights, and its tokenizer: each layer more is traced by each training."""
    return _new_bert(tmp_path_factory.mktemp("tiny-bert"), tokenizer, num_layers=1)


@pytest.fixture(scope="session")
def deeper_bert(tokenizer: "BertTokenizerFast", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of two layers, where one differs from the next."""
    return _new_bert(tmp_path_factory.mktemp("deeper-bert"), tokenizer, num_layers=2)


def _new_bert(folder: Path, tokenizer: "BertTokenizerFast", *, num_layers: int) -> Path:
    import tf_keras as keras
    from transformers import BertConfig, TFBertModel

    keras.utils.set_random_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=num_layers,
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
        environment = hub.environment(tmp_path / "home", token) | {"PYTHONPATH": str(processes.ROOT), **variables}
        command = [sys.executable, *map(str, command)]
        return processes.run(command, env=environment, cwd=tmp_path, text_input=stdin, text=True)

    return run

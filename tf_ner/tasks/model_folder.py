"""What a model's folder lacks, where the libraries say only what they stumbled over."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Part = Literal["configuration", "tokenizer", "weights", "options"]

# The names that the families' tokenizers and weights go by; one of each is enough.
_TOKENIZERS = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "spm.model", "sentencepiece.bpe.model",
    "tokenizer.model",
)  # fmt: skip
_WEIGHTS = ("model.safetensors", "tf_model.h5", "model.safetensors.index.json", "tf_model.h5.index.json")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_OBJECTS = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json")
_POINTER = b"version https://git-lfs"


def faults_of(folder: Path, part: Part) -> Iterator[str]:
    """Says what keeps a part of a model from being loaded, as far as the files show it.

    Args:
        folder: The model's; it is there.
        part: What could not be loaded.
    """
    if not (folder / "config.json").is_file():
        yield "no config.json"
    if part == "tokenizer" and not _has_any(folder, _TOKENIZERS):
        yield "no tokenizer.json or other tokenizer"
    if part == "weights" and not _has_any(folder, _WEIGHTS):
        yield "no model.safetensors or other weights for TensorFlow"
        if _has_any(folder, _PICKLED):
            yield (
                "pytorch_model.bin can hold any program, and is not read: where PyTorch is installed, load the model "
                "with its Auto class of transformers, and save it there again with save_pretrained"
            )
    for name in dict.fromkeys((*_OBJECTS, *_TOKENIZERS, *_WEIGHTS)):
        if not (folder / name).is_file():
            continue
        if _begins_with(folder / name, _POINTER):
            yield f"{name} is only a git-lfs pointer: run `git lfs pull` there"
        elif name in _OBJECTS and not _is_object(folder / name):
            yield f"{name} is not a JSON object"


def _has_any(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / name).is_file() for name in names)


def _is_object(file: Path) -> bool:
    try:
        return isinstance(json.loads(file.read_bytes()), dict)
    except ValueError:
        return False


def _begins_with(file: Path, start: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(start)) == start

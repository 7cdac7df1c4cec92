"""Models from the model library; nothing else in tf_ner loads one."""

import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tf_keras as keras
import transformers
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from transformers import PretrainedConfig, PreTrainedTokenizerBase, TFPreTrainedModel
from transformers.utils import is_tf_available

from tf_ner.config import RUN_CONFIG, TrainConfig
from tf_ner.errors import ConfigError, ModelError
from tf_ner.tasks import task_class, task_classes
from tf_ner.tasks.task import Task
from tf_ner.tasks.tokenizers import load_config, load_tokenizer, location_of, model_errors, window_length

logger = logging.getLogger(__name__)


def load_untrained(
    model: str, *, tag_names: Sequence[str], task: str = "ner", revision: str | None = None
) -> TFPreTrainedModel:
    """Loads an encoder with a new head, one output a tag.

    A model already fine-tuned for the same tags keeps its head and its order of tags, to be trained further.

    Args:
        model: A name on the Hub, a folder, or `minilm`.
        tag_names: What the outputs stand for: tags, or labels.
        task: What is learnt, as in `TASKS`.
        revision: Which branch, tag or commit on the Hub.

    Raises:
        ModelError: There is none, it has no TensorFlow class, or it was fine-tuned for other tags or another task.
    """
    kind = task_class(task)
    config = load_config(model, revision=revision)
    for other in task_classes():
        if other is not kind and other.has_head(config):
            raise ModelError(
                f"Received model {model!r}, fine-tuned for {_in_words(other)}; expected an encoder for "
                f"{_in_words(kind)}. Begin with a model that is not fine-tuned."
            )
    if kind.has_head(config):
        own = kind.output_names_in(config)
        if set(own) != set(tag_names):
            raise ModelError(
                f"Received model {model!r}, fine-tuned for {_outputs(own)}; expected {_outputs(tag_names)}, as the "
                "data has. Begin with a model that is not fine-tuned."
            )
        tag_names = own
    loaded, missing = _load_weights(kind, model, revision, **kind.model_settings(tag_names))
    if len(missing) >= len(loaded.weights):
        raise _foreign_weights(model, missing)
    return loaded


def load_trained(model: str, *, revision: str | None = None) -> tuple[TFPreTrainedModel, Task]:
    """Loads a fine-tuned model, and how it was trained to read its input.

    Raises:
        ModelError: There is none, or it was not fine-tuned for a task that tf_ner knows.
    """
    config = load_config(model, revision=revision)
    kind = next((known for known in task_classes() if known.has_head(config)), None)
    if kind is None:
        tasks = " or ".join(map(_in_words, task_classes()))
        raise ModelError(
            f"Received model {model!r} ({', '.join(config.architectures or ['no architecture named'])}); expected "
            f"one fine-tuned for {tasks}. Fine-tune it with `tf-ner train` first."
        )
    kind.output_names_in(config)
    loaded, missing = _load_weights(kind, model, revision)
    if missing:
        raise _foreign_weights(model, missing)
    tokenizer = load_tokenizer(model, for_words=kind.reads_words, revision=revision)
    name_inputs(tokenizer, loaded)
    run = _options_of_run(_location(model, revision))
    max_length = longest_input(tokenizer, config, run)
    return loaded, kind.of_model(tokenizer, config, max_length=max_length, config=run)


def _load_weights(
    kind: type[Task], model: str, revision: str | None, **settings: Any
) -> tuple[TFPreTrainedModel, list[str]]:
    """A model, and which of its weights are not in its files: those are new, which transformers only warns of."""
    with model_errors(model, "weights"):
        loaded, info = _model_class(kind).from_pretrained(
            **_location(model, revision), **settings, output_loading_info=True
        )
    return loaded, sorted(info["missing_keys"])


def _foreign_weights(model: str, missing: Sequence[str]) -> ModelError:
    return ModelError(
        f"Received model {model!r}, whose weights are not those of its config.json: {len(missing)} are missing, such "
        f"as {missing[0]}; expected all that it was saved with. Copy or save the model there again."
    )


def _options_of_run(location: Mapping[str, str]) -> TrainConfig:
    """How a model was trained, if its folder or repository says so."""
    folder, revision = location["pretrained_model_name_or_path"], location["revision"]
    if Path(folder).is_dir():
        path = Path(folder) / RUN_CONFIG
        return TrainConfig.load(path) if path.is_file() else TrainConfig()
    with model_errors(folder, "options"):
        try:
            return TrainConfig.load(Path(hf_hub_download(folder, RUN_CONFIG, revision=revision)))
        except LocalEntryNotFoundError:
            known = try_to_load_from_cache(folder, RUN_CONFIG, revision=revision)
            reason = "the Hub cannot be reached" if known is None else None
        except EntryNotFoundError:
            reason = None
        except ConfigError as error:
            reason = str(error)
    if reason is not None:
        logger.warning(
            "Received model %r, of which it is not known how it was trained (%s): it reads as much as the encoder can",
            folder,
            reason,
        )
    return TrainConfig()


def longest_input(tokenizer: PreTrainedTokenizerBase, model_config: PretrainedConfig, config: TrainConfig) -> int:
    """The longest input of a model that was or will be trained with these options, in subwords.

    Raises:
        ConfigError: The one length of all batches is more than the encoder reads.
    """
    limit = window_length(tokenizer, model_config, None)
    if config.fixed_length is not None and config.fixed_length > limit:
        raise ConfigError(
            f"Received --pad-to-length {config.fixed_length}; expected at most {limit}, the encoder's limit. Lower "
            "--pad-to-length."
        )
    return min(window_length(tokenizer, model_config, config.max_length), config.fixed_length or limit)


def name_inputs(tokenizer: PreTrainedTokenizerBase, model: TFPreTrainedModel) -> None:
    """Makes a tokenizer give what its model reads, also when it is saved, and with whatever version it is loaded.

    Token types are left out where a model does not tell two of them. Some encoders come with another family's
    tokenizer, BERT's mostly: DistilBERT takes no token types, and RoBERTa has one type, so that the second text of a
    pair would look up what is not there. transformers 5, on the other hand, would give ALBERT none.
    """
    names = list(tokenizer.model_input_names)
    takes_types = "token_type_ids" in inspect.signature(type(model).call).parameters
    if "token_type_ids" in names and (not takes_types or getattr(model.config, "type_vocab_size", None) == 1):
        names.remove("token_type_ids")
    tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = names


def outputs_in_float32(model: TFPreTrainedModel) -> None:
    """Lets the head of a model that computes in half precision give its logits in float32, as loss and scores want."""
    encoder = getattr(model, model.base_model_prefix)
    for layer in model.layers:
        if layer is not encoder:
            for part in [layer, *(module for module in layer.submodules if isinstance(module, keras.layers.Layer))]:
                # Keras knows no other way once a layer is there.
                part._set_dtype_policy("float32")


def _in_words(kind: type[Task]) -> str:
    return kind.pipeline_tag.replace("-", " ")


def _outputs(names: Sequence[str]) -> str:
    return f"the {len(names)} labels {', '.join(names)}" if names else "numbers"


def _model_class(kind: type[Task]) -> Any:
    if not is_tf_available():
        raise ModelError(
            "Received a transformers that has found no TensorFlow, though it is running; expected one that has. Import "
            "tf_ner before transformers, and set neither USE_TF=0 nor USE_TORCH=1."
        )
    return getattr(transformers, kind.model_class)


def _location(model: str, revision: str | None) -> dict[str, str]:
    return {"pretrained_model_name_or_path": location_of(model), "revision": revision or "main"}

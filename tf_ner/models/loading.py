"""Models from the model library; nothing else in tf_ner loads one."""

import copy
import inspect
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
import transformers
from transformers import PretrainedConfig, PreTrainedTokenizerBase, TFPreTrainedModel
from transformers.utils import is_tf_available

from tf_ner.errors import ConfigError, ModelError
from tf_ner.options.train import HeadChoice, TrainConfig
from tf_ner.tasks.registry import task_class, task_classes
from tf_ner.tasks.run_options import options_of_run
from tf_ner.tasks.task import Task
from tf_ner.tasks.tokenizers import load_config, load_tokenizer, location_of, model_errors, window_length

logger = logging.getLogger(__name__)


def load_untrained(
    model: str,
    *,
    tag_names: Sequence[str],
    task: str = "ner",
    revision: str | None = None,
    head: HeadChoice = "auto",
) -> TFPreTrainedModel:
    """Loads an encoder with a head to train, which has one output per tag.

    Of a model that is fine-tuned already, `keep` trains its head further, with the model's tags, in its order; `extend`
    keeps the outputs of the tags that it knows and adds new ones; `new` keeps the encoder alone, and what of the head
    stands before the outputs. `auto` keeps it if the tags are the same, and extends it if there are more.

    Args:
        model: A name on the Hub, a folder, or `minilm`.
        tag_names: The names of the outputs: tags, or labels of texts.
        task: The task to train for, one of `TASKS`.
        revision: The branch, tag or commit on the Hub.
        head: What becomes of the head of a model that has one.

    Raises:
        ModelError: There is no such model, it has no TensorFlow class, or it was fine-tuned for other tags than `head`
            allows, or for another task.
    """
    kind = task_class(task)
    config = load_config(model, revision=revision)
    kinds = [known for known in task_classes() if known.has_head(config)]
    # Tasks may share a head: then its outputs say whether it is the one that is wanted.
    if kinds and kind not in kinds:
        raise ModelError(
            f"Received model {model!r}, fine-tuned for {_in_words(kinds[0])}; expected an encoder for "
            f"{_in_words(kind)}. Start from a model that is not fine-tuned."
        )
    own = kind.output_names_in(config) if kind in kinds else None
    wanted = tuple(tag_names) if own is None else _outputs_to_train(model, own, tag_names, head)
    # As it was saved: what is to change is changed below.
    loaded, missing = _load_weights(kind, model, revision, **kind.model_settings(wanted if own is None else own))
    if len(missing) >= len(loaded.weights):
        raise _foreign_weights(model, missing)
    if own is None or (wanted == own and head != "new"):
        return loaded
    logger.info("%s", _what_becomes_of_head(own, wanted, head))
    return _with_outputs(loaded, kind, own, wanted, keeps_outputs=head != "new")


def _outputs_to_train(model: str, own: Sequence[str], wanted: Sequence[str], head: HeadChoice) -> tuple[str, ...]:
    """The outputs of a model that is fine-tuned already.

    Raises:
        ModelError: They do not fit what is asked for.
    """
    missing, new = set(own) - set(wanted), [name for name in wanted if name not in own]
    if head == "new":
        return tuple(wanted)
    if not new and (head == "keep" or not missing):
        return tuple(own)
    if own and wanted and (head == "extend" or (head == "auto" and not missing)):
        return (*own, *new)
    choices = (["keep trains on with those of the model"] if not new else []) + (
        ["extend adds those that are new and keeps all of the model's"] if new and own and wanted else []
    )
    raise ModelError(
        f"Received model {model!r}, fine-tuned for {_outputs(own)}; expected {_outputs(wanted)}, as in the data. "
        f"Choose with --head: {', '.join([*choices, 'new begins with new outputs'])}."
    )


def _what_becomes_of_head(own: Sequence[str], wanted: Sequence[str], head: HeadChoice) -> str:
    if head == "new":
        return f"the model's outputs for {_outputs(own)} are replaced by new ones"
    return f"the model keeps its {len(own)} outputs, and gets new ones for {', '.join(wanted[len(own) :])}"


def _with_outputs(
    loaded: TFPreTrainedModel, kind: type[Task], own: Sequence[str], wanted: Sequence[str], *, keeps_outputs: bool
) -> TFPreTrainedModel:
    """The same model with other outputs, of which those that it had before may keep their weights."""
    config = copy.deepcopy(loaded.config)
    config.update(kind.model_settings(wanted))
    changed = _model_class(kind).from_config(config)
    changed(changed.dummy_inputs)
    encoder = {id(variable) for variable in getattr(loaded, loaded.base_model_prefix).weights}
    for before, variable in zip(loaded.weights, changed.weights, strict=True):
        # Of the head, the last layer has one of them in each column; in front of it may be others.
        if id(before) in encoder or before.shape[-1] != len(own):
            variable.assign(before)
        elif keeps_outputs:
            variable.assign(np.concatenate([before.numpy(), variable.numpy()[..., len(own) :]], axis=-1))
    return changed


def load_trained(
    model: str, *, revision: str | None = None, task: str | None = None, label_names: Sequence[str] = ()
) -> tuple[TFPreTrainedModel, Task]:
    """Loads a fine-tuned model and its task, which encodes input as in training.

    Args:
        model: A run's output folder, or a name on the Hub.
        revision: The branch, tag or commit on the Hub.
        task: What it was fine-tuned for, one of `TASKS`; by default what the run says, or else the model's head.
        label_names: The names of its labels by id, if it calls them `LABEL_0` and so on; of others nothing changes.

    Raises:
        ModelError: There is no such model, it has another number of labels, or it was not fine-tuned for this task, or
            for any that tf_ner knows.
    """
    config = load_config(model, revision=revision)
    run = options_of_run(model, revision=revision)
    kinds = [kind for kind in task_classes() if kind.has_head(config)]
    if not kinds:
        tasks = " or ".join(map(_in_words, task_classes()))
        raise ModelError(
            f"Received model {model!r} ({', '.join(config.architectures or ['no architecture named'])}); expected "
            f"one fine-tuned for {tasks}. Fine-tune it with `tf-ner train` first."
        )
    if task is not None and task_class(task) not in kinds:
        raise ModelError(
            f"Received --task {task} and model {model!r}, fine-tuned for {_in_words(kinds[0])}; expected the two to "
            "match. Change --task or the model."
        )
    # Of several tasks with such a head, the one that is named, or that the run was for.
    named = task or (run.task if run is not None else None)
    kind = task_class(named) if named is not None and task_class(named) in kinds else kinds[0]
    settings = _label_settings(kind, config, label_names)
    config.update(settings)
    loaded, missing = _load_weights(kind, model, revision, **settings)
    if missing:
        raise _foreign_weights(model, missing)
    tokenizer = load_tokenizer(model, for_words=kind.reads_words, revision=revision)
    name_inputs(tokenizer, loaded)
    run = run or TrainConfig()
    max_length = longest_input(tokenizer, config, max_length=run.max_length, fixed_length=run.fixed_length)
    return loaded, kind.of_model(tokenizer, config, max_length=max_length, config=run)


def _label_settings(kind: type[Task], config: PretrainedConfig, label_names: Sequence[str]) -> dict[str, Any]:
    """What the configuration says of labels that have numbers only.

    Raises:
        ModelError: There are more or fewer names than labels, or an output has no name.
    """
    names = kind.output_names_in(config)
    if not names or not are_numbers(names):
        return {}
    if not label_names:
        logger.warning(
            "The model's labels are %s to %s; --label-names says what they stand for, such as O B-PER I-PER.",
            names[0], names[-1],
        )  # fmt: skip
        return {}
    if len(label_names) != len(names):
        raise ModelError(
            f"Received {len(label_names)} --label-names ({', '.join(label_names[:5])}, …) and model "
            f"{config.name_or_path!r} with {len(names)} labels; expected a name for each. Correct --label-names."
        )
    return kind.model_settings(label_names)


def are_numbers(names: Sequence[str]) -> bool:
    """Whether labels are called as transformers calls those without names: LABEL_0, LABEL_1 and so on."""
    return all(name == f"LABEL_{number}" for number, name in enumerate(names))


def _load_weights(
    kind: type[Task], model: str, revision: str | None, **settings: Any
) -> tuple[TFPreTrainedModel, list[str]]:
    """A model, and which of its weights are not in its files: those are new, which transformers only warns of."""
    with model_errors(model, "weights"):
        try:
            loaded, info = _model_class(kind).from_pretrained(
                **_location(model, revision), **settings, output_loading_info=True
            )
        except tf.errors.ResourceExhaustedError as error:
            # No fault of the model's.
            raise MemoryError(str(error)) from error
    return loaded, sorted(info["missing_keys"])


def _foreign_weights(model: str, missing: Sequence[str]) -> ModelError:
    return ModelError(
        f"Received model {model!r}, whose weights do not match its config.json: {len(missing)} are missing, such as "
        f"{missing[0]}; expected all that it was saved with. Copy or save the model there again."
    )


def longest_input(
    tokenizer: PreTrainedTokenizerBase,
    model_config: PretrainedConfig,
    *,
    max_length: int | None,
    fixed_length: int | None,
) -> int:
    """The longest input of a model that was or will be trained with these options, in subwords.

    Args:
        tokenizer: Its own limit counts too.
        model_config: The encoder's.
        max_length: What is asked for; the encoder's limit if None.
        fixed_length: The one length of all batches, if they have one.

    Raises:
        ConfigError: The one length of all batches is more than the encoder reads.
    """
    limit = window_length(tokenizer, model_config, None)
    if fixed_length is not None and fixed_length > limit:
        raise ConfigError(
            f"Received --pad-to-length {fixed_length}; expected at most {limit}, the encoder's limit. Lower "
            "--pad-to-length."
        )
    return min(window_length(tokenizer, model_config, max_length), fixed_length or limit)


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
            "Received a transformers that did not find TensorFlow, although it is running; expected one that did. "
            "Import tf_ner before transformers, and do not set USE_TF=0 or USE_TORCH=1."
        )
    return getattr(transformers, kind.model_class)


def _location(model: str, revision: str | None) -> dict[str, str]:
    return {"pretrained_model_name_or_path": location_of(model), "revision": revision or "main"}

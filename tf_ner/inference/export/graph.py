"""A fine-tuned model as a TensorFlow SavedModel, with which every conversion begins."""

from pathlib import Path

import tensorflow as tf
from transformers import TFPreTrainedModel

from tf_ner.tasks.outputs import logits_of
from tf_ner.tasks.task import Task


def save_graph(model: TFPreTrainedModel, task: Task, folder: Path) -> None:
    """Writes a model that needs neither its class nor Keras to be run.

    It reads what the tokenizer gives, each <int32>[batch, subwords], by name, batches and rows of any length; and gives
    `predictions`, the label ids <int32>, `scores`, how probable these are <float32>, both [batch, subwords], and
    `probabilities` of all labels <float32>[batch, subwords, labels]; of tasks with one label a text, without the axis
    of subwords.

    Args:
        model: It computes in the precision that it was made with.
        task: The model's.
        folder: Where to; a new one.
    """
    names = list(task.tokenizer.model_input_names)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name=name) for name in names])
    def step(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.cast(logits_of(model, dict(zip(names, inputs, strict=True)), training=False), tf.float32)
        probabilities = tf.nn.softmax(logits)
        return {
            "predictions": tf.argmax(logits, axis=-1, output_type=tf.int32),
            "scores": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
        }

    module = tf.Module()
    # What the graph reads must hang on what is saved.
    module.weights = list(model.variables)
    module.step = step
    tf.saved_model.save(module, str(folder), signatures={"serving_default": step})

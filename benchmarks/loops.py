"""Step times of the training written out beside those of `fit`, in turns, a step of each at a time.

    python benchmarks/loops.py [EPOCHS]

Steps of 16 windows of 20 to 44 subwords with the packaged encoder. Both train a model of their own on the same
batches: `fit` with the step that a run takes, and then with the step of transformers.
"""

import sys
import time

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tf_ner import (
    TokenClassificationLoss,
    compile_step,
    load_untrained,
    make_optimizer,
    make_train_step,
    training_steps,
)

STEPS = 25
TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")


def batches():
    rng = np.random.default_rng(0)
    for length in rng.integers(20, 45, STEPS):
        ids = rng.integers(1000, 20000, (16, length))
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        yield inputs, rng.integers(0, len(TAGS), (16, length))


def make_data(epochs):
    spec = tf.TensorSpec((None, None), tf.int64)
    inputs_spec = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), spec)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=(inputs_spec, spec)).cache().repeat(epochs)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(STEPS * epochs))
    return dataset.prefetch(tf.data.AUTOTUNE)


def new_model(*, clips):
    keras.utils.set_random_seed(0)
    model = load_untrained("minilm", tag_names=TAGS)
    optimizer = make_optimizer(learning_rate=1e-5, num_steps=10**4, max_grad_norm=1.0 if clips else None)
    model.compile(optimizer, loss=TokenClassificationLoss())
    optimizer.build(model.trainable_variables)
    return model


def new_step(model):
    return make_train_step(model, loss=TokenClassificationLoss(), optimizer=model.optimizer)


class InTurns(keras.callbacks.Callback):
    """Takes a step of the other loop after each step of `fit`, with the same hooks around it."""

    def __init__(self, updates, other):
        super().__init__()
        self.updates = updates
        self.hooks = keras.callbacks.CallbackList([keras.callbacks.Callback()], model=other)
        self.seconds = []

    def on_train_batch_end(self, batch, logs=None):
        fit_ended = time.perf_counter()
        self.hooks.on_train_batch_begin(batch)
        update = next(self.updates)
        self.hooks.on_train_batch_end(batch, {"loss": update.loss})
        ended = time.perf_counter()
        if batch or self.seconds:
            self.seconds.append((fit_ended - self.ended, ended - fit_ended))
        self.ended = ended


def compare(title, fitted, epochs):
    looped, dataset = new_model(clips=False), make_data(epochs)
    train_step = compile_step(looped, new_step(looped), dataset)
    updates = training_steps(looped, dataset, train_step=train_step, optimizer=looped.optimizer)
    turns = InTurns(updates, looped)
    fitted.fit(dataset, epochs=epochs, steps_per_epoch=STEPS, callbacks=[turns], verbose=0)
    # The first steps make memory ready.
    seconds = np.array(turns.seconds[STEPS:])
    for name, values in (("fit", seconds[:, 0]), ("custom", seconds[:, 1])):
        low, middle, high = 1000 * np.percentile(values, [25, 50, 75])
        print(f"{title}: {name} {middle:.0f} ms a step (quartiles {low:.0f} and {high:.0f}, {len(values)} steps)")
    of_epochs = [np.median(part[:, 1]) / np.median(part[:, 0]) for part in np.array_split(seconds, epochs - 1)]
    ratio = np.median(seconds[:, 1]) / np.median(seconds[:, 0])
    print(f"{title}: custom / fit {ratio:.3f} (by epoch {min(of_epochs):.3f} to {max(of_epochs):.3f})")


num_epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
with_our_step = new_model(clips=False)
step_of_fit = new_step(with_our_step)
with_our_step.train_step = lambda batch: {"loss": step_of_fit(*batch)}
compare("the step of a run", with_our_step, num_epochs)
compare("the step of transformers", new_model(clips=True), num_epochs)

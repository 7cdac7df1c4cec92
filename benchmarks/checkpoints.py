"""What checkpoints cost: how long a step waits for one, how long the writing takes, and how large it is.

    python benchmarks/checkpoints.py [MODEL [CHECKPOINTS]]

Steps of 8 windows of 32 subwords, by turns with nothing else to do and while a checkpoint is written. MODEL is
`minilm`, or the folder of an encoder.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_ner import (
    TokenClassificationLoss,
    TrainConfig,
    load_tokenizer,
    load_untrained,
    make_optimizer,
    make_train_step,
    save_model,
)
from tf_ner.options.train import RUN_CONFIG
from tf_ner.training.checkpoints.checkpoints import BEST, CheckpointWriter, TrainingState

MODEL = sys.argv[1] if len(sys.argv) > 1 else "minilm"
NUM_CHECKPOINTS = int(sys.argv[2]) if len(sys.argv) > 2 else 10
STEPS_BETWEEN = 5

tokenizer = load_tokenizer(MODEL)
model = load_untrained(MODEL, tag_names=("O", "B-PER", "I-PER"))
optimizer = make_optimizer(learning_rate=1e-6, num_steps=10**4, max_grad_norm=None)
model.compile(optimizer)
train_step = tf.function(make_train_step(model, loss=TokenClassificationLoss(), optimizer=optimizer, seed=1))
rng = np.random.default_rng(0)
ids = tf.constant(rng.integers(1000, 20000, (8, 32)))
inputs = {name: ids if name == "input_ids" else tf.ones_like(ids) for name in tokenizer.model_input_names}
inputs["token_type_ids"] = tf.zeros_like(ids)
labels = tf.constant(rng.integers(0, 3, (8, 32)))


def seconds_of(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def step():
    float(train_step(inputs, labels))


def show(name, values):
    low, middle, high = 1000 * np.percentile(values, [25, 50, 75])
    print(f"{name}: {middle:.0f} ms (quartiles {low:.0f} and {high:.0f}, {len(values)} times)")


for _ in range(3):
    step()
with tempfile.TemporaryDirectory() as folder:
    # As in a run: the best model so far is linked, and read for its digest.
    save_model(model, tokenizer, Path(folder))
    TrainConfig().save(Path(folder) / RUN_CONFIG)
    writer = CheckpointWriter(Path(folder), tokenizer)
    alone, beside, waits, writes = [], [], [], []
    for number in range(NUM_CHECKPOINTS):
        alone += [seconds_of(step) for _ in range(STEPS_BETWEEN)]
        state = TrainingState(step=number, plan="", seconds=0.0, is_stopped=False, callbacks={})
        begin = time.time()
        waits.append(seconds_of(lambda state=state: writer.write(model, state)))
        while not writer.newest.exists():
            beside.append(seconds_of(step))
        # Written last.
        writes.append((writer.newest / "sha256.json").stat().st_mtime - begin)
    num_bytes = sum(file.stat().st_size for file in writer.newest.iterdir() if file.name != BEST)
show("a step, nothing written", alone)
show("a step, while a checkpoint is written", beside)
show("a step waits for a checkpoint", waits)
show("a checkpoint is on the disk after", writes)
print(f"a checkpoint: {num_bytes / 1e6:.0f} MB (without the best model, which is a link)")
lost = statistics.median(waits) + statistics.median(writes) * (1 - statistics.median(alone) / statistics.median(beside))
print(f"time lost for each: {1000 * lost:.0f} ms, or {lost / statistics.median(alone):.1f} steps")

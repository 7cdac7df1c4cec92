"""Which learning rate each weight has at each step."""

import math

import pytest
import tensorflow as tf

from tf_ner import make_optimizer

SCHEDULES = {
    "linear": lambda step, warmup, total: (
        step / max(1, warmup) if step < warmup else max(0.0, (total - step) / max(1, total - warmup))
    ),
    "cosine": lambda step, warmup, total: (
        step / max(1, warmup)
        if step < warmup
        else max(0.0, 0.5 * (1.0 + math.cos(math.pi * 0.5 * 2.0 * (step - warmup) / max(1, total - warmup))))
    ),
    "constant": lambda step, warmup, total: step / max(1, warmup) if step < warmup else 1.0,
}
"""The formulas of `get_*_schedule_with_warmup` in transformers."""


def test_a_number_of_warmup_steps_is_taken_as_it_is():
    rate = make_optimizer(learning_rate=1.0, num_steps=10, num_warmup_steps=4)._learning_rate
    assert rate(tf.range(10)).numpy() == pytest.approx([SCHEDULES["linear"](step, 4, 10) for step in range(10)])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup_ratio", [0.0, 0.1, 0.33, 1.0])
@pytest.mark.parametrize("num_steps", [1, 2, 7, 30, 1000])
def test_schedules_are_those_of_transformers(schedule, warmup_ratio, num_steps):
    rate = make_optimizer(
        learning_rate=3e-5, num_steps=num_steps, schedule=schedule, warmup_ratio=warmup_ratio
    )._learning_rate
    # As `TrainingArguments.get_warmup_steps` has it.
    warmup = math.ceil(num_steps * warmup_ratio)
    expected = [3e-5 * SCHEDULES[schedule](step, warmup, num_steps) for step in range(num_steps)]
    assert rate(tf.range(num_steps)).numpy() == pytest.approx(expected, rel=1e-5, abs=1e-11)

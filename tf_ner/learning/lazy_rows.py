"""AdamW for the rows of an embedding that a step has not used: made up for later, at no cost in that step.

Without a gradient, a row decays by a factor that all rows share, and moves on by what is left of its moments:

    weight ← (1 - rate * decay) * weight - rate * m̂ / (√v̂ + ε),    m ← β₁ * m,    v ← β₂ * v

Over a gap of some steps the decays are a product, and the moves are m times a sum of fractions, each with √v times a
number plus ε below. A dozen fractions stand for all of them, each for steps that lie side by side: exact where ε is
small beside √v̂ and where it is large, and to 0.0005 of a move in between.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_ner.learning.adamw import Learnt, adamw

WINDOW = 128
"""The longest that a row waits, in steps: after that, of a first moment only 10⁻⁶ is left."""

# For which of the steps after the start of a gap each fraction stands: those after the one before it, up to this one.
_ENDS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 28, 45, WINDOW)
_STEPS = np.arange(1, WINDOW + 1)
_FRACTION_OF_STEP = np.searchsorted(_ENDS, _STEPS)[:, np.newaxis] == np.arange(len(_ENDS))


class Past(NamedTuple):
    """The steps of a window.

    Attributes:
        begin: The step before the first of them <int64>[].
        now: The last step that was made <int64>[]; at most `WINDOW` later.
        rates: The learning rate of each <float64>[WINDOW].
        decays: The logarithm of what a weight has decayed to, from the window's begin to each <float64>[WINDOW].
    """

    begin: tf.Tensor
    now: tf.Tensor
    rates: tf.Tensor
    decays: tf.Tensor

    def decay_since(self, step: tf.Tensor) -> tf.Tensor:
        """What a weight has decayed to since a step <float64>[rows]."""
        return tf.exp(self.decay_at(self.now) - self.decay_at(step))

    def decay_at(self, step: tf.Tensor) -> tf.Tensor:
        before = tf.concat([tf.zeros([1], tf.float64), self.decays], axis=0)
        return tf.gather(before, step - self.begin)


def catch_up(rows: Learnt, since: tf.Tensor, past: Past, *, beta_1: float, beta_2: float, epsilon: float) -> Learnt:
    """What plain AdamW makes of rows in steps without a gradient for them.

    Args:
        rows: As they were after the step `since`.
        since: <int64>[rows], in the window.
        past: The steps of the window.
        beta_1, beta_2, epsilon: Of Adam.
    """
    gap = tf.cast(past.now - since, tf.float64)
    steps = since[:, tf.newaxis] + _STEPS
    numbers = tf.cast(steps, tf.float64)
    is_made = steps <= past.now
    place = tf.where(is_made, steps - past.begin - 1, 0)
    rates = tf.where(is_made, tf.gather(past.rates, place), 0.0)
    later_decay = tf.exp(past.decay_at(past.now) - tf.gather(past.decays, place))
    moves = rates * later_decay * beta_1**_STEPS / (1 - beta_1**numbers)
    scales = tf.sqrt(beta_2**_STEPS / (1 - beta_2**numbers))
    groups = tf.constant(_FRACTION_OF_STEP, tf.float64)
    # A fraction's numerator is that of its steps together; its denominator is theirs on average, so that it is their
    # sum without ε.
    numerators, without_epsilon = tf.matmul(moves, groups), tf.matmul(moves / scales, groups)
    denominators = tf.math.divide_no_nan(numerators, without_epsilon)
    roots, total = tf.sqrt(rows.second), tf.zeros_like(rows.second)
    # One after the other, so that all of them need not be in memory.
    for number in range(len(_ENDS)):
        total += _as_column(numerators[:, number]) / (roots * _as_column(denominators[:, number]) + epsilon)

    return Learnt(
        rows.weights * _as_column(past.decay_since(since)) - rows.first * total,
        rows.first * _as_column(beta_1**gap),
        rows.second * _as_column(beta_2**gap),
    )


class LazyRows(tf.Module):
    """The rows of an embedding, each of which has come to a step of its own: the last that used it.

    Args:
        weights, first, second: The embedding and its moments.
        rate: The learning rate <float32>[…] of steps, by their numbers from 1 <int64>[…].
        decay: Decoupled weight decay; what a weight loses in a step is this times the rate.
        beta_1, beta_2, epsilon: Of Adam.
        now: The number of the last step that was made <int64>[].

    Attributes:
        weights: The embedding.
        since: The step that each row has come to <int64>[rows].
    """

    def __init__(
        self,
        weights: tf.Variable,
        first: tf.Variable,
        second: tf.Variable,
        *,
        rate: Callable[[tf.Tensor], tf.Tensor],
        decay: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        now: tf.Variable,
    ):
        super().__init__()
        self.weights = weights
        self._tables = Learnt(weights, first, second)
        self._rate = rate
        self._decay = decay
        self._adam = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        self._now = now
        self._is_shown = False
        self.since = tf.Variable(tf.fill(weights.shape[:1], now.value()), trainable=False, name="since")

    def make_ready(self, ids: tf.Tensor) -> None:
        """Brings the rows that a step is about to read to the step before.

        Args:
            ids: <int>[…], also several times.
        """
        rows, _ = tf.unique(tf.reshape(ids, [-1]))
        self._write(rows, self._settled(rows), at=self._now.value())

    def update(self, gradient: tf.IndexedSlices) -> None:
        """Makes a step with the rows that are ready; all others it leaves to later.

        Args:
            gradient: A slice for each of the rows.
        """
        rows = gradient.indices
        number = self._now.value() + 1
        step, rate = tf.cast(number, tf.float32), self._rate(number)
        moved = adamw(self._read(rows), gradient.values, step=step, rate=rate, decay=self._decay, **self._adam)
        self._write(rows, moved, at=number)

    def settle_if_due(self) -> None:
        """Settles after each `WINDOW` steps, so that no row waits for longer."""
        tf.cond(self._now % WINDOW == 0, self.settle, lambda: None)

    def settle(self) -> None:
        """Brings all rows to the last step."""
        rows = self._moving()
        moved = self._settled(rows)
        first_moments = tf.where(tf.abs(moved.first) < _NOTHING, 0.0, moved.first)
        gap = tf.cast(self._now.value() - self.since.value(), tf.float64)
        second = self._tables.second.value() * _as_column(self._adam["beta_2"] ** gap)
        where = rows[:, tf.newaxis]
        self._tables.weights.assign(self._settled_weights(rows, moved))
        self._tables.first.assign(tf.tensor_scatter_nd_update(self._tables.first.value(), where, first_moments))
        self._tables.second.assign(tf.tensor_scatter_nd_update(second, where, moved.second))
        self.since.assign(tf.fill(tf.shape(self.since), self._now.value()))

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Shows the weights as they are after the last step.

        Afterwards the rows wait as before, so that the course of a training does not depend on who looked at it when;
        if somebody has changed the weights, that is kept.
        """
        if self._is_shown:
            yield
            return
        rows = self._moving()
        waiting, shown = self.weights.read_value(), self._settled_weights(rows, self._settled(rows))
        self.weights.assign(shown)
        self._is_shown = True
        try:
            yield
        finally:
            self._is_shown = False
            left = self.weights.read_value()
            self.weights.assign(waiting)
            if not tf.reduce_all(left == shown):
                self.settle()
                self.weights.assign(left)

    def waiting(self) -> dict[str, tf.Tensor]:
        """What `wait` takes, and neither the model as it is shown nor the optimizer holds."""
        return {"weights": self.weights.read_value(), "since": self.since.read_value()}

    def wait(self, waiting: Mapping[str, Any]) -> None:
        """Lets the rows wait as they did where `waiting` was called; the moments must be those of then too."""
        self.weights.assign(waiting["weights"])
        self.since.assign(waiting["since"])

    def _moving(self) -> tf.Tensor:
        """The rows whose moments are not 0 <int64>[rows]; most have not been used for long, and only decay."""
        return tf.where(tf.reduce_any(self._tables.first.value() != 0, axis=-1))[:, 0]

    def _settled_weights(self, rows: tf.Tensor, moved: Learnt) -> tf.Tensor:
        """All weights as they are after the last step, of which some rows are known."""
        decayed = self.weights.value() * _as_column(self._past().decay_since(self.since.value()))
        return tf.tensor_scatter_nd_update(decayed, rows[:, tf.newaxis], moved.weights)

    def _settled(self, rows: tf.Tensor) -> Learnt:
        """Some rows as they are after the last step."""
        return catch_up(self._read(rows), tf.gather(self.since, rows), self._past(), **self._adam)

    def _past(self) -> Past:
        now = self._now.value()
        begin = tf.maximum(now - 1, 0) // WINDOW * WINDOW
        rates = tf.cast(self._rate(begin + _STEPS), tf.float64)
        return Past(begin, now, rates, tf.cumsum(tf.math.log1p(-rates * self._decay)))

    def _read(self, rows: tf.Tensor) -> Learnt:
        return Learnt(*(tf.gather(table, rows) for table in self._tables))

    def _write(self, rows: tf.Tensor, values: Learnt, *, at: tf.Tensor) -> None:
        for table, its in zip(self._tables, values, strict=True):
            table.scatter_update(tf.IndexedSlices(its, rows))
        self.since.scatter_update(tf.IndexedSlices(tf.fill(tf.shape(rows), at), rows))


_NOTHING = 1e-30
"""A moment that is less moves no weight; numbers still smaller are slow to compute with."""


def _as_column(factors: tf.Tensor) -> tf.Tensor:
    return tf.cast(factors, tf.float32)[:, tf.newaxis]

"""SIGTERM and SIGINT: first a checkpoint, then the end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
import tensorflow as tf

from tf_ner.errors import TrainingInterruptedError
from tf_ner.training.strategies import Strategy, add_over_processes

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_TOLD_EVERY = 10


class Interrupts:
    """What has asked a training to stop, in whichever of its processes.

    Attributes:
        received: The first signal that this process got; None as long as there was none.
        told_every: After how many steps the processes of several machines, which must all end after the same step, tell
            each other of it; one alone knows at once.
    """

    def __init__(self, strategy: Strategy):
        self._strategy = strategy
        self.received: signal.Signals | None = None
        self.told_every = _TOLD_EVERY if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) else 1

    def of_all(self) -> signal.Signals | None:
        """A signal that any process of the training got; all must ask after the same step."""
        own = np.array([self.received == number for number in _SIGNALS], dtype=np.int64)
        received = add_over_processes(self._strategy, own)
        return next((number for number, times in zip(_SIGNALS, received, strict=True) if times), None)

    def stop(self, step: int) -> None:
        """Ends the training if a signal has asked for it; all processes must call it after the same step.

        Raises:
            TrainingInterruptedError: It has.
        """
        if (received := self.of_all()) is not None:
            raise TrainingInterruptedError(received, step)


@contextmanager
def noticed_interrupts(strategy: Strategy) -> Iterator[Interrupts]:
    """Notes the first signal that asks to stop, and lets a second one do what it did before.

    In threads, where Python gives no signals, nothing is noted, and no signal that the process was started to ignore.
    """
    interrupts = Interrupts(strategy)
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.received = signal.Signals(number)
        put_back()

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield interrupts
    finally:
        put_back()

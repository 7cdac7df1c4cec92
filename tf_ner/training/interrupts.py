"""SIGTERM and SIGINT: first a checkpoint, then the end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tf_ner.errors import TrainingInterruptedError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupts:
    """What has asked this process to stop.

    Attributes:
        received: The first signal; None as long as there was none.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def stop(self, step: int) -> None:
        """Ends the training if a signal has asked for it.

        Raises:
            TrainingInterruptedError: It has.
        """
        if self.received is not None:
            raise TrainingInterruptedError(self.received, step)


@contextmanager
def noticed_interrupts() -> Iterator[Interrupts]:
    """Notes the first signal that asks to stop, and lets a second one end the process at once.

    In threads, where Python gives no signals, nothing is noted.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.received = signal.Signals(number)
        put_back()

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield interrupts
    finally:
        put_back()

"""Which evaluation is the best so far."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from tf_ner.errors import ConfigError

_VALIDATION = "val_"
_LEAST = ("loss", "mse")
_USUAL = ("f1", "accuracy", "pearson")


class BestScore:
    """The best value of a score in the logs of the evaluations so far.

    Of a loss or an error (`mse`) the least is the best, of all else the most.

    Args:
        name: With or without `val_`. If not given, the first of `val_f1`, `val_accuracy` and `val_pearson` that there
            is.

    Attributes:
        value: The best so far; not a number before the first.
        num_since: How many evaluations there were since.
    """

    def __init__(self, name: str | None = None):
        self._name = name and name.removeprefix(_VALIDATION)
        self.value = math.nan
        self.num_since = 0
        self._num_seen = 0

    def get_state(self) -> dict[str, Any]:
        """What `set_state` of another one takes, in JSON's types."""
        value = None if math.isnan(self.value) else self.value
        return {"value": value, "num_since": self.num_since, "num_seen": self._num_seen}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on where another one was."""
        self.value = math.nan if state["value"] is None else state["value"]
        self.num_since, self._num_seen = state["num_since"], state["num_seen"]

    def update(self, logs: Mapping[str, float]) -> bool:
        """Takes in an evaluation; tells whether it is the best so far.

        Raises:
            ConfigError: The score is not among the logs.
        """
        name = self._name_in(logs)
        value = logs[name]
        is_better = value < self.value if name.removeprefix(_VALIDATION) in _LEAST else value > self.value
        self._num_seen += 1
        # What is no number is the best so far only if it is the first, so that there is a model at all.
        is_first = self._num_seen == 1 or (math.isnan(self.value) and not math.isnan(value))
        if is_first or is_better:
            self.value, self.num_since = value, 0
            return True
        self.num_since += 1
        return False

    def require(self, names: Iterable[str]) -> None:
        """Makes sure, before the training, that the score will be among the logs.

        Raises:
            ConfigError: It will not.
        """
        names = list(names)
        if self._name is not None and not {self._name, _VALIDATION + self._name} & set(names):
            raise ConfigError(
                f"Received --best-metric {self._name}; expected one of "
                f"{', '.join(name.removeprefix(_VALIDATION) for name in names)}. Change --best-metric."
            )

    def _name_in(self, logs: Mapping[str, float]) -> str:
        wanted = [self._name] if self._name else _USUAL
        # That of validation first: `loss` alone is the training's.
        for name in (*(_VALIDATION + name for name in wanted), *wanted):
            if name in logs:
                return name
        raise ConfigError(
            f"Received logs of {', '.join(logs) or 'nothing'}; expected {_VALIDATION}{wanted[0]} among them. "
            "Put MetricsCallback (or SeqevalCallback) before the callbacks that read them, or name another score."
        )

"""Weights & Biases, through its client: project, entity, mode and key are those that it finds itself."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tf_ner.training.trackers.tracker import PROJECT, RunFacts, Tracker

STEP = "trainer/step"
"""Over which W&B draws everything. Its own steps are rows, which must never go back."""

# Unless the environment says otherwise: the terminal is not recorded, nobody is waited for long at a prompt, a network
# that is gone holds up a training for half a minute before and for one after, and what the client holds back, and loses
# where the process is killed, is that of a second and not of fifteen.
_SETTINGS: dict[str, Any] = {
    "console": "off",
    "login_timeout": 30,
    "init_timeout": 30,
    "finish_timeout": 60,
    "finish_timeout_raises": True,
    "x_transaction_log_flush_interval": 1,
}


class WandbTracker(Tracker):
    """Reports to the run that is open in this process, or else to one of its own, which it ends too.

    W&B's own callbacks are for Keras 3, and do not work in tf_keras.
    """

    name = "wandb"
    packages = ("wandb",)
    extra = "wandb"
    advice = "Look at the network and at `wandb login`, set WANDB_MODE=offline and upload later with `wandb sync`"

    def start(self, run: RunFacts) -> None:
        import wandb

        self._is_own = wandb.run is None
        # Those that this version of the client has.
        known = [name for name in _SETTINGS if name in wandb.Settings.model_fields]
        settings = {name: _SETTINGS[name] for name in known if f"WANDB_{name.upper()}" not in os.environ}
        self._run = wandb.run or wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=run.id,
            name=run.name,
            group=run.group or os.environ.get("WANDB_RUN_GROUP"),
            resume="allow",
            settings=wandb.Settings(**settings),
        )
        self._run.config.update(dict(run.options), allow_val_change=True)
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP)

    def log(self, values: Mapping[str, float], *, step: int, row: int) -> None:
        self._log(values, step=step, row=row)

    def log_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, step: int, row: int
    ) -> None:
        import wandb

        table = wandb.Table(columns=list(columns), data=[list(cells) for cells in rows])
        self._log({name: table}, step=step, row=row)

    def finish(self, *, failed: bool) -> None:
        if self._is_own:
            self._run.finish(exit_code=int(failed))

    def _log(self, values: Mapping[str, Any], *, step: int, row: int) -> None:
        # In a run of somebody else there are other rows.
        number = {"step": row} if self._is_own else {}
        self._run.log({**values, STEP: step}, commit=True, **number)

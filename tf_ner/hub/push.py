"""The Keras callback that pushes a model to the Hub while it learns."""

import inspect
import logging
from pathlib import Path
from typing import Any

import tf_keras as keras
from transformers import PreTrainedTokenizerBase
from transformers.keras_callbacks import PushToHubCallback as TransformersPushToHubCallback
from transformers.modelcard import TrainingSummary
from transformers.trainer_utils import IntervalStrategy

from tf_ner.card.merge import sealed
from tf_ner.errors import ConfigError
from tf_ner.files import remove_partial, write_text
from tf_ner.hub.background import BackgroundUploader
from tf_ner.hub.upload import HubTarget, open_or_warn
from tf_ner.models.packed import unpacked
from tf_ner.models.weights import save_model

logger = logging.getLogger(__name__)

_SET_BY_CALLBACK = {"model", "model_name", "keras_history"}


class PushToHubCallback(TransformersPushToHubCallback):
    """Saves and pushes the model regularly, without git and without blocking training.

    Replaces the class of the same name in transformers. Each state is first saved in `output_dir`, whatever the network
    does, and then pushed in the background, one at a time; a newer state replaces one that is still waiting. `fit`
    returns once the final state is pushed, or, with a warning, after several failed attempts.

    Args:
        output_dir: Where the model is saved; created if needed.
        save_strategy: `no` (only at the end), `epoch` or `steps`.
        save_steps: The number of steps between two saves, with `steps`.
        tokenizer: Saved with the model.
        hub_model_id: `name`, `user/name` or `organisation/name`; the name of `output_dir` if not given.
        hub_token: The token for the Hub; that of `huggingface-cli login` or `HF_TOKEN` if not given.
        checkpoint: As in transformers; must be False, since only runs (`--push-checkpoints`) write checkpoints.
        hub_replace_card: Replace the repository's model card even if somebody else wrote or changed it.
        **model_card_args: For `transformers.modelcard.TrainingSummary.from_keras`, such as `dataset` or `language`.

    Attributes:
        commit_url: The address of the last commit; None before the first.

    Raises:
        ConfigError: An argument cannot be used.
        HubError: The Hub refuses: there is no token, or the token has no write access.
    """

    def __init__(
        self,
        output_dir: str | Path,
        save_strategy: str | IntervalStrategy = "epoch",
        save_steps: int | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        hub_model_id: str | None = None,
        hub_token: str | None = None,
        checkpoint: bool = False,
        *,
        hub_replace_card: bool = False,
        **model_card_args: Any,
    ):
        # Not the parent's own: it would clone the repository with git.
        keras.callbacks.Callback.__init__(self)
        try:
            self.save_strategy = IntervalStrategy(save_strategy)
        except ValueError:
            raise ConfigError(
                f"Received save_strategy {save_strategy!r}; expected no, epoch or steps. Change save_strategy."
            ) from None
        if self.save_strategy == IntervalStrategy.STEPS and (not isinstance(save_steps, int) or save_steps < 1):
            raise ConfigError(
                f"Received save_steps {save_steps!r}; expected a number of steps, since save_strategy is steps."
            )
        known = inspect.signature(TrainingSummary.from_keras).parameters.keys() - _SET_BY_CALLBACK
        if others := sorted(model_card_args.keys() - known):
            raise ConfigError(
                f"Received {', '.join(others)}; expected arguments of PushToHubCallback, or of the card: "
                f"{', '.join(sorted(known))}. Correct the name."
            )
        if checkpoint:
            raise ConfigError(
                "Received checkpoint=True; expected False, since only runs write checkpoints. Leave it out, or use "
                "`train(TrainConfig(…, push_to_hub=True, push_checkpoints=True))`, which pushes them."
            )
        self.save_steps = save_steps or 0
        self.output_dir = Path(output_dir)
        self.tokenizer = tokenizer
        self.model_card_args = model_card_args
        self.training_history: list[dict[str, Any]] = []
        target = HubTarget(
            hub_model_id or self.output_dir.resolve().name, token=hub_token, replaces_card=hub_replace_card
        )
        self.hub_model_id = open_or_warn(target)
        if self.output_dir.is_dir():
            remove_partial(self.output_dir)
        self._uploader = BackgroundUploader(target)
        self._num_steps = 0

    @property
    def commit_url(self) -> str | None:
        return self._uploader.commit_url

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.training_history = []
        self._num_steps = 0

    def _implements_train_batch_hooks(self) -> bool:
        # Keras, and our own training, then take each step by itself.
        return self.save_strategy == IntervalStrategy.STEPS

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._num_steps += 1
        if self.save_strategy == IntervalStrategy.STEPS and self._num_steps % self.save_steps == 0:
            self._save()
            self._uploader.submit(self.output_dir, f"Step {self._num_steps}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.training_history.append({**(logs or {}), "epoch": epoch})
        if self.save_strategy == IntervalStrategy.EPOCH:
            self._save()
            self._uploader.submit(self.output_dir, f"Epoch {epoch + 1}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._save()
        if address := self._uploader.finish(self.output_dir, "End of training"):
            logger.info("Pushed: %s", address)

    def _save(self) -> None:
        save_model(unpacked(self.model), self.tokenizer, self.output_dir)
        if self.training_history:
            summary = TrainingSummary.from_keras(
                model=self.model,
                model_name=self.hub_model_id,
                keras_history=self.training_history,
                # Without one it would ask the Hub for the encoder's, each time, and make the training wait.
                **{"license": "", **self.model_card_args},
            )
            summary.license = summary.license or None
            write_text(self.output_dir / "README.md", sealed(summary.to_model_card()))

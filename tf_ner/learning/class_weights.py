"""How much each label weighs in the loss."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tf_ner.corpus.tags import is_iob, split_tag
from tf_ner.errors import ConfigError
from tf_ner.options.train import BALANCED, TrainConfig
from tf_ner.tasks.task import IGNORED


def class_weights(
    config: TrainConfig, label_names: Sequence[str], labels: Iterable[int | Sequence[int]]
) -> list[float] | None:
    """The weights that `--class-weights` asks for, by label id; None where all weigh the same.

    Args:
        config: The options.
        label_names: By label id.
        labels: What is learnt, a row a window: label ids and -100, or one id.

    Raises:
        ConfigError: A name is neither a tag nor a label.
    """
    if config.class_weights is None:
        return None
    if config.class_weights != BALANCED:
        return named_weights(config.weights_by_name, label_names)
    label_ids = np.concatenate([np.atleast_1d(row) for row in labels])
    return balanced_weights(label_ids[label_ids != IGNORED], len(label_names))


def balanced_weights(label_ids: NDArray[np.int64], num_labels: int) -> list[float]:
    """Weights by which all labels together weigh the same, and a label 1 on average, as scikit-learn has it.

    Args:
        label_ids: <int>[labels of the training data]
        num_labels: How many ids there are; one that does not occur weighs 1.
    """
    counts = np.bincount(label_ids, minlength=num_labels)
    shares = len(label_ids) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, shares, 1.0).tolist()


def named_weights(weights: Mapping[str, float], label_names: Sequence[str]) -> list[float]:
    """Weights of those that are named, and 1 of all others.

    Args:
        weights: By name; where all are IOB tags also by label, such as `PER` for B-PER and I-PER, but a tag's own comes
            first.
        label_names: The tags, or the labels of texts, by label id.

    Raises:
        ConfigError: A name is neither.
    """
    # Other names may hold a hyphen too, and it divides nothing there: non-fiction is no kind of fiction.
    are_iob = all(map(is_iob, label_names))
    labels = [split_tag(name)[1] if are_iob else "" for name in label_names]
    known = dict.fromkeys([*label_names, *filter(None, labels)])
    for name in weights:
        if name not in known:
            raise ConfigError(
                f"Received --class-weights {name}={weights[name]:g}; expected names of {', '.join(known)}. "
                "Change --class-weights."
            )
    found = [weights.get(tag, weights.get(label or tag, 1.0)) for tag, label in zip(label_names, labels, strict=True)]
    if not any(found):
        raise ConfigError(
            "Received --class-weights that are 0 for all labels; expected more for one of them, or nothing is learnt. "
            "Change --class-weights."
        )
    return found

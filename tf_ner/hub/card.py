"""The README.md of a run."""

from collections.abc import Mapping
from typing import Any

_RATIOS = ("precision", "recall", "f1", "accuracy")


def model_card(*, model: str, dataset: str, command: str, metrics: Mapping[str, Any]) -> str:
    """Describes a run in Markdown.

    Args:
        model: The encoder it began with.
        dataset: What it was trained on.
        command: What repeats it.
        metrics: As in `metrics.json`.
    """
    splits = [split for split in ("validation", "test") if split in metrics]
    rows = [
        f"| {split} | "
        + " | ".join(f"{metrics[split][name]:.4f}" for name in _RATIOS)
        + f" | {metrics[split]['support']} | {metrics[split]['words_scored']} of {metrics[split]['words']} |"
        for split in splits
    ]
    labels = [
        f"| {split} | {label} | "
        + " | ".join(f"{scores[name]:.4f}" for name in _RATIOS[:3])
        + f" | {scores['support']} |"
        for split in splits
        for label, scores in metrics[split]["per_label"].items()
    ]
    training = metrics["training"]
    return "\n".join(
        [
            f"# {model} for named entities, trained on {dataset}",
            "",
            "| split | precision | recall | F1 | accuracy | entities | words scored |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            "Scores are on words, as seqeval computes them by default.",
            "",
            "| split | label | precision | recall | F1 | entities |",
            "|---|---|---|---|---|---|",
            *labels,
            "",
            "## How it was trained",
            "",
            f"    {command}",
            "",
            f"{training['epochs']} epochs, {training['steps']} steps, {training['seconds']:.0f} seconds; the saved "
            f"weights are those of epoch {training['best_epoch']}, the best on validation.",
            "",
            "## How to use it",
            "",
            "```python",
            "from transformers import pipeline",
            "",
            'find_entities = pipeline("token-classification", model="PATH OF THIS FOLDER", '
            'aggregation_strategy="simple")',
            "```",
            "",
        ]
    )

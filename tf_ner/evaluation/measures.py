"""What scores are called."""

MEASURES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "matthews_correlation": "MCC",
    "pearson": "Pearson",
    "spearmanr": "Spearman",
    "mse": "mean squared error",
}
"""The scores of whole splits, by their names in `metrics.json`, with a name to be shown."""

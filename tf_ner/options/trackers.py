"""Where a run can be reported to."""

TRACKERS = {
    "tensorboard": "tf_ner.training.trackers.tensorboard:TensorBoardTracker",
    "wandb": "tf_ner.training.trackers.wandb:WandbTracker",
    "trackio": "tf_ner.training.trackers.trackio:TrackioTracker",
}
"""For each value of `--report-to` the class that reports there, loaded where it is asked for."""

ALL, NONE = "all", "none"
"""What transformers calls every tracker that is installed, and no tracker."""

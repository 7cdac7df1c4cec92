"""Where a training is reported while it goes on: one file a tracker, and what all of them share."""

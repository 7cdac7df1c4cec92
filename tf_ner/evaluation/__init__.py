"""Scores and how sure they are. Needs neither TensorFlow nor transformers."""

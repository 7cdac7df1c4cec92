"""Which windows form a batch, and how they get to TensorFlow."""

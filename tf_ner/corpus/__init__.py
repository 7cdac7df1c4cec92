"""Words and tags, from any source, in one shape. Needs neither TensorFlow nor transformers."""

"""Words and tags, from any source, in one form. Needs neither TensorFlow nor transformers."""

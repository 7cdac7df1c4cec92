"""What is copied into the folder of an export, and runs there without tf_ner."""

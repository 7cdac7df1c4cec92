"""What is wrong with a corpus, by file and line."""

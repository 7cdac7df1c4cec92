"""A corpus by its name: from the Hub, a folder or files, with one scheme and the labels asked for."""

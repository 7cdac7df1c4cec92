"""The commands of `tf-ner`."""

from tf_ner.cli.commands import main

__all__ = ["main"]

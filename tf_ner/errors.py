"""What tf_ner raises when it cannot go on.

Each message is one line: what was received, what was expected, how to fix it. The command line prints it after
`error: ` and exits with code 2; anything that is not a `TfNerError` is a bug and keeps its traceback.
"""


class TfNerError(Exception):
    """Base of every error that tf_ner raises on purpose."""


class ConfigError(TfNerError):
    """An option has a value that cannot work."""


class DataError(TfNerError):
    """A data set cannot be read, or does not fit the task. Begins with `path:line:` where a line is to blame."""


class ModelError(TfNerError):
    """A model or tokenizer cannot be loaded, or does not fit the data."""


class OutputError(TfNerError):
    """The output folder cannot be used."""


class HubError(TfNerError):
    """The Hub does not let us do what was asked, and will not by waiting."""

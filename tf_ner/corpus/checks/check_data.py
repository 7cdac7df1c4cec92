"""A data set as the options name it, read and checked."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tf_ner.corpus.checks.repair import Change, write_repaired
from tf_ner.corpus.checks.sentences import CorpusReport, check_corpus
from tf_ner.corpus.findings import Finding, raise_errors
from tf_ner.corpus.loading.labels import find_scheme, warn_of_unused_names
from tf_ner.corpus.loading.splits import CorpusFiles, Split, find_corpus_files, read_splits
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError
from tf_ner.options.commands import CheckConfig
from tf_ner.options.train import SchemeName


@dataclass(frozen=True)
class CheckedData:
    """A data set and what was found in it.

    Attributes:
        splits: As read.
        report: What was found.
        changes: What was repaired in the copy, of which the rest then tells.
    """

    splits: dict[str, Split]
    report: CorpusReport
    changes: list[Change]


def check_data(config: CheckConfig) -> CheckedData:
    """Reads and checks a data set; with `fix`, writes a repaired copy and checks that.

    Raises:
        DataError: There is none, its columns or scheme cannot be told, or its format cannot be repaired.
        OutputError: The folder for the copy is not empty.
    """
    layout = Layout.configured(config)
    found = find_corpus_files(config.dataset, layout, config.files)
    with _no_garbage():
        findings: list[Finding] = []
        splits = read_splits(*found, report=findings.append) if found else _from_hub(config, layout, findings)
        scheme = _scheme(splits, config, findings)
        warn_of_unused_names(splits, scheme, config.new_labels)
        changes: list[Change] = []
        if config.fix is not None:
            layout = found.layout if found else layout
            changes = write_repaired(splits, scheme=scheme, layout=layout, folder=config.fix)
            copies = CorpusFiles({name: config.fix / Path(split.path).name for name, split in splits.items()}, layout)
            findings = []
            splits = read_splits(*copies, report=findings.append)
        report = check_corpus(
            splits, scheme, new_labels=config.new_labels, has_names=config.task == "ner", reported=findings
        )
    return CheckedData(splits, report, changes)


def _scheme(splits: dict[str, Split], config: CheckConfig, findings: list[Finding]) -> SchemeName | None:
    if config.task == "pos":
        return None
    if config.scheme:
        return config.scheme
    try:
        return find_scheme(splits)
    except DataError:
        # Lines that could not be read are likely why.
        raise_errors(findings)
        raise


def _from_hub(config: CheckConfig, layout: Layout, findings: list[Finding]) -> dict[str, Split]:
    # Imports `datasets`, which takes a second or more.
    from tf_ner.corpus.loading.hub_sets import read_from_hub

    return read_from_hub(config.dataset, config, layout, report=findings.append)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Stops the search for reference cycles, of which there are none: it would walk through all words many times."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

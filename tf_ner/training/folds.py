"""A corpus in folds, and for each a model that was trained on all the others."""

import dataclasses
import filecmp
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tf_ner.corpus.formats.json_lines import write_json_lines
from tf_ner.corpus.loading.tagged import read_configured, require_correct, training_tags, warn_of_unused_names
from tf_ner.corpus.loading.validation import fold_of_rows
from tf_ner.corpus.sentences import Sentence
from tf_ner.errors import DataError, OutputError
from tf_ner.files import replaced_whole
from tf_ner.options.commands import FindErrorsConfig
from tf_ner.options.train import METRICS, RUN_CONFIG, SchemeName
from tf_ner.training.several_seeds import train_or_go_on
from tf_ner.training.strategies import with_known_precision

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldedCorpus:
    """The training sentences, and which fold holds each of them out.

    Attributes:
        path: The file, or the data set on the Hub.
        sentences: With tags as a model learns them, entities in IOB2.
        fold_of: For each sentence its fold, from 0.
        has_entities: Whether the tags spell entities.
    """

    path: Path | str
    sentences: list[Sentence]
    fold_of: list[int]
    has_entities: bool

    def held_out(self, fold: int) -> list[int]:
        """The sentences of a fold, from 0."""
        return [row for row, of_row in enumerate(self.fold_of) if of_row == fold]


def read_folds(config: FindErrorsConfig) -> FoldedCorpus:
    """Reads the training sentences that the options say, and divides them.

    Raises:
        DataError: There are none, they cannot be read, or they are too few.
    """
    corpus = read_configured(config, config.dataset, config.files)
    require_correct(corpus)
    if "train" not in corpus.splits:
        raise DataError(
            f"Received data with the splits {', '.join(corpus.splits)}; expected train, in which errors are looked "
            "for. Name a file with --train-file."
        )
    warn_of_unused_names(corpus.splits, corpus.scheme, config.new_labels)
    path, read = corpus.splits["train"]
    rows = [sentence for sentence in islice(read, config.max_train_examples) if sentence.words]
    tags = training_tags(rows, scheme=corpus.scheme, new_labels=config.new_labels)
    sentences = [sentence._replace(tags=of_row) for sentence, of_row in zip(rows, tags, strict=True)]
    begins = [sentence.begins_document for sentence in sentences]
    fold_of = fold_of_rows((sentence.words for sentence in sentences), config.folds, begins=begins)
    return FoldedCorpus(path, sentences, fold_of, has_entities=corpus.scheme is not None)


def train_folds(
    config: FindErrorsConfig, corpus: FoldedCorpus, *, verbose: int = 1
) -> Iterator[tuple[list[int], Path]]:
    """Trains a model for each fold on all the others, in a folder of its own (`fold-1` and so on).

    The sentences of the fold are the run's validation, by which its best epoch is chosen. A finished run is kept, and
    an interrupted one is resumed.

    Yields:
        For each fold its sentences, from 0, and the folder of the run.

    Raises:
        TfNerError: A run cannot start, or the folder holds something else.
    """
    folder = config.run_dir
    if (folder / RUN_CONFIG).exists():
        raise OutputError(
            f"Received --output-dir {folder}, which holds a run; expected a folder for the runs of several folds. "
            "Choose another one."
        )
    config = dataclasses.replace(config, precision=with_known_precision(config).precision)
    scheme: SchemeName | None = "iob2" if corpus.has_entities else None
    for fold in range(config.folds):
        data, run_dir = folder / "data" / f"fold-{fold + 1}", folder / f"fold-{fold + 1}"
        rows = corpus.held_out(fold)
        if config.overwrite:
            # What is replaced is finished no longer, or an interrupted command would leave it beside other data.
            (run_dir / METRICS).unlink(missing_ok=True)
        _write_data(data, corpus, set(rows), overwrite=config.overwrite)
        logger.info("fold %d of %d: training in %s", fold + 1, config.folds, run_dir)
        train_or_go_on(config.of_fold(data, run_dir, scheme=scheme), verbose=verbose)
        yield rows, run_dir


def _write_data(folder: Path, corpus: FoldedCorpus, held_out: set[int], *, overwrite: bool) -> None:
    """Writes the data of a fold's run, or makes sure that those which are there are the same.

    Raises:
        OutputError: They are others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Sequence[Sentence]] = {
        "train": [sentence for row, sentence in enumerate(corpus.sentences) if row not in held_out],
        "validation": [corpus.sentences[row] for row in sorted(held_out)],
    }
    with TemporaryDirectory(prefix="tf_ner-") as temporary:
        for name, sentences in parts.items():
            path, new = folder / f"{name}.jsonl", Path(temporary) / name
            write_json_lines(new, sentences)
            if path.exists() and filecmp.cmp(path, new, shallow=False):
                continue
            if path.exists() and not overwrite:
                raise OutputError(
                    f"Received --output-dir {folder.parents[1]}, whose folds hold other sentences; expected the same "
                    "data and --folds. Choose another folder, or replace its runs with --overwrite."
                )
            with replaced_whole(path) as replacement:
                write_json_lines(replacement, sentences)

"""A corpus written in another format, or with its tags spelt in another scheme."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tf_ner.corpus.formats import (
    EXTENSIONS,
    FORMATS,
    WRITTEN_EXTENSIONS,
    format_of_name,
    what_cannot_be_written,
)
from tf_ner.corpus.loading.splits import Split
from tf_ner.corpus.loading.tagged import (
    broken_transitions,
    read_configured,
    require_correct,
    training_tags,
    warn_of_unused_names,
)
from tf_ner.corpus.schemes import UnspeakableEntityError, from_iob2
from tf_ner.corpus.sentences import Sentence
from tf_ner.corpus.tags import tags_to_spans
from tf_ner.errors import ConfigError, DataError, OutputError
from tf_ner.files import folder_filled_whole, replaced_whole, require_file, require_folder_of
from tf_ner.options.commands import ConvertConfig
from tf_ner.options.train import FormatName, SchemeName

logger = logging.getLogger(__name__)


class Converted(NamedTuple):
    """What was written to a file.

    Attributes:
        path: The file.
        num_sentences: In it.
        num_words: In it.
        entities: How many there are of each label; None where the tags spell none, as parts of speech.
    """

    path: Path
    num_sentences: int
    num_words: int
    entities: Counter[str] | None

    def __str__(self) -> str:
        parts = [f"{self.num_sentences} sentences", f"{self.num_words} words"]
        if self.entities is not None:
            labels = ", ".join(f"{label} {number}" for label, number in sorted(self.entities.items()))
            parts.append(f"{self.entities.total()} entities" + (f" ({labels})" if labels else ""))
        return f"{self.path}: {', '.join(parts)}"


def convert(config: ConvertConfig) -> list[Converted]:
    """Writes what a file or a corpus holds in another format. Nothing is written unless all of it can be.

    Returns:
        What was written, file by file.

    Raises:
        ConfigError: The format cannot be told.
        DataError: The corpus cannot be read, or the format or the scheme cannot hold it; names the line.
        OutputError: The output is there already, or cannot be written.
    """
    source = Path(config.source)
    if not source.exists() and source.suffix.lower() in EXTENSIONS:
        raise DataError(f"Received {source}, which does not exist; expected a file or a folder. Check the path.")
    is_file = source.is_file()
    name = _format(config, is_file=is_file)
    _require_free(config, is_file=is_file)
    corpus = read_configured(config, config.source, {"file": source} if is_file else None)
    require_correct(corpus)
    scheme = corpus.scheme
    # No format can hold a sentence without words.
    splits = {
        split: Split(path, [sentence for sentence in sentences if sentence.words])
        for split, (path, sentences) in corpus.splits.items()
    }
    if any(sentence.word_rule == "text" for split in splits.values() for sentence in split.sentences):
        logger.info(
            "The texts were split into words by the rule text: pass --word-rule text to tf-ner train, so that its "
            "model splits new text the same."
        )
    for split in splits.values():
        if num_missed := sum(len(sentence.missed) for sentence in split.sentences):
            logger.warning("%s: %d entities end inside words and are not written", split.path, num_missed)
    if scheme is not None:
        if scheme != "iob2":
            logger.info("The tags are %s.", scheme.upper())
        for remark in broken_transitions(splits, scheme):
            logger.warning("%s", remark)
    warn_of_unused_names(splits, scheme, config.new_labels)
    tags = {
        name: list(training_tags(split.sentences, scheme=scheme, new_labels=config.new_labels))
        for name, split in splits.items()
    }
    respelt = {split: _respell(splits[split], tags[split], scheme, config, name) for split in splits}
    for split in respelt.values():
        _require_writable(split, name)
    if is_file:
        paths = dict.fromkeys(splits, config.output)
    else:
        paths = {split: config.output / f"{split}{FORMATS[name].extensions[0]}" for split in splits}
    _write(respelt, paths, name, is_file=is_file)
    return [_count(paths[split], respelt[split], None if scheme is None else tags[split]) for split in splits]


def _format(config: ConvertConfig, *, is_file: bool) -> FormatName:
    name = config.format or (format_of_name(config.output) if is_file else "conll")
    if name is None:
        known = ", ".join(sorted(WRITTEN_EXTENSIONS))
        raise ConfigError(
            f"Received the output {config.output}; expected a name that ends in one of {known}. Pass --format."
        )
    if name == "conllu" and config.task != "pos":
        raise ConfigError(
            f"Received the format conllu for the task {config.task!r}; expected another, because CoNLL-U has no column "
            "for entities. Use --task pos, or write conll."
        )
    return name


def _require_free(config: ConvertConfig, *, is_file: bool) -> None:
    """Reports before the work starts that its result could not be written."""
    output, kind = config.output, "file" if is_file else "folder"
    require_folder_of(output)
    if output.exists() and output.is_dir() == is_file:
        raise OutputError(
            f"Received {output}, which is a {'folder' if is_file else 'file'}; expected a {kind}, because "
            f"{config.source} {'is one' if is_file else 'is one or has several splits'}. Change the path."
        )
    if not is_file and output.suffix.lower() in WRITTEN_EXTENSIONS:
        raise OutputError(
            f"Received {output} for the splits of {config.source}; expected a folder, whose name has no file "
            "extension. Choose another name, and the format with --format."
        )
    if is_file:
        require_file(output)
    if output.exists() and not config.overwrite and (is_file or any(output.iterdir())):
        raise OutputError(f"Received {output}, which already exists; expected a new {kind}. Pass --overwrite.")


def _respell(
    split: Split, tags: Sequence[list[str]], scheme: SchemeName | None, config: ConvertConfig, name: FormatName
) -> Split:
    """The split with its tags as they shall be written.

    Args:
        split: As read.
        tags: Spelt as the model learns them.
        scheme: As found; None where the tags spell no entities.
        config: Which scheme is wanted.
        name: What is written.

    Raises:
        DataError: The scheme cannot hold an entity.
    """
    if name == "jsonl-spans" or scheme is None:
        return split._replace(sentences=[_with_tags(*pair) for pair in zip(split.sentences, tags, strict=True)])
    if config.to_scheme is None and not config.new_labels:
        return split
    respelt = []
    for sentence, iob2 in zip(split.sentences, tags, strict=True):
        try:
            respelt.append(_with_tags(sentence, from_iob2(iob2, config.to_scheme or scheme)))
        except UnspeakableEntityError as error:
            raise DataError(f"{split.path}:{sentence.lines[error.position]}: {error}") from None
    return split._replace(sentences=respelt)


def _with_tags(sentence: Sentence, tags: list[str]) -> Sentence:
    return sentence._replace(tags=tags)


def _require_writable(split: Split, name: FormatName) -> None:
    for sentence in split.sentences:
        problem = what_cannot_be_written(sentence, name)
        if problem:
            raise DataError(f"{split.path}:{sentence.lines[problem.position]}: {problem.message}")


def _write(splits: Mapping[str, Split], paths: Mapping[str, Path], name: FormatName, *, is_file: bool) -> None:
    if is_file:
        [(split, path)] = paths.items()
        with replaced_whole(path) as temporary:
            FORMATS[name].write(temporary, splits[split].sentences)
        return
    [folder] = {path.parent for path in paths.values()}
    folder.mkdir(exist_ok=True)
    with folder_filled_whole(folder) as temporary:
        for split, path in paths.items():
            FORMATS[name].write(temporary / path.name, splits[split].sentences)


def _count(path: Path, split: Split, tags: Sequence[list[str]] | None) -> Converted:
    entities = None if tags is None else Counter(span.label for row in tags for span in tags_to_spans(row))
    return Converted(path, len(split.sentences), sum(len(sentence.words) for sentence in split.sentences), entities)

"""A corpus whose tags have one scheme in all splits: read, checked, and with the labels that were asked for."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from tf_ner.corpus.characters import faults_of_tag, repaired, suspects
from tf_ner.corpus.findings import Finding, Report, raise_errors, raise_or_warn
from tf_ner.corpus.loading.splits import Keep, Split, find_corpus_files, is_saved, read_splits
from tf_ner.corpus.loading.validation import require_divisible, validation_rows
from tf_ner.corpus.schemes import detect_scheme, illegal_positions, label_of, relabel, to_iob2, what_is_wrong
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.tags import OUTSIDE, split_tag
from tf_ner.errors import DataError
from tf_ner.options.train import ReadingConfig, SchemeName

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)

# Prefixes that are not separated from the label by a hyphen, or that follow it: B_PER, PER-B.
_OTHER_SPELLINGS = (
    re.compile(r"(?P<prefix>[BI])[_:/|.](?P<label>.+)"),
    re.compile(r"(?P<label>.+)[-_:/|.](?P<prefix>[BI])"),
)


_BEGINS = re.compile(r"[BI]-.")
_PREFIXED = re.compile(r"[BIESLU]-.")


class TaggedCorpus(NamedTuple):
    """A corpus as it was read.

    Attributes:
        splits: With the tags that the data has, right or wrong.
        scheme: How they spell entities; None where they spell none, as parts of speech.
        layout: Where words and tags are in the files.
        findings: What the readers reported.
        rows: The columns `words` and `tags` of a data set on the Hub; of files, nothing.
    """

    splits: dict[str, Split]
    scheme: SchemeName | None
    layout: Layout
    findings: list[Finding]
    rows: "Mapping[str, Dataset]"


def read_configured(
    config: ReadingConfig, dataset: str, files: Mapping[str, str | Path] | None = None, *, keep: Keep = list
) -> TaggedCorpus:
    """As `read_corpus`, in the way that the options say."""
    return read_corpus(
        dataset,
        Layout.configured(config),
        scheme=config.scheme,
        config_name=config.dataset_config,
        revision=config.dataset_revision,
        files=files,
        validation_share=config.validation_share,
        validation_seed=config.validation_seed,
        keep=keep,
    )


def read_corpus(
    dataset: Any,
    layout: Layout,
    *,
    scheme: SchemeName | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    files: Mapping[str, str | Path] | None = None,
    validation_share: float | None = None,
    validation_seed: int = 0,
    keep: Keep = list,
) -> TaggedCorpus:
    """Reads every split of what `load_corpus` takes, whatever is wrong with its lines, and tells the scheme.

    Args:
        dataset: As for `load_corpus`, and so are the others but those below.
        layout: Where words and tags are in files.
        keep: How the sentences of a split are kept.

    Raises:
        DataError: There is no such data, its columns or its scheme cannot be told, or it cannot be divided as asked.
    """
    if scheme not in (None, *get_args(SchemeName)):
        schemes = ", ".join(get_args(SchemeName))
        raise DataError(f"Received scheme {scheme!r}; expected one of {schemes}. Change it, or leave it out.")
    findings: list[Finding] = []
    rows: Mapping[str, Dataset] = {}
    is_in_memory = not isinstance(dataset, str | Path) and not files
    is_on_disk = not is_in_memory and is_saved(dataset, files)
    if not is_in_memory and not is_on_disk and (found := find_corpus_files(dataset, layout, files)):
        layout = found.layout
        splits = read_splits(*found, keep=keep, report=findings.append)
    else:
        # Imports `datasets`, which takes a second or more.
        from tf_ner.corpus.loading.hub_sets import (
            load_from_hub,
            load_saved,
            read_hub_splits,
            without_empty_rows,
            words_and_tags,
        )
        from tf_ner.corpus.loading.memory import IN_MEMORY, splits_in_memory

        name = IN_MEMORY if is_in_memory else str(dataset)
        if is_in_memory:
            loaded = splits_in_memory(dataset, layout)
        elif is_on_disk:
            loaded = load_saved(Path(dataset))
        else:
            loaded = load_from_hub(name, config_name=config_name, revision=revision)
        rows = words_and_tags(loaded, name, layout)
        splits = read_hub_splits(rows, name, layout, keep=keep, report=findings.append)
        if layout.empty_words == "drop":
            rows = without_empty_rows(rows)
    if layout.task == "pos":
        scheme = None
    elif scheme is None:
        try:
            scheme = find_scheme(splits)
        except DataError:
            # Lines that could not be read are likely why.
            raise_errors(findings)
            raise
    corpus = TaggedCorpus(splits, scheme, layout, findings, rows)
    if validation_share is None:
        return corpus
    require_divisible(splits)
    # Of what could not be read there is nothing to choose from.
    raise_errors(findings)
    return _with_validation(corpus, validation_share, validation_seed, keep)


def _with_validation(corpus: TaggedCorpus, share: float, seed: int, keep: Keep) -> TaggedCorpus:
    """The corpus with a part of its training sentences as the split `validation`."""
    train = corpus.splits["train"]
    clean = {word: repaired(word) for word in suspects(chain.from_iterable(row.words for row in train.sentences))}
    texts = ([clean.get(word, word) for word in row.words] if clean else row.words for row in train.sentences)
    begins = [row.begins_document for row in train.sentences]
    chosen = validation_rows(texts, share, seed=seed, begins=begins)
    places = set(chosen)
    left = [row for row in range(len(begins)) if row not in places]
    parts = {
        "train": keep(sentence for row, sentence in enumerate(train.sentences) if row not in places),
        "validation": keep(sentence for row, sentence in enumerate(train.sentences) if row in places),
    }
    splits = {**corpus.splits, **{name: Split(train.path, sentences) for name, sentences in parts.items()}}
    rows = dict(corpus.rows)
    if "train" in rows:
        rows |= {"train": corpus.rows["train"].select(left), "validation": corpus.rows["train"].select(chosen)}
    return corpus._replace(splits=splits, rows=rows)


def require_correct(corpus: TaggedCorpus) -> None:
    """Stops where lines could not be read or tags are not of the scheme; logs warnings, one of a kind.

    Raises:
        DataError: There are such lines.
    """
    raise_errors(corpus.findings)
    findings = [*corpus.findings]
    if corpus.scheme is not None:
        check_tags(corpus.splits, corpus.scheme, findings.append)
    check_tag_characters(corpus.splits, findings.append)
    raise_or_warn(findings)


def find_scheme(splits: Mapping[str, Split]) -> SchemeName:
    """Tells the scheme from the tags of all splits.

    Raises:
        DataError: Every word has a label of its own, so these are not tags of entities; or the tags look as if they
            had prefixes, but are spelt in a way that no scheme has.
    """
    scheme = detect_scheme(_all_tags(splits))
    if scheme == "plain":
        path, sentences = next(iter(splits.values()))
        first = next(iter(sentences), None)
        place = f"{path}:{first.lines[0]}" if first is not None and first.lines else path
        used = _used_tags(splits)
        if odd := _other_spelling(used):
            raise DataError(
                f"{place}: received tags such as {odd[0]!r} and {odd[1]!r}; expected prefixes as in 'B-PER' and "
                "'I-PER'. Write them like this, or pass --scheme plain if these are label names."
            )
        if prefixed := sorted(tag for tag in used if _BEGINS.match(tag)):
            bare = next((tag for tag in sorted(used) if tag != OUTSIDE and not _BEGINS.match(tag)), OUTSIDE)
            raise DataError(
                f"{place}: received tags such as {prefixed[0]!r} and {bare!r}, with a prefix and without; expected one "
                "way. Say how labels without a prefix are read with --bare-labels (entity or outside), or pass "
                "--scheme plain if all of them are label names."
            )
        if OUTSIDE not in used:
            raise DataError(
                f"{place}: received tags such as {', '.join(islice(sorted(used), 5))}, and no {OUTSIDE}; expected "
                "entity tags. Choose another column with --tag-column, or --task pos; or pass --scheme plain if these "
                "are labels of entities."
            )
    return scheme


def _other_spelling(tags: Iterable[str]) -> tuple[str, str] | None:
    """A B and an I of one label in a spelling that no scheme has; None if there is none."""
    for pattern in _OTHER_SPELLINGS:
        found: dict[str, dict[str, str]] = {}
        for tag in sorted(tags):
            if match := pattern.fullmatch(tag):
                found.setdefault(match["label"], {})[match["prefix"]] = tag
        for spelt in found.values():
            if len(spelt) > 1:
                return spelt["B"], spelt["I"]
    return None


def warn_of_unused_names(
    splits: Mapping[str, Split], scheme: SchemeName | None, new_labels: Mapping[str, str | None]
) -> None:
    """Says which labels that shall be renamed or dropped no tag has: they are likely misspelt.

    Args:
        splits: As read.
        scheme: How the tags spell entities; None where they spell none.
        new_labels: As in `training_tags`.
    """
    if not new_labels:
        return
    tags = _used_tags(splits)
    if scheme is not None:
        tags = {label_of(tag, scheme) for tag in tags if tag != OUTSIDE and not what_is_wrong(tag, scheme)}
    for name in sorted(new_labels.keys() - tags):
        logger.warning(
            "Received %r to be %s, which is not a label of this data; expected one of %s. Correct %s.",
            name,
            "dropped" if new_labels[name] is None else "renamed",
            ", ".join(sorted(tags)) or "none",
            "--ignore-label" if new_labels[name] is None else "--map-label",
        )


def check_tags(splits: Mapping[str, Split], scheme: SchemeName, report: Report) -> None:
    """Reports each tag that is not of the scheme: where it is first in a split, and how many words have it."""
    used = _used_tags(splits)
    has_prefixes = any(map(_PREFIXED.match, used))
    problems = {tag: what_is_wrong(tag, scheme, has_prefixes=has_prefixes) for tag in used}
    wrong = {tag: problem for tag, problem in problems.items() if problem}
    if not wrong:
        return
    for split in splits.values():
        lines: dict[str, list[int]] = {}
        for sentence in split.sentences:
            if wrong.keys().isdisjoint(sentence.tags):
                continue
            for tag, line in zip(sentence.tags, sentence.lines, strict=True):
                if tag in wrong:
                    lines.setdefault(tag, []).append(line)
        for tag, found in lines.items():
            shown = ", ".join(map(str, found[:_MOST_LINES])) + (", …" if len(found) > _MOST_LINES else "")
            words = f" {len(found)} words have it, in the lines {shown}." if len(found) > 1 else ""
            report(Finding("unknown-tag", split.path, found[0], f"{wrong[tag]}{words}"))


def check_tag_characters(splits: Mapping[str, Split], report: Report) -> None:
    """Warns of tags with invisible characters: they are not the tags that they look like."""
    used = _used_tags(splits)
    odd = {tag: names for tag in suspects(used) if (names := faults_of_tag(tag))}
    if not odd:
        return
    for split in splits.values():
        for sentence in split.sentences:
            if odd.keys().isdisjoint(sentence.tags):
                continue
            for tag, line in zip(sentence.tags, sentence.lines, strict=True):
                if tag in odd:
                    fix = "; `tf-ner check-data --fix` does so in column files" if repaired(tag) != tag else ""
                    message = _ODD_TAG.format(tag=tag, names=", ".join(odd[tag]), fix=fix)
                    report(Finding("character-in-tag", split.path, line, message, is_error=False))


_MOST_LINES = 3

_ODD_TAG = (
    "received the tag {tag!r} with {names}; expected only visible characters, because it is not the tag that it "
    "looks like. Correct the tag{fix}."
)


def training_tags(
    sentences: Iterable[Sentence], *, scheme: SchemeName | None, new_labels: Mapping[str, str | None]
) -> Iterator[list[str]]:
    """The tags of each sentence, spelt as the model learns them.

    Args:
        sentences: With tags of the scheme.
        scheme: How the tags spell entities, which become IOB2; None where they spell none, as parts of speech.
        new_labels: New names of labels; a label whose new name is None is dropped, and its words become `O`.
    """
    for sentence in sentences:
        if scheme is None:
            yield [new_labels.get(tag) or tag for tag in sentence.tags]
        else:
            tags = to_iob2(sentence.tags, scheme)
            yield relabel(tags, new_labels) if new_labels else tags


def remarks(
    splits: Mapping[str, Split], counts: Mapping[str, Mapping[str, int]], scheme: SchemeName | None
) -> Iterator[str]:
    """What a user should know of the tags: how they were read, and labels that cannot be learnt.

    Args:
        splits: As read.
        counts: How many words of each split have a tag, spelt as the model learns it.
        scheme: As found; None where the tags spell no entities.
    """
    if scheme not in (None, "iob2"):
        yield f"The tags are {scheme.upper()}; they are converted to IOB2."
    if scheme is not None:
        yield from broken_transitions(splits, scheme)
    if "train" not in splits:
        return
    known = {_label(tag, scheme) for tag in counts["train"]}
    for name, of_split in counts.items():
        unknown: Counter[str] = Counter()
        for tag, count in of_split.items():
            if _label(tag, scheme) not in known:
                unknown[_label(tag, scheme)] += count
        for label, count in sorted(unknown.items()):
            yield f"{name}: {count} words are tagged {label}, which never occurs in train and cannot be learnt."


def broken_transitions(splits: Mapping[str, Split], scheme: SchemeName) -> Iterator[str]:
    """A line for each split with tags that may not follow one another: the first place, and how many there are."""
    for split in splits.values():
        first, num_places = None, 0
        for sentence in split.sentences:
            for position, reason in illegal_positions(sentence.tags, scheme):
                first = first or (sentence.lines[position], reason)
                num_places += 1
        if first:
            line, reason = first
            yield (
                f"{split.path}:{line}: {reason}. Violations of {scheme.upper()}: {num_places}. An entity begins "
                "where one must, as in conlleval, and strict scores may not count it. `tf-ner check-data` lists them."
            )


def _label(tag: str, scheme: SchemeName | None) -> str:
    return tag if scheme is None else split_tag(tag)[1]


def _used_tags(splits: Mapping[str, Split]) -> set[str]:
    return set(chain.from_iterable(_all_tags(splits)))


def _all_tags(splits: Mapping[str, Split]) -> Iterator[list[str]]:
    return (sentence.tags for split in splits.values() for sentence in split.sentences)

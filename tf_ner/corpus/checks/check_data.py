"""What is wrong with a data set, before a model is loaded."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path

from tf_ner.corpus.characters import faults, is_invisible, repaired, suspects
from tf_ner.corpus.checks.repair import Change, write_repaired
from tf_ner.corpus.checks.slips import Repeats, Slip, find_repeats, likely_slips
from tf_ner.corpus.entities import EntityReader, ReadSentence
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.loading.splits import SPLIT_FILE_WORDS, Split, no_garbage_sought
from tf_ner.corpus.loading.tagged import (
    check_tag_characters,
    check_tags,
    read_configured,
    read_corpus,
    warn_of_unused_names,
)
from tf_ner.corpus.tags import Span
from tf_ner.options.commands import CheckConfig
from tf_ner.options.train import SchemeName

RARE = 10
"""A label with fewer entities in train is rare; of parts of speech, a tag with fewer words."""


@dataclass(frozen=True)
class SplitSummary:
    """What a split holds.

    Attributes:
        path: The file, or the name of a data set on the Hub and the split.
        sentences: How many; of texts with labels, how many texts or pairs.
        words: How many.
        longest: The longest sentence, in words.
        labels: How many entities have each label, the most frequent first; of parts of speech, how many words.
        imbalance: How many times the most frequent label outnumbers the rarest; None without labels.
        duplicates: How many sentences occur earlier in the split.
        duplicate_share: Their share of the sentences, 0 to 1.
        leaks: How many sentences occur in a split before this one: train, or validation for test.
        leak_share: Their share.
    """

    path: str
    sentences: int
    words: int
    longest: int
    labels: dict[str, int]
    imbalance: float | None
    duplicates: int
    duplicate_share: float
    leaks: int
    leak_share: float


@dataclass(frozen=True)
class CorpusReport:
    """What `check_corpus` found.

    Attributes:
        scheme: How the tags spell entities; None where they spell none.
        splits: A summary of each split.
        findings: Everything that is wrong, by split, line and kind.
        has_texts: Whether there are texts with a label each, and no sentences of words with tags.
    """

    scheme: SchemeName | None
    splits: dict[str, SplitSummary]
    findings: list[Finding]
    has_texts: bool = False


def check_corpus(
    splits: Mapping[str, Split],
    scheme: SchemeName | None,
    *,
    new_labels: Mapping[str, str | None] | None = None,
    has_names: bool = True,
    reported: Sequence[Finding] = (),
) -> CorpusReport:
    """Checks what the readers gave.

    Sentences are compared by what `characters.repaired` leaves of their words and by the entities their tags mean, so
    that repairing a file adds no finding.

    Args:
        splits: As read, with the tags of the files.
        scheme: How the tags spell entities; None where they spell none, as parts of speech.
        new_labels: New names of labels; None drops a label.
        has_names: Words tell by themselves what they are, as names do: look for those that are tagged unusually.
        reported: What the readers reported.
    """
    order = dict.fromkeys([*SPLIT_FILE_WORDS, *splits])
    splits = {name: splits[name] for name in order if name in splits}
    reader = EntityReader(scheme, new_labels) if scheme is not None else None
    words = {name: _words_of(split) for name, split in splits.items()}
    corpus = {name: _read(split, words[name], reader, new_labels or {}) for name, split in splits.items()}
    labels = {name: count_labels(sentences) for name, sentences in corpus.items()}
    repeats = find_repeats(corpus)
    findings = [*reported, *repeats.findings, *label_findings(corpus, labels, may_drop=reader is not None)]
    check_tag_characters(splits, findings.append)
    if scheme is not None:
        check_tags(splits, scheme, findings.append)
    for name, split in splits.items():
        findings += _character_findings(split, words[name])
        if reader is not None and reader.found_illegal:
            findings += _transition_findings(split, reader)
    if reader is not None and has_names:
        findings += map(_slip_finding, likely_slips(repeats.distinct))
    places = {str(split.path): number for number, split in enumerate(splits.values())}
    findings.sort(key=lambda finding: (places.get(str(finding.path), -1), finding.line, finding.kind))
    lengths = {
        name: [len(sentence.words) for sentence in split.sentences if sentence.words] for name, split in splits.items()
    }
    summaries = {
        name: summarized(name, split.path, lengths[name], labels[name], repeats) for name, split in splits.items()
    }
    return CorpusReport(scheme, summaries, findings)


def _words_of(split: Split) -> set[str]:
    return set(chain.from_iterable(sentence.words for sentence in split.sentences))


def _read(
    split: Split, used: Iterable[str], reader: EntityReader | None, new_labels: Mapping[str, str | None]
) -> list[ReadSentence]:
    clean = {word: repaired(word) for word in suspects(used)}
    sentences = []
    for words, tags, lines, _ in filter(itemgetter(0), split.sentences):
        if clean and not clean.keys().isdisjoint(words):
            words = [clean.get(word, word) for word in words]
        if reader is None:
            spans = [Span(place, place + 1, new_labels.get(tag) or tag) for place, tag in enumerate(tags)]
        else:
            spans = reader.spans(tags)
        sentences.append(ReadSentence(split.path, lines, words, tags, spans))
    return sentences


def _character_findings(split: Split, used: Iterable[str]) -> Iterator[Finding]:
    wrong = {word: found for word in suspects(used) if (found := faults(word))}
    if not wrong:
        return
    for sentence in split.sentences:
        if wrong.keys().isdisjoint(sentence.words):
            continue
        for word, line in zip(sentence.words, sentence.lines, strict=True):
            for fault, names in wrong.get(word, {}).items():
                kind, message = _CHARACTERS[fault]
                fix = _INVISIBLE if is_invisible(word) else _SUPERFLUOUS if repaired(word) != word else _MAY_BE_MEANT
                message = message.format(word=repr(word), names=", ".join(names), fix=fix)
                yield Finding(kind, split.path, line, message, is_error=False)


_CHARACTERS = {
    "space": (
        "space-in-word",
        "received {word} with {names}; expected no white space in a word. {fix}",
    ),
    "control": (
        "control-character",
        "received {word} with {names}; expected only visible characters. {fix}",
    ),
}
_SUPERFLUOUS = "Remove it; --fix does so in column files."
_INVISIBLE = "Nothing else is in this word: --empty-words drop leaves such words out."
_MAY_BE_MEANT = "Split the word, or remove the character."


def _transition_findings(split: Split, reader: EntityReader) -> Iterator[Finding]:
    for sentence in split.sentences:
        for place, reason in reader.illegal(sentence.tags):
            message = f"received {reason}. Correct the tag; in column files, --fix rewrites it as it is read."
            yield Finding("illegal-transition", split.path, sentence.lines[place], message, is_error=False)


def count_labels(sentences: Sequence[ReadSentence]) -> Counter[str]:
    """How many entities have each label; of texts, how many have it."""
    return Counter(span.label for sentence in sentences for span in sentence.spans)


def label_findings(
    corpus: Mapping[str, Sequence[ReadSentence]], labels: Mapping[str, Counter[str]], *, may_drop: bool
) -> Iterator[Finding]:
    """Labels that cannot be learnt, each at its first place; parts of speech are not dropped, since a word has one."""
    if "train" not in corpus:
        return
    known = labels["train"]
    for name, counts in labels.items():
        if name == "train":
            found = {label: _RARE_LABEL for label, count in counts.items() if count < RARE}
        else:
            found = dict.fromkeys(counts.keys() - known.keys(), _UNSEEN_LABEL)
        places = _first_places(corpus[name]) if found else {}
        for label, (kind, message) in found.items():
            path, line = places[label]
            fix = _RENAME_OR_DROP if may_drop else _RENAME
            message = message.format(label=label, count=counts[label], split=name, fix=fix)
            yield Finding(kind, path, line, message, is_error=False)


_RARE_LABEL = (
    "rare-label",
    f"received {{label}} with a count of {{count}} in {{split}}; expected at least {RARE} to learn from. Tag more, or "
    "{fix}.",
)
_UNSEEN_LABEL = (
    "unseen-label",
    "received {label} with a count of {count} in {split} and 0 in train; expected labels that can be learnt. "
    "Correct the tag, or {fix}.",
)
_RENAME = "rename the label with --map-label"
_RENAME_OR_DROP = "rename the label with --map-label or drop it with --ignore-label"


def _first_places(sentences: Sequence[ReadSentence]) -> dict[str, tuple[Path | str, int]]:
    """Where each label occurs first."""
    places: dict[str, tuple[Path | str, int]] = {}
    for sentence in sentences:
        for span in sentence.spans:
            if span.label not in places:
                places[span.label] = (sentence.path, sentence.lines[span.start])
    return places


def _slip_finding(slip: Slip) -> Finding:
    words = " ".join(slip.sentence.words[slip.start : slip.end])
    message = (
        f"received {words!r} as {slip.label}; expected {slip.usual}, as in {slip.num_usual} of the {slip.num_all} "
        "sentences with these words. Correct the tag if it is a slip."
    )
    return Finding("likely-slip", slip.sentence.path, slip.sentence.lines[slip.start], message, is_error=False)


def summarized(
    name: str, path: Path | str, lengths: Sequence[int], labels: Counter[str], repeats: Repeats
) -> SplitSummary:
    """What a split holds.

    Args:
        name: Of the split.
        path: Where it was read from.
        lengths: Of its sentences or texts, in words.
        labels: How often it has each label.
        repeats: What repeats in all splits.
    """
    sentences = max(len(lengths), 1)
    return SplitSummary(
        path=str(path),
        sentences=len(lengths),
        words=sum(lengths),
        longest=max(lengths, default=0),
        labels=dict(labels.most_common()),
        imbalance=max(labels.values()) / min(labels.values()) if labels else None,
        duplicates=repeats.duplicates[name],
        duplicate_share=repeats.duplicates[name] / sentences,
        leaks=repeats.leaks[name],
        leak_share=repeats.leaks[name] / sentences,
    )


@dataclass(frozen=True)
class CheckedData:
    """A data set and what was found in it.

    Attributes:
        splits: As read.
        report: What was found.
        changes: What was repaired in the copy, which the rest then describes.
    """

    splits: dict[str, Split]
    report: CorpusReport
    changes: list[Change]


def check_data(config: CheckConfig) -> CheckedData:
    """Reads and checks a data set; with `fix`, writes a repaired copy and checks that.

    Of texts with labels (`check_texts`), a text is a sentence of its words between spaces.

    Raises:
        DataError: There is none, its columns or scheme cannot be told, or its format cannot be repaired.
        OutputError: The folder for the copy is not empty.
    """
    if config.task == "text-classification":
        from tf_ner.corpus.checks.check_texts import check_texts

        return check_texts(config)
    with no_garbage_sought():
        corpus = read_configured(config, config.dataset, config.files)
        warn_of_unused_names(corpus.splits, corpus.scheme, config.new_labels)
        changes: list[Change] = []
        if config.fix is not None:
            changes = write_repaired(corpus.splits, scheme=corpus.scheme, layout=corpus.layout, folder=config.fix)
            copies = {name: config.fix / Path(split.path).name for name, split in corpus.splits.items()}
            corpus = read_corpus(config.fix, replace(corpus.layout, encoding=None), scheme=corpus.scheme, files=copies)
        report = check_corpus(
            corpus.splits,
            corpus.scheme,
            new_labels=config.new_labels,
            has_names=config.task == "ner",
            reported=corpus.findings,
        )
    return CheckedData(corpus.splits, report, changes)

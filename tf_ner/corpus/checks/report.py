"""What is said of a checked data set, of words with tags or of texts with labels: what it holds, and what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_ner.corpus.checks.repair import Change
from tf_ner.corpus.checks.slips import Repeats
from tf_ner.corpus.entities import ReadSentence
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.loading.splits import Split
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

"""What is wrong with a data set, before a model is loaded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from pathlib import Path

from tf_ner.corpus.characters import faults, is_invisible, repaired, suspects
from tf_ner.corpus.checks.repair import Change, write_repaired
from tf_ner.corpus.checks.report import CheckedData, CorpusReport, count_labels, label_findings, summarized
from tf_ner.corpus.checks.slips import Slip, find_repeats, likely_slips
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
    # Pieces of sentences are alike: what is wrong with such a file is told already.
    torn = {str(finding.path) for finding in reported if finding.kind == "sentence-again"}
    found = (finding for finding in repeats.findings if str(finding.path) not in torn)
    findings = [*reported, *found, *label_findings(corpus, labels, may_drop=reader is not None)]
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
    for words, tags, lines, *_ in filter(itemgetter(0), split.sentences):
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


def _slip_finding(slip: Slip) -> Finding:
    words = " ".join(slip.sentence.words[slip.start : slip.end])
    message = (
        f"received {words!r} as {slip.label}; expected {slip.usual}, as in {slip.num_usual} of the {slip.num_all} "
        "sentences with these words. Correct the tag if it is a slip."
    )
    return Finding("likely-slip", slip.sentence.path, slip.sentence.lines[slip.start], message, is_error=False)


def check_data(config: CheckConfig) -> CheckedData:
    """Reads and checks a data set; with `fix`, writes a repaired copy and checks that.

    Of texts with labels (`check_texts`), a text is a sentence of its words between spaces.

    Raises:
        DataError: There is none, its columns or scheme cannot be told, or its format cannot be repaired.
        OutputError: The folder for the copy is not empty.
    """
    if config.task == "text-classification":
        # Imports `datasets`, which takes a second or more.
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

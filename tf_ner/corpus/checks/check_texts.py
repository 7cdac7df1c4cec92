"""What is wrong with texts, or pairs of texts, that have a label each, before a model is loaded."""

from collections.abc import Iterator, Sequence

from tf_ner.corpus.characters import faults, suspects
from tf_ner.corpus.checks.report import CheckedData, CorpusReport, count_labels, label_findings, summarized
from tf_ner.corpus.checks.slips import Wording, find_repeats
from tf_ner.corpus.entities import ReadSentence
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.loading.splits import SPLIT_FILE_WORDS, Split
from tf_ner.corpus.sentences import Sentence
from tf_ner.corpus.tags import Span
from tf_ner.corpus.texts.files import TextLayout
from tf_ner.corpus.texts.labels import is_hidden
from tf_ner.corpus.texts.loading import TextSplit, read_text_splits, require_alike
from tf_ner.options.commands import CheckConfig


def check_texts(config: CheckConfig) -> CheckedData:
    """Reads and checks a data set of texts.

    Two are the same if their texts are, of pairs both. Labels that are numbers are not counted.

    Raises:
        DataError: There is none, or its columns or its labels cannot be told.
    """
    findings: list[Finding] = []
    layout = TextLayout(
        text_columns=config.text_columns,
        label_column=config.label_column,
        quoting=config.quoting,
        encoding=config.encoding,
    )
    read = read_text_splits(
        config.dataset,
        layout,
        config.label_type,
        config_name=config.dataset_config,
        revision=config.dataset_revision,
        files=config.files,
        report=findings.append,
    )
    order = dict.fromkeys([*SPLIT_FILE_WORDS, *read.splits])
    splits = {name: read.splits[name] for name in order if name in read.splits and len(read.splits[name].rows)}
    require_alike(splits)
    labels = read._replace(splits=splits).labels(config.new_labels)
    corpus = {name: list(_read(split, labels.splits[name], labels.names)) for name, split in splits.items()}
    has_pairs = any("text_pair" in split.rows.column_names for split in splits.values())
    repeats = find_repeats(corpus, _OF_PAIRS if has_pairs else _OF_TEXTS)
    counts = {name: count_labels(texts if labels.names is not None else []) for name, texts in corpus.items()}
    findings += repeats.findings
    findings += label_findings(corpus, counts, may_drop=False)
    for texts in corpus.values():
        findings += _character_findings(texts)
    places = {str(split.path): number for number, split in enumerate(splits.values())}
    findings.sort(key=lambda finding: (places.get(str(finding.path), -1), finding.line, finding.kind))
    words = {name: Split(splits[name].path, list(map(_as_words, texts))) for name, texts in corpus.items()}
    summaries = {
        name: summarized(name, split.path, [len(row.words) for row in split.sentences], counts[name], repeats)
        for name, split in words.items()
    }
    return CheckedData(words, CorpusReport(None, summaries, findings, has_texts=True), [])


def _read(
    split: TextSplit, labels: Sequence[int] | Sequence[float], names: Sequence[str] | None
) -> Iterator[ReadSentence]:
    """Each text, or pair, as a sentence of as many words, all with the label; without spans where it is hidden."""
    columns = [split.rows[name][:] for name in ("text", "text_pair") if name in split.rows.column_names]
    for *texts, label, line in zip(*columns, labels, split.lines, strict=True):
        shown = "hidden" if is_hidden(label) else names[int(label)] if names is not None else f"{label:g}"
        spans = [] if is_hidden(label) else [Span(0, len(texts), shown)]
        yield ReadSentence(split.path, [line] * len(texts), texts, [shown] * len(texts), spans)


def _as_words(text: ReadSentence) -> Sentence:
    """The words of a text between spaces, as what a tokenizer reads is checked."""
    words = " ".join(text.words).split()
    return Sentence(words, [text.tags[0]] * len(words), [text.lines[0]] * len(words))


def _character_findings(texts: Sequence[ReadSentence]) -> Iterator[Finding]:
    for row in texts:
        for text in suspects(row.words):
            if names := faults(text).get("control"):
                message = _INVISIBLE.format(text=text[:40], names=", ".join(names))
                yield Finding("control-character", row.path, row.lines[0], message, is_error=False)


def _labels_differ(text: ReadSentence, first: ReadSentence) -> str:
    return f"{text.tags[0]!r} here and {first.tags[0]!r} there"


_OF_TEXTS = Wording("text", lambda _: "text", "label for the same text", "another label", _labels_differ)
_OF_PAIRS = Wording("pair", lambda _: "pair of texts", "label for the same pair", "another label", _labels_differ)
_INVISIBLE = "received {text!r} with {names}; expected only visible characters. Remove it, or leave it if it is meant."

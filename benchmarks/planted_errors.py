"""Plants annotation errors in a corpus whose errors are few, and measures how many `tf-ner find-errors` finds.

python -m benchmarks.planted_errors plant --train DATA/conll2003/train.txt --folder planted
tf-ner find-errors --dataset planted --model minilm --learning-rate 2e-4 --batch-size 16 --output found.jsonl
python -m benchmarks.planted_errors measure --folder planted --found found.jsonl
"""

import argparse
import json
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tf_ner.corpus.formats.conll import read_conll
from tf_ner.corpus.schemes import spans_to_tags
from tf_ner.corpus.tags import Span, tags_to_spans

NUM_SENTENCES = 4000
NUM_OF_KIND = 40
SEED = 1
DOCUMENT = "-DOCSTART- O\n\n"

Tags = list[str]
Plant = Callable[[random.Random, list[str], Tags, list[str]], Tags | None]


def _with_spans(tags: Tags, old: Span | None, new: Span | None) -> Tags:
    spans = [span for span in tags_to_spans(tags) if span != old] + ([new] if new else [])
    return spans_to_tags(sorted(spans), len(tags))


def _other_label(chance: random.Random, words: list[str], tags: Tags, labels: list[str]) -> Tags | None:
    if not (spans := tags_to_spans(tags)):
        return None
    span = chance.choice(spans)
    label = chance.choice([label for label in labels if label != span.label])
    return _with_spans(tags, span, span._replace(label=label))


def _dropped(chance: random.Random, words: list[str], tags: Tags, labels: list[str]) -> Tags | None:
    spans = tags_to_spans(tags)
    return _with_spans(tags, chance.choice(spans), None) if spans else None


def _short(chance: random.Random, words: list[str], tags: Tags, labels: list[str]) -> Tags | None:
    spans = [span for span in tags_to_spans(tags) if span.end - span.start > 1]
    if not spans:
        return None
    span = chance.choice(spans)
    shorter = [span._replace(start=span.start + 1), span._replace(end=span.end - 1)]
    return _with_spans(tags, span, chance.choice(shorter))


def _long(chance: random.Random, words: list[str], tags: Tags, labels: list[str]) -> Tags | None:
    longer = []
    for span in tags_to_spans(tags):
        if span.start and tags[span.start - 1] == "O":
            longer.append((span, span._replace(start=span.start - 1)))
        if span.end < len(tags) and tags[span.end] == "O":
            longer.append((span, span._replace(end=span.end + 1)))
    return _with_spans(tags, *chance.choice(longer)) if longer else None


def _spurious(chance: random.Random, words: list[str], tags: Tags, labels: list[str]) -> Tags | None:
    places = [place for place, word in enumerate(words) if word[0].isupper() and tags[place] == "O"]
    if not places:
        return None
    place = chance.choice(places)
    return _with_spans(tags, None, Span(place, place + 1, chance.choice(labels)))


KINDS: dict[str, Plant] = {
    "other label": _other_label,
    "dropped": _dropped,
    "one word short": _short,
    "one word long": _long,
    "spurious": _spurious,
}


def plant(train: Path, folder: Path) -> None:
    """Writes `train.conll` with errors, and `planted.json` with the kind of error by line of its sentence."""
    sentences = list(islice(read_conll(train), NUM_SENTENCES))
    labels = sorted({span.label for sentence in sentences for span in tags_to_spans(sentence.tags)})
    chance = random.Random(SEED)
    tags = [sentence.tags for sentence in sentences]
    left = list(range(len(sentences)))
    chance.shuffle(left)
    kinds: dict[int, str] = {}
    for kind, make in KINDS.items():
        while list(kinds.values()).count(kind) < NUM_OF_KIND:
            row = left.pop()
            if (wrong := make(chance, sentences[row].words, tags[row], labels)) is not None:
                tags[row], kinds[row] = wrong, kind
            else:
                # It may do for another kind.
                left.insert(0, row)
    folder.mkdir(parents=True, exist_ok=True)
    line, by_line = 1, {}
    with (folder / "train.conll").open("w", encoding="utf-8") as file:
        for row, sentence in enumerate(sentences):
            if sentence.begins_document:
                file.write(DOCUMENT)
                line += 2
            if row in kinds:
                by_line[line] = kinds[row]
            lines = [f"{word} {tag}\n" for word, tag in zip(sentence.words, tags[row], strict=True)]
            file.write("".join([*lines, "\n"]))
            line += len(lines) + 1
    (folder / "planted.json").write_text(json.dumps(by_line, indent=1) + "\n", encoding="utf-8")


def measure(folder: Path, found: Path) -> Iterator[str]:
    """A table row of the ranking, and one of each kind: how many of the planted errors are among the first 400."""
    by_line = {int(line): kind for line, kind in json.loads((folder / "planted.json").read_text("utf-8")).items()}
    starts = [sentence.lines[0] for sentence in read_conll(folder / "train.conll")]
    records = [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]
    unweighted = sorted(records, key=lambda record: record["meta"]["probability"])
    for name, ranked in {"find-errors": records, "probability alone": unweighted}.items():
        lines = [int(record["meta"]["place"].rpartition(":")[2]) for record in ranked]
        kinds = [by_line.get(starts[bisect_right(starts, line) - 1]) for line in lines]
        recall = {kind: kinds[:400].count(kind) / NUM_OF_KIND for kind in KINDS}
        precision = sum(kind is not None for kind in kinds[:100]) / 100
        cells = [f"{value:.3f}" for value in (sum(recall.values()) / len(recall), precision, *recall.values())]
        yield " | ".join(["", name, *cells, ""]).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    planting, measuring = commands.add_parser("plant"), commands.add_parser("measure")
    planting.add_argument("--train", type=Path, required=True)
    measuring.add_argument("--found", type=Path, required=True)
    for command in (planting, measuring):
        command.add_argument("--folder", type=Path, required=True)
        command.set_defaults(**{"found": None} if command is planting else {"train": None})
    given = parser.parse_args()
    if given.train is not None:
        plant(given.train, given.folder)
        return
    print(f"| ranked by | recall at 400 | precision at 100 | {' | '.join(KINDS)} |")
    print("|---" * (3 + len(KINDS)) + "|")
    for row in measure(given.folder, given.found):
        print(row)


if __name__ == "__main__":
    main()

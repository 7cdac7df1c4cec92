"""Answers lines of text, as JSON lines: `python predict.py < lines.txt`, or with names of files.

Needs tokenizers, numpy and the one package that runtime.py needs. Each line is one text, or a pair with a tab between.
"""

import fileinput
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from batches import computed
from runtime import Model
from tags import tags_to_spans
from tokenizers import Tokenizer
from windows import NO_WORD, merge_words, split_into_windows
from words import split_words

FOLDER = Path(__file__).parent
SETTINGS = json.loads((FOLDER / "export.json").read_text(encoding="utf-8"))
LABELS, MAX_LENGTH = SETTINGS["labels"], SETTINGS["max_length"]
_LINES_AT_ONCE = 1024


class Predictor:
    """Answers texts as the model does from which this folder was exported."""

    def __init__(self) -> None:
        self._model = Model(FOLDER, SETTINGS["precision"])
        self._tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = SETTINGS["splits_special_tokens"]

    def answer(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The answer to each text: its entities; of models without entities its words with tags, or its label."""
        return self._tagged(texts) if SETTINGS["reads_words"] else self._labelled(texts)

    def _run(self, columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
        padding, is_left = SETTINGS["padding"], SETTINGS["is_padded_left"]
        return computed(self._model, columns, padding=padding, is_padded_left=is_left)

    def _tagged(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        sentences = [split_words(text, SETTINGS["word_rule"]) for text in texts]
        distinct = list(dict.fromkeys(word.text for words in sentences for word in words))
        encodings = self._tokenizer.encode_batch(
            [[word] for word in distinct], is_pretokenized=True, add_special_tokens=False
        )
        before, inner, after = SETTINGS["before"], SETTINGS["inner"], SETTINGS["after"]
        room = MAX_LENGTH - len(before["input_ids"]) - len(after["input_ids"])
        ids_of = {word: encoding.ids[:room] for word, encoding in zip(distinct, encodings, strict=True)}
        columns: dict[str, list[Any]] = {name: [] for name in inner}
        rows: list[tuple[int, Any]] = []
        for sentence, words in enumerate(sentences):
            ids = [ids_of[word.text] for word in words]
            stride = min(SETTINGS["stride"], room // 2)
            # A sentence without words has none to split; it is answered all the same.
            for window in (
                split_into_windows([len(row) for row in ids], max_subwords=room, stride=stride) if ids else ()
            ):
                of_window = list(itertools.chain(*ids[window.start : window.end]))
                kept = range(window.keep_start, window.keep_end)
                numbers = (
                    [number if number in kept else NO_WORD] * len(ids[number])
                    for number in range(window.start, window.end)
                )
                around = [NO_WORD] * len(before["input_ids"]), [NO_WORD] * len(after["input_ids"])
                rows.append((sentence, np.array([*around[0], *itertools.chain(*numbers), *around[1]])))
                for name, value in inner.items():
                    middle = of_window if name == "input_ids" else [value] * len(of_window)
                    columns[name].append([*before[name], *middle, *after[name]])
        tags = [np.full(len(words), SETTINGS["outside"]) for words in sentences]
        scores = [np.zeros(len(words), np.float32) for words in sentences]
        for (sentence, word_ids), found in zip(rows, self._run(columns), strict=True):
            for values, name in ((tags[sentence], "predictions"), (scores[sentence], "scores")):
                is_decided = np.isin(np.arange(len(values)), word_ids)
                merged = merge_words(word_ids, found[name], num_words=len(values), missing=0)
                values[is_decided] = merged[is_decided]
        return [_answer(*row) for row in zip(texts, sentences, tags, scores, strict=True)]

    def _labelled(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        self._tokenizer.enable_truncation(MAX_LENGTH, strategy="longest_first")
        parts = [[text] if SETTINGS["num_texts"] == 1 else text.split("\t") for text in texts]
        encodings = self._tokenizer.encode_batch([tuple(part) if len(part) > 1 else part[0] for part in parts])
        attributes = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        columns = {name: [getattr(row, attributes[name]) for row in encodings] for name in SETTINGS["padding"]}
        return [
            {"text": part[0], **({"text_pair": part[1]} if len(part) > 1 else {}),
             "label": LABELS[int(found["predictions"])], "score": float(found["scores"])}
            for part, found in zip(parts, self._run(columns), strict=True)
        ]  # fmt: skip


def _answer(text: str, words: Sequence[Any], ids: Any, scores: Any) -> dict[str, Any]:
    tags = [LABELS[number] for number in ids]
    if not SETTINGS["has_entities"]:
        return {"words": [word.text for word in words], "tags": tags, "scores": scores.tolist()}
    entities = []
    for first, end, label in tags_to_spans(list(_as_iob2(tags)) if SETTINGS["scheme"] != "iob2" else tags):
        place = slice(words[first].start, words[end - 1].end)
        score = float(np.mean(scores[first:end].tolist()))
        entities.append({"label": label, "start": place.start, "end": place.stop, "text": text[place], "score": score})
    return {"text": text, "entities": entities}


def _as_iob2(tags: Sequence[str]) -> Iterator[str]:
    """Tags of a sentence in BIOES or BILOU, spelt as IOB2."""
    for before, tag in itertools.pairwise(["O", *tags]):
        continues = tag[0] in "IEL" and before[0] in "BI" and before[2:] == tag[2:]
        yield tag if tag == "O" else ("I" if continues else "B") + tag[1:]


def main() -> None:
    sys.stdin.reconfigure(encoding="utf-8-sig", newline=None)  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    predictor, number = Predictor(), 0
    with fileinput.input(encoding="utf-8-sig") as file:
        lines = (line.rstrip("\n") for line in file)
        while chunk := list(itertools.islice(lines, _LINES_AT_ONCE)):
            good = list(itertools.takewhile(_is_input, chunk))
            for answer in predictor.answer(good):
                print(json.dumps(answer, ensure_ascii=False))
            number += len(good)
            if len(good) < len(chunk):
                sys.exit(f"error: line {number + 1}: expected {SETTINGS['num_texts']} texts with a tab between.")


def _is_input(line: str) -> bool:
    """Whether a line has as many texts as the model reads."""
    wanted = (1, 2) if SETTINGS["num_texts"] is None else (SETTINGS["num_texts"],)
    return SETTINGS["reads_words"] or SETTINGS["num_texts"] == 1 or line.count("\t") + 1 in wanted


if __name__ == "__main__":
    main()

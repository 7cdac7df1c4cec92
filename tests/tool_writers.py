"""Corpora as annotation tools export them, written from what their documentation says and without tf_ner."""

import json
from typing import NamedTuple


class Marked(NamedTuple):
    """A text and its entities as (start, end, label), in characters."""

    text: str
    entities: list[tuple[int, int, str]]


def units(text, place, unit):
    """How many units are before a character."""
    before = text[:place]
    return {"characters": len(before), "utf-16": len(before.encode("utf-16-le")) // 2, "bytes": len(before.encode())}[
        unit
    ]


def offsets(marked, unit="characters", *, inclusive=False):
    return [
        (units(marked.text, start, unit), units(marked.text, end, unit) - inclusive, label, marked.text[start:end])
        for start, end, label in marked.entities
    ]


def lines(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def label_studio(corpus, unit="utf-16"):
    tasks = []
    for number, marked in enumerate(corpus):
        results = [
            {
                "value": {"start": start, "end": end, "text": quote, "labels": [label]},
                "id": f"r{number}{start}", "from_name": "label", "to_name": "text", "type": "labels",
            }
            for start, end, label, quote in offsets(marked, unit)
        ]  # fmt: skip
        relation = {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"}
        annotation = {"id": number, "completed_by": 1, "was_cancelled": False, "result": [*results, relation]}
        tasks.append({"id": number, "data": {"text": marked.text}, "annotations": [annotation], "predictions": []})
    return json.dumps(tasks, indent=2, ensure_ascii=False)


def label_studio_min(corpus, unit="utf-16"):
    return json.dumps(
        [
            {
                "text": marked.text,
                "id": number,
                "label": [
                    {"start": start, "end": end, "text": quote, "labels": [label]}
                    for start, end, label, quote in offsets(marked, unit)
                ],
                "annotator": 1,
            }
            for number, marked in enumerate(corpus)
        ]
    )


def doccano(corpus):
    return lines(
        {"id": number, "text": marked.text, "label": [list(each[:3]) for each in offsets(marked)], "Comments": []}
        for number, marked in enumerate(corpus)
    )


def doccano_relations(corpus):
    return lines(
        {
            "text": marked.text,
            "entities": [
                {"id": number, "label": label, "start_offset": start, "end_offset": end}
                for number, (start, end, label, _) in enumerate(offsets(marked))
            ],
            "relations": [],
        }
        for marked in corpus
    )


def prodigy(corpus):
    return lines(
        {
            "text": marked.text,
            "spans": [{"start": start, "end": end, "label": label} for start, end, label, _ in offsets(marked)],
            "answer": "accept",
            "_input_hash": number,
        }
        for number, marked in enumerate(corpus)
    )


def lighttag(corpus):
    examples = [
        {
            "content": marked.text,
            "metadata": {},
            "annotations": [
                {"start": start, "end": end, "tag": label, "value": quote, "tag_id": "x"}
                for start, end, label, quote in offsets(marked)
            ],
        }
        for marked in corpus
    ]
    return json.dumps({"examples": examples, "relations": []})


def spacy_2(corpus):
    return json.dumps([[marked.text, {"entities": [list(each[:3]) for each in offsets(marked)]}] for marked in corpus])


def argilla(corpus):
    return lines(
        {
            "text": marked.text,
            "annotation": [{"label": label, "start": start, "end": end} for start, end, label, _ in offsets(marked)],
            "prediction": None,
            "status": "Validated",
        }
        for marked in corpus
    )


def argilla_2(corpus):
    return lines(
        {
            "fields": {"text": marked.text},
            "responses": {
                "entities": [
                    {
                        "value": [
                            {"start": start, "end": end, "label": label} for start, end, label, _ in offsets(marked)
                        ],
                        "status": "submitted",
                    }
                ]
            },
        }
        for marked in corpus
    )


def dataturks(corpus, unit="characters"):
    return lines(
        {
            "content": marked.text,
            "annotation": [
                {"label": [label], "points": [{"start": start, "end": end, "text": quote}]}
                for start, end, label, quote in offsets(marked, unit, inclusive=True)
            ]
            or None,
            "extras": None,
        }
        for marked in corpus
    )


def gate(corpus, unit="utf-16"):
    return lines(
        {
            "annotation_sets": {
                "": {
                    "name": "",
                    "annotations": [
                        {"type": "Token", "start": 0, "end": 1, "id": 99, "features": {}},
                        *(
                            {"type": label, "start": start, "end": end, "id": number, "features": {}}
                            for number, (start, end, label, _) in enumerate(offsets(marked, unit))
                        ),
                    ],
                    "next_annid": 100,
                }
            },
            "text": marked.text,
            "features": {},
            "offset_type": "j" if unit == "utf-16" else "p",
            "name": "",
        }
        for marked in corpus
    )


JSON = {
    "label_studio.json": label_studio,
    "label_studio_min.json": label_studio_min,
    "doccano.jsonl": doccano,
    "doccano_relations.jsonl": doccano_relations,
    "prodigy.jsonl": prodigy,
    "lighttag.json": lighttag,
    "spacy.json": spacy_2,
    "argilla.jsonl": argilla,
    "argilla_2.jsonl": argilla_2,
    "dataturks.jsonl": dataturks,
    "gate.jsonl": gate,
}


def brat(corpus, folder, unit="characters"):
    """A text of all, a sentence a line, and its annotations."""
    folder.mkdir()
    whole = "\n".join(marked.text for marked in corpus)
    (folder / "doc.txt").write_text(whole + "\n", encoding="utf-8", newline="")
    start, annotations = 0, []
    for marked in corpus:
        for begin, end, label in marked.entities:
            place = " ".join(str(units(whole, start + each, unit)) for each in (begin, end))
            annotations.append(f"T{len(annotations) + 1}\t{label} {place}\t{marked.text[begin:end]}\n")
        start += len(marked.text) + 1
    relation = "R1\tOf Arg1:T1 Arg2:T2\n"
    (folder / "doc.ann").write_text("".join(annotations) + relation, encoding="utf-8", newline="")


def azure(corpus, folder):
    """A file of labels, and a text for each."""
    folder.mkdir()
    documents = []
    for number, marked in enumerate(corpus):
        (folder / f"{number}.txt").write_text(marked.text, encoding="utf-8", newline="")
        labels = [
            {"category": label, "offset": start, "length": end - start}
            for start, end, label, _ in offsets(marked, "utf-16")
        ]
        region = {"regionOffset": 0, "regionLength": units(marked.text, len(marked.text), "utf-16"), "labels": labels}
        documents.append({"location": f"{number}.txt", "language": "en", "entities": [region]})
    project = {"projectFileVersion": "2022-05-01", "assets": {"projectKind": "X", "documents": documents}}
    (folder / "labels.json").write_text(json.dumps(project, indent=1), encoding="utf-8")


def webanno(sentences):
    """Words and IOB2 tags, as TSV 3.3."""
    shown = ["#FORMAT=WebAnno TSV 3.3", "#T_SP=webanno.custom.NamedEntity|identifier|value", "", ""]
    place, entity = 0, 0
    for number, (words, tags) in enumerate(sentences, start=1):
        shown.append(f"#Text={' '.join(words)}")
        for position, (word, tag) in enumerate(zip(words, tags, strict=True), start=1):
            begins = tag.startswith("B-")
            entity += begins
            value = "_" if tag == "O" else f"{escaped(tag[2:])}[{entity}]"
            end = place + units(word, len(word), "utf-16")
            shown.append(
                f"{number}-{position}\t{place}-{end}\t{word}\t{'_' if tag == 'O' else f'*[{entity}]'}\t{value}\t"
            )
            place = end + 1
        shown.append("")
    return "\n".join(shown) + "\n"


def escaped(label):
    return "".join(f"\\{character}" if character in "\\[]|_->*" else character for character in label)


def spacy_documents(sentences):
    """Documents of version 3, of words and IOB2 tags."""
    from spacy.tokens import Doc, DocBin
    from spacy.vocab import Vocab

    return DocBin(docs=[Doc(Vocab(), words=words, ents=tags) for words, tags in sentences]).to_bytes()

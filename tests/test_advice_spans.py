"""What messages on spans, their offsets and the exports of annotation tools advise helps."""

import json

from tests.advice import Case, Fix, do_what_is_advised, each

OSLO = "in/O Oslo/B-LOC"
CITY = {"start": 3, "end": 7, "label": "LOC"}


def jsonl(*records):
    return {"train.jsonl": "".join(json.dumps(record) + "\n" for record in records)}


def marked(*spans, text="in Oslo", **others):
    return jsonl({"text": text, "label": list(spans)} | others)


GOOD = [Fix(files=marked(CITY), reads=OSLO)]
SPANS = [
    Case("no span", marked([3, 7]), "neither [start, end, label] nor an object", [
        *GOOD, Fix(files=marked([3, 7, "LOC"]), reads=OSLO),
    ]),
    Case("no number", marked(["3", 7, "LOC"]), "expected whole numbers of characters. Fix the span.", GOOD),
    Case("two labels", marked(CITY | {"label": ["LOC", "ORG"]}), "with 2 labels; expected one. Fix the span.", GOOD),
    Case("no label", marked({"start": 3, "end": 7}), "without a label", GOOD),
    Case("a space", marked([2, 3, "LOC"]), "which is only white space; expected words. Remove it.", [
        *GOOD, Fix(files=marked(), reads="in/O Oslo/O"),
    ]),
    Case("spaces at an end", marked([2, 7, "LOC"]), "it is read without that, from 3 to 7", reads=OSLO),
    Case("a part of a word", marked([3, 5, "LOC"]), "Fix the span, or give the words of the text as tokens.", [
        *GOOD, Fix(files=marked([3, 5, "LOC"], tokens=["in", "Os", "lo"]), reads="in/O Os/B-LOC lo/O"),
    ], reads="in/O Oslo/O"),
    Case("outside of the text", marked([13, 17, "LOC"]), "otherwise fix the span.", GOOD),
    Case(
        "outside of the text, in other units",
        marked([8, 12, "LOC"], text="ññ é Rīga"),
        "say so with --offset-unit (characters, utf-16, bytes) and --offset-ends (exclusive, inclusive)",
        [Fix("--offset-unit bytes --offset-ends inclusive", reads="ññ/O é/O Rīga/B-LOC")],
    ),
    Case(
        "overlaps",
        marked([0, 2, "X"], [0, 7, "Y"]),
        "Remove one, or choose with --overlaps: longest, first or drop.",
        [
            *GOOD,
            Fix("--overlaps first", reads="in/B-X Oslo/O"),
            Fix("--overlaps drop", reads="in/O Oslo/O"),
            Fix("--overlaps longest", reads="in/B-Y Oslo/I-Y"),
        ],
    ),
    Case(
        "overlaps that are settled",
        marked([0, 2, "X"], [0, 7, "Y"]),
        "it is left out, by --overlaps longest",
        command="check-data --train-file train.jsonl --overlaps longest",
        reads="in/B-Y Oslo/I-Y",
    ),
]  # fmt: skip

QUOTED = {"start": 3, "end": 7, "label": "LOC", "text": "Rīga"}
QUOTES = [
    Case(
        "UTF-16",
        marked(QUOTED, text="🦜 Rīga"),
        "received offsets that count UTF-16 units",
        [Fix("--offset-unit utf-16", reads="🦜/O Rīga/B-LOC")],
    ),
    Case(
        "what is not quoted comes first",
        jsonl({"text": "🦜 in Rīga", "label": [[6, 10, "LOC"]]}, {"text": "🦜 Rīga", "label": [QUOTED]}),
        "Give --offset-unit utf-16 --offset-ends exclusive.",
        [Fix("--offset-unit utf-16 --offset-ends exclusive", reads="🦜/O in/O Rīga/B-LOC | 🦜/O Rīga/B-LOC")],
    ),
    Case(
        "one quote for all",
        jsonl({"text": "🦜 Rīga", "label": [QUOTED]}, {"text": "🦜 in Rīga", "label": [[6, 10, "LOC"]]}),
        "Give --offset-unit utf-16 --offset-ends exclusive if that is so; otherwise look at that quote.",
        [
            Fix("--offset-unit utf-16 --offset-ends exclusive", reads="🦜/O Rīga/B-LOC | 🦜/O in/O Rīga/B-LOC"),
            Fix(
                files=jsonl(
                    {"text": "🦜 Rīga", "label": [QUOTED | {"start": 2, "end": 6}]},
                    {"text": "🦜 in Rīga", "label": [[5, 9, "LOC"]]},
                ),
                reads="🦜/O Rīga/B-LOC | 🦜/O in/O Rīga/B-LOC",
            ),
        ],
    ),
    Case(
        "another quote",
        marked(CITY | {"text": "Rome"}),
        "Fix the span or its quote.",
        [
            Fix(files=marked(CITY | {"text": "Oslo"}), reads=OSLO),
            Fix(files=marked(CITY | {"text": "Rome"}, text="in Rome"), reads="in/O Rome/B-LOC"),
            Fix(files=marked({"start": 0, "end": 4, "label": "LOC", "text": "Rome"}, text="Rome or Oslo")),
        ],
    ),
]

TOKENS = [{"start": 0, "end": 2}, {"start": 3, "end": 7}]
WITHOUT = Fix(files=marked(CITY), reads=OSLO)
GIVEN = Fix(files=marked(CITY, tokens=TOKENS), reads=OSLO)
OF_TOKENS = [
    Case("a token that is not there", marked(CITY, tokens=["in", "Rome"]), "tokens in the order of the text", [
        WITHOUT, Fix(files=marked(CITY, tokens=["in", "Oslo"]), reads=OSLO),
    ]),
    Case("tokens that go back", marked(CITY, tokens=[*TOKENS, TOKENS[0]]), "of characters, in order", [
        WITHOUT, GIVEN,
    ]),
    Case(
        "tokens in bytes",
        marked([4, 8, "LOC"], text="ñña Rīga", tokens=[{"start": 0, "end": 5, "text": "ñña"}]),
        "Count in characters, not in bytes.",
        [
            Fix(
                files=marked(
                    [4, 8, "LOC"],
                    text="ñña Rīga",
                    tokens=[{"start": 0, "end": 3, "text": "ñña"}, {"start": 4, "end": 8, "text": "Rīga"}],
                ),
                reads="ñña/O Rīga/B-LOC",
            )
        ],
    ),
    Case("text in no token", marked(CITY, tokens=TOKENS[1:]), "expected tokens for all words. Fix", [WITHOUT, GIVEN]),
    Case("tokens without places", marked(CITY, tokens=[1]), "Leave them out to have the text split", [WITHOUT, GIVEN]),
    Case("a part of a token", marked([3, 5, "LOC"], tokens=TOKENS), "Fix the span, or leave the tokens out.", [
        GIVEN, Fix(files=marked([3, 5, "LOC"]), reads="in/O Oslo/O"),
    ]),
]  # fmt: skip

WORDS = ["Greta", "Lund", "left"]
BY_WORDS = "Greta/B-PER Lund/I-PER left/O"


def by_words(*spans, **others):
    return jsonl({"tokens": WORDS, "entities": list(spans)} | others)


OF_WORDS = [
    Case(
        "spans that count words",
        by_words({"start": 0, "end": 1, "type": "PER"}),
        "with ends that are exclusive; --offset-ends says otherwise",
        [
            Fix("--offset-ends inclusive", reads=BY_WORDS),
            Fix("--offset-ends exclusive", reads="Greta/B-PER Lund/O left/O"),
        ],
    ),
    Case(
        "fewer lists than sentences",
        jsonl({"sentences": [WORDS], "ner": [[], []]}),
        "received 1 sentences and 2 lists of spans; expected as many",
        [Fix(files=jsonl({"sentences": [WORDS], "ner": [[[0, 1, "PER"]]]}), reads=BY_WORDS)],
    ),
    Case(
        "spans of a sentence that are no list",
        jsonl({"sentences": [WORDS], "ner": [7]}),
        "received spans that are not a list",
        [Fix(files=jsonl({"sentences": [WORDS], "ner": [[[0, 1, "PER"]]]}), reads=BY_WORDS)],
    ),
    Case(
        "characters without a text",
        by_words({"start_offset": 0, "end_offset": 10, "label": "PER"}),
        "expected its text, or numbers of words",
        [
            Fix(
                files=by_words({"start_offset": 0, "end_offset": 10, "label": "PER"}, text="Greta Lund left"),
                reads=BY_WORDS,
            ),
            Fix(files=by_words({"start": 0, "end": 2, "label": "PER"}), reads=BY_WORDS),
        ],
    ),
    Case(
        "behind the last word",
        jsonl({"tokenized_text": WORDS, "ner": [[1, 3, "PER"]]}),
        "Fix it, or give --offset-ends exclusive.",
        [
            Fix("--offset-ends exclusive", reads="Greta/O Lund/B-PER left/I-PER"),
            Fix(files=jsonl({"tokenized_text": WORDS, "ner": [[0, 1, "PER"]]}), reads=BY_WORDS),
        ],
    ),
    Case(
        "words that are not those quoted",
        by_words({"start": 0, "end": 1, "type": "PER", "text": "Greta Lund"}),
        "Give --offset-ends, or fix the span.",
        [
            Fix("--offset-ends inclusive", reads=BY_WORDS),
            Fix(files=by_words({"start": 0, "end": 2, "type": "PER", "text": "Greta Lund"}), reads=BY_WORDS),
        ],
    ),
]


def task(*annotations, **data):
    return {"train.json": json.dumps([{"data": data or {"text": "in Oslo"}, "annotations": list(annotations)}, SO])}


SO = {"data": {"text": "so"}, "annotations": [{"result": []}]}
REGION = {"value": {"start": 3, "end": 7, "labels": ["LOC"]}}
DONE = {"result": [REGION]}
UNLABELLED = {"result": [{"value": {"start": 3, "end": 7, "text": "Oslo"}}]}
LABEL_STUDIO = [
    Case("not annotated", task(), "received a task that nobody has annotated; it is left out", reads="so/O"),
    Case("annotated twice", task(DONE, UNLABELLED), "annotations of a task; the first is read", reads=f"{OSLO} | so/O"),
    Case("no label", task(UNLABELLED), "Label it, or remove it", [
        Fix(files=task(DONE), reads=f"{OSLO} | so/O"), Fix(files=task({"result": []}), reads="in/O Oslo/O | so/O"),
    ]),
    Case("two texts", task(DONE, title="x", body="in Oslo"), "Name it with --word-column.", [
        Fix(files={"train.json": json.dumps([{"data": {"title": "x", "body": "in Oslo"}, "annotations": [DONE]}])},
            options="--word-column body", reads=OSLO),
    ]),
    Case("no text", task(DONE, id=7), "Remove the task, or add its text.", [
        Fix(files={"train.json": json.dumps([SO])}, reads="so/O"),
        Fix(files=task(DONE, id=7, text="in Oslo"), reads=f"{OSLO} | so/O"),
    ]),
]  # fmt: skip


def argilla(responses, **fields):
    return jsonl({"fields": fields or {"text": "in Oslo"}, "responses": responses})


ANSWER = [{"value": [CITY]}]
OLD = {"text": "in Oslo", "annotation": [["LOC", 3, 7]], "status": "Validated"}
ARGILLA = [
    Case("no answer", jsonl(OLD | {"annotation": None}, OLD), "received a record without annotation", reads=OSLO),
    Case("two answers", argilla({"marks": ANSWER * 2}), "received 2 responses; the first is read", reads=OSLO),
    Case(
        "two texts and two questions",
        argilla({"marks": ANSWER, "more": [{"value": []}]}, title="x", body="in Oslo"),
        "Name them with --word-column and --tag-column.",
        [Fix("--word-column body --tag-column marks", reads=OSLO)],
    ),
    Case(
        "an annotation that is no list",
        jsonl(OLD | {"annotation": "LOC"}),
        "received spans that are not a list",
        [Fix(files=jsonl(OLD), reads=OSLO)],
    ),
]


def gate(sets, **others):
    return jsonl({"text": "in Oslo", "annotation_sets": sets} | others)


def of_set(start=3, end=7, label="LOC"):
    return {"annotations": [{"type": label, "start": start, "end": end}]}


GATE = [
    Case("a set without a list", gate({"": {}}), "without a list of annotations; expected one.", [
        Fix(files=gate({"": of_set()}), reads=OSLO),
    ]),
    Case("two sets", gate({"a": of_set(), "b": of_set(label="CITY")}), "Name it with --tag-column.", [
        Fix("--tag-column a", reads=OSLO), Fix("--tag-column b", reads="in/O Oslo/B-CITY"),
    ]),
    Case("no set", gate({}), "Add one, which may be empty, or remove the document.", [
        Fix(files=gate({"": {"annotations": []}}), reads="in/O Oslo/O"), Fix(files=gate({"": of_set()}), reads=OSLO),
        Fix(files=jsonl({"text": "so", "label": []}), reads="so/O"),
    ]),
    Case("a set whose unit is known", gate({"": of_set(13, 17)}), "ends behind that. Fix the span.", [
        Fix(files=gate({"": of_set()}), reads=OSLO),
    ]),
]  # fmt: skip


def azure(*places):
    region = {"labels": [{"offset": 3, "length": 4, "category": "LOC"}]}
    return json.dumps({"assets": {"documents": [{"location": place, "entities": [region]} for place in places]}})


AZURE = [
    Case("a text is missing", {"labels.json": azure("a.txt")}, "Put the texts into the folder of the labels.", [
        Fix(files={"a.txt": "in Oslo"}, reads=OSLO),
    ]),
    Case(
        "two texts of one name",
        {"labels.json": azure("x/a.txt", "y/a.txt"), "a.txt": "in Oslo"},
        "Copy the texts with their folders.",
        [Fix(files={"x/a.txt": "in Oslo", "y/a.txt": "in Oslo"}, reads=f"{OSLO} | {OSLO}")],
    ),
    Case(
        "training JSON without tokens",
        jsonl({"paragraphs": [{"sentences": [{}]}]}),
        "received training JSON without a list of 'tokens'",
        [
            Fix(
                files=jsonl({"paragraphs": [{"sentences": [{"tokens": [{"orth": "Oslo", "ner": "U-LOC"}]}]}]}),
                reads="Oslo/U-LOC",
            )
        ],
    ),
    Case(
        "a tag that says nothing",
        jsonl({"paragraphs": [{"sentences": [{"tokens": [{"orth": "Oslo", "ner": "-"}]}]}]}),
        "which says nothing; it is read as O",
        reads="Oslo/O",
    ),
]  # fmt: skip

BRAT_TEXT = {"doc.txt": "Greta Anna Lunden in Oslo"}


def brat(annotations):
    return {"doc.ann": annotations} | BRAT_TEXT


GAPS = "T1\tPER 0 5;11 17\tGreta Lunden\n"
BRAT = [
    Case(
        "an entity with gaps",
        brat(GAPS),
        "Choose a part with --overlaps (longest or first), or leave such entities out (drop).",
        [
            Fix(f"--overlaps {choice}", reads=f"Greta/{first} Anna/O Lunden/{second} in/O Oslo/O")
            for choice, first, second in (("longest", "O", "B-PER"), ("first", "B-PER", "O"), ("drop", "O", "O"))
        ]
        + [
            Fix(
                files=brat("T1\tPER 0 17\tGreta Anna Lunden\n"), reads="Greta/B-PER Anna/I-PER Lunden/I-PER in/O Oslo/O"
            )
        ],
    ),
    Case(
        "an entity with gaps that is settled",
        brat(GAPS),
        "'Greta' of it is read, by --overlaps first",
        command="check-data --train-file doc.ann --overlaps first",
        reads="Greta/B-PER Anna/O Lunden/O in/O Oslo/O",
    ),
    Case(
        "no entity",
        brat("T1 PER 0 5 Greta\n"),
        "expected an entity such as 'T1<tab>PER 0 5<tab>Greta'",
        [Fix(files=brat("T1\tPER 0 5\tGreta\n"), reads="Greta/B-PER Anna/O Lunden/O in/O Oslo/O")],
    ),
    Case(
        "a text without annotations",
        {"data/a.ann": "T1\tLOC 3 7\tOslo\n", "data/a.txt": "in Oslo", "data/b.txt": "so"},
        "received a text without annotations",
        command="check-data --train-file data",
        reads=OSLO,
    ),
]


def webanno(cells, *layers):
    head = "#FORMAT=WebAnno TSV 3.3\n" + "".join(f"#T_SP={layer}\n" for layer in layers)
    rows = [("1-1", "0-2", "in"), ("1-2", "3-7", "Oslo")]
    lines = ["\t".join([*row, *cell.split()]) + "\t\n" for row, cell in zip(rows, cells, strict=False)]
    return {"train.tsv": f"{head}\n\n#Text=in Oslo\n{''.join(lines)}"}


NAMED = "webanno.NamedEntity|identifier|value"
WEBANNO = [
    Case("two features", webanno(["_ _", "LOC 7"], "webanno.custom.Mine|kind|number"), "Name it with --tag-column.", [
        Fix("--tag-column kind", reads=OSLO), Fix("--tag-column number", reads="in/O Oslo/B-7"),
    ]),
    Case("no feature", webanno(["_", "*"], "webanno.custom.Mine"), "Export the file with one such layer.", [
        Fix(files=webanno(["_", "LOC"], "webanno.custom.Mine|kind"), reads=OSLO),
    ]),
    Case(
        "two features of one name",
        webanno(["_ _", "LOC 7"], "webanno.custom.Mine|kind", "webanno.custom.Other|kind"),
        "Export the file with one such layer.",
        [Fix(files=webanno(["_", "LOC"], "webanno.custom.Mine|kind"), reads=OSLO)],
    ),
    Case("too few columns", webanno(["_ _", "_"], NAMED), "expected 5 with something in each. Fix the line.", [
        Fix(files=webanno(["_ _", "_ LOC"], NAMED), reads=OSLO),
    ]),
    Case(
        "a part of a word",
        {"train.tsv": webanno(["_ _", "_ _"], NAMED)["train.tsv"] + "1-2.1\t3-5\tOs\t_\tLOC\t\n"},
        "expected whole words. Mark all of it.",
        [Fix(files=webanno(["_ _", "_ LOC"], NAMED), reads=OSLO)],
    ),
    Case("no value", webanno(["_ _", "_ *"], NAMED), "Give it one, or remove it.", [
        Fix(files=webanno(["_ _", "_ LOC"], NAMED), reads=OSLO),
        Fix(files=webanno(["_ _", "_ _"], NAMED), reads="in/O Oslo/O"),
    ]),
]  # fmt: skip

CASES = [
    *SPANS, *QUOTES, *OF_TOKENS, *OF_WORDS, *LABEL_STUDIO, *ARGILLA, *GATE, *AZURE, *BRAT, *WEBANNO,
]  # fmt: skip


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)

"""What messages on CoNLL-U and on tables with a header advise helps."""

from tests.advice import Case, Fix, do_what_is_advised, each


def csv(text):
    return {"train.csv": text}


def conllu(*rows):
    lines = ("\t".join([*row, *"_" * (10 - len(row))]) + "\n" if row else "\n" for row in rows)
    return {"train.conllu": "".join(lines)}


TWO = (("1", "Greta", "_", "PROPN"), ("2", "left", "_", "VERB"))
TWO_READ = "Greta/PROPN left/VERB"
POS = "check-data --train-file train.conllu --task pos"
CONLLU = [
    Case(
        "entities in CoNLL-U",
        conllu(("1", "Greta", *"_______", "B-PER"), ("2", "left", *"_______", "O")),
        "Use --task pos, or name the column with --tag-column.",
        [Fix("--tag-column misc", reads="Greta/B-PER left/O"), Fix("--task pos", files=conllu(*TWO), reads=TWO_READ)],
    ),
    Case(
        "no such column",
        conllu(*TWO),
        "Received the column tag for train.conllu",
        [
            Fix(command=f"{POS} --tag-column upos", reads=TWO_READ),
            Fix(command=f"{POS} --tag-column upos --word-column 1", reads=TWO_READ),
        ],
        f"{POS} --tag-column tag",
    ),
    Case(
        "no form",
        conllu(("1", "", *"_", "NOUN", *"______"), *((str(n + 2), *row[1:]) for n, row in enumerate(TWO))),
        "Fill the cell in, or choose with --empty-words what becomes of such words.",
        [
            Fix(files=conllu(*TWO), reads=TWO_READ),
            Fix("--empty-words drop", reads=TWO_READ),
            Fix("--empty-words keep", reads=f"/NOUN {TWO_READ}"),
        ],
        POS,
    ),
    Case(
        "not ten columns",
        {"train.conllu": conllu(*TWO)["train.conllu"] + "3\t!\n"},
        "received 2 columns; expected 10",
        [Fix(files=conllu(*TWO, ("3", "!", "_", "PUNCT")), reads=f"{TWO_READ} !/PUNCT")],
        POS,
    ),
    Case(
        "no blank line",
        conllu(*TWO, TWO[0]),
        "Put a blank line between sentences.",
        [Fix(files=conllu(*TWO, (), TWO[0]), reads=f"{TWO_READ} | Greta/PROPN")],
        POS,
    ),
    Case(
        "numbers out of order",
        conllu(TWO[0], ("7", *TWO[1][1:])),
        "Number the words of a sentence 1, 2, 3",
        [Fix(files=conllu(*TWO), reads=TWO_READ)],
        POS,
    ),
    Case(
        "no part of speech",
        conllu(TWO[0], ("2", "left")),
        "received 'left' without a UPOS",
        [Fix(files=conllu(*TWO), reads=TWO_READ)],
        POS,
    ),
]

LISTS = """words,tags\n"['Greta', 'left']","['B-PER', 'O']"\n"""
TABLES = [
    Case(
        "other names",
        csv("form,entity\nGreta,B-PER\n"),
        "Give their names or numbers with --word-column and --tag-column.",
        [Fix("--word-column form --tag-column entity", reads="Greta/B-PER")],
    ),
    Case(
        "a name twice",
        csv("word,word,tag\nGreta,greta,B-PER\n"),
        "each once. Give their names or numbers with --word-column and --tag-column.",
        [Fix("--word-column 0", reads="Greta/B-PER"), Fix("--word-column 1 --tag-column tag", reads="greta/B-PER")],
    ),
    Case(
        "no header",
        csv("Greta,B-PER\nleft,O\n"),
        "If that is no header, put one before it.",
        [Fix(files=csv("word,tag\nGreta,B-PER\nleft,O\n"), reads="Greta/B-PER left/O")],
    ),
    Case(
        "no such column of sentences",
        csv("word,tag,part\nGreta,B-PER,1\nleft,O,2\n"),
        "Give their names or numbers with --word-column, --tag-column and --sentence-column.",
        [Fix(command="check-data --train-file train.csv --sentence-column part", reads="Greta/B-PER | left/O")],
        "check-data --train-file train.csv --sentence-column doc",
    ),
    *[
        Case(
            f"{option} for a table",
            csv("word,tag\nGreta,B-PER\n"),
            f"Received {option.partition(' ')[0]} for train.csv; expected it only for CoNLL columns. Leave it out.",
            [Fix(command="check-data --train-file train.csv", reads="Greta/B-PER")],
            f"check-data --train-file train.csv {option}",
        )
        for option in ("--columns word ner", "--word-prefix en:", "--comments")
    ],
    Case(
        "a comma in a word",
        csv("word,tag\n1,000,O\n"),
        "received 3 cells; expected 2",
        [
            Fix(files=csv('word,tag\n"1,000",O\n'), reads="1,000/O"),
            Fix(files=csv("word,tag\n1000,O\n"), reads="1000/O"),
        ],
    ),
    Case(
        "an empty word of a table",
        {"train.csv": "word,tag\nGreta,B-PER\n,O\nleft,O\n"},
        "Fill the cell in, remove the row, or choose with --empty-words what becomes of such words.",
        [
            Fix(files={"train.csv": "word,tag\nGreta,B-PER\nhas,O\nleft,O\n"}, reads="Greta/B-PER has/O left/O"),
            Fix(files={"train.csv": "word,tag\nGreta,B-PER\nleft,O\n"}, reads="Greta/B-PER left/O"),
            Fix("--empty-words drop", reads="Greta/B-PER left/O"),
        ],
    ),
    Case(
        "an empty cell of a table",
        csv("word,tag\nGreta,B-PER\nleft,\n"),
        "received an empty tag next to 'left'",
        [
            Fix(files=csv("word,tag\nGreta,B-PER\nleft,O\n"), reads="Greta/B-PER left/O"),
            Fix(files=csv("word,tag\nGreta,B-PER\n"), reads="Greta/B-PER"),
        ],
    ),
    Case(
        "sentences in cells",
        csv("word,tag\nGreta left,B-PER O\n"),
        "Fix the row; if all rows are like this, write lists.",
        [
            Fix(files=csv("word,tag\nGreta,B-PER\nleft,O\n"), reads="Greta/B-PER left/O"),
            Fix(files=csv(LISTS), reads="Greta/B-PER left/O"),
        ],
    ),
    Case(
        "a sentence comes back",
        csv("sentence,part,word,tag\n1,a,Greta,B-PER\n2,a,it,O\n1,b,left,O\n"),
        "received the sentence '1' again",
        [
            Fix(
                files=csv("sentence,part,word,tag\n1,a,Greta,B-PER\n1,b,left,O\n2,a,it,O\n"),
                reads="Greta/B-PER left/O | it/O",
            ),
            Fix("--sentence-column part", reads="Greta/B-PER it/O | left/O"),
        ],
    ),
    Case(
        "one long sentence",
        csv("word,tag,text\n" + "".join(f"w,O,{number // 60}\n" for number in range(120))),
        "Name the column with --sentence-column if there is one.",
        [Fix("--sentence-column text", reads=" | ".join([" ".join(["w/O"] * 60)] * 2))],
    ),
    Case(
        "a cell that is no list",
        csv('text,tags,spans\nGreta left,two,"[[0, 5, ""PER""]]"\n'),
        "received 'two' next to a text",
        [
            Fix(files=csv("text,tags,spans\nGreta left,\"['B-PER', 'O']\",x\n"), reads="Greta/B-PER left/O"),
            Fix("--tag-column spans", reads="Greta/B-PER left/O"),
        ],
    ),
    Case(
        "a sentence that is no text",
        csv("sentence,form,tag\n1,Greta,B-PER\n"),
        "or name another column with --word-column or --tag-column",
        [Fix("--word-column form", reads="Greta/B-PER")],
    ),
    Case(
        "nothing marked",
        csv('text,tags\nGreta left,\nIn Oslo,"[[3, 7, ""LOC""]]"\n'),
        "received a text without anything marked, not even an empty list",
        [
            Fix(
                files=csv('text,tags\nGreta left,[]\nIn Oslo,"[[3, 7, ""LOC""]]"\n'),
                reads="Greta/O left/O | In/O Oslo/B-LOC",
            )
        ],
    ),
    Case(
        "an open quote",
        csv('word,tag\n"Greta,B-PER\nleft,O\n'),
        "received a quote that is not closed",
        [
            Fix(files=csv('word,tag\n"Greta",B-PER\nleft,O\n'), reads="Greta/B-PER left/O"),
            Fix(files=csv('word,tag\n"""Greta",B-PER\nleft,O\n'), reads='"Greta/B-PER left/O'),
        ],
    ),
]

CASES = [*CONLLU, *TABLES]


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)

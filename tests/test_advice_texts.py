"""What messages on texts with labels advise helps."""

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict

from tests.advice import Case, Fix, do_what_is_advised, each
from tf_ner.corpus.texts.files import TextLayout
from tf_ner.corpus.texts.loading import choose_texts, load_texts

GOOD = "text,label\nwell,good\nbadly,poor\n"
READ = "well=good | badly=poor"
TRAIN = "train --task text-classification --train-file train.csv"


def csv(text=GOOD):
    return {"train.csv": text}


def case(name, text, says, *fixes, options="", reads=None):
    """A table whose rows are to be learnt."""
    return Case(name, csv(text), says, fixes, f"{TRAIN} {options}", reads)


FIXED = Fix(files=csv(), reads=READ)
TABLES = [
    Case(
        "an invisible character",
        csv("text,label\nwe\u200bll,good\nbadly,poor\n"),
        "Remove it, or leave it if it is meant.",
        [Fix(files=csv())],
        "check-data --task text-classification --train-file train.csv",
    ),
    case(
        "other names",
        "comment,score\nwell,good\nbadly,poor\n",
        "Name them with --text-columns and --label-column.",
        Fix("--text-columns comment --label-column score", reads=READ),
    ),
    case(
        "a name twice",
        "text,text,label\nwell,x,good\nbadly,x,poor\n",
        "each once. Rename those that are there twice.",
        Fix(files=csv("text,other,label\nwell,x,good\nbadly,x,poor\n"), reads=READ),
    ),
    case("no header", "well,good\nbadly,poor\n", "If that is no header, put one before it.", FIXED),
    case(
        "no label",
        "text,label\nwell,good\nbadly,\n",
        "Fill it in or remove the row.",
        FIXED,
        Fix(files=csv("text,label\nwell,good\n"), reads="well=good"),
    ),
    case("nothing in it", "text,label\n", "received no row", FIXED),
    case(
        "a row too long where quotes count",
        'text,label\n"well, and so",good\n"badly",poor\n',
        "where cells are quoted, as in CSV, quote those that contain the delimiter",
        Fix(command=TRAIN, reads="well, and so=good | badly=poor"),
        options="--quoting off",
    ),
    case("a row too long", "text,label\nwell,good\nbadly,poor,x\n", "received 3 cells; expected 2", FIXED),
    case(
        "an empty text",
        "text,label\nwell,good\n,poor\n",
        "It is read as it is: fix the row, or leave it.",
        FIXED,
    ),
    case(
        "labels to rename that are numbers",
        "text,label\nwell,0.5\nbadly,0.1\n",
        "Leave out --map-label.",
        Fix(command=TRAIN, reads=f"well=0.5 | badly={pa.scalar(0.1, pa.float32()).as_py()}"),
        options="--map-label a=b",
    ),
    case(
        "a label to rename that there is not",
        GOOD,
        "Correct --map-label.",
        Fix(command=f"{TRAIN} --map-label good=fine", reads="well=fine | badly=poor"),
        options="--map-label god=fine",
    ),
    case(
        "no number",
        "text,label,other\nwell,0.5,1.5\nbadly,n/a,2.5\n",
        "Received the label 'n/a' (row 2 of train)",
        Fix(files=csv("text,label\nwell,0.5\nbadly,1.5\n"), reads="well=0.5 | badly=1.5"),
        Fix("--label-column other", reads="well=1.5 | badly=2.5"),
        Fix(command=f"{TRAIN} --label-type names", reads="well=0.5 | badly=n/a"),
        options="--label-type numbers",
    ),
    case(
        "a label for each row",
        "text,label,kind\n" + "".join(f"t{number},l{number},k\n" for number in range(120)),
        "Choose another column with --label-column.",
        Fix("--label-column kind", reads=" | ".join(f"t{number}=k" for number in range(120))),
    ),
    Case(
        "a folder for a file",
        {"data/train.csv": GOOD},
        "Received the folder data; expected a corpus file. Pass a folder with --dataset.",
        [Fix(command="train --task text-classification --dataset data", reads=READ)],
        "train --task text-classification --train-file data",
    ),
    Case(
        "a name with another ending",
        {"train.txt": GOOD},
        "Rename or convert the file.",
        [Fix(shell="mv train.txt train.csv", command=TRAIN, reads=READ)],
        "train --task text-classification --train-file train.txt",
    ),
    Case(
        "two kinds of splits",
        csv("sentence1,sentence2,text,label\na,b,c,good\n") | {"test.csv": "text,label\nd,good\n"},
        "Name the columns with --text-columns.",
        [Fix("--text-columns text", reads="c=good")],
        f"{TRAIN} --test-file test.csv",
    ),
    Case(
        "a test split without labels",
        csv() | {"test.csv": "text,kind\nso,good\n"},
        "its rows are predicted and not scored. Correct --label-column if they have labels.",
        [Fix(files=csv("text,kind\nwell,good\n"), command=f"{TRAIN} --test-file test.csv --label-column kind")],
        f"{TRAIN} --test-file test.csv --label-column label",
    ),
    Case(
        "labels that are all hidden",
        {"test.csv": "text\nwell\n"},
        "expected labels in at least one",
        [Fix(files={"test.csv": "text,label\nwell,good\n"})],
        "train --task text-classification --test-file test.csv",
    ),
    Case(
        "three columns of texts",
        csv(),
        "expected one, or two for pairs. Choose again.",
        [
            Fix(command=lambda: load_texts(files={"train": "train.csv"}, text_columns="text"), reads=READ),
            Fix(
                files=csv("a,b,label\nc,d,good\n"),
                command=lambda: load_texts(files={"train": "train.csv"}, text_columns=("a", "b")),
                reads="c+d=good",
            ),
        ],
        lambda: load_texts(files={"train": "train.csv"}, text_columns=("a", "b", "c")),
    ),
]

LINES = '{"text": "well", "label": "good"}\n'


def jsonl(name, second, says, fixed='{"text": "badly", "label": "poor"}', reads=READ):
    """A record that differs from the first."""
    return Case(
        name,
        {"train.jsonl": f"{LINES}{second}\n"},
        says,
        [Fix(files={"train.jsonl": f"{LINES}{fixed}\n"}, reads=reads)],
        "train --task text-classification --train-file train.jsonl",
    )


RECORDS = [
    jsonl(
        "a text that is none", '{"text": 7, "label": "poor"}', "received '7' as text; expected a string. Fix the row."
    ),
    jsonl("a label that is none", '{"text": "badly", "label": []}', "received '[]' as label; expected a string or a"),
    jsonl("a key is missing", '{"text": "badly"}', "expected 'label' too. Fix the line."),
    jsonl(
        "keys of pairs",
        '{"text": "badly", "label": "poor", "text_pair": "x"}',
        "received 'text_pair' too; expected the keys of the first record. Give all records the same keys.",
    ),
    jsonl("half a character", '{"text": "\\ud83d", "label": "poor"}', "Fix the escape."),
    jsonl("no object", '["badly", "poor"]', "received no object; expected 'text', 'label' too"),
]


def parquet(**columns):
    return {"train.parquet": lambda path: pq.write_table(pa.table(columns), path)}


TEXTS = {"text": ["well", "badly"], "label": ["good", "poor"]}
OF_PARQUET = [
    Case(
        "a column of lists",
        parquet(**TEXTS, other=[["x"], []]),
        "expected text, numbers or labels. Choose other columns.",
        [Fix(command="train --task text-classification --train-file train.parquet --label-column label", reads=READ)],
        "train --task text-classification --train-file train.parquet --label-column other",
    ),
]


def saved(**splits):
    """A data set as `datasets` saves it."""
    rows = {split: Dataset.from_dict(columns) for split, columns in splits.items()}
    return {"saved": lambda path: DatasetDict(rows).save_to_disk(str(path))}


def of_hub(**splits):
    """Loads a data set as it comes from the Hub."""
    loaded = DatasetDict({split: Dataset(pa.table(columns)) for split, columns in splits.items()})
    return lambda: choose_texts(loaded, "lab/texts", TextLayout())


LOAD = "train --task text-classification --dataset saved"
OTHER = Fix(files=csv(), command=TRAIN, reads=READ)
SAVED = [
    Case(
        "labels that are lists",
        saved(train=TEXTS | {"label": [["x"], []], "kind": ["good", "poor"]}),
        "expected one label per row. Choose another column with --label-column.",
        [Fix("--label-column kind", reads=READ)],
        LOAD,
    ),
    Case(
        "an empty split",
        {},
        "received an empty split; expected rows. Use another data set.",
        [Fix(command=of_hub(train=TEXTS), reads=READ)],
        of_hub(train=TEXTS, test={"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}),
    ),
    Case(
        "an empty split that was saved",
        saved(train=TEXTS, test={"text": [], "label": []}),
        "expected all its files, and rows in each split. Copy or save it again.",
        [
            Fix(
                shell="rm -r saved",
                files={"again": saved(train=TEXTS)["saved"]},
                command=LOAD.replace("saved", "again"),
            )
        ],
        LOAD,
    ),
    Case(
        "texts that are numbers",
        saved(train=TEXTS | {"text": [1, 2], "body": ["well", "badly"]}),
        "expected text. Choose other columns with --text-columns.",
        [Fix("--text-columns body", reads=READ)],
        LOAD,
    ),
    Case(
        "a text is missing",
        saved(train=TEXTS | {"text": ["well", None]}),
        "received no text; expected a string. Use another data set.",
        [OTHER],
        LOAD,
    ),
    Case(
        "labels of validation are hidden",
        saved(train=TEXTS, validation={"text": ["so"], "label": ["-1"]}),
        "Use another data set, or name other files with --train-file and --validation-file.",
        [
            OTHER,
            Fix(files=csv() | {"dev.csv": GOOD}, command=f"{TRAIN} --validation-file dev.csv", reads=READ),
        ],
        LOAD,
    ),
]

CASES = [*TABLES, *RECORDS, *OF_PARQUET, *SAVED]


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)

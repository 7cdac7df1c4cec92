"""What messages of `check-data` and `convert`, and on which file is which split, advise helps."""

import gzip
import json

from tests.advice import Case, Fix, do_what_is_advised, each

GOOD = "Greta B-PER\nleft O\n"
READ = "Greta/B-PER left/O"
CHECK = "check-data --train-file train.conll"


def conll(text):
    return {"train.conll": text}


DEV = {"valid.conll": "Rome B-LOC\n"}
EACH = "--train-file train.conll --validation-file valid.conll"
SPLITS = [
    Case(
        "a file for a folder",
        conll(GOOD),
        "Pass single files with --train-file, --validation-file and --test-file.",
        [Fix(command=CHECK, reads=READ)],
        "check-data --dataset train.conll",
    ),
    Case(
        "neither a folder nor a name",
        {"data/train.conll": GOOD},
        "neither a folder nor a name on the Hub; expected one of these. Check the path.",
        [Fix(command="check-data --dataset ./data", reads=READ)],
        "check-data --dataset ./date",
    ),
    Case(
        "names of columns for what has its own",
        {},
        "Received columns (word ner) for sample, which has its own",
        [Fix(command="check-data --dataset sample --task pos")],
        "check-data --dataset sample --task pos --columns word ner",
    ),
    Case(
        "two files for a split",
        {**conll(GOOD), "train2.conll": GOOD, **DEV},
        "Move the others elsewhere, or name the files: each split's with --train-file",
        [Fix(shell="mkdir old && mv train2.conll old", reads=READ), Fix(command=f"check-data {EACH}", reads=READ)],
        "check-data --dataset .",
    ),
    Case(
        "two files for a split, to convert",
        {"in/train.conll": GOOD, "in/train2.conll": GOOD},
        "(`convert` takes one at a time)",
        [Fix(command="convert in/train.conll out.csv", reads=READ), Fix(shell="rm in/train2.conll", reads=READ)],
        "convert in out",
    ),
    Case(
        "a file for two splits",
        {"train_dev.conll": GOOD},
        "Rename it, or name the files: each split's with --train-file",
        [
            Fix(shell="mv train_dev.conll train.conll", reads=READ),
            Fix(command="check-data --train-file train_dev.conll", reads=READ),
        ],
        "check-data --dataset .",
    ),
    Case(
        "no split",
        {"first.conll": GOOD},
        "expected files such as train.conll, valid.conll and test.conll. Rename them, or name them",
        [
            Fix(shell="mv first.conll train.conll", reads=READ),
            Fix(command="check-data --train-file first.conll", reads=READ),
        ],
        "check-data --dataset .",
    ),
    Case(
        "a folder of brat",
        {"doc.ann": "T1\tPER 0 5\tGreta\n", "doc.txt": "Greta left"},
        "or name them (of brat, the folder)",
        [Fix(command="check-data --train-file .", reads=READ)],
        "check-data --dataset .",
    ),
    Case(
        "a file that is passed over",
        {**conll(GOOD), "testing.conll": GOOD},
        "expected a name such as test.conll for the test split. If it is that split, rename it",
        [
            Fix(shell="mv testing.conll test.conll", reads=READ),
            Fix(command=f"{CHECK} --test-file testing.conll", reads=READ),
        ],
        "check-data --dataset .",
    ),
]

USUAL = "".join(f"x{number} O\nRome B-LOC\n\n" for number in range(20))
ENOUGH = "".join(f"w{number} B-PER\n\n" for number in range(10))
CHECKS = [
    Case(
        "white space in a word",
        conll("Gre\u00a0ta B-PER\n"),
        "expected no white space in a word. Split the word, or remove the character.",
        [Fix(files=conll("Gre B-PER\nta I-PER\n")), Fix(files=conll("Greta B-PER\n"), reads="Greta/B-PER")],
    ),
    Case(
        "an invisible character",
        conll("Gre\u00adta B-PER\n"),
        "expected only visible characters. Remove it; --fix does so in column files.",
        [Fix("--fix fixed", reads="Greta/B-PER"), Fix(files=conll("Greta B-PER\n"), reads="Greta/B-PER")],
    ),
    Case(
        "an entity that does not begin",
        conll(f"{ENOUGH}Greta O\nLund I-PER\n"),
        "Correct the tag; in column files, --fix rewrites it as it is read.",
        [Fix("--fix fixed"), Fix(files=conll(f"{ENOUGH}Greta B-PER\nLund I-PER\n"))],
    ),
    Case(
        "a rare label",
        conll(f"{ENOUGH}Acme B-ORG\n"),
        "Tag more, or rename the label with --map-label or drop it with --ignore-label.",
        [
            Fix(files=conll(ENOUGH + ENOUGH.replace("w", "v").replace("PER", "ORG"))),
            Fix("--map-label ORG=PER"),
            Fix("--ignore-label ORG"),
        ],
    ),
    Case(
        "a rare part of speech",
        conll("".join(f"w{number} NN\n\n" for number in range(10)) + "so RB\n"),
        "Tag more, or rename the label with --map-label.",
        [Fix("--map-label RB=NN"), Fix(files=conll("".join(f"w{n} NN\nv{n} RB\n\n" for n in range(10))))],
        f"{CHECK} --task pos --tag-column 1",
    ),
    Case(
        "a label that train has not",
        {**conll(ENOUGH), **DEV},
        "Correct the tag, or rename the label with --map-label or drop it with --ignore-label.",
        [Fix(files={"valid.conll": "Rome B-PER\n"}), Fix("--map-label LOC=PER"), Fix("--ignore-label LOC")],
        f"check-data {EACH}",
    ),
    Case(
        "a part of speech that train has not",
        {**conll("so RB\n"), "valid.conll": "it PRP\n"},
        "Correct the tag, or rename the label with --map-label.",
        [Fix(files={"valid.conll": "it RB\n"}), Fix("--map-label PRP=RB")],
        f"check-data {EACH} --task pos --tag-column 1",
    ),
    Case(
        "a likely slip",
        conll(f"{USUAL}in O\nRome O\n"),
        "Correct the tag if it is a slip.",
        [Fix(files=conll(f"{USUAL}in O\nRome B-LOC\n"))],
    ),
    Case(
        "a sentence twice",
        conll(f"{GOOD}\n{GOOD}"),
        "expected each sentence once. Remove one.",
        [Fix(files=conll(GOOD), reads=READ)],
    ),
    Case(
        "a sentence twice, with other tags",
        conll(f"{GOOD}\nGreta B-LOC\nleft O\n"),
        "expected the same tags for the same words. Correct one of the two.",
        [Fix(files=conll(f"{GOOD}\n{GOOD}"))],
    ),
    Case(
        "a sentence of another split",
        {**conll(GOOD), "valid.conll": GOOD},
        "Remove one of the two.",
        [Fix(files=DEV), Fix(files=conll("Rome B-LOC\n"))],
        f"check-data {EACH}",
    ),
    Case(
        "files of one name to repair",
        {"a/x.conll": GOOD, "b/x.conll": "Rome B-LOC\n"},
        "expected files with different names, because the copies go into one folder. Rename them.",
        [
            Fix(
                shell="mv b/x.conll b/y.conll",
                command="check-data --train-file a/x.conll --test-file b/y.conll --fix fixed",
                reads=READ,
            )
        ],
        "check-data --train-file a/x.conll --test-file b/x.conll --fix fixed",
    ),
    Case(
        "a folder for repairs that is not empty",
        {**conll(GOOD), "fixed/x": ""},
        "expected a new folder. Choose another.",
        [Fix(command=f"{CHECK} --fix other", reads=READ)],
        f"{CHECK} --fix fixed",
    ),
    Case(
        "a packed file to repair",
        {"train.conll.gz": gzip.compress(GOOD.encode())},
        "Unpack it, or join its parts.",
        [Fix(shell="gunzip train.conll.gz", command=f"{CHECK} --fix fixed", reads=READ)],
        "check-data --train-file train.conll.gz --fix fixed",
    ),
    Case(
        "parts of a file to repair",
        {"train-00000-of-00002.conll": f"{GOOD}\n", "train-00001-of-00002.conll": "Rome B-LOC\n"},
        "Unpack it, or join its parts.",
        [Fix(shell="cat train-*.conll > train.conll", command=f"{CHECK} --fix fixed", reads=f"{READ} | Rome/B-LOC")],
        "check-data --train-file train-00000-of-00002.conll --fix fixed",
    ),
    Case(
        "a table to repair",
        {"train.csv": "word,tag\nGreta,B-PER\n"},
        "Convert it first with `tf-ner convert`.",
        [Fix(command=f"convert train.csv train.conll && {CHECK} --fix fixed", reads="Greta/B-PER")],
        "check-data --train-file train.csv --fix fixed",
    ),
]


def held(name, words, tags, says, *fixes, to="out.conll", options=""):
    """Something that a format cannot hold."""
    files = {"in.jsonl": json.dumps({"words": words, "tags": tags}) + "\n"}
    return Case(name, files, says, fixes, f"convert in.jsonl {to} {options}")


def change(words, tags):
    """The same call with other words."""
    reads = " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True))
    return Fix(files={"in.jsonl": json.dumps({"words": words, "tags": tags}) + "\n"}, reads=reads)


WHOLE = change(["Greta", "left"], ["B-PER", "O"])
CONVERT = [
    Case(
        "nothing to convert",
        conll(GOOD),
        "which does not exist; expected a file or a folder. Check the path.",
        [Fix(command="convert train.conll out.csv", reads=READ)],
        "convert trian.conll out.csv",
    ),
    Case(
        "an output without a format",
        conll(GOOD),
        "expected a name that ends in one of",
        [Fix("--format csv"), Fix(command="convert train.conll out.csv", reads=READ)],
        "convert train.conll out",
    ),
    Case(
        "entities to CoNLL-U",
        conll(GOOD),
        "Use --task pos, or write conll.",
        [
            Fix("--task pos --tag-column 1", reads=READ),
            Fix(command="convert train.conll out.conll", reads=READ),
        ],
        "convert train.conll out.conllu",
    ),
    Case(
        "a file to a folder",
        {**conll(GOOD), "out.csv/x": ""},
        "expected a file, because train.conll is one. Change the path.",
        [Fix(command="convert train.conll other.csv", reads=READ)],
        "convert train.conll out.csv",
    ),
    Case(
        "a folder to a file",
        {"in/train.conll": GOOD},
        "expected a folder, whose name has no file extension. Choose another name, and the format with --format.",
        [Fix(command="convert in out --format csv", reads=READ)],
        "convert in out.csv",
    ),
    Case(
        "an output that is there",
        {**conll(GOOD), "out.csv": ""},
        "Pass --overwrite.",
        [Fix("--overwrite", reads=READ)],
        "convert train.conll out.csv",
    ),
    held("a tab in a word", ["Gre\tta"], ["O"], "Change it, or choose a format other than conll.",
         change(["Greta"], ["O"]), Fix(command="convert in.jsonl out.csv", reads="Gre\tta/O")),
    held("the beginning of a document", ["-DOCSTART-"], ["O"], "because this begins a document", change(["DOC"], ["O"]),
         Fix(command="convert in.jsonl out.csv", reads="-DOCSTART-/O")),
    held("a space behind a tag", ["Greta"], ["B-PER "], "expected a tag that does not end in white space",
         change(["Greta"], ["B-PER"]), Fix(command="convert in.jsonl out.csv", reads="Greta/B-PER ")),
    held("names of columns", ["word"], ["ner"], "because these are column names", change(["words"], ["O"]),
         Fix(command="convert in.jsonl out.csv --scheme plain", reads="word/ner"), options="--scheme plain"),
    held("lists for a table", ["a b"], ["O O"], "cells that cannot be mistaken for lists of both", change(["a"], ["O"]),
         Fix(command="convert in.jsonl out.jsonl2 --format jsonl --task pos"), to="out.csv", options="--task pos"),
    held("no tag in CoNLL-U", ["a"], ["_"], "because _ means no tag", change(["a"], ["X"]),
         Fix(command="convert in.jsonl out.csv --task pos", reads="a/_"), to="out.conllu", options="--task pos"),
    held(
        "an I- that begins",
        ["Greta", "left"],
        ["I-PER", "O"],
        "Correct the tag, or pass --scheme iob1 if an I- may begin an entity.",
        Fix(files=WHOLE.files),
        Fix(command="convert in.jsonl out.jsonl --format jsonl-spans --scheme iob1"),
        to="out.jsonl",
        options="--format jsonl-spans --scheme iob2",
    ),
    held(
        "two entities that touch",
        ["Greta", "Oslo"],
        ["B-X", "B-X"],
        "Choose another scheme, such as iob2.",
        Fix(command="convert in.jsonl out.conll --to-scheme iob2", reads="Greta/B-X Oslo/B-X"),
        options="--to-scheme io",
    ),
    held(
        "a label called O in plain tags",
        ["Greta", "left"],
        ["B-O", "O"],
        "Choose another scheme, such as iob2, or rename the label with --map-label.",
        Fix(command="convert in.jsonl out.conll --to-scheme iob2", reads="Greta/B-O left/O"),
        Fix("--map-label O=PER", reads="Greta/PER left/O"),
        options="--to-scheme plain",
    ),
]  # fmt: skip

CASES = [*SPLITS, *CHECKS, *CONVERT]


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)

"""What messages on files, columns and tags advise helps."""

import gzip
import zipfile

from datasets import Dataset

from tests.advice import Case, Fix, do_what_is_advised, each
from tf_ner.corpus.loading.sources import load_corpus

GOOD = "Greta B-PER\nleft O\n\nOslo B-LOC\n"
READ = "Greta/B-PER left/O | Oslo/B-LOC"
FOUR = "Greta NNP B-NP B-PER\nleft VBD B-VP O\n"
FOUR_READ = "Greta/B-PER left/O"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def conll(text):
    return {"train.conll": text}


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


FILES = [
    Case(
        "not UTF-8",
        conll("Zoë B-PER\nleft O\n".encode("latin-1")),
        "not UTF-8",
        [
            Fix(files=conll("Zoë B-PER\nleft O\n"), reads="Zoë/B-PER left/O"),
            Fix("--encoding latin-1", reads="Zoë/B-PER left/O"),
        ],
    ),
    Case(
        "another encoding",
        conll("Zoë B-PER\nMálaga B-LOC\n".encode("cp1252")),
        "received 2 lines that are not UTF-8",
        [Fix("--encoding cp1252", reads="Zoë/B-PER Málaga/B-LOC")],
    ),
    Case(
        "the wrong encoding",
        conll(b"Zo\xeb B-PER\n\x81 O\nleft O\n"),
        "received bytes that are not cp1252",
        [
            Fix(command="check-data --train-file train.conll --encoding latin-1", reads="Zoë/B-PER \x81/O left/O"),
            Fix(files=conll(b"Zo\xeb B-PER\nleft O\n"), reads="Zoë/B-PER left/O"),
        ],
        "check-data --train-file train.conll --encoding cp1252",
    ),
    Case(
        "UTF-16 without a mark",
        conll(GOOD.encode("utf-16-le")),
        "Name another --encoding, such as utf-16-le or utf-16-be for UTF-16 without a mark.",
        [Fix(command="check-data --train-file train.conll --encoding utf-16-le", reads=READ)],
        "check-data --train-file train.conll --encoding utf-16",
    ),
    Case("UTF-16", conll(GOOD.encode("utf-16-le")), "received UTF-16", [Fix("--encoding utf-16-le", reads=READ)]),
    Case("a zero", conll(GOOD.replace("Oslo", "Os\0lo")), "received a NUL byte", [Fix(files=conll(GOOD), reads=READ)]),
    Case(
        "no such encoding",
        conll(GOOD),
        "Received the encoding 'ansi'",
        [Fix(command=lambda: load_corpus(files={"train": "train.conll"}, encoding="latin-1"))],
        lambda: load_corpus(files={"train": "train.conll"}, encoding="ansi"),
    ),
    Case(
        "an encoding for Parquet",
        {"train.parquet": lambda path: Dataset.from_dict({"words": [["a"]], "tags": [["O"]]}).to_parquet(str(path))},
        "Received --encoding for train.parquet",
        [Fix(command="check-data --train-file train.parquet --scheme iob2")],
        "check-data --train-file train.parquet --encoding latin-1",
    ),
    Case(
        "several files in an archive",
        {"train.zip": lambda path: zipped(path, {"a/train.conll": GOOD, "a/test.conll": GOOD})},
        "with 2 files (a/train.conll, a/test.conll); expected one",
        [
            Fix(shell="unzip -q train.zip", command="train --dataset a"),
            Fix(shell="unzip -q train.zip", command="check-data --train-file a/train.conll", reads=READ),
        ],
    ),
    Case(
        "an archive for a data set",
        {"data.zip": lambda path: zipped(path, {"data/train.conll": GOOD})},
        "Received the archive data.zip as a data set",
        [Fix(shell="unzip -q data.zip", command="train --dataset data", reads=READ)],
        "train --dataset data.zip",
    ),
    Case(
        "a damaged archive",
        {"train.zip": b"PK"},
        "which cannot be unpacked",
        [Fix(files={"train.zip": lambda path: zipped(path, {"train.conll": GOOD})}, reads=READ)],
    ),
    Case(
        "no blank lines",
        conll("word O\n" * 201),
        "received a sentence of 201 words",
        [Fix(files=conll("word O\n" * 100 + "\n" + "word O\n" * 101))],
    ),
    Case(
        "an empty word that may be one",
        conll("Greta\tB-PER\n\tO\nleft\tO\n"),
        "choose with --empty-words what becomes of such words",
        [
            Fix("--empty-words drop", reads="Greta/B-PER left/O"),
            Fix("--empty-words keep", reads="Greta/B-PER /O left/O"),
        ],
    ),
    Case(
        "an empty word that is left out",
        conll("Greta\tB-PER\n\tO\nleft\tO\n"),
        "received an empty word with the tag O; it is left out",
        command="check-data --train-file train.conll --empty-words drop",
        reads="Greta/B-PER left/O",
    ),
    Case(
        "an empty word that is kept",
        conll("Greta\tB-PER\n\tO\nleft\tO\n"),
        "it is kept, by --empty-words keep",
        command="check-data --train-file train.conll --empty-words keep",
        reads="Greta/B-PER /O left/O",
    ),
    Case(
        "a word of which nothing is visible",
        conll("Greta\tB-PER\n\u200b\tO\n"),
        "Nothing else is in this word",
        [Fix("--empty-words drop", reads="Greta/B-PER")],
    ),
    Case(
        "a text of brat that is not UTF-8",
        {"dev.ann": "T1\tPER 0 3\tZoë\n".encode("latin-1"), "dev.txt": "Zoë left".encode("latin-1")},
        "not UTF-8",
        [Fix("--encoding latin-1", reads="Zoë/B-PER left/O")],
    ),
    Case("a pointer of Git LFS", conll(LFS), "Run `git lfs pull`", [Fix(files=conll(GOOD), reads=READ)]),
    Case(
        "no such file",
        conll(GOOD),
        "which does not exist; expected a corpus file",
        [Fix(command="check-data --train-file train.conll", reads=READ)],
        "check-data --train-file trian.conll",
    ),
    Case(
        "a folder for a file",
        {"data/train.conll": GOOD},
        "Received the folder data",
        [Fix(command="check-data --dataset data", reads=READ)],
        "check-data --train-file data",
    ),
    Case(
        "a file that is not packed",
        {"train.conll.gz": GOOD},
        "cannot be unpacked",
        [
            Fix(files={"train.conll.gz": gzip.compress(GOOD.encode())}, reads=READ),
            Fix(shell="cp train.conll.gz train.conll", command="check-data --train-file train.conll", reads=READ),
        ],
    ),
    Case(
        "a part is missing",
        {"train-00000-of-00002.conll": GOOD},
        "train-00001-of-00002.conll is missing",
        [
            Fix(files={"train-00001-of-00002.conll": "Rome B-LOC\n"}, reads=f"{READ} | Rome/B-LOC"),
            Fix(files=conll(GOOD), command="check-data --train-file train.conll", reads=READ),
        ],
    ),
    Case("nothing in it", conll("\n"), "received no sentence", [Fix(files=conll(GOOD), reads=READ)]),
]

COLUMNS = [
    Case(
        "too many columns", conll("Greta B-PER\nleft O x\n"), "Remove the extra", [Fix(files=conll(GOOD), reads=READ)]
    ),
    Case(
        "a word with a space",
        conll("Greta B-PER\nNew York B-LOC\n"),
        "use tabs between columns",
        [Fix(files=conll("Greta B-PER\nNew York\tB-LOC\n"), reads="Greta/B-PER New York/B-LOC")],
    ),
    Case(
        "too few columns",
        conll("Greta B-PER\n----\nOslo B-LOC\n"),
        "Add the missing ones",
        [
            Fix(files=conll("Greta B-PER\n---- O\nOslo B-LOC\n"), reads="Greta/B-PER ----/O Oslo/B-LOC"),
            Fix(files=conll("Greta B-PER\n\nOslo B-LOC\n"), reads="Greta/B-PER | Oslo/B-LOC"),
        ],
    ),
    Case(
        "tabs and spaces",
        conll("Greta\tNNP\tB-PER\nleft VBD\tO\n"),
        "Put tabs between all columns",
        [
            Fix(files=conll("Greta\tNNP\tB-PER\nleft\tVBD\tO\n"), reads="Greta/B-PER left/O"),
            Fix(files=conll("Greta\tNNP\tB-PER\nleft VBD O\n"), reads="Greta/B-PER left/O"),
        ],
    ),
    Case(
        "names for too few columns",
        conll(FOUR),
        "received lines of 4 columns, and --columns with 2 (word ner)",
        [Fix(command="check-data --train-file train.conll --columns word pos chunk ner", reads=FOUR_READ)],
        "check-data --train-file train.conll --columns word ner",
    ),
    Case(
        "names for too many columns",
        conll(GOOD),
        "received lines of 2 columns, and --columns with 3 (word pos ner)",
        [Fix(command="check-data --train-file train.conll --columns word ner", reads=READ)],
        "check-data --train-file train.conll --columns word pos ner",
    ),
    Case(
        "a title",
        conll("Towns B\n" + FOUR),
        "received 2 columns ('Towns B'); expected 4. Add the missing ones, or leave the line blank",
        [
            Fix(files=conll("Towns _ _ O\n" + FOUR), reads=f"Towns/O {FOUR_READ}"),
            Fix(files=conll("\n" + FOUR), reads=FOUR_READ),
        ],
    ),
    Case(
        "a column that there is not",
        conll(FOUR),
        "received lines of 4 columns, and --tag-column 4; expected a number from 0 to 3, or from -4 to -1.",
        [
            Fix(command="check-data --train-file train.conll --tag-column 3", reads=FOUR_READ),
            Fix(command="check-data --train-file train.conll --tag-column -1", reads=FOUR_READ),
        ],
        "check-data --train-file train.conll --tag-column 4",
    ),
    Case(
        "columns without names",
        conll(FOUR),
        "Name each column of the file, such as --columns word pos, or give the number of that one with --tag-column",
        [
            Fix("--columns word pos chunk ner", reads="Greta/NNP left/VBD"),
            Fix("--tag-column 1", reads="Greta/NNP left/VBD"),
        ],
        "check-data --train-file train.conll --task pos",
    ),
    Case(
        "a word without a name",
        conll("B-PER Greta\nO left\n"),
        "such as --columns form ner, or give the number of that one with --word-column",
        [
            Fix("--columns ner form", reads="Greta/B-PER left/O"),
            Fix(
                command="check-data --train-file train.conll --word-column 1 --tag-column 0", reads="Greta/B-PER left/O"
            ),
        ],
        "check-data --train-file train.conll --word-column form",
    ),
    Case(
        "one column for both",
        conll(GOOD),
        "for both words and tags",
        [
            Fix("--tag-column 1", reads=READ),
            Fix("--word-column 1 --tag-column 0", reads="B-PER/Greta O/left | B-LOC/Oslo"),
        ],
        "check-data --train-file train.conll --tag-column 0 --scheme plain",
    ),
    Case(
        "names of columns in a file without",
        conll("word ner\n" + GOOD),
        "expected words. Remove the line.",
        [Fix(files=conll(GOOD), reads=READ)],
    ),
    Case(
        "names with tabs",
        conll("word\tner\nGreta\tB-PER\n"),
        "or let the name of the file end in .tsv: then",
        [
            Fix(files=conll("Greta\tB-PER\n"), reads="Greta/B-PER"),
            Fix(shell="mv train.conll train.tsv", command="check-data --train-file train.tsv", reads="Greta/B-PER"),
        ],
    ),
    Case(
        "names with tabs, and as an option",
        conll("ner\tword\nB-PER\tGreta\n"),
        "or leave out --columns and let the name end in .tsv",
        [
            Fix(files=conll("B-PER\tGreta\n"), reads="Greta/B-PER"),
            Fix(shell="mv train.conll train.tsv", command="check-data --train-file train.tsv", reads="Greta/B-PER"),
        ],
        "check-data --train-file train.conll --columns ner word",
    ),
    Case(
        "names in a table, and as an option",
        {"train.tsv": "ner\tword\nB-PER\tGreta\n"},
        "or leave out --columns: then",
        [
            Fix(files={"train.tsv": "B-PER\tGreta\n"}, reads="Greta/B-PER"),
            Fix(command="check-data --train-file train.tsv", reads="Greta/B-PER"),
        ],
        "check-data --train-file train.tsv --columns ner word",
    ),
    Case(
        "an empty cell",
        conll("Greta\tB-PER\n\tO\n"),
        "Fill the cell in or remove",
        [
            Fix(files=conll("Greta\tB-PER\nleft\tO\n"), reads="Greta/B-PER left/O"),
            Fix(files=conll("Greta\tB-PER\n"), reads="Greta/B-PER"),
        ],
    ),
    Case(
        "a word without the prefix",
        conll("en:Greta B-PER\nleft O\n"),
        "expected 'en:' and a word. Write both there or remove",
        [
            Fix(files=conll("en:Greta B-PER\nen:left O\n"), reads="Greta/B-PER left/O"),
            Fix(files=conll("en:Greta B-PER\n"), reads="Greta/B-PER"),
        ],
        "check-data --train-file train.conll --word-prefix en:",
    ),
    Case(
        "comments",
        conll("# id = 1\n#1 O\nGreta B-PER\n"),
        "Give --comments.",
        [Fix("--comments", reads="#1/O Greta/B-PER")],
    ),
    Case(
        "numbers, comments and two tags",
        conll("# id 1\n1\tGreta\tB-PER\tO\n2\tleft\tO\tO\n"),
        "Give --comments --word-column 1 --tag-column 2 or 3.",
        [
            Fix("--comments --word-column 1 --tag-column 2", reads="Greta/B-PER left/O"),
            Fix("--comments --word-column 1 --tag-column 3", reads="Greta/O left/O"),
        ],
    ),
    Case(
        "all words begin alike",
        conll("".join(f"en:w{number} O\n" for number in range(6))),
        "--word-prefix en: leaves it out",
        [Fix("--word-prefix en:", reads=" ".join(f"w{number}/O" for number in range(6)))],
    ),
]


MANY = "Rome B-LOC\nit O\n\n" * 9
TAGS = [
    Case(
        "small letters",
        conll("Greta b-PER\nleft o\n"),
        "they are read as 'B-PER' and 'O'",
        reads="Greta/B-PER left/O",
    ),
    Case(
        "several tags",
        conll("Greta B-PER|B-ORG\nleft O\n"),
        "Choose with --several-tags",
        [Fix("--several-tags first", reads="Greta/B-PER left/O"), Fix("--several-tags none", reads="Greta/O left/O")],
    ),
    Case(
        "a label called O",
        conll("Greta B-O\nleft O\n"),
        "for example with --map-label O=OTHER",
        [Fix("--map-label O=OTHER", reads="Greta/B-OTHER left/O")],
        "train --train-file train.conll",
    ),
    Case(
        "a bare label",
        conll(f"Monday TIM\n\n{MANY}"),
        "say how to read it with --bare-labels (entity or outside)",
        [
            Fix(files=conll(f"Monday B-TIM\n\n{MANY}")),
            Fix("--bare-labels entity"),
            Fix("--bare-labels outside"),
            Fix("--scheme plain"),
        ],
    ),
    Case(
        "a scheme that they have not",
        conll("Greta PER\nleft O\n"),
        "Correct the tag, or name the tagging scheme with --scheme.",
        [
            Fix("--scheme plain", reads="Greta/PER left/O"),
            Fix(files=conll("Greta B-PER\nleft O\n"), reads="Greta/B-PER left/O"),
        ],
        "check-data --train-file train.conll --scheme iob2",
    ),
    Case(
        "one small prefix",
        conll(f"{MANY}Greta b-PER\n"),
        "Prefixes are capital letters: write B-PER.",
        [Fix(files=conll(f"{MANY}Greta B-PER\n"))],
    ),
    Case(
        "no label",
        conll(f"{MANY}Greta B-\n"),
        "Write one, or O.",
        [Fix(files=conll(f"{MANY}Greta B-PER\n")), Fix(files=conll(f"{MANY}Greta O\n"))],
    ),
    Case(
        "an unknown prefix",
        conll(f"{MANY}Greta X-PER\n"),
        "Correct the tag, or name the tagging scheme with --scheme.",
        [Fix(files=conll(f"{MANY}Greta B-PER\n")), Fix("--scheme plain")],
    ),
    Case(
        "prefixes behind",
        conll("Greta PER-B\nLund PER-I\nleft O\n"),
        "Write them like this, or pass --scheme plain",
        [
            Fix(files=conll("Greta B-PER\nLund I-PER\nleft O\n"), reads="Greta/B-PER Lund/I-PER left/O"),
            Fix("--scheme plain", reads="Greta/PER-B Lund/PER-I left/O"),
        ],
    ),
    Case(
        "with a prefix and without",
        conll("Greta B-PER\nat O\nnoon TIM\n\nOn O\nMonday TIM\n"),
        "Say how labels without a prefix are read with --bare-labels",
        [
            Fix("--bare-labels entity", reads="Greta/B-PER at/O noon/B-TIM | On/O Monday/B-TIM"),
            Fix("--bare-labels outside", reads="Greta/B-PER at/O noon/O | On/O Monday/O"),
            Fix("--scheme plain"),
        ],
    ),
    Case(
        "parts of speech for entities",
        conll("Greta B-PER NNP\nleft O VBD\n"),
        "Choose another column with --tag-column, or --task pos; or pass --scheme plain",
        [
            Fix("--tag-column 1", reads="Greta/B-PER left/O"),
            # Which column they are in is asked then.
            Fix("--task pos --tag-column 2", reads="Greta/NNP left/VBD"),
            Fix("--scheme plain", reads="Greta/NNP left/VBD"),
        ],
    ),
    Case(
        "a tag that looks like another",
        conll("Greta B-PER\u200b\nleft O\n"),
        "Correct the tag; `tf-ner check-data --fix` does so in column files.",
        [Fix(files=conll("Greta B-PER\nleft O\n")), Fix(command="check-data --train-file train.conll --fix fixed")],
        "train --train-file train.conll",
    ),
    Case(
        "a label to rename that there is not",
        conll(GOOD),
        "expected one of LOC, PER. Correct --map-label.",
        [Fix(command="check-data --train-file train.conll --map-label PER=ORG", reads=READ)],
        "check-data --train-file train.conll --map-label PRE=ORG",
    ),
    Case(
        "a label to drop that there is not",
        conll(GOOD),
        "Correct --ignore-label.",
        [Fix(command="train --train-file train.conll --ignore-label PER", reads="Greta/O left/O | Oslo/B-LOC")],
        "train --train-file train.conll --ignore-label PRE",
    ),
    Case(
        "a scheme that there is not",
        conll(GOOD),
        "Received scheme 'iob3'",
        [
            Fix(command=lambda: load_corpus(files={"train": "train.conll"}, scheme="iob2"), reads=READ),
            Fix(command=lambda: load_corpus(files={"train": "train.conll"}), reads=READ),
        ],
        lambda: load_corpus(files={"train": "train.conll"}, scheme="iob3"),
    ),
    Case(
        "a task that there is not",
        conll(GOOD),
        "Received task 'entities'",
        [Fix(command=lambda: load_corpus(files={"train": "train.conll"}, task="ner"), reads=READ)],
        lambda: load_corpus(files={"train": "train.conll"}, task="entities"),
    ),
    Case(
        "a rule for words that there is not",
        conll(GOOD),
        "Received word_rule 'words'",
        [Fix(command=lambda: load_corpus(files={"train": "train.conll"}, word_rule="text"), reads=READ)],
        lambda: load_corpus(files={"train": "train.conll"}, word_rule="words"),
    ),
]

CASES = [*FILES, *COLUMNS, *TAGS]


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)

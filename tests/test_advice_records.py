"""What messages on JSON, Parquet, what is in memory and what `datasets` saved advise helps."""

import gzip
import json
from contextlib import contextmanager

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from huggingface_hub import constants

from tests.advice import Case, Fix, do_what_is_advised, each
from tests.hub import Hub
from tests.hub.client import online
from tf_ner.corpus.loading.sources import load_corpus

READ = "Greta/B-PER left/O"
WORDS, TAGS = ["Greta", "left"], ["B-PER", "O"]


def jsonl(*records):
    return {"train.jsonl": "".join(json.dumps(record) + "\n" for record in records)}


GOOD = jsonl({"words": WORDS, "tags": TAGS})
OSLO = {"text": "in Oslo", "label": [[3, 7, "LOC"]]}
OSLO_READ = "in/O Oslo/B-LOC"


def record(**values):
    """A record of words and tags with other values."""
    return jsonl({"words": WORDS, "tags": TAGS} | values)


def of_text(**values):
    return jsonl({"text": "in Oslo"} | values)


JSON = [
    Case("no object", jsonl(7), "received JSON that is not an object", [Fix(files=GOOD, reads=READ)]),
    Case(
        "a list of words in a list",
        {"train.json": '[["Greta", "B-PER"]]'},
        "expected an object for each sentence. Fix the record.",
        [Fix(files={"train.json": '[{"words": ["Greta"], "tags": ["B-PER"]}]'}, reads="Greta/B-PER")],
    ),
    Case(
        "one list on a line",
        {"train.jsonl": json.dumps([{"words": WORDS, "tags": TAGS}])},
        "A file that is one list of records ends in .json.",
        [Fix(shell="mv train.jsonl train.json", command="check-data --train-file train.json", reads=READ)],
    ),
    Case(
        "a record over many lines",
        {"train.jsonl": json.dumps({"words": WORDS, "tags": TAGS}, indent=1)},
        "and write one record per line",
        [Fix(files=GOOD, reads=READ)],
    ),
    Case(
        "no JSON",
        {"train.jsonl": "{'words': ['Greta'], 'tags': ['B-PER']}\n"},
        "expected an object on each line. Fix it",
        [Fix(files=jsonl({"words": ["Greta"], "tags": ["B-PER"]}), reads="Greta/B-PER")],
    ),
    Case(
        "a list that does not end",
        {"train.json": '[{"words": ["Greta"], "tags": ["B-PER"]}\n'},
        "the rest of the file is not read",
        [Fix(files={"train.json": '[{"words": ["Greta"], "tags": ["B-PER"]}]\n'}, reads="Greta/B-PER")],
    ),
    Case(
        "numbers for keys",
        jsonl({"form": WORDS, "kind": TAGS}),
        "expected names. Change --word-column or --tag-column",
        [Fix(command="check-data --train-file train.jsonl --word-column form --tag-column kind", reads=READ)],
        "check-data --train-file train.jsonl --word-column 0 --tag-column 1",
    ),
    Case(
        "other keys",
        jsonl({"form": WORDS, "kind": TAGS}),
        "Name the keys with --word-column and --tag-column.",
        [Fix("--word-column form --tag-column kind", reads=READ)],
    ),
    Case(
        "one key for both",
        record(),
        "Change --tag-column.",
        [Fix("--tag-column tags", reads=READ)],
        "check-data --train-file train.jsonl --tag-column words",
    ),
    Case("no list", record(tags="B-PER O"), "received 'B-PER O' as tags", [Fix(files=GOOD, reads=READ)]),
    Case(
        "numbers for tags",
        record(tags=[1, 0]),
        "Name all with --label-names.",
        [Fix("--label-names O B-PER", reads=READ)],
    ),
    Case("a number that is no tag", record(tags=[1.5, 0]), "received 1.5 among the tags", [Fix(files=GOOD)]),
    Case("an empty tag", record(tags=["B-PER", ""]), "received an empty tag", [Fix(files=GOOD, reads=READ)]),
    Case(
        "an empty word",
        record(words=["Greta", ""]),
        "received an empty word; expected none",
        [Fix(files=GOOD), Fix("--empty-words drop")],
    ),
    Case("too few tags", record(tags=["O"]), "received 2 words and 1 tags", [Fix(files=GOOD, reads=READ)]),
    Case("half a character", record(words=["Greta", "\ud83d"]), "Fix the escape", [Fix(files=GOOD, reads=READ)]),
    Case(
        "no word",
        jsonl({"words": [], "tags": []}, {"words": WORDS, "tags": TAGS}),
        "received a sentence without a word; it is left out",
        reads=READ,
    ),
    Case(
        "a refused record",
        {"train.jsonl": record(answer="reject")["train.jsonl"] + GOOD["train.jsonl"]},
        "received a record that an annotator refused; it is left out",
        reads=READ,
    ),
    Case(
        "text for parts of speech",
        of_text(label=OSLO["label"]),
        "Use --task ner.",
        [Fix(command="check-data --train-file train.jsonl --task ner", reads=OSLO_READ)],
        "check-data --train-file train.jsonl --task pos",
    ),
    Case(
        "two lists of spans",
        of_text(spans=[[3, 7, "CITY"]], entities=[[3, 7, "LOC"]]),
        "received spans and entities next to the text; expected one list of spans. Name its key with --tag-column.",
        [Fix("--tag-column spans", reads="in/O Oslo/B-CITY"), Fix("--tag-column entities", reads=OSLO_READ)],
    ),
    Case(
        "spans under an unknown key",
        of_text(marks=[[3, 7, "LOC"]]),
        "received offsets under 'marks', which nothing reads",
        [Fix("--tag-column marks", reads=OSLO_READ)],
    ),
    Case("text alone", of_text(), "it is read as a sentence without entities", reads="in/O Oslo/O"),
    Case(
        "spans that are no list",
        of_text(marks="3 7 LOC"),
        "received spans that are not a list",
        [Fix(files=of_text(marks=[[3, 7, "LOC"]]), reads=OSLO_READ)],
        "check-data --train-file train.jsonl --tag-column marks",
    ),
    Case(
        "labels that are numbers",
        of_text(label=[[3, 7, 4]]),
        "--map-label 4=NAME names them",
        [Fix("--map-label 4=LOC", reads=OSLO_READ)],
        "train --train-file train.jsonl",
    ),
]


def parquet(**columns):
    return lambda path: pq.write_table(pa.table(columns), path)


def packed(path):
    parquet(words=[WORDS], tags=[TAGS])(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


PARQUET = {"train.parquet": parquet(words=[WORDS], tags=[TAGS])}
CHECK_PARQUET = "check-data --train-file train.parquet"
TABLES = [
    Case(
        "packed twice",
        {"train.parquet.gz": packed},
        "not compressed once more. Unpack it.",
        [Fix(shell="gunzip train.parquet.gz", command=CHECK_PARQUET, reads=READ)],
        "check-data --train-file train.parquet.gz",
    ),
    Case("damaged", {"train.parquet": b"PAR1"}, "Write or copy it again.", [Fix(files=PARQUET, reads=READ)]),
    Case(
        "numbers for tags",
        {"train.parquet": parquet(words=[WORDS], tags=[[1, 0]], names=[TAGS])},
        "Name tags that are numbers with --label-names, or choose other columns",
        [Fix("--label-names O B-PER", reads=READ), Fix("--word-column words --tag-column names", reads=READ)],
    ),
    Case(
        "a number for each word",
        {"train.parquet": parquet(word=WORDS, tag=[1, 0], name=TAGS)},
        "two strings. Choose other columns with --word-column and --tag-column.",
        [Fix("--word-column word --tag-column name", reads=READ)],
    ),
    Case(
        "other names",
        {"train.parquet": parquet(forms=[WORDS], kinds=[TAGS])},
        "Give their names or numbers with --word-column and --tag-column.",
        [Fix("--word-column forms --tag-column kinds", reads=READ)],
    ),
]


def in_memory(data, **options):
    return lambda: load_corpus(data, **options)


PAIRS = [(WORDS, TAGS)]
NAMED = List(ClassLabel(names=["O", "B-PER"]))


def rows(**columns):
    """Rows of lists; numbers are names of tags where the name of the column says so."""
    features = {
        name: NAMED if name.startswith("named") else List(Value("string" if isinstance(values[0][0], str) else "int64"))
        for name, values in columns.items()
    }
    return Dataset.from_dict(columns, features=Features(features))


SPLIT = rows(words=[WORDS], tags=[TAGS])
SHOWN = rows(words=[WORDS], named=[[1, 0]]).rename_column("named", "tags")
HIDDEN = rows(words=[WORDS], named=[[-1, -1]]).rename_column("named", "tags")
MEMORY = [
    Case(
        "splits with other columns",
        {},
        "Rename the columns of one.",
        [Fix(command=in_memory({"train": SPLIT, "test": SPLIT}), reads=READ)],
        in_memory({"train": SPLIT, "test": rows(forms=[WORDS], tags=[TAGS])}),
    ),
    Case(
        "no table",
        {},
        "expected rows with the same columns, of the same types. Fix the rows.",
        [Fix(command=in_memory([{"words": WORDS, "tags": TAGS}]), reads=READ)],
        in_memory([{"words": WORDS, "tags": TAGS}, {"words": WORDS, "tags": [["O"], 7]}]),
    ),
    Case(
        "another type",
        {},
        "Received data of type int; expected a DatasetDict",
        [
            Fix(command=in_memory(PAIRS), reads=READ),
            Fix(files={"train.jsonl": GOOD["train.jsonl"]}, command="check-data --dataset .", reads=READ),
        ],
        in_memory(7),
    ),
    Case(
        "other names",
        {},
        "Use a token-classification set, or name its columns with --word-column and --tag-column.",
        [
            Fix(command=in_memory(SPLIT), reads=READ),
            Fix(command=in_memory(rows(a=[WORDS], b=[TAGS]), word_column="a", tag_column="b"), reads=READ),
        ],
        in_memory(rows(a=[WORDS], b=[TAGS])),
    ),
    Case(
        "numbers without names",
        {},
        " Tags that are numbers (tags) are named with --label-names.",
        [Fix(command=in_memory(rows(words=[WORDS], tags=[[1, 0]]), label_names=["O", "B-PER"]), reads=READ)],
        in_memory(rows(words=[WORDS], tags=[[1, 0]])),
    ),
    Case(
        "a number without a name",
        {},
        "received the tag 1; expected one that has a name",
        [Fix(command=in_memory(rows(words=[WORDS], tags=[[1, 0]]), label_names=["O", "B-PER"]), reads=READ)],
        in_memory(rows(words=[WORDS], tags=[[1, 0]]), label_names=["O"]),
    ),
    *[
        Case(name, {}, says, [Fix(command=in_memory(SPLIT), reads=READ)], in_memory(data))
        for name, says, data in [
            ("an empty split", "received an empty split; expected sentences", SPLIT.select([])),
            ("no tags", "received no tags; expected a list of tags", [{"words": WORDS, "tags": None}, *SPLIT]),
            ("too few tags", "received 2 words and 1 tags", rows(words=[WORDS], tags=[["O"]])),
            ("no word", "received null among the words", [{"words": [None, "a"], "tags": TAGS}, *SPLIT]),
            (
                "an empty word",
                "received an empty word; expected none. Fix the record, or choose with --empty-words",
                rows(words=[["", "a"]], tags=[TAGS]),
            ),
        ]
    ],
    Case(
        "hidden tags",
        {"all": lambda path: DatasetDict({"train": SHOWN, "test": HIDDEN}).save_to_disk(str(path))},
        "Save the splits that have tags with `datasets` (save_to_disk), and pass that folder.",
        [
            Fix(
                files={"some": lambda path: DatasetDict({"train": SHOWN}).save_to_disk(str(path))},
                command="train --dataset some",
                reads=READ,
            )
        ],
        "train --dataset all",
    ),
    Case(
        "a saved data set that is damaged",
        {"saved/dataset_info.json": "{}"},
        "Copy or save it again.",
        [Fix(files={"saved": lambda path: DatasetDict({"train": SPLIT}).save_to_disk(str(path))}, reads=READ)],
        "train --dataset saved",
    ),
]

CASES = [*JSON, *TABLES, *MEMORY]


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)


@contextmanager
def as_on_the_hub(folder):
    """A Hub with a data set of two configurations, for `datasets` in this process."""
    card = (
        "---\nconfigs:\n- {config_name: small, data_files: a.jsonl}\n- {config_name: large, data_files: b.jsonl}\n---\n"
    )
    row = GOOD["train.jsonl"].encode()
    settings = {"HF_HUB_OFFLINE": False, "HF_UPDATE_DOWNLOAD_COUNTS": False, "HF_DATASETS_CACHE": str(folder)}
    with Hub() as hub, online(hub), pytest.MonkeyPatch.context() as patch:
        for name, value in {"HF_ENDPOINT": hub.url, **settings}.items():
            patch.setattr(datasets.config, name, value)
        hub.add_repo("dataset", "lab/two", {"README.md": card.encode(), "a.jsonl": row, "b.jsonl": row})
        yield


def _unreached():
    with pytest.MonkeyPatch.context() as patch:
        # Nobody listens there.
        patch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")
        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        return load_corpus("lab/two", config_name="small")


OF_HUB = [
    Case(
        "no configuration",
        {},
        "Choose it with --dataset-config.",
        [Fix("--dataset-config small", reads=READ), Fix("--dataset-config large", reads=READ)],
        "train --dataset lab/two",
    ),
    Case(
        "not on the Hub",
        GOOD,
        "Check the name and the network, or use local files",
        [
            Fix(command="train --dataset lab/two --dataset-config small", reads=READ),
            Fix(command="train --dataset .", reads=READ),
            Fix(command="train --train-file train.jsonl", reads=READ),
        ],
        "train --dataset lab/nothing",
    ),
    Case(
        "the Hub cannot be reached",
        {},
        "Check the path and the network; `--dataset sample --model minilm` works without a network",
        [
            Fix(command="train --dataset lab/two --dataset-config small", reads=READ),
            Fix(command="train --dataset sample --model minilm"),
        ],
        _unreached,
    ),
]


@each(OF_HUB)
def test_what_is_advised_helps_with_a_data_set_of_the_hub(case, fix, tmp_path_factory):
    with as_on_the_hub(tmp_path_factory.mktemp("cache")):
        do_what_is_advised(case, fix)

"""Entities from subwords, equal to those of transformers' pipeline for the same model."""

import json
import random
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import TFAutoModelForTokenClassification, pipeline

from tests.families import make_encoder
from tests.processes import PYTORCH_PYTHONS
from tf_ner import Predictor, load_tokenizer, load_untrained
from tf_ner.cli import main
from tf_ner.errors import ConfigError
from tf_ner.models.weights import save_model

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
AGGREGATIONS = ("simple", "first", "average", "max")
TEXTS = [
    "Ada Lovelace lived in London.", "", " ", "A shop in Lagos, 🦜 said Acme-Tools", "no", "x" * 300, "It's O'Brien's",
    "naïve Naïve e\u0301te\u0301 İstanbul", "北京 is in 中国。", "[SEP] [UNK] <s> </s>", "a\tb\nc\u00a0d\u200be",
]  # fmt: skip


def saved(encoder, folder, tags=TAGS):
    save_model(load_untrained(str(encoder), tag_names=tags), load_tokenizer(str(encoder)), folder)
    return str(folder)


def theirs(folder, aggregation):
    model = TFAutoModelForTokenClassification.from_pretrained(folder)
    return pipeline(
        "token-classification", model=model, tokenizer=load_tokenizer(folder), framework="tf", device=-1,
        aggregation_strategy=aggregation,
    )  # fmt: skip


def same(own, other):
    assert [(entity.start, entity.end, entity.label) for entity in own] == [
        (entity["start"], entity["end"], entity["entity_group"]) for entity in other
    ]
    np.testing.assert_allclose([entity.score for entity in own], [entity["score"] for entity in other], atol=1e-5)


@pytest.fixture(scope="module")
def bert(tiny_bert, tmp_path_factory):
    return saved(tiny_bert, tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("family", ["bert", "Roberta", "XLMRoberta"])
def test_entities_are_those_of_the_pipeline(family, aggregation, tiny_bert, tmp_path):
    encoder = tiny_bert if family == "bert" else make_encoder(family, tmp_path / "encoder")
    folder = saved(encoder, tmp_path / "model")
    predictor, other = Predictor.from_pretrained(folder, aggregation=aggregation), theirs(folder, aggregation)
    limit = predictor._task.max_length
    num_found = 0
    for annotated in predictor.find_entities(TEXTS):
        if len(predictor._task.tokenizer(annotated.text).input_ids) > limit:
            continue
        same(annotated.entities, other(annotated.text))
        assert all(annotated.text[one.start : one.end] == one.text for one in annotated.entities)
        num_found += len(annotated.entities)
    assert num_found > 5


@pytest.fixture(scope="module")
def both(bert):
    return {name: (Predictor.from_pretrained(bert, aggregation=name), theirs(bert, name)) for name in AGGREGATIONS}


ODD = st.sampled_from(" .,'-aAbBnN\tßẞİé\u0131\u0301\u00ad\u200d\ufe0f中한🦜🇩🇪\U0001f3fd\x00\x85\ufffd\u2028")


@given(st.text(st.one_of(st.characters(exclude_categories=["Cs"]), ODD), max_size=30))
def test_entities_of_any_text_are_those_of_the_pipeline(both, text):
    for predictor, other in both.values():
        [annotated] = predictor.find_entities([text])
        same(annotated.entities, other(text))


def test_words_in_tags_without_a_scheme(tiny_bert, tmp_path):
    folder = saved(tiny_bert, tmp_path / "model", ("O", "S-PER", "B-X-Y", "I-X-Y", "E-PER"))
    for name in AGGREGATIONS:
        other = theirs(folder, name)
        for annotated in Predictor.from_pretrained(folder, aggregation=name).find_entities(TEXTS[:2]):
            same(annotated.entities, other(annotated.text))


def test_long_texts_are_read_to_their_end(bert):
    sentence = "Ada Lovelace lived in London . "
    predictor = Predictor.from_pretrained(bert, aggregation="simple")
    [annotated] = predictor.find_entities([sentence * 200])
    inner = [entity for entity in annotated.entities if entity.end > len(sentence) * 150]
    assert inner
    assert all(annotated.text[one.start : one.end] == one.text for one in annotated.entities)


def test_a_megabyte_without_a_space(bert):
    for aggregation in ("word", *AGGREGATIONS):
        [annotated] = Predictor.from_pretrained(bert, aggregation=aggregation).find_entities(["x" * 1_000_000])
        assert annotated.text == "x" * 1_000_000


def test_records_thresholds_and_what_does_not_go_together(bert, tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"words": ["Ada", "Lovelace"], "id": 3}) + "\n" + json.dumps({"text": "Ada Lovelace"}))
    main(["predict", bert, str(path), "--aggregation", "max"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"id": 3, **second}
    assert first["text"] == "Ada Lovelace"
    main(["predict", bert, str(path), "--aggregation", "max", "--threshold", "1"])
    assert all(json.loads(line)["entities"] == [] for line in capsys.readouterr().out.splitlines())
    for others in (["--decoder", "viterbi"], ["--to", "conll"], ["--words"]):
        with pytest.raises(SystemExit, match="2"):
            main(["predict", bert, str(path), "--aggregation", "max", *others])
        assert "--aggregation max, which does not apply with" in capsys.readouterr().err
    predictor = Predictor.from_pretrained(bert, aggregation="first")
    with pytest.raises(ConfigError, match="expected 'word'"):
        predictor.tag_words([["Ada"]])
    with pytest.raises(ConfigError, match="which is about words"):
        Predictor.from_pretrained(bert, aggregation="first", decoder="viterbi")
    path.write_text('{"text": "Ada"}\n{"text": 3}\n')
    with pytest.raises(SystemExit, match="2"):
        main(["predict", bert, str(path), "--aggregation", "max"])
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "line 2: received" in printed.err


PYTORCH = """
import json, sys, warnings
from transformers import AutoTokenizer, pipeline

warnings.simplefilter("ignore")
folder, texts = sys.argv[1], json.load(open(sys.argv[2]))
find = pipeline("token-classification", model=folder, tokenizer=AutoTokenizer.from_pretrained(folder), device=-1)
for name in ("simple", "first", "average", "max"):
    rows = [find(text, aggregation_strategy=name) for text in texts]
    print(json.dumps([[[e["start"], e["end"], e["entity_group"], float(e["score"])] for e in row] for row in rows]))
"""
NUM_SENTENCES, NUM_RANDOM = 1000, 5000


def sentences_of(shared):
    blocks = (shared / "data" / "conll2003" / "test.txt").read_text(encoding="utf-8").split("\n\n")
    texts = (" ".join(line.split()[0] for line in block.splitlines()) for block in blocks if block.strip())
    return [text for text in texts if text != "-DOCSTART-"][:NUM_SENTENCES]


def random_texts(num_texts):
    drawn = random.Random(0)
    planes = [
        (0x20, 0x7F),
        (0x20, 0x7F),
        (0, 0x250),
        (0x250, 0x3000),
        (0x3000, 0xD800),
        (0xE000, 0x10000),
        (0x1F300, 0x1FA00),
    ]

    def character():
        return chr(drawn.randrange(*drawn.choice([*planes, (0x10000, 0x110000)]))) if drawn.random() < 0.8 else " "

    return ["".join(character() for _ in range(drawn.randrange(1, 25))) for _ in range(num_texts)]


@pytest.mark.slow
@pytest.mark.skipif(not PYTORCH_PYTHONS, reason="needs PyTorch: make interop")
def test_entities_are_those_of_the_pipeline_in_pytorch(bert, shared, tmp_path):
    texts = [*sentences_of(shared), *random_texts(NUM_RANDOM)]
    # The pipeline would cut longer ones.
    tokenizer = load_tokenizer(bert)
    limit = Predictor.from_pretrained(bert)._task.max_length
    texts = [text for text in texts if len(tokenizer(text).input_ids) <= limit]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    command = [PYTORCH_PYTHONS[0], "-c", PYTORCH, bert, str(tmp_path / "texts.json")]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name, line in zip(AGGREGATIONS, printed.splitlines(), strict=True):
        found = [
            annotated.entities for annotated in Predictor.from_pretrained(bert, aggregation=name).find_entities(texts)
        ]
        theirs_of_texts = json.loads(line)
        assert len(found) == len(theirs_of_texts) > 0.9 * (NUM_SENTENCES + NUM_RANDOM)
        differing = []
        for text, own, other in zip(texts, found, theirs_of_texts, strict=True):
            assert all(text[one.start : one.end] == one.text for one in own)
            same_places = [[one.start, one.end, one.label] for one in own] == [row[:3] for row in other]
            if not same_places or not np.allclose([one.score for one in own], [row[3] for row in other], atol=1e-4):
                differing.append(text)
        assert differing == []

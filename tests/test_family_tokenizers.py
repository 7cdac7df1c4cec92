"""Tokenizers of other kinds than BERT's, given words one by one and texts as they are."""

import functools
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast, RobertaConfig

from tests.families import BYTE_LEVEL, CONFIGS, LIMIT, SENTENCEPIECE, make_tokenizer
from tf_ner import TextClassification, TokenClassification, load_tokenizer
from tf_ner.errors import ModelError
from tf_ner.tasks.tokenizer_checks import read_words, tokenizer_warning
from tf_ner.tasks.tokenizers import window_length

WORDS = ["Ada", "Lovelace", "wrote", "to", "Acme", "(", "Lagos", ")", "'s", "a", "Zoë", "…", "."]
TAGS = ("O", "B-X", "I-X")


def saved(tokenizer, folder):
    tokenizer.save_pretrained(folder)
    return str(folder)


def generic(family):
    """As people save one that they trained themselves."""
    tokenizer = make_tokenizer(family)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, **tokenizer.special_tokens_map)


@functools.cache
def word_tokenizer(family):
    with TemporaryDirectory() as folder:
        return load_tokenizer(saved(make_tokenizer(family), folder))


@pytest.fixture(params=[*BYTE_LEVEL, "generic"])
def byte_level(request, tmp_path):
    tokenizer = generic("Roberta") if request.param == "generic" else make_tokenizer(request.param)
    return saved(tokenizer, tmp_path / "encoder")


def test_words_are_read_as_in_a_text_with_spaces(byte_level, tmp_path):
    as_pretrained = AutoTokenizer.from_pretrained(byte_level)
    task = TokenClassification(load_tokenizer(byte_level), TAGS, max_length=99)
    columns = task.encode([WORDS])
    assert columns["input_ids"] == [as_pretrained(" " + " ".join(WORDS))["input_ids"]]
    assert set(columns["word_ids"][0]) == {-1, *range(len(WORDS))}
    # A run keeps it, so that whoever loads it, with whatever, reads texts and words alike.
    folder = saved(task.tokenizer, tmp_path / "run")
    for tokenizer in (AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)):
        assert tokenizer.add_prefix_space
        assert tokenizer(" ".join(WORDS))["input_ids"] == columns["input_ids"][0]
        assert tokenizer(WORDS, is_split_into_words=True)["input_ids"] == columns["input_ids"][0]


# Also what tokenizers treat in ways of their own: special subwords spelled out, spaces, what they drop or cut.
ODD = ["[SEP]", "<s>", "<mask>", "[MASK]", " a", "a b", "\u200b", "\x01", "e\u0301", "😀", "``", "--"]
odd_words = st.sampled_from([*WORDS, *ODD])


@given(st.lists(st.lists(odd_words, max_size=9), min_size=1, max_size=5))
@pytest.mark.parametrize("family", CONFIGS)
def test_every_word_is_read_as_the_tokenizer_reads_it_in_its_sentence(family, sentences):
    task = TokenClassification(word_tokenizer(family), TAGS, max_length=999)
    columns = task.encode(sentences)
    encodings = task.tokenizer(sentences, is_split_into_words=True)
    first = 0
    for number, words in enumerate(sentences):
        for name in task.tokenizer.model_input_names:
            assert columns[name][number] == encodings[name][number]
        expected = [-1 if word is None else first + word for word in encodings.word_ids(number)]
        assert columns["word_ids"][number].tolist() == expected
        first += len(words)
    assert columns["sentence"] == list(range(len(sentences)))


def test_texts_are_read_as_they_are(byte_level, tmp_path):
    as_pretrained = AutoTokenizer.from_pretrained(byte_level)
    task = TextClassification(load_tokenizer(byte_level, for_words=False), ("a", "b"), max_length=99)
    folder = saved(task.tokenizer, tmp_path / "run")
    for text in ("Ada wrote", " Ada wrote"):
        [ids] = task.encode([text])["input_ids"]
        assert ids == as_pretrained(text)["input_ids"] == AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert task.encode(["Ada"])["input_ids"] != task.encode([" Ada"])["input_ids"]


def test_a_tokenizer_that_joins_words_is_refused(byte_level, tmp_path):
    with pytest.raises(ModelError, match="which joins words given one by one; expected one that reads each as if"):
        TokenClassification(AutoTokenizer.from_pretrained(byte_level), TAGS, max_length=99)
    # Here it would be put before every piece of a word, and so cannot be asked for.
    tokenizer = generic("Roberta")
    split = pre_tokenizers.Split(Regex(r"\s?\p{L}+|\s?[^\s\p{L}]+"), "isolated")
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
    with pytest.raises(ModelError, match="which joins words given one by one"):
        TokenClassification(load_tokenizer(saved(tokenizer, tmp_path / "sequence")), TAGS, max_length=99)


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("for_words", [True, False])
def test_no_false_alarms(family, for_words, tmp_path):
    """Typographic and wide characters, which sentencepiece makes plain, accents of either kind, and small letters."""
    tokenizer = load_tokenizer(saved(make_tokenizer(family), tmp_path), for_words=for_words)
    # An ellipsis; a wide comma, bracket and number; a ligature, a fraction, a sign; what sentencepiece puts for spaces.
    words = ["Ada", "LAGOS", "…", "\uff0c", "\uff08", "\uff11\uff12", "ﬁn", "½", "\u2116", "▁", "\u00a0a"]
    if family not in ("Albert", "DistilBert", "Electra", "MPNet"):
        words += ["Zoë", "Zoe\u0308", "naïve"]
    read = read_words(words, tokenizer)
    assert [word for word in words if read[word].is_changed(word)] == []
    assert all(read[word].num_pieces for word in words)
    if family in BYTE_LEVEL:
        assert not any(made.is_unknown for made in read.values())
        assert tokenizer_warning([words], tokenizer) is None


def test_alarms_that_are_none_too_many():
    """ALBERT drops accents, and what sentencepiece never saw it does not know."""
    albert, xlm_roberta = make_tokenizer("Albert"), make_tokenizer("XLMRoberta")
    assert read_words(["Zoë"], albert)["Zoë"].is_changed("Zoë")
    read = read_words(["Ada", "ক"], xlm_roberta)
    assert (read["Ada"].is_unknown, read["ক"].is_unknown) == (False, True)
    assert "50 % contain unknown pieces" in tokenizer_warning([["Ada", "ক"]], xlm_roberta)


@pytest.mark.parametrize("family", SENTENCEPIECE)
def test_a_space_that_stands_alone_belongs_to_its_word(family):
    tokenizer = make_tokenizer(family)
    task = TokenClassification(tokenizer, TAGS, max_length=99)
    columns = task.encode([["Lagos", "Ω", "Ada"]], [[1, 1, 0]])
    [pieces] = map(tokenizer.convert_ids_to_tokens, columns["input_ids"])
    alone = pieces.index(tokenizer.unk_token) - 1
    assert pieces[alone] == "▁"
    assert columns["word_ids"][0][alone : alone + 3].tolist() == [1, 1, 2]
    assert columns["labels"][0][alone : alone + 3].tolist() == [1, 2, 0]
    assert columns["input_ids"] == [tokenizer("Lagos Ω Ada")["input_ids"]]


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("Roberta", "<s> A </s> </s> A </s>"), ("XLMRoberta", "<s> A </s> </s> A </s>"),
        ("MPNet", "<s> A </s> </s> A </s>"), ("DebertaV2", "[CLS] A [SEP] A [SEP]"),
        ("Albert", "[CLS] A [SEP] A [SEP]"), ("Electra", "[CLS] A [SEP] A [SEP]"),
    ],
)  # fmt: skip
def test_pairs_are_divided_as_the_family_does(family, expected):
    tokenizer = make_tokenizer(family)
    task = TextClassification(tokenizer, ("a", "b"), max_length=99, num_texts=2)
    [ids] = task.encode([("Ada wrote", "Ada wrote")])["input_ids"]
    text = tokenizer("Ada wrote", add_special_tokens=False).tokens()
    assert tokenizer.convert_ids_to_tokens(ids) == [
        piece for part in expected.split() for piece in (text if part == "A" else [part])
    ]


@pytest.mark.parametrize("family", CONFIGS)
def test_the_positions_behind_padding_are_not_counted(family):
    tokenizer = make_tokenizer(family)
    kind = {"XLMRoberta": "xlm-roberta", "DebertaV2": "deberta-v2"}.get(family, family.lower())
    config = AutoConfig.for_model(kind, **CONFIGS[family], pad_token_id=tokenizer.pad_token_id)
    assert window_length(tokenizer, config, None) == LIMIT


def test_a_family_whose_padding_tensorflow_takes_for_another_is_refused():
    config = RobertaConfig(pad_token_id=0)
    with pytest.raises(ModelError, match="of type roberta whose padding id is 0; expected 1, from which"):
        window_length(make_tokenizer("Roberta"), config, None)

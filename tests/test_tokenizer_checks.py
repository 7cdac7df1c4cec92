import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import normalizers
from transformers import BertTokenizer

from tests import processes
from tf_ner.corpus.checks.check_data import check_data
from tf_ner.corpus.loading.splits import Split
from tf_ner.corpus.sentences import Sentence
from tf_ner.errors import ModelError
from tf_ner.options.commands import CheckConfig
from tf_ner.tasks.tokenizer_checks import check_tokenizer, check_with_model, read_words, tokenizer_warning
from tf_ner.tasks.tokenizers import load_tokenizer

BERT = {"clean_text": True, "handle_chinese_chars": True, "lowercase": False}


@pytest.fixture
def read(tokenizer):
    """Reads one word with the tiny tokenizer, and a normalizer of one's own."""
    original = tokenizer.backend_tokenizer.normalizer

    def read_one(word, normalizer):
        tokenizer.backend_tokenizer.normalizer = normalizer
        return read_words([word], tokenizer)[word]

    yield read_one
    tokenizer.backend_tokenizer.normalizer = original


# word: the normalizer, and whether the spelling is changed
SPELLINGS = {
    "as it is": ("Ada", normalizers.BertNormalizer(**BERT), False),
    "no normalizer": ("Adá", None, False),
    "small letters are no change": ("ADA", normalizers.BertNormalizer(**BERT | {"lowercase": True}), False),
    "stripped accents": ("Adá", normalizers.BertNormalizer(**BERT | {"strip_accents": True}), True),
    "stripped vowel signs": ("শ্রী", normalizers.BertNormalizer(**BERT | {"strip_accents": True}), True),
    "accents of their own are no change": ("Adá", normalizers.NFD(), False),
    "white space around Chinese is no change": ("東京", normalizers.BertNormalizer(**BERT), False),
    "a soft hyphen that is dropped": ("A\u00adda", normalizers.BertNormalizer(**BERT), True),
    "another letter": ("ﬁn", normalizers.NFKC(), False),
    "a fraction written out": ("½", normalizers.NFKC(), False),
    "wide digits made narrow": ("\uff11\uff12", normalizers.NFKC(), False),
    "a sign written out": ("\u2116", normalizers.NFKC(), False),
    "another digit": ("1", normalizers.Replace("1", "2"), True),
    "a mark for spaces": ("Ada", normalizers.Prepend("▁"), False),
}


@pytest.mark.parametrize(("word", "normalizer", "is_changed"), SPELLINGS.values(), ids=SPELLINGS)
def test_what_is_a_change_of_spelling(read, word, normalizer, is_changed):
    assert read(word, normalizer).is_changed(word) == is_changed


def corpus(*sentences):
    rows = [text.split(" ") for text in sentences]
    starts = [sum(map(len, rows[:number])) + number + 1 for number in range(len(rows))]
    lines = [list(range(start, start + len(row))) for start, row in zip(starts, rows, strict=True)]
    tagged = [Sentence(row, ["O"] * len(row), numbers) for row, numbers in zip(rows, lines, strict=True)]
    return {"train": Split("train.conll", tagged)}


def test_words_are_found_at_their_first_place(tokenizer):
    splits = corpus("Ada ☃ A\u00adda", "\u00ad ☃", " ".join(["London"] * 30))
    summary, findings = check_tokenizer(splits, tokenizer, max_length=30)
    kinds = [(finding.kind, finding.line) for finding in findings]
    assert kinds == [("long-sentence", 8), ("unknown-piece", 2), ("changed-word", 3), ("no-piece", 5)]
    assert not any(finding.is_error for finding in findings)
    assert findings[1].message.startswith("received '☃' (2 times), which has a piece that the tokenizer does not know")
    assert findings[2].message.startswith("received 'A\\xadda', which the tokenizer reads as 'ada'")
    assert (summary.unknown_share, summary.no_piece_share, summary.long_sentences) == (2 / 35, 1 / 35, 1)
    assert summary.changed_share == 1 / 35
    assert summary.is_uncased


def test_pieces_are_those_of_the_sentence(tokenizer, corpus_dir):
    """Words are read apart from their sentences, and yet give as many pieces."""
    splits = check_data(CheckConfig(dataset=str(corpus_dir))).splits
    sentences = [sentence.words for split in splits.values() for sentence in split.sentences]
    summary, findings = check_tokenizer(splits, tokenizer, max_length=16)
    lengths = [len(tokenizer(words, is_split_into_words=True)["input_ids"]) for words in sentences]
    assert summary.long_sentences == sum(length > 16 for length in lengths) == len(findings)
    for max_length in range(3, 30):
        summary, _ = check_tokenizer(splits, tokenizer, max_length=max_length)
        assert summary.long_sentences == sum(length > max_length for length in lengths)
    assert summary.pieces_per_word == sum(length - 2 for length in lengths) / sum(map(len, sentences))


def test_a_slow_tokenizer_is_refused(tokenizer, tmp_path):
    tokenizer.save_vocabulary(str(tmp_path))
    with pytest.raises(ModelError, match="expected a fast tokenizer"):
        check_tokenizer(corpus("Ada"), BertTokenizer(tmp_path / "vocab.txt"), max_length=8)


def words_of(folder):
    splits = check_data(CheckConfig(dataset=str(folder))).splits
    return splits, [sentence.words for split in splits.values() for sentence in split.sentences]


def test_an_english_encoder_does_not_suit_bengali(shared):
    splits, sentences = words_of(shared / "data" / "bengali")
    summary, _ = check_with_model(splits, "minilm")
    assert summary.is_uncased
    assert round(summary.changed_share, 2) == 0.40
    assert round(summary.unknown_share, 2) == 0.08
    assert tokenizer_warning(sentences, load_tokenizer("minilm")) == (
        "40 % of the words change their spelling and 8 % contain unknown pieces with this tokenizer: choose an encoder "
        "made for this language. `tf-ner check-data --model` lists the words."
    )
    said = " ".join((Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8").split())
    assert "40 % of the words change their spelling in its tokenizer and 8 % hold pieces it does not know" in said
    multilingual = shared / "tokenizers" / "bert-base-multilingual-cased"
    summary, _ = check_with_model(splits, str(multilingual))
    assert summary.changed_share < 0.001
    assert summary.unknown_share < 0.03
    assert tokenizer_warning(sentences, load_tokenizer(str(multilingual))) is None


@pytest.mark.slow
def test_english_encoders_suit_conll2003(shared):
    splits, sentences = words_of(shared / "data" / "conll2003")
    for model in ("minilm", str(shared / "tokenizers" / "bert-base-cased")):
        summary, findings = check_with_model(splits, model)
        assert findings == []
        assert summary.max_length == 512
        assert tokenizer_warning(sentences, load_tokenizer(model)) is None


def test_tensorflow_is_not_needed():
    code = """
import sys
from tf_ner.tasks.tokenizer_checks import check_with_model
check_with_model({}, "minilm")
assert not {"tensorflow", "tf_keras", "torch", "datasets"} & sys.modules.keys()
"""
    # Not forked from a process that has it.
    subprocess.run([sys.executable, "-c", code], cwd=processes.ROOT, check=True)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("שלום עולם זה משפט בעברית על ירושלים והממשלה החדשה", "4.6"),
        ("Ово је реченица на српском језику о Београду и влади", "4.3"),  # noqa: RUF001
    ],
    ids=["Hebrew", "Serbian"],
)
def test_a_vocabulary_that_cuts_words_into_letters_is_told(text, pieces):
    warning = tokenizer_warning([text.split()] * 10, load_tokenizer("minilm"))
    assert warning is not None
    assert warning.startswith(f"Words become {pieces} subwords each with this tokenizer, hardly more than letters")

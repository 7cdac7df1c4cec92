import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.damage import at_most
from tf_ner.corpus.words import split_words, words_at_spaces


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("My name is Sylvain.", "My name is Sylvain ."),
        ("He left the U.S. in 1996.", "He left the U.S. in 1996 ."),
        ("Mr. Hale (42) paid $3.50!", "Mr. Hale ( 42 ) paid $ 3.50 !"),
        ("London's \"Gherkin\" isn't old...", "London 's \" Gherkin \" is n't old ..."),
        ("J. P. O'Brien, of Stratford-upon-Avon", "J. P. O'Brien , of Stratford-upon-Avon"),
        ("@anna likes #topic; so do I", "@anna likes #topic ; so do I"),
        ("won 3-1 at 7.30 -- in AT&T Park", "won 3-1 at 7.30 -- in AT&T Park"),
        ("ব্যাংকের কর্মকর্তা।", "ব্যাংকের কর্মকর্তা ।"),
        ("¿Dónde está São Paulo?", "¿ Dónde está São Paulo ?"),
        ("the dogs' home 's", "the dogs ' home 's"),
    ],
)
def test_words_of_raw_text(text, expected):
    assert [word.text for word in split_words(text)] == expected.split()


@pytest.mark.parametrize("text", ["'\"" * 500_000, "a." * 100_000 + "!?" * 100_000, "-." * 300_000, "n't" * 300_000])
def test_long_runs_of_marks_come_to_an_end(text):
    with at_most(seconds=60):
        words = split_words(text)
    assert "".join(word.text for word in words) == text


@given(st.text(max_size=60))
def test_nothing_but_white_space_is_left_out_and_places_are_exact(text):
    for words in (split_words(text), words_at_spaces(text)):
        assert all(text[word.start : word.end] == word.text != "" for word in words)
        assert "".join(word.text for word in words) == "".join(text.split())

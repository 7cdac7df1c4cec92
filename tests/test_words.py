import unicodedata
from itertools import chain
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.damage import at_most
from tf_ner.corpus.words import split_texts, split_words, words_at_spaces
from tf_ner.options.train import WordRule


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
    for rule in get_args(WordRule):
        with at_most(seconds=60):
            words = split_words(text, rule)
        assert "".join(word.text for word in words) == text


# All of Unicode, but often what the rules look at.
ODD = st.sampled_from("aZ9 .,:'’n't@/_-#$U\t\u00a0é中かｶﾞน้ำក្ម👍🏽🇩🇪\u200d\ufe0f\u20e3\u0301\u200b\U0001fae8\U000e0067")
ANY = st.text(st.one_of(st.characters(), ODD), max_size=60)


@given(ANY)
def test_nothing_but_white_space_is_left_out_and_places_are_exact(text):
    for words in (split_words(text), split_words(text, "text"), words_at_spaces(text)):
        assert all(text[word.start : word.end] == word.text != "" for word in words)
        assert "".join(word.text for word in words) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("unit AHU7-Ctrl is on", "unit AHU7 - Ctrl is on"),
        ("and/or a_b C++ ... x--y __init__", "and / or a _ b C ++ ... x -- y __ init __"),
        ("@anna likes #topic; AT&T", "@ anna likes # topic ; AT & T"),
        ("He left the U.S. in 1996.", "He left the U . S . in 1996 ."),
        ("Mr. Hale (42) paid $3.50!", "Mr . Hale ( 42 ) paid $ 3.50 !"),
        ("Hepatitis C. Then J. Smith...", "Hepatitis C . Then J . Smith ..."),
        ("1,000 12:30 192.168.0.1, 2.5kg ٣\u066b٤", "1,000 12:30 192.168.0.1 , 2.5kg ٣\u066b٤"),
        ("2024-05-01 3-1 1/2 v2.0 1,a", "2024 - 05 - 01 3 - 1 1 / 2 v2 . 0 1 , a"),
        ("London's isn't CAN’T 1990's the dogs' 's", "London 's is n't CA N’T 1990 's the dogs ' 's"),
        ("O'Brien's l'été d’Alger rock'n'roll", "O' Brien 's l' été d’ Alger rock' n' roll"),
        (
            "(http://x.de/a,b?c=1), https://en.wikipedia.org/wiki/Foo_(bar). www.a.de/x!",
            "( http://x.de/a,b?c=1 ) , https://en.wikipedia.org/wiki/Foo_(bar) . www.a.de/x !",
        ),
        ("mailto:an.na+x@mail.x.com. a@b @x.com", "mailto : an.na+x@mail.x.com . a @ b @ x . com"),
        (
            "请联系me@x.com吧。看https://x.com/abc吧\uff0c第3.5版",
            "请 联 系 me@x.com 吧 。 看 https://x.com/abc 吧 \uff0c 第 3.5 版",
        ),
        ("東京タワーと𠀀 ｶﾞｷﾞ か\u3099", "東 京 タ ワ ー と 𠀀 ｶﾞ ｷﾞ か\u3099"),
        ("สวัสดีน้ำ๑๒", "ส วั ส ดี น้ำ ๑๒"),
        ("ລາວ កម្ពុជា མི မြန်မာ", "ລ າ ວ ក ម្ពុ ជា མི မြ န် မာ"),
        ("한국어 텍스트 ব্যাংকের কর্মকর্তা।", "한국어 텍스트 ব্যাংকের কর্মকর্তা ।"),
        ("é e\u0301te\u0301's", "é e\u0301te\u0301 's"),
        ("👩🏽\u200d🚀👍🏽 🇩🇪🇫🇷 1\ufe0f\u20e32\ufe0f\u20e3", "👩🏽\u200d🚀 👍🏽 🇩🇪 🇫🇷 1\ufe0f\u20e3 2\ufe0f\u20e3"),
        ("❤\ufe0f\u200d🔥❤❤😀😀ok", "❤\ufe0f\u200d🔥 ❤❤ 😀 😀 ok"),
    ],
)
def test_finer_words_of_raw_text(text, expected):
    assert [word.text for word in split_words(text, "text")] == expected.split()


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a.",
        "-a",
        "n't",
        "l'",
        "中",
        "\u200d😀",
        "\u0301",
        "1,",
        "a@",
        "a.a@b.",
        "www.(",
        "http://(",
        "a://",
        "\U00010400",
    ],
)
def test_finer_words_come_in_linear_time(piece):
    text = piece * (1_000_000 // len(piece))
    with at_most(seconds=60):
        words = split_words(text, "text")
    assert "".join(word.text for word in words) == text


def test_a_mark_is_never_in_a_word_with_letters():
    for character in map(chr, chain(range(0xD800), range(0xE000, 0x110000))):
        if unicodedata.category(character)[0] in "PS":
            assert [word.text for word in split_words(f"ab{character}", "text")] == ["ab", character]


@given(ANY)
def test_finer_words_depend_on_nothing_behind_white_space(text):
    expected = [word.text for chunk in text.split() for word in split_words(chunk, "text")]
    assert [word.text for word in split_words(text, "text")] == split_texts(text, "text") == expected

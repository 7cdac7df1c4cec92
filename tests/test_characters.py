import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_ner.corpus.characters import faults, repaired, suspects

# word: its faults, and the word as it is repaired
CASES = {
    "a plain word": ("Rome", {}, "Rome"),
    "accents": ("Zürich", {}, "Zürich"),
    "combining marks": ("Zu\u0308rich", {}, "Zu\u0308rich"),
    "a space inside": ("New York", {"space": ["U+0020 SPACE"]}, "New York"),
    "a no-break space in a number": ("10\u00a0000", {"space": ["U+00A0 NO-BREAK SPACE"]}, "10\u00a0000"),
    "a no-break space at the end": ("Rome\u00a0", {"space": ["U+00A0 NO-BREAK SPACE"]}, "Rome"),
    "a wide space before": ("\u3000東京", {"space": ["U+3000 IDEOGRAPHIC SPACE"]}, "東京"),
    "a line separator": ("a\u2028", {"space": ["U+2028 LINE SEPARATOR"]}, "a"),
    "nothing but white space": ("\u3000", {"space": ["U+3000 IDEOGRAPHIC SPACE"]}, "\u3000"),
    "a byte order mark": ("Dubbz\ufeff", {"control": ["U+FEFF ZERO WIDTH NO-BREAK SPACE"]}, "Dubbz"),
    "a soft hyphen": ("Ro\u00adme", {"control": ["U+00AD SOFT HYPHEN"]}, "Rome"),
    "a zero-width space before": ("\u200bRome", {"control": ["U+200B ZERO WIDTH SPACE"]}, "Rome"),
    "a zero-width space between": ("a\u200bb", {"control": ["U+200B ZERO WIDTH SPACE"]}, "a\u200bb"),
    "nothing but a zero-width space": ("\u200b", {"control": ["U+200B ZERO WIDTH SPACE"]}, "\u200b"),
    "a bell": ("a\x07b", {"control": ["U+0007 control character"]}, "ab"),
    "Windows-1252": ("don\x92t", {"control": ["U+0092 control character"]}, "don\x92t"),
    "a mark of direction": ("Rome\u200e", {"control": ["U+200E LEFT-TO-RIGHT MARK"]}, "Rome"),
    "a joiner among Latin letters": ("Ro\u200dme", {"control": ["U+200D ZERO WIDTH JOINER"]}, "Rome"),
    "twice the same": ("\u00adRo\u00adme", {"control": ["U+00AD SOFT HYPHEN"]}, "Rome"),
    "both kinds": (
        "\u00a0Ro\u00adme",
        {"space": ["U+00A0 NO-BREAK SPACE"], "control": ["U+00AD SOFT HYPHEN"]},
        "Rome",
    ),
    "Bengali with a non-joiner": ("র\u200c্যাব", {}, "র\u200c্যাব"),
    "Malayalam with a joiner at the end": ("അവന\u0d4d\u200d", {}, "അവന\u0d4d\u200d"),
    "Persian with a non-joiner": ("می\u200cخ", {}, "می\u200cخ"),
    "two non-joiners": ("می\u200c\u200cخ", {"control": ["U+200C ZERO WIDTH NON-JOINER"]}, "می\u200cخ"),
    "a family": ("👨\u200d👩\u200d👧", {}, "👨\u200d👩\u200d👧"),
    "a rainbow flag": ("🏳\ufe0f\u200d🌈", {}, "🏳\ufe0f\u200d🌈"),
    "skin and gender": ("🏃🏽\u200d♀\ufe0f", {}, "🏃🏽\u200d♀\ufe0f"),
    "the flag of Scotland": (
        flag := "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        {},
        flag,
    ),
    "an emoji and a stray joiner": ("👨\u200d", {"control": ["U+200D ZERO WIDTH JOINER"]}, "👨"),
}


@pytest.mark.parametrize(("word", "found", "new"), CASES.values(), ids=CASES)
def test_what_does_not_belong_in_a_word(word, found, new):
    assert faults(word) == found
    assert repaired(word) == new
    assert repaired(new) == new
    assert not found or suspects([word]) == [word]


CHARACTERS = "aর🏳👨9\ufe0f\u200b\u200c\u200d\u00ad\ufeff\u00a0 \u3000\x92\x07\U0001f3f4\U000e0067\U000e007f"


@given(st.text(CHARACTERS) | st.text())
def test_a_repair_is_final_and_adds_no_fault(word):
    new = repaired(word)
    assert repaired(new) == new
    assert bool(new) == bool(word)
    assert faults(new).keys() <= faults(word).keys()


@pytest.mark.parametrize("name", ["conll2003/train.txt", "wnut17/wnut17train.conll", "ud-en-ewt/en_ewt-ud-dev.conllu"])
def test_real_words_are_left_alone(shared, name):
    words = (shared / "data" / name).read_text(encoding="utf-8").split()
    assert [word for word in words if faults(word)] == []

"""A card in the place of one that people may have written into."""

import pytest
import yaml

from tf_ner.card.merge import is_as_sealed, merge_cards, sealed

OURS = sealed("---\nlanguage:\n- 'no'\nlicense: apache-2.0\ntags:\n- tf_ner\n---\n\n# Towns\n\nF1 0.9.\n")
NEXT = sealed("---\nlanguage:\n- 'no'\nlicense: apache-2.0\ntags:\n- tf_ner\n- more\n---\n\n# Towns\n\nF1 0.95.\n")


def metadata(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_what_nobody_touched_is_replaced():
    assert merge_cards(NEXT, OURS).card == NEXT
    assert merge_cards(NEXT, OURS.replace("\n", "\r\n")).card == NEXT
    assert merge_cards(NEXT, "").card == NEXT
    assert merge_cards(NEXT, "---\n---\n").card == NEXT


@pytest.mark.parametrize(
    "theirs",
    [
        "# Written by hand",
        "---\nlicense: mit\n---\n# Written by hand",
        OURS.replace("0.9", "0.91"),
        OURS + "\nMore by hand.\n",
        OURS.partition("<!--")[0],
        OURS.replace("license: apache-2.0", "license: ["),
        OURS.replace("license: apache-2.0", "no: a key that is no word"),
        "---\n{license: mit}\n---\n",
        OURS.replace("license: apache-2.0", "license: &same apache-2.0\nname: *same"),
        "---\n- mit\n---\n",
        "# Written by hand\n<!-- tf_ner {torn} -->",
    ],
)
def test_what_is_not_ours_alone_keeps_its_place(theirs):
    assert merge_cards(NEXT, theirs) is None


def test_what_people_wrote_into_the_metadata_stays_as_they_wrote_it():
    gate = "extra_gated_prompt: >-\n  You agree to: nothing.\nextra_gated_fields:\n  Since: date # of birth\n"
    theirs = OURS.replace("license: apache-2.0\n", f"license: mit\n{gate}co2: 0x1F\n")
    merged = merge_cards(NEXT, theirs)
    assert merged.disputed == ["license"]
    assert f"{gate}co2: 0x1F\n" in merged.card
    assert metadata(merged.card) == {**metadata(NEXT), **metadata(gate_of(theirs)), "license": "mit"}
    assert merged.card.endswith(NEXT.partition("---\n\n")[2])
    # Again and again; and what they take back is ours once more.
    assert merge_cards(NEXT, merged.card) == merged
    assert merge_cards(OURS, merged.card).card.count("F1 0.9.") == 1
    assert merge_cards(NEXT, OURS).card == NEXT


def gate_of(card):
    kept = {name: value for name, value in metadata(card).items() if name not in metadata(OURS)}
    return f"---\n{yaml.safe_dump(kept)}---\n"


def test_a_new_repository_keeps_its_licence_and_its_gate():
    merged = merge_cards(OURS, "---\nlicense: mit\nextra_gated_heading: Ask\n---\n")
    assert metadata(merged.card) == {**metadata(OURS), "license": "mit", "extra_gated_heading": "Ask"}
    assert merge_cards(NEXT, merged.card).disputed == ["license"]


def test_a_card_changed_here_is_pushed_as_it_is_here():
    """Its seal is broken, and the next card still knows what came from here."""
    changed = OURS.replace("F1 0.9.", "F1 0.9, by hand.").replace("apache-2.0", "cc0-1.0")
    merged = merge_cards(changed, "---\nextra_gated_heading: Ask\n---\n")
    assert is_as_sealed(merged.card)
    assert not is_as_sealed(changed)
    assert metadata(merge_cards(NEXT, merged.card).card) == {**metadata(NEXT), "extra_gated_heading": "Ask"}


def test_a_card_of_any_kind_is_sealed():
    for card in ("", "text", "---\nlicense: [\n---\n", "---\n- a\n---\n", OURS):
        assert is_as_sealed(sealed(card))
    assert sealed(OURS) == OURS

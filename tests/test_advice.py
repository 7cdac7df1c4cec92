"""No message of the corpus is without a case in which what it advises was done."""

import pytest

from tests import (
    test_advice_checks,
    test_advice_columns,
    test_advice_documents,
    test_advice_records,
    test_advice_spans,
    test_advice_tables,
    test_advice_texts,
)
from tests.advice import advice, go_wrong, template_of, templates

MODULES = (
    test_advice_checks,
    test_advice_columns,
    test_advice_documents,
    test_advice_records,
    test_advice_spans,
    test_advice_tables,
    test_advice_texts,
)
WITHOUT_A_CASE = {
    "received {} after {} in {} words; expected spans in order, without overlap": "no reader gives such spans",
    "received an empty {}; expected none": "no reader gives empty words or tags, which no format can hold",
    "Received data set {} {} or HF_DATASETS_CACHE.": "takes a cache that cannot be written, as in test_environment.py",
}
"""Messages that no data alone calls forth, and why."""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What is said of every case."""
    cases = [case for module in MODULES for case in module.CASES]
    with pytest.MonkeyPatch.context() as patch:
        messages = []
        for case in cases:
            patch.chdir(tmp_path_factory.mktemp("case"))
            messages.append(go_wrong(case).text)
        with test_advice_records.as_on_the_hub(tmp_path_factory.mktemp("cache")):
            return messages + [go_wrong(case).text for case in test_advice_records.OF_HUB]


def test_every_message_has_a_case(said):
    covered = {template_of(message) for message in said}
    without = [text for text in templates() if text not in covered and text not in WITHOUT_A_CASE]
    assert not without, "no case says:\n" + "\n".join(without)
    assert WITHOUT_A_CASE.keys() <= templates().keys() - covered


def test_every_advice_that_is_put_at_the_end_of_a_message_has_a_case(said):
    without = [text for text, pattern in advice().items() if not any(map(pattern.search, said))]
    assert not without, "no case says:\n" + "\n".join(without)

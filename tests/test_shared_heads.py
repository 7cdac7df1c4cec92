"""Two tasks whose models have the same head."""

from dataclasses import dataclass

import pytest

from tf_ner import Predictor, TokenClassification, TrainConfig, load_tokenizer, load_trained, load_untrained, save_model
from tf_ner.errors import ModelError
from tf_ner.options.tasks import TASKS

TAGS = ("O", "B-PER", "I-PER")


@dataclass(frozen=True)
class Spotting(TokenClassification):
    """Named entities, read in a way of its own."""


@pytest.fixture(autouse=True, params=["last", "first"])
def spotting(request, monkeypatch):
    """A line in the table, behind all others or before them."""
    lines = {"spotting": f"{__name__}:Spotting"}
    ordered = {**lines, **TASKS} if request.param == "first" else {**TASKS, **lines}
    for name in list(TASKS):
        monkeypatch.delitem(TASKS, name)
    for name, line in ordered.items():
        monkeypatch.setitem(TASKS, name, line)


@pytest.fixture(params=["ner", "spotting"])
def task_and_model(request, tiny_bert, tmp_path):
    model = load_untrained(str(tiny_bert), tag_names=TAGS, task=request.param)
    save_model(model, load_tokenizer(str(tiny_bert)), tmp_path)
    TrainConfig(task=request.param).save(tmp_path / "run_config.json")
    return request.param, str(tmp_path)


def test_each_is_evaluated_and_predicts_as_what_it_is(task_and_model):
    task, model = task_and_model
    expected = Spotting if task == "spotting" else TokenClassification
    assert type(load_trained(model)[1]) is expected
    assert type(load_trained(model, task=task)[1]) is expected
    assert type(Predictor.from_pretrained(model)._task) is expected
    with pytest.raises(ModelError, match=r"--task text-classification and model .* token classification"):
        load_trained(model, task="text-classification")


def test_each_is_trained_further(task_and_model):
    task, model = task_and_model
    further = load_untrained(model, tag_names=TAGS[::-1], task=task)
    # With its own head, whose order of tags stays.
    assert tuple(further.config.id2label.values()) == TAGS
    with pytest.raises(ModelError, match="fine-tuned for the 3 labels"):
        load_untrained(model, tag_names=("O", "B-LOC"), task=task)
    with pytest.raises(ModelError, match="fine-tuned for token classification"):
        load_untrained(model, tag_names=("yes", "no"), task="text-classification")

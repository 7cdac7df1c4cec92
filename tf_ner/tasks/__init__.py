"""What can be learnt: a new task is a file in this folder and a line in `TASKS`."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tf_ner.tasks.task import Task

TASKS = {
    "ner": "tf_ner.tasks.token_classification:TokenClassification",
    "pos": "tf_ner.tasks.token_classification:TokenClassification",
    "chunk": "tf_ner.tasks.token_classification:TokenClassification",
    "text-classification": "tf_ner.tasks.text_classification:TextClassification",
}
"""For each value of `--task` the class that does it; imported when it is needed."""


def task_class(name: str) -> "type[Task]":
    """The class of a task."""
    module, _, class_name = TASKS[name].partition(":")
    found: type[Task] = getattr(importlib.import_module(module), class_name)
    return found


def task_classes() -> "list[type[Task]]":
    """Every class that the table names, once."""
    return list(dict.fromkeys(map(task_class, TASKS)))

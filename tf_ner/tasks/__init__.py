"""What can be learnt: a class for each task of `tf_ner.options.tasks`."""

import importlib
from typing import TYPE_CHECKING

from tf_ner.options.tasks import TASKS

if TYPE_CHECKING:
    from tf_ner.tasks.task import Task


def task_class(name: str) -> "type[Task]":
    """The class of a task."""
    module, _, class_name = TASKS[name].partition(":")
    found: type[Task] = getattr(importlib.import_module(module), class_name)
    return found


def task_classes() -> "list[type[Task]]":
    """Every class that the table names, once."""
    return list(dict.fromkeys(map(task_class, TASKS)))

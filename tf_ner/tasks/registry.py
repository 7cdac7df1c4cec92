"""The tasks by the names that `--task` takes."""

import dataclasses
import importlib

from datasets import DatasetDict

from tf_ner.errors import ConfigError
from tf_ner.options.kinds import Kind, kinds_of, options_of
from tf_ner.options.tasks import TASKS
from tf_ner.options.train import TaskConfig, TrainConfig
from tf_ner.tasks.task import Task


def task_class(name: str) -> type[Task]:
    """The class of a task."""
    module, _, class_name = TASKS[name].partition(":")
    found: type[Task] = getattr(importlib.import_module(module), class_name)
    return found


def task_classes() -> list[type[Task]]:
    """Every class that the table names, once."""
    return list(dict.fromkeys(map(task_class, TASKS)))


def foreign_options(task: str) -> list[str]:
    """The options that other tasks have, and this one has not."""
    return options_of(TrainConfig, (Kind.OF_TAGS | Kind.OF_TEXTS) & ~task_class(task).own_options)


def load_task_corpus(config: TaskConfig) -> DatasetDict:
    """Loads what the options say for their task.

    Raises:
        ConfigError: An option is given that another task has.
        DataError: The data cannot be used.
    """
    kinds = kinds_of(type(config))
    for field in dataclasses.fields(config):
        owners = [name for name in TASKS if kinds[field.name] & task_class(name).own_options]
        if field.name in foreign_options(config.task) and getattr(config, field.name) != field.default:
            option = "--" + field.name.replace("_", "-")
            raise ConfigError(
                f"Received {option} with --task {config.task}; expected it with --task {' or '.join(owners)} only. "
                f"Leave out {option}, or change --task."
            )
    return task_class(config.task).load_corpus(config)

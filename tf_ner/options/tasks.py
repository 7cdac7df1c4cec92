"""What can be learnt, by the names that `--task` takes."""

TASKS = {
    "ner": "tf_ner.tasks.token_classification:TokenClassification",
    "pos": "tf_ner.tasks.token_classification:TokenClassification",
    "chunk": "tf_ner.tasks.token_classification:TokenClassification",
    "text-classification": "tf_ner.tasks.text_classification:TextClassification",
}
"""For each value of `--task` the class that does it, which is imported when it is needed. A new task is a line here,
and a class in `tf_ner.tasks`."""

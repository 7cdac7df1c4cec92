"""Option names of transformers' examples and of Keras."""

import pytest

from tf_ner.cli.parsing import parse
from tf_ner.options.aliases import with_own_names

TYPED = [
    ("--lr 3e-4", {"learning_rate": 3e-4}),
    ("--learning_rate=3e-4", {"learning_rate": 3e-4}),
    ("--num_train_epochs 2", {"epochs": 2}),
    ("--num-train-epochs=2", {"epochs": 2}),
    ("--per_device_train_batch_size 4", {"batch_size": 4}),
    ("--per_device_eval_batch_size 4", {"eval_batch_size": 4}),
    ("--gradient_accumulation_steps 4", {"accumulate": 4}),
    ("--lr_scheduler_type cosine", {"schedule": "cosine"}),
    ("--eval_steps 50", {"eval_every": 50}),
    ("--save_steps 50", {"save_every": 50}),
    ("--logging_steps 50", {"log_every": 50}),
    ("--save_total_limit 3", {"keep_checkpoints": 3}),
    ("--metric_for_best_model f1_PER", {"best_metric": "f1_PER"}),
    ("--label_smoothing_factor 0.1", {"label_smoothing": 0.1}),
    ("--bf16", {"precision": "bfloat16"}),
    ("--fp16", {"precision": "float16"}),
    ("--max_seq_length 64", {"max_length": 64}),
    ("--max_train_samples 9", {"max_train_examples": 9}),
    ("--resume_from_checkpoint runs/a", {"resume_from": "runs/a"}),
    ("--overwrite_output_dir", {"overwrite": True}),
    ("--model_name_or_path a/b", {"model": "a/b"}),
    ("--dataset_name a/b --dataset_config_name c", {"dataset": "a/b", "dataset_config": "c"}),
    ("--warmup_steps 5 --warmup_ratio 0.1", {"warmup_steps": 5}),
    ("--weight_decay 0.1 --warmup_ratio 0.1", {"weight_decay": 0.1, "warmup_ratio": 0.1}),
]


@pytest.mark.parametrize(("typed", "expected"), TYPED)
def test_names_of_transformers_are_taken(typed, expected):
    config = parse(["train", *typed.split()]).config
    assert {name: getattr(config, name) for name in expected} == expected


def test_what_is_typed_counts_before_a_file_by_whatever_name(tmp_path):
    (tmp_path / "a.yaml").write_text("epochs: 0\nlearning-rate: 1e-3", encoding="utf-8")
    command = parse(["train", "--config", str(tmp_path / "a.yaml"), "--num_train_epochs", "2"])
    assert (command.config.epochs, command.config.learning_rate) == (2, 1e-3)


def test_values_and_names_of_the_command_itself_stay():
    options = {"eval_batch_size", "max_eval_examples", "fp16"}
    arguments = ["evaluate", "lr", "--fp16", "--lr", "1", "--widget", "a=b", "-x", "--per-device-eval-batch-size=3"]
    assert with_own_names(arguments, options) == [*arguments[:-1], "--eval-batch-size=3"]

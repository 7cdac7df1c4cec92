"""What users of transformers and Keras type for options that have another name here."""

from collections.abc import Collection, Sequence

NAMES = {
    "lr": "learning_rate",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "train_batch_size": "batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "gradient_accumulation_steps": "accumulate",
    "lr_scheduler_type": "schedule",
    "eval_steps": "eval_every",
    "save_steps": "save_every",
    "logging_steps": "log_every",
    "save_total_limit": "keep_checkpoints",
    "metric_for_best_model": "best_metric",
    "label_smoothing_factor": "label_smoothing",
    "max_seq_length": "max_length",
    "max_train_samples": "max_train_examples",
    "resume_from_checkpoint": "resume_from",
    "overwrite_output_dir": "overwrite",
    "model_name_or_path": "model",
    "dataset_name": "dataset",
    "dataset_config_name": "dataset_config",
}
VALUES = {"bf16": ("precision", "bfloat16"), "fp16": ("precision", "float16")}


def with_own_names(arguments: Sequence[str], options: Collection[str]) -> list[str]:
    """A command line with each option by the name that it has here.

    Args:
        arguments: As they were typed; `-` and `_` are the same in a name.
        options: Those that the command has. Other names stay, to be reported.
    """
    own: list[str] = []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not argument.startswith("--") or name in options:
            own.append(argument)
        elif NAMES.get(name) in options:
            own.append(f"--{NAMES[name].replace('_', '-')}{equals}{value}")
        elif name in VALUES and not equals and VALUES[name][0] in options:
            option, meant = VALUES[name]
            own += [f"--{option}", meant]
        else:
            own.append(argument)
    return own

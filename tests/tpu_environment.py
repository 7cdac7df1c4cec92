"""Tries out an environment with tensorflow-tpu on a machine without a TPU: `make tpu-env`.

With the Python of that environment, and with no variable set that a user would have to know.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

_MOST_SECONDS = 30


def main() -> None:
    print(f"tensorflow-tpu {version('tensorflow-tpu')}, libtpu {version('libtpu')}, Python {sys.version.split()[0]}")
    begin = time.perf_counter()
    import tf_ner

    config = tf_ner.TrainConfig(
        model="minilm", dataset="sample", max_train_examples=160, max_eval_examples=20, epochs=1, output_dir="run"
    )
    encoder = tf_ner.load_untrained(config.model, tag_names=("O", "B-PER", "I-PER"))
    print(f"imported, and {type(encoder).__name__} loaded, in {time.perf_counter() - begin:.0f} s")
    result = tf_ner.train(config, verbose=2)
    training = result.metrics["training"]
    assert training["steps"] == 20, training
    print(f"{training['steps']} steps on the CPU")
    begin = time.perf_counter()
    command = [
        str(Path(sys.executable).with_name("tf-ner")),
        "train",
        "--model",
        "minilm",
        "--dataset",
        "sample",
        "--tpu",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    seconds = time.perf_counter() - begin
    print(f"--tpu ends with {done.returncode} after {seconds:.0f} s: {done.stderr.strip()}")
    assert done.returncode == 2
    assert "without a TPU" in done.stderr
    assert seconds < _MOST_SECONDS, f"more than {_MOST_SECONDS} s"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        main()

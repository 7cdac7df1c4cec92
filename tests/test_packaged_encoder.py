"""The packaged encoder on real data: close to what users do."""

import pytest

from tf_ner import TrainConfig, train
from tf_ner.tasks.tokenizers import load_tokenizer


@pytest.mark.release
@pytest.mark.usefixtures("graphs")
def test_a_short_run_on_conll2003_learns(shared, tmp_path):
    config = TrainConfig(
        model="minilm",
        dataset=str(shared / "data" / "conll2003"),
        output_dir=tmp_path / "run",
        epochs=1,
        learning_rate=3e-4,
        max_train_examples=1000,
        max_eval_examples=300,
    )
    metrics = train(config, verbose=2).metrics
    # Tagging everything O scores 0, and so does the untrained head; a loss or label gone wrong stays near it.
    assert metrics["validation"]["f1"] > 0.5
    assert metrics["test"]["words_scored"] == metrics["test"]["words"]
    assert metrics["training"]["trace_count"] == 1


def test_the_packaged_tokenizer_reads_words():
    encoding = load_tokenizer("minilm")(["EU", "rejects"], is_split_into_words=True)
    assert encoding.word_ids()[0] is None
    assert set(encoding.word_ids()) == {None, 0, 1}

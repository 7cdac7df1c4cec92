"""The packaged encoder on real data: close to what users do."""

import numpy as np
import pytest

from tests.test_loop import Losses
from tf_ner import TrainConfig, load_tokenizer, load_untrained, save_model, train


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


@pytest.mark.release
@pytest.mark.usefixtures("graphs")
def test_packed_or_padded_two_hundred_steps_are_the_same(shared, tmp_path):
    model = load_untrained(
        "minilm", tag_names=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")
    )
    # Each of the two ways draws its own.
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    save_model(model, load_tokenizer("minilm"), tmp_path / "encoder")
    losses = {}
    for packing in ("auto", "off"):
        watch = Losses()
        config = TrainConfig(
            model=str(tmp_path / "encoder"),
            dataset=str(shared / "data" / "conll2003"),
            output_dir=tmp_path / packing,
            epochs=1,
            max_train_examples=1600,
            max_eval_examples=50,
            packing=packing,
        )
        train(config, callbacks=[watch], verbose=0)
        losses[packing] = watch.losses
    assert len(losses["auto"]) == 200
    np.testing.assert_allclose(losses["auto"], losses["off"], rtol=0, atol=1e-5)
    assert losses["auto"][-1] < losses["auto"][0] / 2


def test_the_packaged_tokenizer_reads_words():
    encoding = load_tokenizer("minilm")(["EU", "rejects"], is_split_into_words=True)
    assert encoding.word_ids()[0] is None
    assert set(encoding.word_ids()) == {None, 0, 1}

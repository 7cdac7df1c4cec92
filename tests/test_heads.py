"""Going on with a fine-tuned model whose labels are not those of the data."""

import numpy as np
import pytest

from tf_ner import TrainConfig, load_tokenizer, load_untrained, save_model, train
from tf_ner.errors import ModelError
from tf_ner.tasks.run_options import options_of_run

TAGS = ("O", "B-PER", "I-PER")
MORE = ("O", "B-DRUG", "I-DRUG", "B-PER", "I-PER")
INPUT = {"input_ids": np.array([[2, 5, 6, 7, 3]], np.int32)}


@pytest.fixture
def tagger(tiny_bert, tmp_path):
    """A model with a head for `TAGS`, as if it were trained."""
    save_model(load_untrained(str(tiny_bert), tag_names=TAGS), load_tokenizer(str(tiny_bert)), tmp_path / "model")
    return str(tmp_path / "model")


def names(model):
    return tuple(model.config.id2label[number] for number in range(model.config.num_labels))


def logits(model):
    return model(INPUT).logits.numpy()


@pytest.mark.parametrize("head", ["auto", "extend"])
def test_more_labels_extend_the_head(tagger, head):
    before = load_untrained(tagger, tag_names=TAGS)
    after = load_untrained(tagger, tag_names=MORE, head=head)
    assert names(after) == (*TAGS, "B-DRUG", "I-DRUG")
    assert after.config.label2id["I-DRUG"] == 4
    np.testing.assert_allclose(logits(after)[..., :3], logits(before), atol=1e-6)
    assert np.abs(logits(after)[..., 3:]).max() > 0


def test_a_new_head_keeps_the_encoder(tagger):
    before, after = load_untrained(tagger, tag_names=TAGS), load_untrained(tagger, tag_names=TAGS, head="new")
    assert names(after) == TAGS
    np.testing.assert_array_equal(after.bert(INPUT)[0], before.bert(INPUT)[0])
    assert np.abs(logits(after) - logits(before)).max() > 0.01
    assert names(load_untrained(tagger, tag_names=("O", "B-X"), head="new")) == ("O", "B-X")


@pytest.mark.parametrize("head", ["auto", "keep"])
def test_the_same_labels_keep_the_head(tagger, head):
    after = load_untrained(tagger, tag_names=TAGS[::-1], head=head)
    np.testing.assert_array_equal(logits(after), logits(load_untrained(tagger, tag_names=TAGS)))


@pytest.mark.parametrize(
    ("wanted", "head", "choices"),
    [
        (("O", "B-PER"), "auto", ["keep", "new"]),
        (("O", "B-PER", "B-DRUG"), "auto", ["extend", "new"]),
        (MORE, "keep", ["extend", "new"]),
    ],
)
def test_other_labels_are_told_with_choices_that_work(tagger, wanted, head, choices):
    with pytest.raises(ModelError, match="fine-tuned for the 3 labels O, B-PER, I-PER; expected") as error:
        load_untrained(tagger, tag_names=wanted, head=head)
    named = [choice for choice in ("keep", "extend", "new") if f"{choice} " in str(error.value).partition("--head:")[2]]
    assert named == choices
    for choice in choices:
        assert set(names(load_untrained(tagger, tag_names=wanted, head=choice))) >= set(wanted)


def test_texts_with_another_label(tiny_bert, tmp_path):
    task = "text-classification"
    model = load_untrained(str(tiny_bert), tag_names=("bad", "good"), task=task)
    save_model(model, load_tokenizer(str(tiny_bert)), tmp_path / "model")
    after = load_untrained(str(tmp_path / "model"), tag_names=("bad", "good", "so"), task=task)
    assert names(after) == ("bad", "good", "so")
    np.testing.assert_allclose(logits(after)[..., :2], logits(model), atol=1e-6)


def test_a_run_goes_on_with_labels_that_are_new(tagger, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for split in ("train", "valid"):
        (corpus / f"{split}.conll").write_text("EU B-DRUG\nsaid O\nAda B-PER\nLovelace I-PER\n\n" * 3)
    config = TrainConfig(model=tagger, dataset=str(corpus), output_dir=tmp_path / "run", epochs=1)
    result = train(config, verbose=0)
    assert result.metrics["validation"]["per_label"].keys() == {"DRUG", "PER"}
    assert options_of_run(str(tmp_path / "run")).head == "auto"
    assert names(load_untrained(str(tmp_path / "run"), tag_names=MORE)) == (*TAGS, "B-DRUG", "I-DRUG")

"""One sentence of 20,000 words, from the file to the tags."""

import pytest

from tests.conftest import SENTENCES, conll
from tf_ner import EvaluateConfig, Predictor, TrainConfig, evaluate, train
from tf_ner.corpus.formats.conll import read_conll
from tf_ner.corpus.sentences import Layout

# One of 150 words is trained on and scored whole in test_train.py.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("graphs")]

NUM_WORDS = 20_000


@pytest.fixture(scope="module")
def config(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    words = " ".join(SENTENCES).split()
    repeats = NUM_WORDS // len(words) + 1
    for split in ("train", "valid", "test"):
        (folder / f"{split}.conll").write_text(conll([" ".join((words * repeats)[:NUM_WORDS])]))
    return TrainConfig(
        model=str(tiny_bert), dataset=str(folder), output_dir=folder / "run", epochs=2, learning_rate=3e-3, stride=8
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, verbose=0)


def test_it_is_trained_on_and_scored_whole(config, result):
    for split in ("validation", "test"):
        scores = result.metrics[split]
        assert (scores["sentences"], scores["words"], scores["words_scored"]) == (1, NUM_WORDS, NUM_WORDS)
    assert result.metrics["test"]["f1"] > 0.9
    [written] = read_conll(result.output_dir / "predictions.test.conll", Layout(tag_column=1))
    [read] = read_conll(config.run_dir.parent / "test.conll")
    assert (written.words, written.tags) == (read.words, read.tags)
    again = evaluate(EvaluateConfig(model=str(result.output_dir), dataset=config.dataset, splits=("test",)))
    assert again["test"]["f1"] == result.metrics["test"]["f1"]


def test_it_is_tagged_whole(config, result):
    predictor = Predictor.from_pretrained(str(result.output_dir))
    [sentence] = read_conll(config.run_dir.parent / "test.conll")
    [tagged] = predictor.tag_words([sentence.words])
    [scored] = read_conll(result.output_dir / "predictions.test.conll")
    assert tagged.tags == scored.tags
    assert min(tagged.scores) > 0
    text = " ".join(sentence.words)
    [annotated] = predictor.find_entities([text], split_at_spaces=True)
    assert all(text[entity.start : entity.end] == entity.text for entity in annotated.entities)
    assert max(entity.end for entity in annotated.entities) > len(text) - 200

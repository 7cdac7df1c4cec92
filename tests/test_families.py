"""Whole runs with encoders other than BERT, from the tokenizer to the files on disk."""

import json

import numpy as np
import pytest
import transformers
from safetensors.numpy import load_file
from tokenizers import processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast, pipeline

from tests.conftest import TEST
from tests.families import CONFIGS, LIMIT, make_encoder, make_tokenizer
from tests.test_text_runs import PAIRS, ROWS, split_of, write_tsv
from tf_ner import EvaluateConfig, Predictor, cli, evaluate, load_tokenizer, load_trained, load_untrained
from tf_ner.models.weights import save_model
from tf_ner.tasks.windows import first_subwords

pytestmark = pytest.mark.usefixtures("graphs")

TEXTS = [" ".join(cell.rpartition("/")[0] for cell in sentence.split()) for sentence in TEST]


def families(*quick):
    """All families, those that show nothing more than the quick ones marked slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS]


class Run:
    """An encoder, the data, and what a training with the command line left."""

    def __init__(self, family, folder, dataset, *options):
        self.encoder, self.dataset = make_encoder(family, folder / "encoder"), str(dataset)
        self.folder = folder / "run"
        common = ["--batch-size", 3, "--learning-rate", 1e-2, "--epochs", 12, "--eval-every", 24]
        command = ["train", "--model", self.encoder, "--dataset", dataset, "--output-dir", self.folder]
        cli.main([str(word) for word in (*command, *common, *options)])
        self.metrics = json.loads((self.folder / "metrics.json").read_text())

    def changed_weights(self):
        """For each weight that the encoder had, whether training changed it."""
        before, after = (load_file(folder / "model.safetensors") for folder in (self.encoder, self.folder))
        return {name: not np.array_equal(before[name], after[name]) for name in before.keys() & after.keys()}

    def again(self, **options):
        return evaluate(EvaluateConfig(model=str(self.folder), dataset=self.dataset, splits=("test",), **options))

    def loading_info(self, head):
        model = getattr(transformers, f"TFAutoModelFor{head}")
        return model.from_pretrained(self.folder, output_loading_info=True)[1]


@pytest.fixture(scope="module", params=families("Roberta"))
def tagger(request, corpus_dir, tmp_path_factory):
    """Trained with the loop written out, in pieces, lower layers more slowly."""
    folder = tmp_path_factory.mktemp(request.param)
    return Run(request.param, folder, corpus_dir, "--loop", "custom", "--accumulate", 2, "--layer-decay", 0.9)


@pytest.fixture(scope="module", params=families("Roberta"))
def classifier(request, tmp_path_factory):
    """Trained with `fit`, on pairs, the embeddings and the lowest layer as they were."""
    folder = tmp_path_factory.mktemp(request.param)
    dataset = write_tsv(folder, *ROWS["pairs"])
    return Run(request.param, folder, dataset, "--task", "text-classification", "--freeze-layers", 1)


NOTHING = {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}


def test_every_word_is_scored_alike_everywhere(tagger):
    scores = tagger.metrics["test"]
    assert scores["words"] == scores["words_scored"] == sum(len(text.split()) for text in TEXTS)
    # Those were of the model in memory, these are of the files.
    [again] = tagger.again(eval_batch_size=3).values()
    assert again == {**scores, "loss": pytest.approx(scores["loss"], rel=1e-4)}
    written = (tagger.folder / "predictions.test.conll").read_text(encoding="utf-8").split()[2::3]
    predictor = Predictor.from_pretrained(str(tagger.folder), batch_size=3)
    assert [tag for row in predictor.tag_words(map(str.split, TEXTS)) for tag in row.tags] == written
    assert len(set(written)) > 1


def test_a_text_is_read_as_its_words(tagger):
    """What the library's pipeline makes of a text are the tags of its words, of which none is lost."""
    model, task = load_trained(str(tagger.folder))
    tag = pipeline("token-classification", model=str(tagger.folder), framework="tf", ignore_labels=[])
    for text, tagged in zip(TEXTS, Predictor(model, task).tag_words(map(str.split, TEXTS)), strict=True):
        rows = {row["index"]: row for row in tag(text)}
        first = np.flatnonzero(first_subwords(task.encode([text.split()])["word_ids"][0]))
        assert [rows[position]["entity"] for position in first] == tagged.tags
        np.testing.assert_allclose([rows[position]["score"] for position in first], tagged.scores, atol=1e-4)


def test_every_weight_of_a_tagger_learns_and_comes_back(tagger):
    assert tagger.loading_info("TokenClassification") == NOTHING
    assert {name for name, is_changed in tagger.changed_weights().items() if not is_changed} <= {
        "mpnet.pooler.dense.weight", "mpnet.pooler.dense.bias"  # Which tags do not ask.
    }  # fmt: skip
    assert tagger.metrics["training"]["trace_count"] == 1


def test_the_limit_is_that_of_the_encoder(tagger):
    model, task = load_trained(str(tagger.folder))
    assert task.max_length == LIMIT
    word = next(word for word in ("a", "in", "on") if task.encode([[word]])["word_ids"][0].tolist() == [-1, 0, -1])
    for num_words, num_windows in ((LIMIT - 2, 1), (LIMIT - 1, 2)):
        columns = task.encode([[word] * num_words])
        assert len(columns["input_ids"]) == num_windows
        assert num_windows == 2 or len(columns["input_ids"][0]) == LIMIT
        [tagged] = Predictor(model, task).tag_words([[word] * num_words])
        assert min(tagged.scores) > 0


def test_pairs_are_labelled_alike_everywhere(classifier):
    scores = classifier.metrics["test"]
    [again] = classifier.again(task="text-classification", eval_batch_size=3).values()
    assert again == {**scores, "loss": pytest.approx(scores["loss"], rel=1e-4)}
    lines = (classifier.folder / "predictions.test.jsonl").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    inputs = [pair[:2] for pair in split_of(PAIRS, "test")]
    answers = list(Predictor.from_pretrained(str(classifier.folder), batch_size=3).classify(inputs))
    classify = pipeline("text-classification", model=str(classifier.folder), framework="tf")
    found = [classify({"text": text, "text_pair": text_pair}) for text, text_pair in inputs]
    assert [row["label"] for row in written] == [a.label for a in answers] == [row["label"] for row in found]
    for other in ([answer.score for answer in answers], [row["score"] for row in found]):
        np.testing.assert_allclose(other, [row["score"] for row in written], atol=1e-5)
    assert np.ptp([row["score"] for row in written]) > 1e-3


def test_texts_are_read_as_in_pretraining(classifier):
    _, task = load_trained(str(classifier.folder))
    before, after = (AutoTokenizer.from_pretrained(folder) for folder in (classifier.encoder, classifier.folder))
    for tokenizer in (before, after):
        for text, text_pair, _ in PAIRS:
            expected = tokenizer(text, text_pair)
            columns = task.encode([(text, text_pair)])
            assert {name: columns[name] for name in expected} == {name: [row] for name, row in expected.items()}


def test_what_is_frozen_stays_and_what_is_saved_comes_back(classifier):
    assert classifier.loading_info("SequenceClassification") == NOTHING
    # ALBERT has one layer, which is used twice.
    changed = classifier.changed_weights()
    assert {name for name in changed if changed[name]} == {name for name in changed if ".layer.1." in name}


@pytest.mark.parametrize(("family", "takes_types"), [("DistilBert", False), ("Roberta", False), ("Albert", True)])
def test_token_types_are_for_those_who_tell_them(family, takes_types, tmp_path):
    """With a tokenizer that gives them, as BERT's, which some encoders come with."""
    encoder = make_encoder(family, tmp_path / "encoder")
    own = make_tokenizer(family)
    own.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair=f"$A {own.sep_token} $B:1", special_tokens=[(own.sep_token, own.sep_token_id)]
    )
    given = PreTrainedTokenizerFast(tokenizer_object=own.backend_tokenizer, **own.special_tokens_map)
    given.save_pretrained(encoder)
    model = load_untrained(str(encoder), tag_names=("a", "b"), task="text-classification")
    save_model(model, load_tokenizer(str(encoder), for_words=False), tmp_path / "run")
    loaded, task = load_trained(str(tmp_path / "run"))
    [answer] = Predictor(loaded, task).classify([PAIRS[0][:2]])
    assert 0.5 <= answer.score < 1
    task.tokenizer.save_pretrained(tmp_path / "again")
    for tokenizer in (task.tokenizer, AutoTokenizer.from_pretrained(tmp_path / "again")):
        assert ("token_type_ids" in tokenizer(*PAIRS[0][:2])) == takes_types

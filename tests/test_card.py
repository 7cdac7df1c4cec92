"""The model card, read back as the Hub reads it: metadata through its library, text through a Markdown parser."""

import ast
import json
import re
from dataclasses import replace
from functools import partial

import jinja2
import pytest
from huggingface_hub import EvalResult, ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from markdown_it import MarkdownIt

from tf_ner.card.card import literal, model_card, name_in_card, plain
from tf_ner.card.facts import CardFacts, Origin, WidgetExample
from tf_ner.tasks.card_words import TextWords, TokenWords

# Every figure is another one, so that none can stand in the place of another.
VALIDATION = {
    "loss": 0.31, "precision": 0.6111, "recall": 0.5222, "f1": 0.5633, "accuracy": 0.9044, "support": 14, "words": 51,
    "words_scored": 51, "sentences": 8, "strict": {"precision": 0.6055, "recall": 0.5166, "f1": 0.5577},
    "per_label": {
        "LOC": {"precision": 0.7101, "recall": 0.7202, "f1": 0.7151, "support": 6},
        "PER": {"precision": 0.4303, "recall": 0.4404, "f1": 0.4353, "support": 8},
    },
}  # fmt: skip
TEST = {
    "loss": 0.32, "precision": 0.8112, "recall": 0.7223, "f1": 0.7642, "accuracy": 0.9545, "support": 15, "words": 62,
    "words_scored": 62, "sentences": 9, "strict": {"precision": 0.8056, "recall": 0.7167, "f1": 0.7586},
    "per_label": {"LOC": {"precision": 0.9105, "recall": 0.9206, "f1": 0.9155, "support": 15}},
}  # fmt: skip
TRAINING = {
    "seconds": 83.4, "examples_per_second": 31.25, "padding_ratio": 0.127, "steps": 21, "epochs": 2, "trace_count": 1,
    "peak_memory_mb": 912, "replicas": 4, "precision": "bfloat16", "best_epoch": 1,
    "best_step": 10,
}  # fmt: skip
HISTORY = [
    {
        "epoch": epoch, "step": 10 * epoch, "seconds": 1.5, "learning_rate": 1e-5, "loss": 2 / epoch,
        "val_loss": 1 / epoch, "val_precision": 0.21 * epoch, "val_recall": 0.22 * epoch, "val_f1": 0.23 * epoch,
        "val_accuracy": 0.24 * epoch,
    }
    for epoch in (1, 2)
]  # fmt: skip
FACTS = CardFacts(
    name="tiny-news",
    base_model=Origin(name="owner/tiny", revision="v2"),
    data=Origin(name="owner/news", config="small", revision="abc123"),
    languages=("bn", "no"),
    license="cc-by-4.0",
    widget=[
        WidgetExample(title="A river", text="পদ্মা একটি নদী ।"),
        WidgetExample(title="Example 2", text="Ada saw Rome ."),
    ],
    labels=["LOC", "PER"],
    task=TokenWords(has_entities=True, max_length=64),
    is_uncased=False,
    num_train_examples=77,
    max_eval_examples=None,
    metrics={"validation": VALIDATION, "test": TEST, "training": TRAINING},
    history=HISTORY,
    hyper_parameters={"learning_rate": 3e-4, "group_by_length": True, "seed": 42, "max_train_examples": None},
    versions={"tensorflow": "2.20.0", "Python": "3.11.7"},
    hardware="2 CPU cores; TensorFlow sees CPU:0",
    command="tf-ner train --model owner/tiny",
)

HOSTILE = [
    "PER|<script>alert(1)</script>",
    "a\n---\nlicense: mine\n---\n# b",
    "---",
    "```\n# b\n````",
    "`",
    "````",
    "PER|LOC|",
    "` | `` |",
    "{{ 7 * 7 }}{% include x %}",
    "{% endraw %}{#",
    "[a](http://b.example) ![c](d) <http://b.example>",
    "<!--",
    "</td></table><img src=x onerror=alert(1)>",
    "a\\|b \\` \\",
    "**a** _b_ ~~c~~ $$d$$ &lt; &amp;",
    "a\r\nb\rc\u2028d\x85e\x00\x1b[31m\u202ef",
    "- !!python/object/apply:os.system ['true']",
    "'\"'''\"\"\" : # % @",
    "lone \udcff surrogate",
    '"); import os; ("',
]

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def text_of(inline):
    """What a reader sees of a paragraph, a heading or a cell."""
    return "".join(token.content for token in inline.children)


def tables(card):
    """Each table of a card: its rows, and in them what a reader sees of each cell."""
    found, tokens = [], MARKDOWN.parse(card.text)
    for number, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            found[-1][-1].append(text_of(tokens[number + 1]))
    return found


def table_with(card, *columns):
    """The rows below the one header that begins like this, as dicts."""
    [(header, *rows)] = [table for table in tables(card) if table[0][: len(columns)] == list(columns)]
    return [dict(zip(header, row, strict=True)) for row in rows]


def codes(card, language):
    return [token.content for token in MARKDOWN.parse(card.text) if token.type == "fence" and token.info == language]


def sentences(card):
    """All text that is no table and no code block."""
    return " ".join(text_of(token) for token in MARKDOWN.parse(card.text) if token.type == "inline")


def test_the_metadata_is_what_the_hub_asks_for():
    data = model_card(FACTS).data.to_dict()
    del data["model-index"]
    assert data == {
        "language": ["bn", "no"],
        "license": "cc-by-4.0",
        "library_name": "transformers",
        "pipeline_tag": "token-classification",
        "tags": ["token-classification", "tensorflow", "tf", "keras", "tf_ner"],
        "base_model": "owner/tiny",
        "datasets": ["owner/news"],
        "metrics": ["precision", "recall", "f1", "accuracy"],
        "widget": [
            {"text": "পদ্মা একটি নদী ।", "example_title": "A river"},
            {"text": "Ada saw Rome .", "example_title": "Example 2"},
        ],
    }


def test_the_model_index_holds_each_score_of_each_split():
    expected = [
        EvalResult(
            task_type="token-classification",
            task_name="Token Classification",
            dataset_type="owner/news",
            dataset_name="owner/news",
            dataset_config="small",
            dataset_split=split,
            dataset_revision="abc123",
            metric_type=metric,
            metric_name=name,
            metric_value=scores[metric],
        )
        for split, scores in (("validation", VALIDATION), ("test", TEST))
        for metric, name in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"), ("accuracy", "Accuracy"))
    ]
    data = model_card(FACTS).data
    assert (data.model_name, data.eval_results) == ("tiny-news", expected)
    index = data.to_dict()["model-index"]
    assert model_index_to_eval_results(index) == ("tiny-news", expected)
    assert eval_results_to_model_index("tiny-news", expected) == index


def test_a_card_that_is_loaded_and_saved_is_the_same(tmp_path):
    card = model_card(FACTS)
    (tmp_path / "README.md").write_text(str(card), encoding="utf-8")
    loaded = ModelCard.load(tmp_path / "README.md")
    assert str(loaded) == str(card)
    assert loaded.data.to_dict() == card.data.to_dict()
    assert loaded.text == card.text


def test_what_is_not_on_the_hub_is_named_in_the_text_only():
    base, data = Origin(name="minilm", kind="the packaged encoder"), Origin(name="my_news", kind="a local folder")
    card = model_card(replace(FACTS, base_model=base, data=data))
    assert card.data.base_model is card.data.datasets is None
    assert {result.dataset_type for result in card.data.eval_results} == {"local"}
    assert {result.dataset_name for result in card.data.eval_results} == {"my_news"}
    assert "minilm (the packaged encoder)" in sentences(card)
    assert "my_news (a local folder)" in sentences(card)


def test_what_nobody_said_is_left_out():
    card = model_card(replace(FACTS, languages=(), license=None, widget=[]))
    assert not {"language", "license", "widget"} & card.data.to_dict().keys()
    assert "its language was not stated" in sentences(card)
    assert "No licence was stated" in sentences(card)
    assert "None" not in str(card)


def test_a_part_of_a_split_is_not_passed_off_as_the_split():
    card = model_card(replace(FACTS, max_eval_examples=8))
    assert {result.dataset_split for result in card.data.eval_results} == {"validation[:8]", "test"}
    assert "the first 8 sentences" in sentences(card)
    assert "the first" not in sentences(model_card(FACTS))


@pytest.mark.parametrize(("split", "scores"), [("validation", VALIDATION), ("test", TEST)])
def test_the_tables_say_what_the_metrics_say(split, scores):
    card = model_card(FACTS)
    [row] = [row for row in table_with(card, "split", "precision", "recall", "F1", "accuracy") if row["split"] == split]
    names = {"precision": "precision", "recall": "recall", "F1": "f1"}
    figures = {title: f"{scores[name]:.4f}" for title, name in names.items()}
    assert row == {
        "split": split,
        **figures,
        "accuracy": f"{scores['accuracy']:.4f}",
        "entities": str(scores["support"]),
        "sentences": str(scores["sentences"]),
        "words scored": f"{scores['words']} of {scores['words']}",
    }
    [strict] = [table for table in tables(card) if table[0] == ["split", "precision", "recall", "F1"]]
    assert [split, *(f"{scores['strict'][name]:.4f}" for name in names.values())] in strict
    rows = [row for row in table_with(card, "split", "label") if row["split"] == split]
    assert rows == [
        {
            "split": split,
            "label": label,
            **{title: f"{of_label[name]:.4f}" for title, name in names.items()},
            "support": str(of_label["support"]),
        }
        for label, of_label in scores["per_label"].items()
    ]


def test_the_tables_say_how_it_was_trained():
    card = model_card(FACTS)
    assert table_with(card, "epoch", "step") == [
        {
            "epoch": str(row["epoch"]),
            "step": str(row["step"]),
            "loss": f"{row['loss']:.4f}",
            "validation loss": f"{row['val_loss']:.4f}",
            "validation precision": f"{row['val_precision']:.4f}",
            "validation recall": f"{row['val_recall']:.4f}",
            "validation F1": f"{row['val_f1']:.4f}",
            "validation accuracy": f"{row['val_accuracy']:.4f}",
        }
        for row in HISTORY
    ]
    assert {row["option"]: row["value"] for row in table_with(card, "option")} == {
        "--learning-rate": "0.0003",
        "--group-by-length": "True",
        "--seed": "42",
    }
    assert {row["measure"]: row["value"] for row in table_with(card, "measure")} == {
        "epochs": "2",
        "steps": "21",
        "seconds": "83",
        "windows a second": "31.2",
        "padding": "12.7%",
        "peak memory (MB)": "912",
        "replicas": "4",
        "precision": "bfloat16",
    }
    assert {row["library"]: row["version"] for row in table_with(card, "library")} == FACTS.versions
    assert codes(card, "bash") == ["tf-ner train --model owner/tiny\n"]
    text = sentences(card)
    assert "owner/tiny (on the Hub, revision v2)" in text
    assert "77 sentences of owner/news (on the Hub, configuration small, revision abc123)" in text
    assert "Trained on 2 CPU cores; TensorFlow sees CPU:0" in text
    assert "those of epoch 1, step 10, the best on validation" in text


def test_words_that_were_not_scored_are_counted():
    assert "all of them" in sentences(model_card(FACTS))
    test = {**TEST, "words_scored": 59}
    card = model_card(replace(FACTS, metrics={**FACTS.metrics, "test": test}))
    assert "3 could not be reached and count as O" in sentences(card)
    assert "all of them" not in sentences(card)
    assert table_with(card, "split", "precision", "recall", "F1", "accuracy")[1]["words scored"] == "59 of 62"


def test_only_an_uncased_model_is_called_so():
    assert "uncased" not in sentences(model_card(FACTS))
    assert "It is uncased" in sentences(model_card(replace(FACTS, is_uncased=True)))


def test_intervals_are_told_where_they_were_computed():
    assert "given without intervals" in sentences(model_card(FACTS))
    interval = {"level": 0.95, "resamples": 1000, "f1": [0.41, 0.52], "precision": [0.1, 0.2], "recall": [0.3, 0.4]}
    card = model_card(replace(FACTS, metrics={**FACTS.metrics, "test": {**TEST, "interval": interval}}))
    assert "test F1 0.4100 to 0.5200 (95%, 1000 resamples)" in sentences(card)
    assert "without intervals" not in sentences(card)


def test_tags_that_spell_no_entities_have_no_entity_scores():
    words = {"accuracy": 0.9, "support": 62, "words": 62, "words_scored": 62, "sentences": 9}
    scores = {**words, "per_label": {"NOUN": {"precision": 0.5, "recall": 0.6, "f1": 0.55, "support": 62}}}
    task = TokenWords(has_entities=False, max_length=64)
    card = model_card(replace(FACTS, task=task, metrics={"validation": scores, "training": TRAINING}))
    assert [result.metric_type for result in card.data.eval_results] == card.data.metrics == ["accuracy"]
    [row] = table_with(card, "split", "accuracy")
    assert row == {
        "split": "validation", "accuracy": "0.9000", "words": "62", "sentences": "9", "words scored": "62 of 62"
    }  # fmt: skip
    assert "IOB2" not in card.text


@pytest.mark.parametrize(("hub_id", "model"), [(None, "PATH_OF_THIS_FOLDER"), ("me/tiny-news", "me/tiny-news")])
def test_the_examples_are_python_and_name_the_model(hub_id, model):
    examples = codes(model_card(replace(FACTS, hub_id=hub_id)), "python")
    assert len(examples) == 3
    for example in examples:
        strings = {node.value for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Constant)}
        assert {model, FACTS.widget[0].text} <= strings
    assert ['framework="tf"' in example for example in examples] == [True, False, False]


@pytest.mark.parametrize(
    "task",
    [
        *(TokenWords(has_entities=has_entities, max_length=64) for has_entities in (True, False)),
        *(TextWords(has_labels=True, are_pairs=pairs, max_length=64, headline="accuracy") for pairs in (True, False)),
    ],
)
def test_a_model_that_is_pushed_is_named_as_if_it_had_been_known(task, tmp_path):
    of_texts = {"examples": 15, "examples_cut": 1}
    facts = replace(FACTS, task=task, metrics={"test": {**TEST, **of_texts}, "training": TRAINING})
    (tmp_path / "run_config.json").touch()
    model_card(facts).save(tmp_path / "README.md")
    name_in_card(tmp_path, "me/tiny-news")
    assert str(ModelCard.load(tmp_path / "README.md")) == str(model_card(replace(facts, hub_id="me/tiny-news")))


def test_the_template_asks_for_nothing_that_is_not_there(monkeypatch):
    """Jinja would leave a blank."""
    monkeypatch.setattr(jinja2, "Template", partial(jinja2.Template, undefined=jinja2.StrictUndefined))
    test = {**TEST, "interval": {"level": 0.95, "resamples": 1000, "f1": [0.41, 0.52]}}
    full = replace(FACTS, is_uncased=True, metrics={**FACTS.metrics, "test": test})
    scores = {"accuracy": 0.9, "support": 62, "words": 62, "words_scored": 62, "sentences": 9}
    bare = replace(
        FACTS, languages=(), license=None, widget=[], history=[], metrics={"test": scores, "training": TRAINING}
    )
    for facts in (full, bare):
        assert "Trained on" in sentences(model_card(facts))


def everywhere(text):
    """Facts in which every string is `text`."""
    origin = Origin(name=text, config=text, revision=text)
    label = {"precision": 0.1, "recall": 0.2, "f1": 0.3, "support": 4}
    splits = {split: {**FACTS.metrics[split], "per_label": {text: label}} for split in ("validation", "test")}
    return replace(
        FACTS,
        name=text,
        hub_id=text,
        base_model=origin,
        data=origin,
        languages=(text,),
        license=text,
        widget=[WidgetExample(title=text, text=text)],
        labels=[text],
        metrics={**splits, "training": {**TRAINING, "precision": "float32"}},
        hyper_parameters={"label_alignment": text},
        versions={text: text},
        hardware=text,
        command=text,
    )


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
def test_nothing_that_comes_from_outside_is_markup(text):
    card = model_card(everywhere(text))
    harmless = MARKDOWN.parse(model_card(everywhere("PER")).text)
    tokens = MARKDOWN.parse(card.text)
    assert [token.type for token in tokens] == [token.type for token in harmless]
    inner = {child.type for token in tokens for child in token.children or ()}
    assert inner <= {"text", "text_special", "code_inline", "em_open", "em_close"}
    assert [row["label"] for row in table_with(card, "split", "label")] == [plain(text)] * 2
    outside_code = "".join(token.content for token in tokens if token.type == "inline")
    assert not re.search("<[a-z!/]", outside_code)
    for example in codes(card, "python"):
        strings = [node.value for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Constant)]
        assert strings.count(plain(text)) == 2


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
def test_nothing_that_comes_from_outside_is_metadata(text):
    written = str(model_card(everywhere(text)))
    data = ModelCard(written.encode().decode()).data
    expected = model_card(everywhere("PER")).data.to_dict()
    assert data.to_dict() == json.loads(json.dumps(expected).replace('"PER"', json.dumps(plain(text))))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PER", "`PER`"),
        ("wnut_17", "`wnut_17`"),
        ("PER|<b>", "PER&#124;&#60;b&#62;"),
        (" a\n b\t", "`a b`"),
        ("a`b", "a&#96;b"),
        ("", ""),
    ],
)
def test_text_is_shown_as_code_where_code_can_hold_it(text, shown):
    assert literal(text) == shown

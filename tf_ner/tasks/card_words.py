"""What the model card says of each task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HOW_ENTITIES_ARE_SCORED = (
    "An entity counts as found if all its words and its label are right. Scores are on words, sentence by sentence, as "
    "seqeval computes them by default: lenient, an `I-` may begin an entity. Accuracy is over the tags of all words."
)
_HOW_TAGS_ARE_SCORED = "Scores are on words; accuracy is over the tags of all words."

_PIPELINE_FOR_ENTITIES = """\
# {framework}
from transformers import pipeline

find_entities = pipeline(
    "token-classification", model={model}{options}, aggregation_strategy="first"
)
print(find_entities({text}))"""

_PIPELINE_FOR_TAGS = """\
# {framework}; gives a tag to each subword, and the first one of a word is the word's
from transformers import pipeline

tag_subwords = pipeline("token-classification", model={model}{options})
print(tag_subwords({text}))"""

_TF_NER_FOR_ENTITIES = """\
# TensorFlow, texts of any length
from tf_ner import Predictor

predictor = Predictor.from_pretrained({model})
for annotated in predictor.find_entities([{text}]):
    print(annotated.entities)"""

_TF_NER_FOR_TAGS = """\
# TensorFlow, sentences of any length
from tf_ner import Predictor

predictor = Predictor.from_pretrained({model})
for tagged in predictor.tag_words([{text}.split()]):
    print(list(zip(tagged.words, tagged.tags)))"""


@dataclass(frozen=True, kw_only=True)
class TokenWords:
    """As `tf_ner.card.facts.TaskWords`, for tags that spell entities and for others.

    Attributes:
        has_entities: Whether the tags spell entities; otherwise each word has a tag that stands for itself.
        max_length: In subwords; longer sentences are read in windows.
    """

    has_entities: bool
    max_length: int
    pipeline_tag: str = "token-classification"
    example_word: str = "sentences"
    input_word: str = "windows"
    note: str = (
        "`pipeline` cuts off what is longer than the encoder reads at once; tf_ner splits such texts into windows and "
        "drops nothing."
    )

    @property
    def headline(self) -> str:
        return "f1" if self.has_entities else "accuracy"

    def what_it_gives(self, labels: str) -> str:
        gives = "a tag and so finds" if self.has_entities else "one of the tags"
        return f"Gives each word of a text {gives} {labels}."

    def what_it_knows(self, labels: str) -> str:
        where_it_ends = ", and where an entity ends," if self.has_entities else ""
        return f"It knows {labels} and nothing else. What is annotated{where_it_ends} follows the training data."

    def counts(self, scores: Mapping[str, Any]) -> dict[str, str]:
        return {
            "entities" if self.has_entities else "words": str(scores["support"]),
            "sentences": str(scores["sentences"]),
            "words scored": f"{scores['words_scored']} of {scores['words']}",
        }

    def how_it_was_scored(self, splits: Sequence[Mapping[str, Any]], limit: int | None) -> list[str]:
        """Says what the scores mean, what the column *words scored* means, and what the figures do not cover."""
        how = _HOW_ENTITIES_ARE_SCORED if self.has_entities else _HOW_TAGS_ARE_SCORED
        meaning = "*Words scored* are the words that the model could reach"
        missing = sum(scores["words"] - scores["words_scored"] for scores in splits)
        if missing:
            return [how, f"{meaning}; {missing} could not be reached and count as `O`."]
        note = (
            f"{meaning}: all of them, also in sentences of more than {self.max_length} subwords. Of these, a word that "
            "the tokenizer turns into nothing counts as `O`."
        )
        if limit is not None:
            note += f" At most the first {limit} sentences of each split were used."
        return [how, note]

    def codes(self, model: str, text: str, text_pair: str) -> list[str]:
        in_pipeline = _PIPELINE_FOR_ENTITIES if self.has_entities else _PIPELINE_FOR_TAGS
        in_tf_ner = _TF_NER_FOR_ENTITIES if self.has_entities else _TF_NER_FOR_TAGS
        return [
            in_pipeline.format(
                framework="TensorFlow, transformers 4.52", model=model, options=', framework="tf"', text=text
            ),
            in_pipeline.format(framework="PyTorch", model=model, options="", text=text),
            in_tf_ner.format(model=model, text=text),
        ]


_HOW_LABELS_ARE_SCORED = (
    "Accuracy is the share of examples with the right label. With two labels, precision, recall and F1 are those of "
    "the second one named above. MCC is the Matthews correlation, 0 for a model that always gives the same answer."
)
_HOW_NUMBERS_ARE_SCORED = (
    "Pearson and Spearman say how well the numbers, and their ranks, correlate with the right ones; the mean squared "
    "error how far off they are."
)

_PIPELINE = """\
# {framework}
from transformers import pipeline

classify = pipeline("text-classification", model={model}{options})
print(classify({input}, truncation=True))"""

_TF_NER = """\
# TensorFlow, texts by the thousand
from tf_ner import Predictor

predictor = Predictor.from_pretrained({model})
for answer in predictor.classify([{input}]):
    print(answer.label, answer.score)"""


@dataclass(frozen=True, kw_only=True)
class TextWords:
    """As `tf_ner.card.facts.TaskWords`, for labels and numbers, texts and pairs.

    Attributes:
        has_labels: Whether labels are learnt; otherwise numbers.
        are_pairs: Whether of pairs of texts.
        max_length: In subwords; longer texts are cut.
        headline: The metric by which models are compared.
    """

    has_labels: bool
    are_pairs: bool
    max_length: int
    headline: str
    pipeline_tag: str = "text-classification"
    example_word: str = "examples"
    input_word: str = "examples"

    @property
    def note(self) -> str:
        order = "The order of the two texts counts. " if self.are_pairs else ""
        return f"{order}What is longer than {self.max_length} subwords is cut, here as in training."

    def what_it_gives(self, labels: str) -> str:
        what = "a pair of texts" if self.are_pairs else "a text"
        return f"Gives {what} one of the labels {labels}." if self.has_labels else f"Gives {what} a number."

    def what_it_knows(self, labels: str) -> str:
        if self.has_labels:
            return f"It knows {labels} and nothing else. Which label is right follows the training data."
        return "Its numbers are on the scale of the training data, and may go beyond it."

    def counts(self, scores: Mapping[str, Any]) -> dict[str, str]:
        return {"scored": f"{scores['support']} of {scores['examples']}", "cut": str(scores["examples_cut"])}

    def how_it_was_scored(self, splits: Sequence[Mapping[str, Any]], limit: int | None) -> list[str]:
        """Says what the scores mean, and of which examples."""
        note = (
            f"*Scored* are the examples whose label is known; *cut* are those of more than {self.max_length} subwords."
        )
        if limit is not None:
            note += f" At most the first {limit} examples of each split were used."
        return [_HOW_LABELS_ARE_SCORED if self.has_labels else _HOW_NUMBERS_ARE_SCORED, note]

    def codes(self, model: str, text: str, text_pair: str) -> list[str]:
        in_pipeline = f'{{"text": {text}, "text_pair": {text_pair}}}' if self.are_pairs else text
        in_tf_ner = f"({text}, {text_pair})" if self.are_pairs else text
        frameworks = {"TensorFlow, transformers 4.52": ', framework="tf"', "PyTorch": ""}
        return [
            *(
                _PIPELINE.format(framework=framework, model=model, options=options, input=in_pipeline)
                for framework, options in frameworks.items()
            ),
            _TF_NER.format(model=model, input=in_tf_ner),
        ]

"""What the model card says of token classification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HOW_ENTITIES_ARE_SCORED = (
    "An entity counts as found where all its words and its label are right. Scores are on words, sentence by "
    "sentence, as seqeval computes them by default: lenient, an `I-` may begin an entity. Accuracy is that of all "
    "words' tags."
)
_HOW_TAGS_ARE_SCORED = "Scores are on words; accuracy is that of all words' tags."

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
        return f"It knows {labels} and nothing else. What is annotated{where_it_ends} is as in the training data."

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
            "the tokenizer makes nothing of counts as `O`."
        )
        if limit is not None:
            note += f" Of each split no more than the first {limit} sentences were taken."
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

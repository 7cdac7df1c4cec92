"""What the model card says of text classification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HOW_LABELS_ARE_SCORED = (
    "Accuracy is the share of examples with the right label. Of two labels, precision, recall and F1 are those of the "
    "second one named above. MCC is the Matthews correlation, 0 for a model that always says the same."
)
_HOW_NUMBERS_ARE_SCORED = (
    "Pearson and Spearman say how well the numbers, and their ranks, go with the right ones; the mean squared error "
    "how far they are from them."
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
            return f"It knows {labels} and nothing else. Which label is right is as in the training data."
        return "Its numbers are on the scale of the training data, and may go beyond it."

    def counts(self, scores: Mapping[str, Any]) -> dict[str, str]:
        return {"scored": f"{scores['support']} of {scores['examples']}", "cut": str(scores["examples_cut"])}

    def how_it_was_scored(self, splits: Sequence[Mapping[str, Any]], limit: int | None) -> list[str]:
        """Says what the scores mean, and of which examples."""
        note = (
            f"*Scored* are the examples whose label is told; *cut* are those of more than {self.max_length} subwords."
        )
        if limit is not None:
            note += f" Of each split no more than the first {limit} examples were taken."
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

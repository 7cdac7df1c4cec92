"""The scores of entities as a metric of the `evaluate` library."""

from itertools import chain
from typing import Any

import datasets
import evaluate

from tf_ner.corpus.tags import is_iob, tags_to_spans
from tf_ner.evaluation.scores import Sentences, count_entities, count_right_words

_INPUTS = """
Args:
    predictions: IOB tags by sentence.
    references: The gold tags, as many for as many sentences.
    mode: `strict` where only B- may begin an entity; if it is not given, an I- may too.
    scheme: `IOB2`, which it is too if it is not given.
    zero_division: 0, the score where nothing was to be found.
"""


class Seqeval(evaluate.Metric):
    """Takes the place of the library's own metric of that name: the same results by the same names, nothing downloaded.

    `compute`, `add` and `add_batch` are those of every metric of the library. What is added stays in memory, and no
    file or folder is made: no other process and no earlier run is in the way, and the home folder may be read-only.

    `compute` gives `overall_precision`, `overall_recall`, `overall_f1` and `overall_accuracy`, and for each label a
    dict of `precision`, `recall`, `f1` and `number`, its gold entities; all as in `score_entities`. With
    `mode="strict"` only B- begins an entity; seqeval's then needs `scheme="IOB2"` too, the one scheme taken here.

    Raises:
        ValueError: In `compute`: nothing was added, the two differ in shape, a tag is not IOB, or an option is
            not accepted here.
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        tags = datasets.List(datasets.Value("string"))
        return evaluate.MetricInfo(
            description="Precision, recall and F1 of entities and accuracy of tags, as seqeval computes them.",
            citation="Nakayama 2018, seqeval: A Python framework for sequence labeling evaluation",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": tags, "references": tags}),
        )

    def _build_data_dir(self) -> str:
        """No folder: the library's would be made even if nothing is written to it."""
        return ""

    def _finalize(self) -> None:
        if self.writer is None:
            raise ValueError("Received no tags; expected some. Give them to compute, add or add_batch.")
        super()._finalize()

    def _compute(
        self,
        *,
        predictions: Sentences,
        references: Sentences,
        mode: str | None = None,
        scheme: str | None = None,
        zero_division: str | int = 0,
        **others: Any,
    ) -> dict[str, Any]:
        if mode not in (None, "strict") or scheme not in (None, "IOB2") or zero_division not in (0, "warn"):
            raise ValueError(
                f"Received mode={mode!r}, scheme={scheme!r} and zero_division={zero_division!r}; expected "
                "mode='strict' or none, scheme='IOB2' or none, and zero_division=0. Convert other tags to IOB2."
            )
        if given := [name for name, value in others.items() if value is not None and value is not False]:
            raise ValueError(f"Received {', '.join(given)}; expected mode, scheme and zero_division. Leave it out.")
        tags = set(chain.from_iterable(chain(predictions, references)))
        if other := next((tag for tag in sorted(tags) if not is_iob(tag)), None):
            raise ValueError(
                f"Received the tag {other!r}; expected O, B-LABEL and I-LABEL. Convert other tags to IOB2."
            )
        num_right, num_words = count_right_words(references, predictions)
        is_strict = mode == "strict"
        counts = count_entities(
            [tags_to_spans(row, strict=is_strict) for row in references],
            [tags_to_spans(row, strict=is_strict) for row in predictions],
        )
        overall = {**counts.total(), "accuracy": num_right / num_words if num_words else 0.0}
        return {
            **{
                label: {name: row[name] for name in ("precision", "recall", "f1")} | {"number": row["support"]}
                for label, row in counts.per_label().items()
            },
            **{f"overall_{name}": value for name, value in overall.items()},
        }

"""What the folder of an export says to people."""

from collections.abc import Mapping
from typing import Any

from tf_ner.card.card import literal


def page_of(said: Mapping[str, Any]) -> str:
    """The `README.md` of an export.

    Args:
        said: What its `certificate.json` holds.
    """
    rows = [(said["measure"].replace("f1", "F1"), said["score"] | {"support": ""})]
    rows += [(f"recall of {literal(label)}", row) for label, row in said["recall"].items()]
    table = "\n".join(
        f"| {name} | {row['original']:.4f} | {row['export']:.4f} | {row['support']} |" for name, row in rows
    )
    differ = f"{said['different']} of {said['compared']} answers differ"
    if "compared_in_entities" in said:
        differ += f" ({said['different_in_entities']} of {said['compared_in_entities']} in or near entities)"
    seen = f" Its ranges were learnt from {said['calibrated_on']} training examples." if said["calibrated_on"] else ""
    return f"""# {literal(said["model"])}, for {said["runtime"]} in {said["precision"]}

    pip install -r requirements.txt
    echo "Greta Lund moved to Oslo." | python predict.py

reads one text a line and writes one JSON object a line, without tf_ner. With it, `tf-ner predict` and
`Predictor.from_pretrained` take this folder in place of the original.

## Measured against the original

On {said["examples"]} examples ({literal(said["data"]["split"])} of {literal(said["data"]["from"])}), run by
{said["runtime"]} {said["runtime_version"]}: {differ}, and the probability of a label by \
{said["largest_difference_of_a_score"]:.1e} at most.{seen}

| | original | export | support |
|---|---|---|---|
{table}

`certificate.json` has the numbers.
"""

"""How often the gender hint reads a masked face as its source labels it."""

from collections import defaultdict
from pathlib import Path

from tqdm import tqdm

from train.data.faces import GENDERS, load_faces
from train.evaluation.evaluate import masked_faces
from train.evaluation.report import table
from unmask.pipeline import Unmasker

FEWEST = 10  # faces, below which a group has no row


def evaluate_hint(data: Path, out: Path, cache: Path, unmasker: Unmasker, limit: int | None = None) -> str:
    """Agreement with the labels on the val split under the evaluation's masks, in all, by label and by group.

    Returns a Markdown table, also in out/hint.md. Faces without a label are left out.
    """
    faces = load_faces(data, "val", cache, limit)
    lots: dict[str, list[bool]] = defaultdict(list)
    for row, face in zip(tqdm(faces.rows, desc="hint", unit="face"), masked_faces(faces)):
        label = GENDERS.get(row["gender"], 0)
        if label:
            agrees = unmasker.hint(face.image) * label > 0
            for lot in ("all", f"labelled {row['gender']}", f"group {row['group'] or 'not known'}"):
                lots[lot].append(agrees)
    rows = [
        [lot, str(len(agree)), f"{sum(agree) / len(agree):.1%}"]
        for lot, agree in sorted(lots.items()) if lot == "all" or len(agree) >= FEWEST
    ]  # fmt: skip
    text = "\n".join(table(["masked faces", "faces", "read as labelled"], rows))
    out.mkdir(parents=True, exist_ok=True)
    (out / "hint.md").write_text(text)
    return text

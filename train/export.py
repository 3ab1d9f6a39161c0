"""From a run's checkpoint to a released file."""

import json
from pathlib import Path

import torch

from train.recipes import RECIPES
from unmask import weights


def export(run: Path, out: Path) -> dict:
    """Write the run's averaged weights to `out` (.safetensors, fp16); returns what the metadata says.

    A file in checkpoints/ also gets its hash entered in sha256.json beside it.
    """
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    recipe = RECIPES[state["name"]](state["size"], **state["config"])
    recipe.generator.load_state_dict(state["ema"])
    trained = {
        "kimg": round(state["images"] / 1000, 1),
        "minutes": round(state["seconds"] / 60, 1),
        "batch": state["batch"],
        "revision": state["revision"],
        "before": state["before"],
        "hardware": state["hardware"],
        # Checkpoints of the first trainer say neither.
        "processes": state.get("processes", 1),
        "data": state.get("fingerprint"),
    }
    weights.save(out, state["name"], recipe.generator, state["config"], state["size"], trained)
    if out.parent.resolve() == weights.CHECKPOINTS:
        listing = weights.CHECKPOINTS / "sha256.json"
        hashes = json.loads(listing.read_text()) if listing.exists() else {}
        hashes[out.name] = weights.sha256(out)
        listing.write_text(json.dumps(dict(sorted(hashes.items())), indent=1) + "\n")
    return trained

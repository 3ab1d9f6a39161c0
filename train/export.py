"""From a run's checkpoint to a released file."""

import json
from collections.abc import Sequence
from pathlib import Path

from train.loop import RunError
from train.recipes import RECIPES
from train.record import read_checkpoint
from train.start import read_init
from unmask import weights
from unmask.types import Json


def export(
    run: Path, out: Path, add: tuple[Path, Path] | None = None, bits: int = 16, mean_with: Sequence[Path] = ()
) -> Json:
    """Write the run's averaged weights to `out` (.safetensors); returns what the metadata says.

    add: a later and an earlier run of the same network, whose difference is added to the weights: what training with a
    discriminator taught one stage need not be learnt again by the next (Ilharco et al. 2023, Editing Models with Task
    Arithmetic). mean_with: runs or released weights before or after this run, all of whose weights are averaged with
    its own: one network with the faults of none of them (Wortsman et al. 2022, Model Soups). Raises RunError where the
    networks differ. A file in checkpoints/ also gets its hash entered in sha256.json beside it. bits: as in
    `weights.save`.
    """
    state = _read(run)
    means = [read_init(path) for path in mean_with]
    pair = [_read(path) for path in add or ()]
    # Old runs and weights do not say that they are not downscaled: `read_init` adds it, on both sides.
    lots = [(means, read_init(run)), (pair, state)]
    if any(each[key] != own[key] for others, own in lots for each in others for key in ("name", "config")):
        raise RunError(f"{', '.join(map(str, (*mean_with, *(add or ()))))} and {run} are not of one network.")
    added: Json = {}
    if means:
        for key, value in state["ema"].items():
            if value.is_floating_point():
                value += sum(other["state"][key] for other in means)
                value /= 1 + len(means)
        added["mean_with"] = [
            {key: value for key, value in other["before"].items() if key != "before"} for other in means
        ]
    if add:
        later, earlier = pair
        for key, value in state["ema"].items():
            if value.is_floating_point():
                value += later["ema"][key] - earlier["ema"][key]
            if key.endswith("running_var"):
                value.clamp_(min=1e-5)  # a difference may be larger than what it is added to
        added["added"] = {"kimg": round(later["images"] / 1000, 1), "revision": later["revision"]}
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
    } | added
    weights.save(out, state["name"], recipe.generator, state["config"], state["size"], trained, bits)
    if out.parent.resolve() == weights.checkpoints().resolve():
        listing = out.with_name("sha256.json")
        hashes = json.loads(listing.read_text()) if listing.exists() else {}
        hashes[out.name] = weights.sha256(out)
        listing.write_text(json.dumps(dict(sorted(hashes.items())), indent=1) + "\n")
    return trained


def _read(run: Path) -> Json:
    return read_checkpoint(run / "checkpoint.pt", map_location="cpu")

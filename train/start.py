"""From a run's options to what the training loop takes: the recipe with its first weights, and its batches."""

import platform
import shlex
import sys
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file

from train.data.backdrop import LEAST
from train.data.batch import Batch
from train.data.batches import Batches
from train.data.faces import draw_pairs, fingerprint, load_backgrounds, load_faces
from train.data.parsed_faces import ParsedBatches
from train.data.scenes import Scenes
from train.data.sharp_faces import LARGE, SharpFaces
from train.distributed import Processes
from train.downscale import downscale_weights
from train.loop import BatchSource, RunError, train
from train.losses.discriminators import GlobalLocalDiscriminator
from train.options import OnFaces, option
from train.recipe import Recipe
from train.recipes import RECIPES
from train.record import read_checkpoint
from train.widen import widen_weights
from unmask import weights
from unmask.catalog import list_models
from unmask.registry import FACE_DETECTOR, MODELS, REFINER
from unmask.types import Json

SIZES = (64, 128, 192, 256, LARGE)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(OnFaces):
    """How one network is trained; the command line's options of the same names."""

    network: str
    out: Path = option("the run's folder")
    kimg: float = option("length in thousands of images", 400)
    batch: int = option(default=16)
    size: int = option("px of the pictures", 256, choices=SIZES)
    width: int | None = option("channels of the first layer", None)
    downscale: int | None = option(
        "2: works on pixel-unshuffled pictures, half as large", None, choices=(1, 2), old="--fold"
    )
    stages: int | None = option("autoencoders in a row: 1 is the ablation", None, choices=(1, 2))
    blind: bool = option("the paper's network, which is not given the mask", False)
    sees_fabric: bool = option("the paper's network, which sees what covers the face", False)
    lr: tuple[float, float] | None = option("learning rates", None, metavar=("G", "D"))
    variants: int = option("synthetic masks drawn for every face", 2)
    seed: int = option(default=0)
    init: Path | None = option("start from these released weights (.safetensors) or run", None)
    discriminator: Path | None = option(
        "start the discriminator from this run's or file's, whatever --init is", None, metavar="PATH", old="--critic"
    )
    only: tuple[str, ...] | None = option("these phases of the recipe and no others", None)
    resume: bool = option("go on exactly where the run stopped", False)
    time_limit: float | None = option("minutes, after which the run saves and stops", None)
    by_clock: bool = option("phases and learning rates follow the time limit, not the images", False)
    save_every: float = option("minutes between checkpoints", 10)
    log_every: int = option("steps between lines of the log", 50)
    device: str = option(default="auto")
    compile: bool = option("torch.compile, worth its start-up on a GPU", False)
    window: int | None = option("px of the square around the mask that a step sees: many times more steps", None)
    real: Path | None = option("trusted labels of real masks, from pseudo-labels", None)


def run(options: TrainOptions) -> tuple[Path, bool]:
    """Train as the options say; returns the checkpoint, and whether this process is the one that writes files.

    Raises RunError, ValueError, OSError, ImportError and WeightsError for what the caller can mend.
    """
    processes = Processes(options.device)
    recipe, settings = make_recipe(options, processes)
    batches, samples = make_batches(options, processes)
    checkpoint = run_recipe(options, recipe, settings, batches, samples, processes)
    processes.end()
    return checkpoint, processes.main


def run_recipe(
    options: TrainOptions, recipe: Recipe, settings: Json, batches: BatchSource,
    samples: Batch, processes: Processes,
) -> Path:  # fmt: skip
    """Train a recipe on batches that are there already."""
    return train(
        recipe, batches, samples, options.out, kimg=options.kimg, batch=options.batch, resume=options.resume,
        time_limit=options.time_limit, by_clock=options.by_clock, save_every=options.save_every,
        log_every=options.log_every, compile=options.compile, settings=settings, processes=processes,
    )  # fmt: skip


def tune(device: torch.device) -> None:
    """The libraries' switches that training runs with, and is timed with."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    cv2.setNumThreads(1)
    # Softmaxes of trained networks leave numbers that are nearly too small for a float; CPUs take much longer on them.
    torch.set_flush_denormal(True)


# What weights have that say nothing of it.
BEFORE: dict[str, int | bool] = {"downscale": 1, "sees_mask": False, "sees_fabric": True}


def read_init(path: Path) -> Json:
    """Released weights, or a run's averaged ones, to start from: name, config, size (px), the generator's `state`, the
    `discriminator`'s or None, and `before`, where they came from.

    What was trained before networks could be downscaled says nothing of it: its config gets downscale 1; and
    sees_mask False and sees_fabric True, likewise.
    """

    def as_before(name: str) -> Json:
        known = signature(RECIPES[name]).parameters
        return {key: value for key, value in BEFORE.items() if key in known}

    if path.suffix == ".safetensors":
        metadata = weights.read_metadata(path)
        found = {key: metadata[key] for key in ("name", "config", "size")} | {"discriminator": None}
        found["config"] = as_before(found["name"]) | found["config"]
        before = metadata["trained"] | {"size": metadata["size"]}
        return found | {"state": weights.load(metadata["name"], path).state_dict(), "before": before}
    # Mapped and not read: a run that goes on wants the config alone here, of a file that may have 100 MB.
    state = read_checkpoint(path / "checkpoint.pt", map_location="cpu", mmap=True)
    found = {key: state.get(key) for key in ("name", "config", "size", "discriminator")}
    found["config"] = as_before(found["name"]) | found["config"]
    before = {key: state[key] for key in ("images", "seconds", "size", "batch", "before", "hardware")}
    return found | {"state": state["ema"], "before": before}


def start_from(recipe: Recipe, init: Json, path: Path) -> None:
    """Put what `read_init` found into the recipe's networks."""
    state = init["state"]
    if init["name"] != recipe.name:
        if not hasattr(recipe, "adapt"):
            raise RunError(f"{path} is a {init['name']}, from which {recipe.name} cannot start.")
        state = recipe.adapt(state)
    elif recipe.config.get("sees_mask") and not init["config"]["sees_mask"] and hasattr(recipe, "adapt"):
        state = recipe.adapt(state)
    elif init["config"].get("downscale") != recipe.config.get("downscale"):
        if recipe.config["downscale"] == 1:
            raise RunError(f"{path} has downscale 2, and cannot go on with 1.")
        state = downscale_weights(state, recipe.generator)
    elif (before := init["config"].get("width", 0)) < (width := recipe.config.get("width", 0)):
        crop, mask = torch.zeros(1, 3, recipe.size, recipe.size), torch.zeros(1, 1, recipe.size, recipe.size)
        inputs = (crop, mask) if MODELS[recipe.name].kind == "inpainting" else (crop,)
        try:
            state = widen_weights(state, recipe.generator, inputs)
        except ValueError as error:
            raise RunError(f"{recipe.name} cannot go on from width {before} with {width}: {error}") from error
    recipe.generator.load_state_dict(state)
    if init["discriminator"] and recipe.discriminator and init["name"] == recipe.name and init["size"] == recipe.size:
        recipe.discriminator.load_state_dict(init["discriminator"])


def take_discriminator(recipe: Recipe, path: Path) -> None:
    """Put a run's discriminator, or a .safetensors file's, into the recipe. Raises RunError where it does not fit.

    It may be another network's: what faces look like, it has learned from the same faces.
    """
    stored = load_file(path) if path.suffix == ".safetensors" else read_init(path)["discriminator"]
    if not (stored and recipe.discriminator and stored.keys() & recipe.discriminator.state_dict().keys()):
        raise RunError(f"{path} or {recipe.name} has no discriminator.")
    # A file may leave out how the last run balanced its losses: that is measured anew.
    own = {key: value for key, value in recipe.discriminator.state_dict().items() if key.startswith("ratio.")}
    try:
        recipe.discriminator.load_state_dict(own | stored)
    except RuntimeError:  # GLCIC's are made for one size
        raise RunError(f"The discriminator of {path} does not fit {recipe.name} at this size.") from None


def make_recipe(options: TrainOptions, processes: Processes) -> tuple[Recipe, Json]:
    """The recipe with its first weights, the same in every process, and what run.json says of the run."""
    torch.manual_seed(options.seed)
    device = processes.device
    tune(device)
    going_on = options.resume and (options.out / "checkpoint.pt").exists()
    source = options.out if going_on else options.init
    init = read_init(source) if source else None
    # The weights' own width, unless told another.
    config = dict(init["config"]) if init and init["name"] == options.network else {}
    config |= {key: value for key in ("width", "downscale", "stages") if (value := getattr(options, key))}
    known = signature(RECIPES[options.network]).parameters
    if "sees_mask" in known:
        config["sees_mask"] = not options.blind
    if "sees_fabric" in known:
        config["sees_fabric"] = options.sees_fabric
    recipe = RECIPES[options.network](options.size, **config)
    if options.window and isinstance(recipe.discriminator, GlobalLocalDiscriminator):
        raise RunError(f"Without EfficientNet-Lite0's weights {recipe.name}'s discriminators take no --window.")
    if init and source and not going_on:
        start_from(recipe, init, source)
    if options.discriminator and not going_on:
        take_discriminator(recipe, options.discriminator)
    if processes.main and getattr(recipe, "trunk", True) is None:
        print("train: without timm and EfficientNet-Lite0's weights the losses are those of our own networks.")
    if options.lr:
        recipe.learning_rates = options.lr
    if options.only:
        kept = [phase for phase in recipe.phases if phase.name in options.only]
        total = sum(phase.share for phase in kept)
        recipe.phases = tuple(replace(phase, share=phase.share / total) for phase in kept)
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU cores"
    if processes.count > 1:
        hardware = f"{processes.count} x {hardware}"
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    settings |= {"command": shlex.join(["python", "-m", "train", *sys.argv[1:]])}
    settings |= {"config": recipe.config, "fingerprint": fingerprint(options.data), "processes": processes.count}
    settings |= {"seeds": {"weights": options.seed, "batches": options.seed, "masks": options.seed, "samples": 0}}
    settings |= {"before": init["before"] if init and not going_on else None, "hardware": hardware}
    return recipe, settings | {"torch": torch.__version__, "python": platform.python_version()}


def make_batches(options: TrainOptions, processes: Processes) -> tuple[BatchSource, Batch]:
    """The batches to train on, and the first held-back faces for the sample grids."""
    device = processes.device
    if options.network == "parsing":
        parsed = partial(ParsedBatches, options.data, size=options.size, seed=options.seed, device=device)
        return parsed(held_back=False, limit=options.limit), parsed(held_back=True, limit=options.limit).first(8)
    if options.network == REFINER:
        sharp = partial(SharpFaces, options.data, options.cache, size=options.size, seed=options.seed, device=device)
        large = options.size == LARGE  # at which no face of the val split is there
        with processes.main_first():
            held_out = sharp(split="val2") if large else sharp(split="val", limit=8)
            return sharp(window=options.window, limit=options.limit), held_out.first(8)
    with processes.main_first():  # it fills the cache
        faces = load_faces(options.data, "train", options.cache, options.limit)
        pairs = draw_pairs(faces, options.cache, options.variants, options.seed)
        held_back = load_faces(options.data, "val", options.cache, 8)
        few = draw_pairs(held_back, options.cache, 1, options.seed)
        segments = MODELS[options.network].kind == "segmentation"
        others = load_backgrounds(options.data, options.cache) if segments else None
    if options.network == "face-detector":
        scenes = partial(Scenes, options.data, size=options.size, device=device)
        detector = weights.load(FACE_DETECTOR).to(device) if FACE_DETECTOR in list_models("detector") else None
        learning = scenes(faces, pairs, seed=options.seed, limit=options.limit, detector=detector)
        return learning, scenes(held_back, few, seed=0, limit=16, held_out=True).first(8)
    real = np.load(options.real)["pictures"] if options.real else None
    batches = Batches(
        faces, pairs, others, size=options.size, seed=options.seed, device=device, real=real, window=options.window,
        turning=not segments,
    )  # fmt: skip
    if processes.main and options.size >= LEAST and batches.parsing is None:
        print(
            "train: without the face parsing network's weights no picture stands before a plain wall, and "
            "no head is turned into profile."
        )
    return batches, Batches(held_back, few, size=options.size, seed=0, device=device).first(8)

"""Making a study: the masks are taken off once, and all that raters will see is rendered into the study's folder."""

import hashlib
import hmac
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unmask.catalog import describe, list_inpainting_models
from unmask.faces.alignment import align
from unmask.faces.face import whole_photo
from unmask.imaging.metadata import write_png
from unmask.imaging.reader import read_photo
from unmask.imaging.tensors import resize
from unmask.masks import is_empty
from unmask.pipeline import Unmasker
from unmask.registry import DEFAULT_MODELS
from unmask.settings import STUDY_SECRET, examples
from unmask.study.pictures import Picture, read_named
from unmask.study.plan import Plan, Stimulus, Study, StudyError, find_studies, now, open_study
from unmask.study.questions import Question
from unmask.weights import WeightsError

LARGEST = 512  # px: the most that a stimulus measures, unless the plan says otherwise
SURROUND = (128, 128, 128)  # RGB around a picture that is not square: mid grey, as BT.500 asks
# The built-in study: a masked example, and the bare one it was made from.
EXAMPLE_PAIRS = (
    ("hopper-kn95", "hopper"),
    ("hopper-cloth", "hopper"),
    ("astronaut-surgical", "astronaut"),
    ("astronaut-cloth", "astronaut"),
)
EXAMPLE_TITLE = "How real do these faces look?"
BASELINE = "telea"  # needs no weights
TRAINING_PAIR = ("astronaut-n95", "astronaut")  # practice for every study; the built-in one does not rate it

QUESTION = "How real does this face look?"
PAIR_QUESTION = "Which face looks more real?"
RANK_QUESTION = "Put the faces in order, the most real first."
LOW_LABEL, HIGH_LABEL = "clearly fake", "a real photograph"
CONSENT = """
This is a study of how real pictures of faces look. Some were changed by a computer, some were not. You will \
be asked what you think of them. There are no right or wrong answers: we ask for your impression.

Taking part is voluntary and takes a few minutes. You may pause, stop, or withdraw all your answers at any \
time, without giving a reason.

We keep your answers and how long you took for each, under a random code. We keep no name, no address, no IP \
and no photo of you. The answers are analysed for research and may be published together with those of others.
""".strip()


class Details(TypedDict, total=False):
    """What only repeats and attention items have, as `Stimulus` says."""

    repeat_of: str
    expected_low: int
    expected_high: int


def create_study(
    pictures: Sequence[Picture],
    out: Path,
    models: Sequence[str],
    unmasker: Unmasker,
    *,
    title: str,
    raters: int = 30,
    scale_max: int = 10,
    scale_labels: tuple[str, str] = (LOW_LABEL, HIGH_LABEL),
    presentation: str = "single",
    pairs: bool = False,
    choose: str = "balanced",
    repeats: int = 2,
    attention: int = 2,
    seed: int = 0,
    size: int | None = None,
    ends: str | None = None,
    by_invitation: bool = False,
    question: str = QUESTION,
    consent: str = CONSENT,
    draft: bool = False,
    completion: str = "",
    further: Sequence[Question] = (),
    rank: int = 0,
    trials: int | None = None,
    study_id: str | None = None,
    progress: Callable[[Sequence[Picture]], Iterable[Picture]] = lambda pictures: pictures,
) -> Study:
    """Take the masks off with every model, render all that raters will see, and write the plan into `out`.

    There is a test item per picture and model or condition, a hidden reference per picture with its truth, a low
    anchor for one masked photo in three (side by side: for each), `repeats` items (side by side: screens) shown twice,
    and `attention` items that ask for a certain score. Where nothing is scored (presentation none) there is only what
    is compared: models' results, and references where there is one model. title: no other study beside `out` has it.
    scale_labels: of the lowest and the highest score. size: px, by default the largest picture's side, at most
    LARGEST. draft: nobody is let in before `Study.publish`. completion: a code or an https address for those who have
    finished. further: asked of every picture beside `question`. rank: so many results of a photo are put in order at
    once. choose: which of a picture's pairs a rater is asked, one of plan.CHOOSE. trials: the most screens that one
    rater is asked. progress: wraps the pictures. Raises StudyError, PhotoError, WeightsError, without `out`.
    """
    title = title.strip()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StudyError(f"{out} is there already: choose another folder.")
    if not title:
        raise StudyError("A study needs a name, which raters read.")
    if any(title.casefold() == study.plan.title.casefold() for study in find_studies(out.parent).values()):
        raise StudyError(f"There is a study called {title} already: give this one a name of its own.")
    if not pictures:
        raise StudyError("A study needs one picture or more.")
    conditions = list(pictures[0].made)
    _check_systems(models, conditions, masked=all(picture.masked is not None for picture in pictures))
    if presentation == "none":  # these are scored
        repeats = attention = 0
    secret = STUDY_SECRET.read().encode() or secrets.token_hex(32).encode()
    study_id = study_id or secrets.token_hex(6)
    size = size or min(LARGEST, max(max(_first(picture).shape[:2]) for picture in pictures))
    rng = random.Random(seed)

    out.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and moved in one step: a study that is there is whole, also when two servers make it.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as aside:
        folder = Path(aside) / "study"
        (folder / "stimuli").mkdir(parents=True)

        def named(model: str, picture: str, role: str, **more: Unpack[Details]) -> Stimulus:
            """A stimulus whose id cannot be guessed; all servers with this secret give the same."""
            label = "\n".join([study_id, role, model, picture, str(more)])
            item_id = hmac.new(secret, f"item\n{label}".encode(), hashlib.sha256).hexdigest()[:16]
            return Stimulus(item_id, model, picture, role, **more)

        def place(item: Stimulus) -> Path:
            return folder / "stimuli" / f"{item.item_id}.png"

        def add(image: np.ndarray, *label: str, **more: Unpack[Details]) -> Stimulus:
            """Write one stimulus, without the notice that a network made it, which would unblind."""
            item = named(*label, **more)
            write_png(place(item), align(image, whole_photo(image), size, pad=SURROUND))
            return item

        stimuli = []
        anchored = _choose_anchored(pictures, presentation, rng)
        for picture in progress(pictures):
            for name, role, image in _render(picture, models, unmasker, picture.name in anchored):
                if presentation != "none" or role == "test" or len(models) + len(conditions) == 1:
                    stimuli.append(add(image, name, picture.name, role))
        for item in _choose_repeated(stimuli, presentation, repeats, rng):
            again = named(item.model, item.picture, "repeat", repeat_of=item.item_id)
            shutil.copyfile(place(item), place(again))
            stimuli.append(again)
        asked = [rng.randint(2, scale_max - 1) if scale_max > 2 else 1 for _ in range(attention)]
        for count, score in enumerate(asked):
            picture = pictures[count % len(pictures)]
            image = draw_attention(_first(picture), score)
            name = f"{picture.name} {count + 1}"
            stimuli.append(
                add(image, "attention", name, "attention", expected_low=score, expected_high=score)
            )
        model = models[0] if models else BASELINE
        practised = _training(model, unmasker) if presentation != "none" else []
        practice = [add(image, *label, "training") for image, label in practised]

        plan = Plan(
            study_id=study_id,
            title=title,
            created=now(),
            ends=ends,
            raters=raters,
            presentation=presentation,
            question=question,
            scale_max=scale_max,
            scale_labels=dict(zip(("1", str(scale_max)), scale_labels)),
            pairs=pairs,
            choose=choose,
            pair_question=PAIR_QUESTION,
            consent=consent,
            seed=seed,
            size=size,
            models={name: describe(name)["sha256"] for name in models},
            training=[item.item_id for item in practice],
            stimuli=stimuli,
            by_invitation=by_invitation,
            conditions={name: _digest(picture.made[name] for picture in pictures) for name in conditions},
            draft=draft,
            completion=completion.strip(),
            further=list(further),
            rank=rank,
            trials=trials,
            rank_question=RANK_QUESTION,
        )
        plan.check()
        plan.write(folder / "plan.json")
        (folder / "secret.key").touch(mode=0o600)
        (folder / "secret.key").write_bytes(secret)
        if out.is_dir():
            out.rmdir()  # empty, as was looked at above
        try:
            folder.rename(out)
        except OSError as error:
            raise StudyError(f"{out} has appeared meanwhile: choose another folder.") from error
    return open_study(out)


def create_example_study(folder: Path, unmasker: Unmasker) -> Study:
    """The built-in study, of the examples, the default models that have weights, and the baseline."""
    models = []
    for name in (*DEFAULT_MODELS, "telea"):
        try:
            unmasker.model(name)
        except WeightsError:
            continue
        models.append(name)
    secret = STUDY_SECRET.read().encode() or secrets.token_bytes(32)
    study_id = hmac.new(secret, b"the study of the examples", hashlib.sha256).hexdigest()[:12]
    pictures = [Picture(masked, *_example(masked, bare)) for masked, bare in EXAMPLE_PAIRS]
    return create_study(
        pictures,
        folder / "examples",
        models,
        unmasker,
        title=EXAMPLE_TITLE,
        raters=1000,
        pairs=True,
        repeats=2,
        attention=1,
        study_id=study_id,
    )


def draw_anchor(masked: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The low anchor, that anybody should see through: the hole filled with a smear, without nose or mouth.

    masked: RGB uint8 (H, W, 3); mask: uint8 (H, W), 255 = covered. Returns RGB uint8 (H, W, 3).
    """
    hole = mask > 127
    visible = (~hole).astype(np.float32)
    sigma = max(masked.shape[:2]) / 10
    # A blur that looks only at the visible pixels; far inside the hole, where it sees none, their mean.
    weight = cv2.GaussianBlur(visible, (0, 0), sigma)[..., None]
    blurred = cv2.GaussianBlur(masked * visible[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)
    mean = masked[~hole].mean(axis=0) if (~hole).any() else np.full(3, 128)
    smear = np.where(weight > 1e-3, blurred, mean)
    return np.where(hole[..., None], smear, masked).round().clip(0, 255).astype(np.uint8)


def draw_attention(photo: np.ndarray, score: int) -> np.ndarray:
    """A darkened photo (H, W, 3) RGB uint8 that says which score to give, to see who looks at pictures."""
    side = max(256, *photo.shape[:2])  # the words must be readable
    image = Image.fromarray(align(photo, whole_photo(photo), side, pad=SURROUND) // 4)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=side / 12)
    text = f"This is a check:\nplease give it a {score}."
    draw.multiline_text(
        (side / 2, side / 2), text, "white", font, anchor="mm", align="center", spacing=side / 24
    )
    return np.array(image)


def _training(model: str, unmasker: Unmasker) -> list[tuple[np.ndarray, tuple[str, str]]]:
    """Three examples from one end of the scale to the other, as (image, (model, picture))."""
    masked, mask, truth = _example(*TRAINING_PAIR)
    result = unmasker.remove(masked, mask=mask, models=[model])[model]
    rows = ((truth, "reference"), (draw_anchor(masked, mask), "anchor"), (result, model))
    return [(image, (label, f"training {TRAINING_PAIR[0]}")) for image, label in rows]


def _example(masked: str, bare: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An example, its true mask, which is where it differs from the same picture without, and that picture."""
    folder = examples()
    if not folder.is_dir():
        raise StudyError("Raters practise on the examples, which are missing: UNMASK_HOME names the folder above.")
    image, truth = read_photo(folder / f"{masked}.png"), read_photo(folder / f"{bare}.png")
    mask = np.where((image != truth).any(axis=2), 255, 0).astype(np.uint8)
    return image, mask, truth


def _check_systems(models: Sequence[str], conditions: Sequence[str], masked: bool) -> None:
    """Raises StudyError unless there is something to compare, and our models have photos to take masks off."""
    if unknown := [name for name in models if name not in list_inpainting_models()]:
        known = ", ".join(list_inpainting_models())
        raise StudyError(f"There is no inpainting model {', '.join(unknown)}; there are {known}.")
    if both := [name for name in conditions if name in models]:
        raise StudyError(f"{both[0]} is one of our models here: give the condition another name.")
    if models and not masked:
        raise StudyError("Our models take masks off photos: give the masked photos, too.")
    if not models and len(conditions) < 2:
        raise StudyError("There is nothing to compare: give a second condition, or masked photos and a model.")


def _first(picture: Picture) -> np.ndarray:
    """The masked photo, or else what the first condition made: RGB uint8 (H, W, 3)."""
    return picture.masked if picture.masked is not None else read_named(next(iter(picture.made.values())))


def _render(
    picture: Picture, models: Sequence[str], unmasker: Unmasker, anchored: bool
) -> Iterator[tuple[str, str, np.ndarray]]:
    """All that is shown of one photo, as (model, role, image). Raises StudyError where sizes differ."""
    shape = _first(picture).shape[:2]
    masked, anchor = picture.masked, None
    if masked is not None and (models or anchored):
        mask = unmasker.segment(masked) if picture.mask is None else picture.mask
        if is_empty(mask):
            raise StudyError(f"No mask was found in {picture.name}: give one, or leave the picture out.")
        results = unmasker.remove(masked, mask=mask, models=list(models)) if models else {}
        yield from ((name, "test", image) for name, image in results.items())
        anchor = draw_anchor(masked, mask) if anchored else None
    for name, path in picture.made.items():
        image = read_named(path)
        if image.shape[:2] != shape:
            sizes = " and ".join(f"{width} x {height}" for height, width in (image.shape[:2], shape))
            raise StudyError(
                f"{picture.name} of {name} has another size than the others of this picture ({sizes} pixels): "
                "raters could tell by it."
            )
        yield name, "test", image
    if picture.truth is not None:
        yield "reference", "reference", _fit(picture.truth, shape, picture.name)
    if anchor is not None:
        yield "anchor", "anchor", anchor


def _fit(truth: np.ndarray, shape: tuple[int, int], name: str) -> np.ndarray:
    """The bare photo at the (H, W) of the others."""
    (height, width), (true_height, true_width) = shape, truth.shape[:2]
    if abs(height * true_width - width * true_height) > 0.02 * height * true_width:
        raise StudyError(f"The bare photo of {name} has another shape than the masked one.")
    return resize(truth, shape) if shape != truth.shape[:2] else truth


def _digest(files: Iterable[Path]) -> str:
    """The sha256 of all these files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _choose_anchored(pictures: Sequence[Picture], presentation: str, rng: random.Random) -> set[str]:
    if presentation == "none":
        return set()
    names = [picture.name for picture in pictures if picture.masked is not None]
    return set(names if presentation == "side-by-side" else rng.sample(names, -(-len(names) // 3)))


def _choose_repeated(
    stimuli: list[Stimulus], presentation: str, repeats: int, rng: random.Random
) -> list[Stimulus]:
    """Test items to show twice, of as many models and pictures as possible; side by side, whole pictures."""
    if presentation == "side-by-side":
        pictures = sorted({item.picture for item in stimuli})
        again = rng.sample(pictures, min(repeats, len(pictures)))
        return [item for item in stimuli if item.picture in again]
    tests = [item for item in stimuli if item.role == "test"]
    rng.shuffle(tests)
    chosen: list[Stimulus] = []
    while tests and len(chosen) < repeats:
        used = [item.model for item in chosen], [item.picture for item in chosen]
        chosen.append(min(tests, key=lambda item: used[0].count(item.model) + used[1].count(item.picture)))
        tests.remove(chosen[-1])
    return chosen

"""Unmasker: photo in; faces, masks and one result per model out."""

import logging
import math
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from unmask import weights
from unmask.blending.outputs import mix, without_checkerboard
from unmask.catalog import list_inpainting_models, list_models
from unmask.faces.alignment import CROP, align, mask_to_photo, upright_crop
from unmask.faces.detector import detect_turned
from unmask.faces.editing import AS_FOUND, Guide, move
from unmask.faces.face import Face, face_from_points, whole_photo
from unmask.faces.framing import GLANCES, LARGEST, cut_sides, from_frame_to_frame, reframe, widen
from unmask.faces.landmarks import five_points
from unmask.faces.layout import OVAL
from unmask.holes import Hole, find_holes
from unmask.imaging.reader import PhotoError
from unmask.imaging.tensors import mask_to_tensor, resize, to_image, to_tensor
from unmask.masks import (
    binarise,
    clean,
    connected_to,
    grow,
    grow_towards_face,
    is_empty,
    share,
)
from unmask.nets.layers import Network
from unmask.outcome import Keep, Outcome, T
from unmask.refining import REFINED, add_detail
from unmask.registry import (
    DEFAULT_MODELS,
    DEFAULT_SEGMENTATION_MODEL,
    FACE_DETECTOR,
    FAITHFUL,
    GENDER_HINT,
    LANDMARKS,
    MODELS,
    REALISTIC,
    REFINER,
    current_name,
)

log = logging.getLogger(__name__)

THRESHOLD = 0.6  # of a face's score
SMALLEST_FACE = 24  # px of the box: nothing can be painted into a smaller face, and half of them are none
# M-Seg's edge is right to about a pixel; a rim of fabric left beside the hole would be carried into the face.
# On the face itself more of it is taken, for what is beyond the mask's edge there is skin.
MARGIN = 3 / 256  # of the crop's side, by which a found mask is grown beyond the face's oval
MARGIN_ON_FACE = 7 / 256  # likewise, inside it
# What a segmentation model takes for fabric with this probability is painted, too, where it touches what is fabric to
# it: on photographs straps, strips under glasses and patches of odd light, which would be left beside the hole.
DOUBTFUL = 0.15
WIDER = (1.25, LARGEST)  # sides of the crop in which a mask is looked for that runs out of the crop
SMALLEST = 0.03  # share of a face's crop; what is smaller than any mask is none


def pick_device(device: str = "auto") -> torch.device:
    """ "auto" is CUDA, then Apple's MPS, then the CPU."""
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class Unmasker:
    """Finds masks and takes them off. Safe to share between threads: it keeps models, never a photo.

    device: "auto", "cpu", "cuda" or "mps". weights: model name -> file, for weights that are not the released ones; an
    output beside the default one has its own name there, "ganmasker-faithful".
    """

    def __init__(self, device: str = "auto", weights: dict[str, str] | None = None):
        self.device = pick_device(device)
        self._paths = {current_name(name): path for name, path in (weights or {}).items()}
        self._models: dict[str, Network] = {}
        self._loading = threading.Lock()
        # One model a core: side by side they take less time, and let more through, than one after the other with all
        # cores on each (docs/speed.md).
        self._pool = ThreadPoolExecutor(torch.get_num_threads(), "remove", torch.set_num_threads, (1,))

    def model(self, name: str, output: str | None = None) -> Network:
        """The network `name`, loaded the first time it is asked for. output: one of ModelInfo.outputs, None is the
        default. Raises WeightsError, PhotoError (unknown name)."""
        name = current_name(name)
        if name not in MODELS:
            raise PhotoError(f"There is no model named {name!r}; there are {', '.join(MODELS)}.")
        key = name + MODELS[name].suffix(output)
        with self._loading:
            if key not in self._models:
                self._models[key] = weights.fuse(weights.load(name, self._paths.get(key), self.device, output))
        return self._models[key]

    def find(self, photo: np.ndarray, aligned: bool = False) -> list[Face]:
        """All faces in a photo (H, W, 3) uint8, masked or bare, largest first; empty where there is none.

        aligned: the photo is a face crop already, and the one face is all of it.
        """
        if aligned:
            return [whole_photo(photo)]
        found = detect_turned(self.model(FACE_DETECTOR), photo, THRESHOLD)
        return [self.refine(photo, face) for face in found if face.size >= SMALLEST_FACE]

    @torch.inference_mode()
    def landmarks(self, photo: np.ndarray, face: Face) -> np.ndarray:
        """The 92 landmarks of a face, under its mask too: (92, 2) float64, x and y in px of the photo (H, W, 3)."""
        model = self.model(LANDMARKS)
        x = to_tensor(align(photo, face, model.size)).to(self.device)
        points = model(x)[0].cpu().numpy().astype(np.float64) * model.size
        on_photo = cv2.transform(points[None], cv2.invertAffineTransform(face.to_crop(model.size)))
        return np.asarray(on_photo[0])

    def oval(self, photo: np.ndarray, face: Face) -> np.ndarray | None:
        """The outline of a face, under its mask too: (36, 2) float64, x and y in px of the photo (H, W, 3); None where
        there are no weights to find it."""
        if LANDMARKS not in self._models and LANDMARKS not in list_models(own=self._paths):
            return None
        return self.landmarks(photo, face)[OVAL]

    def refine(self, photo: np.ndarray, face: Face) -> Face:
        """The face with its crop set anew by its landmarks, which tell more than the detector's five points."""
        points = five_points(self.landmarks(photo, face))
        refined = face_from_points(points, face.box, face.score, face.masked)
        moved = np.hypot(refined.center[0] - face.center[0], refined.center[1] - face.center[1]) / face.side
        turned = abs(math.remainder(refined.angle - face.angle, 2 * math.pi))
        # Landmarks that want another face altogether have lost this one.
        if moved > 0.25 or abs(np.log(refined.side / face.side)) > 0.4 or turned > 0.5:
            refined = face
        return upright_crop(refined, photo)

    @torch.inference_mode()
    def mask_probability(
        self, crop: np.ndarray, model: str = DEFAULT_SEGMENTATION_MODEL, *, mirrored: bool = False
    ) -> torch.Tensor:
        """A segmentation model on a face crop (S, S, 3) uint8: (M, M) float32 in [0, 1] on the CPU, at its network's
        size. mirrored: the mean of what it says of the crop and of its mirror image."""
        network = self.model(model)
        x = to_tensor(resize(crop, (network.size, network.size))).to(self.device)
        found: torch.Tensor = network(torch.cat([x, x.flip(3)]) if mirrored else x)
        if mirrored:
            found = (found[:1] + found[1:].flip(3)) / 2
        return found[0, 0].float().cpu()

    def find_mask(
        self, crop: np.ndarray, model: str = DEFAULT_SEGMENTATION_MODEL, doubtful: float = 0.5
    ) -> np.ndarray:
        """A segmentation model on a face crop (S, S, 3) uint8: the mask as it sees it, (S, S) uint8 of 0 and 255.

        It looks both ways round: what one look leaves out of a mask the other often finds. doubtful: see `mask_of`.
        """
        return mask_of(self.mask_probability(crop, model, mirrored=True), crop.shape[:2], doubtful)

    def find_whole_mask(
        self, photo: np.ndarray, face: Face, model: str = DEFAULT_SEGMENTATION_MODEL
    ) -> tuple[np.ndarray, Face]:
        """A face's mask with its margin, (S, S) uint8 of 0 and 255, all 0 for none, and the frame that it is in.

        The frame is the face's crop; where the mask runs out of that, one up to LARGEST times as large, in which it was
        looked for again. There only counts what is connected to the mask in the crop: the rest is other people's.
        """
        crop, frame = align(photo, face, CROP), face
        mask = self.find_mask(crop, model, DOUBTFUL)
        if share(mask) <= SMALLEST:
            return np.zeros_like(mask), frame
        sides = np.zeros((2, 2), bool)
        for scale in WIDER:
            cut = cut_sides(mask, frame, photo.shape)
            if not cut.any():
                break
            sides |= cut
            wider = widen(face, sides, scale)
            known = reframe(mask, frame, wider)
            mask = connected_to(known | self.find_mask(align(photo, wider, CROP), model, DOUBTFUL), known)
            frame = wider
        return self.with_margin(mask, crop, face, frame), frame

    def with_margin(self, mask: np.ndarray, crop: np.ndarray, face: Face, frame: Face | None = None) -> np.ndarray:
        """A mask (S, S) uint8 as it was found, grown for inpainting: see `grow_towards_face`.

        crop: the face's, (S, S, 3) uint8. frame: what the mask is of, where that is not the face's crop.
        """
        frame = frame or face
        size = len(mask) * face.side / frame.side  # px of the face's crop in the frame
        oval = self.oval(crop, whole_photo(crop))
        if oval is None:
            return grow(mask, round(MARGIN * size))
        points = cv2.transform(oval[None], from_frame_to_frame(face, frame, len(crop)))[0]
        return grow_towards_face(mask, points, MARGIN_ON_FACE * size, MARGIN * size)

    @torch.inference_mode()
    def hint(self, crop: np.ndarray) -> float:
        """How a masked face crop (S, S, 3) uint8 is likely to be read: -1 male to 1 female, 0 where nothing can say."""
        if GENDER_HINT not in list_models(own=self._paths):
            return 0.0
        model = self.model(GENDER_HINT)
        return float(model(to_tensor(resize(crop, (model.size, model.size))).to(self.device))[0])

    @torch.inference_mode()
    def fill(
        self, name: str, crop: np.ndarray, mask: np.ndarray, guide: Guide = AS_FOUND, realism: float = 1.0
    ) -> np.ndarray:
        """The inpainting model `name` on a face crop (S, S, 3) uint8 and its mask (S, S) uint8: (S, S, 3) uint8.

        Only the masked pixels of the result are meant to be used: a model of another size has resampled the rest.
        guide: what the visitor tells a network that is guided by landmarks; the others do not listen. realism: 1 is
        the realistic output, 0 the faithful one, between them `mix` of the two; a model with one output gives that.
        Into a crop of more than CROP px the refiner puts its detail, where there is one: `realism` of it, for detail is
        as little known as the rest.
        """
        info = MODELS[current_name(name)]
        detail = 1.0
        if not info.outputs:
            painted = self._fill(self.model(name), name, crop, mask, guide)
        else:
            painted, detail = self._mix(name, crop, mask, guide, realism), realism
        if len(crop) > CROP and info.kind == "inpainting" and detail > 0 and self.refines:
            return add_detail(self.model(REFINER), self.device, painted, crop, mask, detail)
        return painted

    def _mix(self, name: str, crop: np.ndarray, mask: np.ndarray, guide: Guide, realism: float) -> np.ndarray:
        """`fill` by a model with two outputs."""
        faithful = self._fill(self.model(name, FAITHFUL), name, crop, mask, guide)
        if realism == 0:
            # The mean of both ways round is nearer to the mean of all plausible faces.
            mirrored = self._fill(self.model(name, FAITHFUL), name, cv2.flip(crop, 1), cv2.flip(mask, 1), guide)
            return cv2.addWeighted(faithful, 0.5, cv2.flip(mirrored, 1), 0.5, 0)
        realistic = self._fill(self.model(name, REALISTIC), name, crop, mask, guide)
        return mix(faithful, realistic, mask, realism)

    def _fill(self, model: Network, name: str, crop: np.ndarray, mask: np.ndarray, guide: Guide) -> np.ndarray:
        """`fill` by one network."""
        side = len(crop)
        # Every pixel of the model's crop that the mask touches is hole, or fabric would show at its edge.
        hole = binarise(resize(mask, (model.size, model.size)), 0)
        x = to_tensor(resize(crop, (model.size, model.size))).to(self.device)
        told: tuple[torch.Tensor, ...] = ()
        if MODELS[name].takes_landmarks:
            points = move(self.landmarks(crop, whole_photo(crop)), guide) / side
            told = (torch.tensor(points[None], dtype=torch.float32),)  # and the hint is left open
        filled = model(x, mask_to_tensor(hole).to(self.device), *(each.to(self.device) for each in told))
        image = to_image(filled)
        return resize(without_checkerboard(image) if side > model.size else image, (side, side))

    @property
    def refines(self) -> bool:
        """Whether there are weights that add detail to large faces."""
        return REFINER in self._models or REFINER in list_models("refiner", own=self._paths)

    def segment(
        self,
        photo: np.ndarray,
        aligned: bool = False,
        faces: list[Face] | None = None,
        model: str = DEFAULT_SEGMENTATION_MODEL,
        segmenter: str | None = None,
    ) -> np.ndarray:
        """The masks of all faces together: (H, W) uint8, 255 = covered, grown by a small margin. All 0: none found.

        faces: what `find` gave for this photo, where it is known already. segmentation model: "mask-rcnn" needs
        torchvision.
        """
        found = np.zeros(photo.shape[:2], np.uint8)
        for face in self.find(photo, aligned) if faces is None else faces:
            crop_mask, frame = self.find_whole_mask(photo, face, segmenter or model)
            if not is_empty(crop_mask):
                found |= mask_to_photo(crop_mask, frame, photo.shape[:2])
        return found

    def remove(
        self,
        photo: np.ndarray,
        mask: np.ndarray | None = None,
        models: Iterable[str] = DEFAULT_MODELS,
        aligned: bool = False,
        faces: list[Face] | None = None,
        guide: Guide = AS_FOUND,
        realism: float = 1.0,
        sample: int = 0,
    ) -> dict[str, np.ndarray]:
        """Take the mask off: model name -> (H, W, 3) uint8, the photo's size.

        photo: (H, W, 3) uint8; mask: (H, W) uint8, above 127 = covered, or None to find it. Outside the mask no
        pixel changes. faces: what `find` gave for this photo, where it is known already. guide: see `fill`. realism:
        from 0, the faithful output, to 1, the realistic one, see `fill`; a model with one output gives that one.
        sample: which plausible face, 0 to len(GLANCES) - 1: the models see the face held as GLANCES[sample] says.

        Raises PhotoError when there is no face or no mask, or it or a value does not fit, WeightsError for broken
        weights.
        """
        models = self.check_models(models, realism, sample)
        mask, faces = self.mask_and_faces(photo, mask, faces, aligned)
        holes = self._find_holes(photo, mask, faces, sample)
        inpaint = partial(self.inpaint, photo, holes, guide=guide, realism=realism)
        return dict(zip(models, self._pool.map(inpaint, models), strict=True))

    def remove_each(
        self,
        photo: np.ndarray,
        mask: np.ndarray,
        models: Iterable[str],
        faces: list[Face],
        keep: Keep[T],
        guide: Guide = AS_FOUND,
        realism: float = 1.0,
        sample: int = 0,
    ) -> Iterator[Outcome[T]]:
        """As `remove`, each model's result as soon as it is there; a model that cannot is one with an error.

        keep: what is wanted of each image, which is gone afterwards. However many models and callers there are, no more
        images of a photo's size are there at a time than the pool has threads; `keep` runs on those.

        Raises PhotoError as `remove` does. Photo and mask must not change while this goes on. Closing the iterator
        gives up those models that have not begun.
        """
        models = self.check_models(models, realism, sample)
        holes = self._find_holes(photo, mask, faces, sample)
        paint = partial(self.inpaint, photo, holes, guide=guide, realism=realism)
        started = [self._pool.submit(Outcome[T].of, name, partial(paint, name), keep) for name in models]
        try:
            for done in as_completed(started):
                yield done.result()
        finally:
            for each in started:
                each.cancel()

    def mask_and_faces(
        self,
        photo: np.ndarray,
        mask: np.ndarray | None = None,
        faces: list[Face] | None = None,
        aligned: bool = False,
    ) -> tuple[np.ndarray, list[Face]]:
        """What `remove` works with: each is found in the photo unless it is given. Raises PhotoError for none."""
        faces = self.find(photo, aligned) if faces is None else faces
        if mask is None:
            if not faces:
                raise PhotoError("No face was found in this photo: give a mask of what is to be removed.")
            mask = self.segment(photo, faces=faces)
            if is_empty(mask):
                raise PhotoError("No mask was found in this photo: mark it by hand.")
        return mask, faces

    def _find_holes(self, photo: np.ndarray, mask: np.ndarray, faces: list[Face], sample: int) -> list[Hole]:
        return find_holes(photo, mask, faces, REFINED if self.refines else CROP, GLANCES[int(sample)])

    def check_models(self, models: Iterable[str], realism: float = 1.0, sample: int = 0) -> list[str]:
        """The models' names, each once. Raises PhotoError for one that is none, or a realism or sample out of range."""
        if not 0 <= realism <= 1:
            raise PhotoError("Realism is a number from 0 (faithful) to 1 (realistic).")
        if sample not in range(len(GLANCES)):
            raise PhotoError(f"The sample is a whole number from 0 to {len(GLANCES) - 1}.")
        names, usable = list(dict.fromkeys(models)), list_inpainting_models(self._paths)
        for name in names:
            if name not in usable:
                raise PhotoError(f"There is no inpainting model named {name!r}; there are {', '.join(usable)}.")
            if realism < 1 and not MODELS[name].outputs:
                log.info("%s has one output: it is the same for any realism.", MODELS[name].title)
        return names

    def inpaint(
        self, photo: np.ndarray, holes: list[Hole], name: str, guide: Guide = AS_FOUND, realism: float = 1.0
    ) -> np.ndarray:
        """The photo (H, W, 3) uint8 with all of its holes filled by the inpainting model `name`."""
        result = photo.copy()
        for hole in holes:
            fills = [look.painted(self.fill(name, *look.shown(), guide, realism)) for look in hole.looks]
            hole.blend(fills, result)
        return result


def mask_of(probability: torch.Tensor, shape: tuple[int, int], doubtful: float = 0.5) -> np.ndarray:
    """A mask (H, W) uint8 of 0 and 255, of `shape`, from a segmentation model's probability (M, M): where that is above
    one half, and where it is above `doubtful` and connected to that (Canny 1986, section VI: hysteresis)."""
    # Enlarged before it is cut: the edge is then smooth at the crop's own size.
    large = F.interpolate(probability[None, None], size=shape, mode="bilinear", align_corners=False)[0, 0].numpy()
    sure = clean(large > 0.5)
    return sure if doubtful >= 0.5 else clean(connected_to(binarise(large > doubtful), sure))

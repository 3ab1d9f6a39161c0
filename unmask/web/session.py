"""What the demo keeps of one visitor: the photo, its faces, the mask, and the part of it that the editor shows."""

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from unmask import PhotoError
from unmask.faces.alignment import align, align_mask, mask_to_photo
from unmask.faces.face import Face, face_from_box, whole_photo
from unmask.masks import grow, is_empty, part_of_face, share
from unmask.sam import Embedding, Sam
from unmask.web.mask_layers import editor_value, mask_from_editor

# px. The editor draws a given layer in its place only if all it gets has exactly the canvas' size.
EDITOR_SIZE = 512
STEP = 3 / 256  # of the face's side, by which "Grow" and "Shrink" move the mask's edge
LOADING = 3.0  # seconds in which a browser loads a new mask; a quick second click still sends the old one
PAD = (125, 138, 148)  # RGB around a photo that is not square: a grey that is quiet on light and dark pages
MARGIN = 1.25  # the editor shows so many times the face's crop: a mask's ties run out of the crop itself
NEARLY_ALL = 0.8  # of the photo's longer side: a face that needs more of it is shown with the whole photo
SMALLEST_BOX = 16  # px, the shorter side of a box drawn by hand
TOO_SMALL = "This box is too small: draw it from the forehead to the chin, ear to ear."
CLOSE_BY = 2  # px of the working copy around a stroke that are taken over with it
# The mean difference, in 0-255, between the picture in the editor and the one it was given. Measured: 0.0 for
# the same picture, above 50 for another face of a photo.
SAME_PICTURE = 4.0
LOOKED_AT = 1024  # px, the side of what Segment Anything gets of a frame: it works on no more
EMBEDDINGS = 3  # frames of which a visitor's embeddings are kept, 4 MB each; older ones are made anew
UNDO_STEPS = 10


@dataclass(frozen=True)
class Candidate:
    """A face of the photo that the visitor can choose or leave out."""

    face: Face
    thumbnail: str  # URL of a small picture of it
    masked: bool = False  # whether a mask was found on it
    by_hand: bool = False  # boxed by the visitor
    chosen: bool = True


@dataclass(frozen=True)
class Click:
    """A visitor's click on a frame of the photo, whose outline is to be added to the mask or taken from it."""

    frame: Face
    at: tuple[float, float] | None = None  # x and y in shares of the frame; None: only look at it
    adds: bool = True


class Clicks:
    """Clicks on one photo, their outlines, and the embeddings of its frames: one visitor's, and gone with the visit.

    A visitor's events overlap. Whichever finds nobody at work does what all of them want, so that no frame is looked
    at twice, and no event waits for another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of all that follows
        self._working = False
        self._waiting: deque[Click] = deque()
        self._found: list[tuple[Click, np.ndarray]] = []
        self._embeddings: OrderedDict[Face, Embedding] = OrderedDict()

    def knows(self, frame: Face) -> bool:
        """Whether a click on this frame is answered at once."""
        with self._lock:
            return frame in self._embeddings

    def work(self, sam: Sam, photo: np.ndarray, click: Click) -> None:
        """Find what was clicked on, for `take`; another event of this visitor's may do it. Raises WeightsError."""
        with self._lock:
            self._waiting.append(click)
            if self._working:
                return
            self._working = True
        try:
            while (next_one := self._next()) is not None:
                self._answer(sam, photo, next_one)
        except BaseException:
            with self._lock:
                self._waiting.clear()
                self._working = False
            raise

    def _next(self) -> Click | None:
        with self._lock:
            self._working = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _answer(self, sam: Sam, photo: np.ndarray, click: Click) -> None:
        with self._lock:
            embedding = self._embeddings.get(click.frame)
        if embedding is None:
            embedding = sam.embed(align(photo, click.frame, LOOKED_AT, pad=PAD))
        with self._lock:
            self._embeddings[click.frame] = embedding
            self._embeddings.move_to_end(click.frame)
            while len(self._embeddings) > EMBEDDINGS:
                self._embeddings.popitem(last=False)
        if click.at is not None:
            x, y = click.at
            outline = sam.outline(embedding, [(x * LOOKED_AT, y * LOOKED_AT)])
            with self._lock:
                self._found.append((click, outline))

    def take(self) -> list[tuple[Click, np.ndarray]]:
        """The outlines that were found since, each (S, S) uint8 of its click's frame."""
        with self._lock:
            found, self._found = self._found, []
        return found


@dataclass(frozen=True)
class Step:
    """What one outline changed in the mask, to undo it: the rest may have been painted on since."""

    corner: tuple[int, int]  # y, x of the part's upper left corner in the photo
    changed: np.ndarray  # (h, w) bool
    adds: bool


@dataclass(frozen=True)
class Run:
    """What the results on the page were made with."""

    mask: np.ndarray  # (H, W) uint8
    faces: list[Face]
    names: tuple[str, ...]  # of the models that have a result, in the order in which they ran
    realism: float = 1.0  # see Unmasker.remove


@dataclass(frozen=True)
class Visit:
    """What is kept of a visitor, in `gr.State`: never shared, and forgotten after ten minutes."""

    photo: np.ndarray  # (H, W, 3) uint8, as it was read: every model works on this one
    found: np.ndarray  # (H, W) uint8: the masks that were found, of all candidates
    mask: np.ndarray  # (H, W) uint8: the mask as the visitor has it now
    aside: np.ndarray  # (H, W) uint8: what the mask had on the faces that were left out, should they come back
    candidates: tuple[Candidate, ...]  # as found, largest first, then those boxed by hand; none: the whole photo
    current: int | None  # which of them the editor shows; None is the whole photo
    copy: np.ndarray | None = None  # (EDITOR_SIZE, EDITOR_SIZE, 3) uint8: the editor's working copy of the photo
    shown: np.ndarray | None = None  # (EDITOR_SIZE, EDITOR_SIZE) uint8: the mask on it
    overview: str = ""  # URL of the photo, small enough for a page
    earlier: tuple[np.ndarray, ...] = ()  # what it showed before, and may show until it has loaded `shown`
    put_at: float = 0.0  # time.monotonic() when `shown` was sent
    ran: Run | None = None  # None: there are no results
    stem: str = "photo"  # what downloads are called after
    steps: tuple[Step, ...] = ()  # the outlines that can be undone, oldest first
    clicks: Clicks = field(default_factory=Clicks, repr=False, compare=False)

    @classmethod
    def begin(
        cls, photo: np.ndarray, found: np.ndarray, faces: list[Face], thumbnails: list[str] | None = None
    ) -> "Visit":
        """A visit with a new photo (H, W, 3), the mask found in it (H, W), and its faces, largest first."""
        whole = whole_photo(photo)
        if faces == [whole]:
            faces = []
        candidates = tuple(map(Candidate, faces, thumbnails or [""] * len(faces)))
        visit = cls(photo, found, found, np.zeros_like(found), candidates, current=0 if faces else None)
        masked = [not is_empty(visit.part(found, index)) for index in range(len(faces))]
        candidates = tuple(replace(each, masked=m) for each, m in zip(candidates, masked))
        return replace(visit, candidates=candidates)._shown_anew()

    # ------------------------------------------------------------ faces

    @property
    def faces(self) -> list[Face]:
        """The faces that are chosen; the whole photo where there is none to choose from."""
        if not self.candidates:
            return [whole_photo(self.photo)]
        return [each.face for each in self.candidates if each.chosen]

    def frame_of(self, index: int | None) -> Face:
        """What the editor shows of a candidate: its crop with a margin, moved into the photo where it sticks out.

        The whole photo, letterboxed, for None and for a face that fills the photo.
        """
        whole = whole_photo(self.photo)
        if index is None:
            return whole
        face = self.candidates[index].face
        side = MARGIN * face.side
        if side > NEARLY_ALL * whole.side:
            return whole
        height, width = self.photo.shape[:2]
        x, y = (
            float(np.clip(middle, side / 2, length - side / 2)) if length > side else length / 2
            for middle, length in zip(face.center, (width, height))
        )
        return replace(face, center=(x, y), side=side)

    @property
    def frame(self) -> Face:
        """What the editor shows."""
        return self.frame_of(self.current)

    def part(self, mask: np.ndarray, index: int) -> np.ndarray:
        """Those pixels of a mask (H, W) uint8 that are a candidate's: within its frame, and no other face nearer."""
        return part_of_face(mask, [each.face for each in self.candidates], index, self.frame_of(index))

    def look_at(self, index: int | None) -> "Visit":
        """This visit with another candidate in the editor, or None for the whole photo."""
        return self if index == self.current else replace(self, current=index)._shown_anew()

    def _shown_anew(self) -> "Visit":
        """This visit with the working copy that its frame asks for."""
        return replace(self, copy=align(self.photo, self.frame, EDITOR_SIZE, pad=PAD)).with_mask(self.mask)

    def choose(self, index: int, chosen: bool) -> "Visit":
        """This visit with a candidate chosen or left out; its part of the mask comes and goes with it."""
        if self.candidates[index].chosen == chosen:
            return self
        source, target = (self.aside, self.mask) if chosen else (self.mask, self.aside)
        part = self.part(source, index)
        source, target = source & ~part, target | part
        mask, aside = (target, source) if chosen else (source, target)
        new = replace(self, aside=aside, candidates=self._with(index, chosen=chosen))
        # What is in the editor is what is worked on: a face that is left out makes room for one that is in.
        inside = [i for i, each in enumerate(new.candidates) if each.chosen]
        if inside and self.current is not None and self.current not in inside:
            new = new.look_at(index if chosen else inside[0])
        return new.with_mask(mask)

    def _with(self, index: int, **changes) -> tuple[Candidate, ...]:
        changed = replace(self.candidates[index], **changes)
        return (*self.candidates[:index], changed, *self.candidates[index + 1 :])

    def box_to_face(self, box: tuple[float, float, float, float]) -> Face:
        """The face in a box drawn by hand, two opposite corners in shares of the photo. Raises PhotoError."""
        height, width = self.photo.shape[:2]
        (x0, x1), (y0, y1) = (np.clip(sorted((box[i], box[i + 2])), 0, 1) for i in (0, 1))
        box = (float(x0 * width), float(y0 * height), float(x1 * width), float(y1 * height))
        if min(box[2] - box[0], box[3] - box[1]) < SMALLEST_BOX:
            raise PhotoError(TOO_SMALL)
        return face_from_box(box)

    def with_face(self, face: Face, found: np.ndarray, thumbnail: str = "") -> "Visit":
        """This visit with a face boxed by hand and the mask (H, W) found on it, in the editor."""
        new = Candidate(face, thumbnail, masked=not is_empty(found), by_hand=True)
        visit = replace(self, found=self.found | found, candidates=(*self.candidates, new))
        return visit.look_at(len(self.candidates)).with_mask(self.mask | found)

    def without_face(self, index: int) -> "Visit":
        """This visit without a face that was boxed by hand, and without its part of the mask."""
        mask, aside, found = (each & ~self.part(each, index) for each in (self.mask, self.aside, self.found))
        rest = (*self.candidates[:index], *self.candidates[index + 1 :])
        current = self.current
        if current is not None and current >= index:
            current = None if not rest else 0 if current == index else current - 1
        visit = replace(self.look_at(None), aside=aside, found=found, candidates=rest)
        return visit.with_mask(mask).look_at(current)

    # ------------------------------------------------------------ mask

    @property
    def found_now(self) -> np.ndarray:
        """(H, W) uint8: the found masks of those faces that are chosen."""
        found = self.found
        for index, each in enumerate(self.candidates):
            if not each.chosen:
                found = found & ~self.part(self.found, index)
        return found

    def with_mask(self, mask: np.ndarray) -> "Visit":
        """This visit with another mask (H, W), which is to be put into the editor."""
        now = time.monotonic()
        earlier = self.earlier if now - self.put_at < LOADING else ()
        if self.shown is not None:
            earlier = (*earlier, self.shown)
        shown = align_mask(mask, self.frame, EDITOR_SIZE)
        steps = self.steps if mask is self.mask else ()
        return replace(self, mask=mask, shown=shown, earlier=earlier, put_at=now, steps=steps)

    def _with_own(self, mask: np.ndarray) -> "Visit":
        """This visit with another mask on the face that the editor shows, the rest as it is."""
        if self.current is None:
            return self.with_mask(mask)
        rest = self.mask & ~self.part(self.mask, self.current)
        return self.with_mask(rest | self.part(mask, self.current))

    def grown(self, steps: int) -> "Visit":
        """This visit with the mask's edge moved outwards by so many steps, inwards if negative."""
        faces = self.faces or [whole_photo(self.photo)]
        face = faces[0] if self.current is None else self.candidates[self.current].face
        return self._with_own(grow(self.mask, steps * max(round(STEP * face.side), 1)))

    def cleared(self) -> "Visit":
        """This visit with nothing marked on what the editor shows."""
        return self._with_own(np.zeros_like(self.mask))

    def reset(self) -> "Visit":
        """This visit with the found mask on what the editor shows."""
        return self._with_own(self.found_now)

    def outlined(self, click: Click, outline: np.ndarray) -> "Visit":
        """This visit with an outline (S, S) uint8 of the click's frame added to the mask or taken from it."""
        part = mask_to_photo(outline, click.frame, self.photo.shape[:2])
        mask = self.mask | part if click.adds else self.mask & ~part
        ys, xs = np.nonzero(mask != self.mask)
        if not len(ys):
            return self
        y, x = int(ys.min()), int(xs.min())
        box = slice(y, int(ys.max()) + 1), slice(x, int(xs.max()) + 1)
        step = Step((y, x), mask[box] != self.mask[box], click.adds)
        return replace(self.with_mask(mask), steps=(*self.steps, step)[-UNDO_STEPS:])

    def undone(self) -> "Visit":
        """This visit without the last outline, as far as it changed anything. What was painted elsewhere stays."""
        if not self.steps:
            return self
        step, (y, x) = self.steps[-1], self.steps[-1].corner
        height, width = step.changed.shape
        mask = self.mask.copy()
        mask[y : y + height, x : x + width][step.changed] = 0 if step.adds else 255
        return replace(self.with_mask(mask), steps=self.steps[:-1])

    def is_outdated(self) -> bool:
        """Whether there are no results, or those of another mask or of other faces."""
        ran = self.ran
        return ran is None or ran.faces != self.faces or not np.array_equal(ran.mask, self.mask)

    def covers(self) -> float:
        """The share of the photo that the mask covers, in [0, 1]."""
        return share(self.mask)

    # ------------------------------------------------------------ editor

    def editor_value(self) -> dict:
        """The editor's value: the working copy, with the mask on a layer of its own."""
        return editor_value(self.copy, self.shown)

    def edited(self, value: dict | None) -> "Visit":
        """This visit with the mask as the visitor left it in the editor.

        Only where something was drawn: everywhere else the mask keeps the photo's own resolution.
        """
        drawn = mask_from_editor(value, (EDITOR_SIZE, EDITOR_SIZE))
        loading = self.earlier if time.monotonic() - self.put_at < LOADING else ()
        if any(np.array_equal(drawn, known) for known in (self.shown, *loading)):
            return self
        if not self._is_in(value):
            return self  # drawn on another face, before this one had come
        shape = self.photo.shape[:2]
        changed = mask_to_photo(grow(drawn ^ self.shown, CLOSE_BY), self.frame, shape)
        mask = np.where(changed, mask_to_photo(drawn, self.frame, shape), self.mask)
        return replace(self, mask=mask, shown=drawn)

    def _is_in(self, value: dict | None) -> bool:
        """Whether the editor shows what it is to show, as far as its answer tells."""
        picture = (value or {}).get("background")
        if picture is None or picture.shape[:2] != self.copy.shape[:2]:
            return True
        return float(cv2.absdiff(np.ascontiguousarray(picture[..., :3]), self.copy).mean()) < SAME_PICTURE

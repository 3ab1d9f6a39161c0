"""What the demo keeps of one visitor: the photo, its faces, the mask, and the part of it that the editor shows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from unmask import PhotoError
from unmask.faces.alignment import align, align_mask, mask_to_photo
from unmask.faces.face import Face, face_from_box, whole_photo_of
from unmask.masks import grow, is_empty, move_edge, part_of_face, share
from unmask.web.clicks import Click, Clicks
from unmask.web.kept_photo import KeptPhoto
from unmask.web.mask_layers import editor_value, mask_from_editor
from unmask.web.packed_mask import PackedMask
from unmask.web.pictures import PAD
from unmask.web.turns import Turns
from unmask.web.types import EditorValue

# px. The editor draws a given layer in its place only if all it gets has exactly the canvas' size.
EDITOR_SIZE = 512
STEP = 3 / 256  # of the face's side, by which "Grow" and "Shrink" move the mask's edge
LOADING = 3.0  # seconds in which a browser loads a new mask; a quick second click still sends the old one
MARGIN = 1.25  # the editor shows so many times the face's crop: a mask's ties run out of the crop itself
NEARLY_ALL = 0.8  # of the photo's longer side: a face that needs more of it is shown with the whole photo
SMALLEST_BOX = 16  # px, the shorter side of a box drawn by hand
TOO_SMALL = "This box is too small: draw it from the forehead to the chin, ear to ear."
CLOSE_BY = 2  # px of the working copy around a stroke that are taken over with it
# The mean difference, in 0-255, between the picture in the editor and the one it was given. Measured: 0.0 for
# the same picture, above 50 for another face of a photo.
SAME_PICTURE = 4.0
UNDO_STEPS = 10
SAMPLED = "ganmasker"  # whose card shows other plausible faces
EARLIER = 8  # masks that a slow browser may still show


@dataclass(frozen=True)
class Candidate:
    """A face of the photo that the visitor can choose or leave out."""

    face: Face
    thumbnail: str  # URL of a small picture of it
    masked: bool = False  # whether a mask was found on it
    by_hand: bool = False  # boxed by the visitor
    chosen: bool = True


@dataclass(frozen=True)
class Step:
    """What one outline changed in the mask, to undo it: the rest may have been painted on since."""

    changed: PackedMask  # (H, W)
    adds: bool


@dataclass(frozen=True)
class Run:
    """What the results on the page were made with."""

    kept_mask: PackedMask
    faces: list[Face]
    names: tuple[str, ...]  # of the models that have a result, in the order in which they ran
    realism: float = 1.0  # see Unmasker.remove
    sample: int = 0  # likewise, of the model SAMPLED; the others have their first face

    @property
    def mask(self) -> np.ndarray:
        """(H, W) uint8."""
        return self.kept_mask.unpack()


@dataclass(frozen=True)
class Visit:
    """What is kept of a visitor, in `gr.State`: never shared, and forgotten after ten minutes.

    The photo, and what is as large as it, is packed; `photo`, `found`, `mask` and `aside` unpack it.
    """

    kept_photo: KeptPhoto | np.ndarray
    kept_found: PackedMask
    kept_mask: PackedMask
    kept_aside: PackedMask
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
    turns: Turns = field(default_factory=Turns, repr=False, compare=False)
    version: int = field(default=0, compare=False)  # of `turns`, when it was put on the page

    @classmethod
    def begin(
        cls,
        photo: np.ndarray,
        found: np.ndarray,
        faces: list[Face],
        thumbnails: list[str] | None = None,
        kept: KeptPhoto | None = None,
    ) -> "Visit":
        """A visit with a new photo (H, W, 3), the mask found in it (H, W), and its faces, largest first.

        kept: the same photo as it is to be kept; without it, as it is given here.
        """
        candidates = tuple(map(Candidate, faces, thumbnails or [""] * len(faces)))
        mask, nothing = PackedMask.pack(found), PackedMask.pack(np.zeros_like(found))
        visit = cls(kept or photo, mask, mask, nothing, candidates, current=0 if faces else None)
        masked = [not is_empty(visit.part(found, index)) for index in range(len(faces))]
        candidates = tuple(replace(each, masked=m) for each, m in zip(candidates, masked))
        return replace(visit, candidates=candidates)._shown_anew()

    def renewed(self) -> "Visit":
        """This visit as the newest one of its photo: what events that began with an older one give is not taken."""
        return replace(self, version=self.turns.renew())

    def is_stale(self) -> bool:
        """Whether a newer visit was put on the page since: this one must not take its place."""
        return self.version != self.turns.version

    # ------------------------------------------------------------ what is kept

    @property
    def photo(self) -> np.ndarray:
        """(H, W, 3) uint8, as it was read: every model works on this one."""
        return self.kept_photo if isinstance(self.kept_photo, np.ndarray) else self.kept_photo.pixels

    def transparent(self) -> np.ndarray | None:
        """(H, W, 4) uint8, where the photo has an alpha channel: its colours are not yet put on white."""
        return None if isinstance(self.kept_photo, np.ndarray) else self.kept_photo.transparent()

    @property
    def shape(self) -> tuple[int, int]:
        """The photo's height and width."""
        return self.kept_mask.shape

    @property
    def found(self) -> np.ndarray:
        """(H, W) uint8: the masks that were found, of all candidates."""
        return self.kept_found.unpack()

    @property
    def mask(self) -> np.ndarray:
        """(H, W) uint8: the mask as the visitor has it now."""
        return self.kept_mask.unpack()

    @property
    def aside(self) -> np.ndarray:
        """(H, W) uint8: what the mask had on the faces that were left out, should they come back."""
        return self.kept_aside.unpack()

    @property
    def nbytes(self) -> int:
        """Bytes that are kept of this visitor, but for some kilobytes."""
        masks = [self.kept_found, self.kept_mask, self.kept_aside, *(step.changed for step in self.steps)]
        masks += [self.ran.kept_mask] if self.ran else []
        shown = [each for each in (self.copy, self.shown, *self.earlier) if each is not None]
        thumbnails = sum(len(each.thumbnail) for each in self.candidates)
        return sum(each.nbytes for each in (self.kept_photo, self.clicks, *masks, *shown)) + thumbnails

    # ------------------------------------------------------------ faces

    @property
    def faces(self) -> list[Face]:
        """The faces that are chosen; the whole photo where there is none to choose from."""
        if not self.candidates:
            return [self.whole]
        return [each.face for each in self.candidates if each.chosen]

    @property
    def whole(self) -> Face:
        """The whole photo as one face."""
        return whole_photo_of(self.shape)

    def frame_of(self, index: int | None) -> Face:
        """What the editor shows of a candidate: its crop with a margin, moved into the photo where it sticks out.

        The whole photo, letterboxed, for None and for a face that fills the photo.
        """
        whole = self.whole
        if index is None:
            return whole
        face = self.candidates[index].face
        side = MARGIN * face.side
        if side > NEARLY_ALL * whole.side:
            return whole
        height, width = self.shape
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
        return replace(self, copy=align(self.photo, self.frame, EDITOR_SIZE, pad=PAD))._put(self.mask)

    def choose(self, index: int, chosen: bool) -> "Visit":
        """This visit with a candidate chosen or left out; its part of the mask comes and goes with it."""
        if self.candidates[index].chosen == chosen:
            return self
        source, target = (self.aside, self.mask) if chosen else (self.mask, self.aside)
        part = self.part(source, index)
        source, target = source & ~part, target | part
        mask, aside = (target, source) if chosen else (source, target)
        new = replace(self, kept_aside=PackedMask.pack(aside), candidates=self._with(index, chosen=chosen))
        # What is in the editor is what is worked on: a face that is left out makes room for one that is in.
        inside = [i for i, each in enumerate(new.candidates) if each.chosen]
        if inside and self.current is not None and self.current not in inside:
            new = new.look_at(index if chosen else inside[0])
        return new.with_mask(mask)

    def _with(self, index: int, **changes: Any) -> tuple[Candidate, ...]:
        changed = replace(self.candidates[index], **changes)
        return (*self.candidates[:index], changed, *self.candidates[index + 1 :])

    def box_to_face(self, box: tuple[float, float, float, float]) -> Face:
        """The face in a box drawn by hand, two opposite corners in shares of the photo. Raises PhotoError."""
        height, width = self.shape
        (x0, x1), (y0, y1) = (np.clip(sorted((box[i], box[i + 2])), 0, 1) for i in (0, 1))
        box = (float(x0 * width), float(y0 * height), float(x1 * width), float(y1 * height))
        if min(box[2] - box[0], box[3] - box[1]) < SMALLEST_BOX:
            raise PhotoError(TOO_SMALL)
        return face_from_box(box)

    def with_face(self, face: Face, found: np.ndarray, thumbnail: str = "") -> "Visit":
        """This visit with a face boxed by hand and the mask (H, W) found on it, in the editor."""
        new = Candidate(face, thumbnail, masked=not is_empty(found), by_hand=True)
        found_now = PackedMask.pack(self.found | found)
        visit = replace(self, kept_found=found_now, candidates=(*self.candidates, new))
        return visit.look_at(len(self.candidates)).with_mask(self.mask | found)

    def without_face(self, index: int) -> "Visit":
        """This visit without a face that was boxed by hand, and without its part of the mask."""
        mask, *rest_of = (each & ~self.part(each, index) for each in (self.mask, self.aside, self.found))
        aside, found = map(PackedMask.pack, rest_of)
        rest = (*self.candidates[:index], *self.candidates[index + 1 :])
        current = self.current
        if current is not None and current >= index:
            current = None if not rest else 0 if current == index else current - 1
        visit = replace(self.look_at(None), kept_aside=aside, kept_found=found, candidates=rest)
        return visit.with_mask(mask).look_at(current)

    # ------------------------------------------------------------ mask

    @property
    def found_now(self) -> np.ndarray:
        """(H, W) uint8: the found masks of those faces that are chosen."""
        every = found = self.found
        for index, each in enumerate(self.candidates):
            if not each.chosen:
                found = found & ~self.part(every, index)
        return found

    def with_mask(self, mask: np.ndarray) -> "Visit":
        """This visit with another mask (H, W), which is to be put into the editor."""
        return replace(self, kept_mask=PackedMask.pack(mask), steps=())._put(mask)

    def _put(self, mask: np.ndarray) -> "Visit":
        """This visit with its mask (H, W) put into the editor."""
        now = time.monotonic()
        earlier = self.earlier if now - self.put_at < LOADING else ()
        if self.shown is not None:
            earlier = (*earlier, self.shown)[-EARLIER:]
        shown = align_mask(mask, self.frame, EDITOR_SIZE)
        return replace(self, shown=shown, earlier=earlier, put_at=now)

    def _own(self, mask: np.ndarray) -> np.ndarray:
        """(H, W) uint8: this visit's mask, with that of another one on the face that the editor shows."""
        if self.current is None:
            return mask
        now = self.mask
        own: np.ndarray = now & ~self.part(now, self.current) | self.part(mask, self.current)
        return own

    def _with_own(self, mask: np.ndarray) -> "Visit":
        """This visit with another mask on the face that the editor shows, the rest as it is."""
        return self.with_mask(self._own(mask))

    @property
    def edited_faces(self) -> list[Face]:
        """Those faces whose mask the editor shows; none where no face is known."""
        if self.current is not None:
            return [self.candidates[self.current].face]
        return [each.face for each in self.candidates if each.chosen]

    def grown(self, steps: int, ovals: Sequence[np.ndarray] = ()) -> "Visit":
        """This visit with the mask's edge moved outwards by so many steps, inwards if negative.

        ovals: the outlines of `edited_faces`, within which the edge moves first; see `move_edge`.
        """
        face = (self.edited_faces or [self.whole])[0]
        return self._with_own(move_edge(self.mask, ovals, steps * max(round(STEP * face.side), 1)))

    def cleared(self) -> "Visit":
        """This visit with nothing marked on what the editor shows."""
        return self._with_own(np.zeros(self.shape, np.uint8))

    def reset(self) -> "Visit":
        """This visit with the found mask on what the editor shows."""
        return self._with_own(self.found_now)

    def outlined(self, click: Click, outline: np.ndarray) -> "Visit":
        """This visit with an outline (S, S) uint8 of the click's frame added to the mask or taken from it."""
        part, now = mask_to_photo(outline, click.frame, self.shape), self.mask
        mask = now | part if click.adds else now & ~part
        changed = mask ^ now
        if is_empty(changed):
            return self
        step = Step(PackedMask.pack(changed), click.adds)
        return replace(self.with_mask(mask), steps=(*self.steps, step)[-UNDO_STEPS:])

    def undone(self) -> "Visit":
        """This visit without the last outline, as far as it changed anything. What was painted elsewhere stays."""
        if not self.steps:
            return self
        step, mask = self.steps[-1], self.mask
        changed = step.changed.unpack()
        mask = mask & ~changed if step.adds else mask | changed
        return replace(self.with_mask(mask), steps=self.steps[:-1])

    def is_outdated(self) -> bool:
        """Whether there are no results, or those of another mask or of other faces."""
        ran = self.ran
        return ran is None or ran.faces != self.faces or ran.kept_mask != self.kept_mask

    def is_by_hand(self) -> bool:
        """Whether the mask is another one than was found."""
        if all(each.chosen for each in self.candidates):
            return self.kept_mask != self.kept_found
        return self.kept_mask != PackedMask.pack(self.found_now)

    def covers(self) -> float:
        """The share of the photo that the mask covers, in [0, 1]."""
        return share(self.mask)

    # ------------------------------------------------------------ editor

    def editor_value(self) -> EditorValue:
        """The editor's value: the working copy, with the mask on a layer of its own."""
        assert self.copy is not None and self.shown is not None  # since `begin`
        return editor_value(self.copy, self.shown)

    def edited(self, value: EditorValue | None) -> "Visit":
        """This visit with the mask as the visitor left it in the editor.

        Only where something was drawn: everywhere else the mask keeps the photo's own resolution. An editor that is not
        open has nothing to say, or what was drawn on the photo before.
        """
        assert self.shown is not None  # since `begin`
        picture = (value or {}).get("background")
        if picture is None or not self.turns.editing:
            return self
        drawn = mask_from_editor(value, (EDITOR_SIZE, EDITOR_SIZE))
        loading = self.earlier if time.monotonic() - self.put_at < LOADING else ()
        if any(np.array_equal(drawn, known) for known in (self.shown, *loading)):
            return self
        if not self._is_in(picture):
            return self  # drawn on another face, before this one had come
        shape = self.shape
        unedited = self._own(self.found_now)
        if np.array_equal(drawn, align_mask(unedited, self.frame, EDITOR_SIZE)):  # every stroke was undone
            return replace(self, kept_mask=PackedMask.pack(unedited), shown=drawn)
        changed = mask_to_photo(grow(drawn ^ self.shown, CLOSE_BY), self.frame, shape)
        mask = np.where(changed, mask_to_photo(drawn, self.frame, shape), self.mask)
        return replace(self, kept_mask=PackedMask.pack(mask), shown=drawn)

    def _is_in(self, picture: np.ndarray) -> bool:
        """Whether the editor, which shows this picture (H, W, 3 or 4), shows what it is to show."""
        if self.copy is None or picture.shape[:2] != self.copy.shape[:2]:
            return True
        return float(cv2.absdiff(np.ascontiguousarray(picture[..., :3]), self.copy).mean()) < SAME_PICTURE

"""Tab 1's runs: what the chosen models put in the mask's place, shown as it comes."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import gradio as gr
import numpy as np

from unmask import Guide, PhotoError, Unmasker
from unmask.blending.composite import composite
from unmask.faces.alignment import CROP, align, align_mask
from unmask.faces.editing import AS_FOUND
from unmask.faces.face import Face, whole_photo
from unmask.faces.framing import GLANCES
from unmask.holes import FEATHER
from unmask.masks import check_mask, is_empty
from unmask.registry import MODELS
from unmask.web.components import disagreement_card, edit_line, guide_panel, vote_card
from unmask.web.components.canvas import Before, Part, within
from unmask.web.components.cards import failed, finished, waiting
from unmask.web.components.guide_panel import EXPRESSIONS, GUIDED
from unmask.web.components.inputs import models_on_page
from unmask.web.components.status import painting_text, status, timed, warn
from unmask.web.errors import USER_ERRORS, plain_errors
from unmask.web.i18n import tr, tr_error
from unmask.web.pictures import cached_view, thumbnail, to_show
from unmask.web.proof import Proof
from unmask.web.session import SAMPLED, Run, Visit
from unmask.web.tabs.remove_page import NO_PHOTO, RUN_HINT, RemovePage
from unmask.web.turns import Turns
from unmask.web.types import EditorValue, Updates

RUN_AGAIN_HINT = 'The mask has changed: press "Remove the mask".'
DONE_HINT = "Done: drag the line in a picture to compare."
WAITING_HINT = "Waiting for a mask."
LIVE_FIRST = 2  # models that paint at once after a stroke; as many as a small server has cores


class Runs:
    """The callbacks that run models. They keep no visitor's photo: that is in the Visit each is given."""

    def __init__(self, unmasker: Unmasker, page: RemovePage):
        self.unmasker, self.page = unmasker, page
        self.votes = vote_card.wire(page.vote) if page.vote else None

    def nothing(self) -> Updates:
        """Updates that hide all cards."""
        return waiting(self.page.cards, []) | self.nothing_said()

    def nothing_said(self) -> Updates:
        """Updates that take away what is said of several results, or of the face."""
        page = self.page
        return dict.fromkeys(filter(None, (page.map, page.vote, page.expressions)), "")

    def results_status(self, visit: Visit | None) -> str:
        """What is to be said of the results that are on the page."""
        if visit is None:
            return status(tr(RUN_HINT))
        if visit.ran is None and is_empty(visit.mask):
            return status(tr(WAITING_HINT), "warn")
        if visit.is_outdated() or not visit.turns.settled:
            return status(tr(RUN_AGAIN_HINT), "outdated")
        return status(tr(DONE_HINT), "done")

    def fill(
        self, now: Visit, names: list[str], told: Guide, realism: float, after_edit: Updates | None = None
    ) -> Iterator[Updates]:
        """Run the chosen models; each result is shown as soon as it is there, until another run or a stroke ends it.

        after_edit: of a run that nobody asked for but a stroke, what else it has to say. It pops up no message, moves
        nothing on the page, and paints with the first LIVE_FIRST models before it begins with the others.
        """
        page, cards = self.page, self.page.cards
        names = [name for name in models_on_page() if name in names]
        photo, mask = now.photo, now.mask  # unpacked once
        try:
            if not names:
                raise PhotoError("No model is chosen: tick at least one.")
            if not now.faces and is_empty(mask):
                raise PhotoError("No face is chosen: click one on the photo.")
            check_mask(mask, now.shape)
        except PhotoError as error:
            if after_edit is not None:
                yield after_edit | {page.visit: now, page.run_status: status(tr_error(error), "warn outdated")}
                return
            refused = {page.run_status: warn(tr_error(error), "outdated" if now.is_outdated() else "")}
            if now.faces and is_empty(mask):  # there is nothing that results could be of
                refused |= self.nothing() | {page.visit: replace(now, ran=None)}
            yield refused
            return
        turn = now.turns.take()
        proof = Proof.of(photo, mask, now.faces)
        before = self.before(now, now.faces, proof)
        kept = () if now.ran is None else now.ran.names  # earlier results stay, dimmed, until the new ones come
        fresh = self.nothing_said() | waiting(cards, names, before, kept)
        ballot = self.votes.begin(now, proof.views, names, told, realism) if self.votes else None
        if ballot is not None:
            fresh |= {page.vote: vote_card.draw_hold()}
        if now.is_stale():  # a button was pressed meanwhile: results of its mask follow
            return
        ran = replace(now, ran=Run(now.kept_mask, now.faces, tuple(names), realism))
        painting = painting_text(MODELS[names[0]].title, 1, len(names))
        busy = status(painting, "busy first" if after_edit is None else "busy")
        # Every message costs the page as much as a picture does: what is known at a time goes into one.
        yield fresh | {page.visit: ran, page.run_status: busy} | (after_edit or {})
        pending, learned = list(names), {}  # results that are all a network's own idea of this face: parts, as shown
        groups = [names] if after_edit is None else filter(None, (names[:LIVE_FIRST], names[LIVE_FIRST:]))

        def keep(name: str, image: np.ndarray) -> list[np.ndarray]:
            """What is shown of a result, by copies: a cut would hold on to all of it."""
            if ballot is not None:
                ballot.add(name, image)
            return [to_show(view.cut(image)).copy() for view in proof.views.values()]

        outcomes = chain.from_iterable(
            self.unmasker.remove_each(proof.photo, proof.mask, group, proof.faces, keep, told, realism)
            for group in groups
        )
        for done in outcomes:
            if not now.turns.holds(turn):
                return
            name = done.model
            pending.remove(name)
            shown: Updates = {}
            if done.error is not None:
                shown = failed(cards[name], done.error)
            elif done.kept is not None:
                shown = finished(cards[name], before, done.kept, round(1000 * done.seconds))
                if MODELS[name].kind == "inpainting" and (name != GUIDED or told == AS_FOUND):
                    learned[name] = done.kept
            if pending:
                text = painting_text(MODELS[pending[0]].title, len(names) - len(pending) + 1, len(names))
                shown[page.run_status] = status(text, "busy")
            yield shown
        last: Updates = {}
        if len(learned) > 1:
            ideas = [learned[name] for name in names if name in learned]
            parts = [
                disagreement_card.Shown(to_show(view.cut(proof.photo)), list(results), view.cut(proof.mask))
                for view, results in zip(proof.views.values(), zip(*ideas))
            ]
            longest = max(proof.mask.shape)
            last[page.map] = disagreement_card.render(page.map, before, parts, proof.faces, longest)
        if not now.turns.settle(turn):
            return
        if self.votes and ballot is not None:
            last[page.vote] = self.votes.ask(ballot)
        done_text = vote_card.DONE_HINT if last.get(page.vote) else DONE_HINT
        yield last | {page.run_status: status(tr(done_text), "done")}
        if GUIDED in names:
            yield from self.expressions_beside(proof, now.turns)

    def add_model(self, old: Visit | None, names: list[str], told: Guide, event: gr.EventData) -> Iterator[Updates]:
        """One more model beside the others, on the mask and the faces of their results."""
        page, name = self.page, event._data.get("model")
        if old is None or old.ran is None:
            yield {page.run_status: warn(tr(NO_PHOTO))}
            return
        if name not in page.cards:
            yield {page.run_status: warn(tr("There is no such model."))}
            return
        card, ran = page.cards[name], old.ran
        proof = Proof.of(old.photo, ran.mask, ran.faces)
        before = self.before(old, ran.faces, proof)
        added, run = replace(old, ran=replace(ran, names=(*ran.names, name))), old.turns.run
        waits = waiting({name: card}, [name], before)
        painting = status(painting_text(card.title, 1, 1), "busy")
        yield {page.visit: added, page.chosen: [*names, name], page.run_status: painting} | waits
        try:
            painted = self.paint(name, proof, told, ran.realism, before)
        except USER_ERRORS as error:
            painted = failed(card, error)
        if old.turns.run != run:
            return  # a newer run paints this model, too
        yield painted
        if not old.turns.at_work:
            yield {page.run_status: self.results_status(added)}
        if name == GUIDED:
            yield from self.expressions_beside(proof, old.turns)

    def paint(
        self, name: str, proof: Proof, told: Guide, realism: float, before: Before, sample: int = 0
    ) -> Updates:
        """Updates that put one model's result on its card, beside those of a run. Raises one of USER_ERRORS."""
        results, milliseconds = timed(
            self.unmasker.remove, proof.photo, proof.mask, [name], faces=proof.faces, guide=told, realism=realism,
            sample=sample,
        )  # fmt: skip
        afters = [view.cut(results[name]) for view in proof.views.values()]
        return finished(self.page.cards[name], before, afters, milliseconds, sample)

    def paint_another(self, old: Visit | None) -> Iterator[Updates]:
        """The next plausible face of the model SAMPLED, on the mask and the faces of its last result."""
        page = self.page
        if old is None or old.ran is None:
            yield {page.run_status: warn(tr(NO_PHOTO))}
            return
        if old.ran.realism == 0:
            yield {page.run_status: warn(tr("The faithful face is the mean of all that fit: there is no other."))}
            return
        ran, run = replace(old.ran, sample=(old.ran.sample + 1) % len(GLANCES)), old.turns.run
        painting = status(painting_text(page.cards[SAMPLED].title, 1, 1), "busy")
        yield {page.visit: replace(old, ran=ran), page.run_status: painting}
        yield from self.paint_anew(SAMPLED, old, ran, AS_FOUND, run)

    def paint_anew(self, name: str, old: Visit, ran: Run, told: Guide, run: int) -> Iterator[Updates]:
        """One model of a run once more, unless a newer run than `run` has begun, which paints it as well."""
        page = self.page
        proof = Proof.of(old.photo, ran.mask, ran.faces)
        sample = ran.sample if name == SAMPLED else 0
        try:
            painted = self.paint(name, proof, told, ran.realism, self.before(old, ran.faces, proof), sample)
        except USER_ERRORS as error:
            yield {page.run_status: warn(tr_error(error))}
            return
        if old.turns.run != run:
            return
        yield painted
        if not old.turns.at_work:
            yield {page.run_status: self.results_status(old)}

    def before(self, visit: Visit, faces: list[Face], proof: Proof) -> Before:
        """The photo as results are compared with it: whole, and the views of these faces in its proof."""
        pictures = next(iter(self.page.cards.values())).pictures
        shape = proof.mask.shape
        known = [each.face for each in visit.candidates]
        parts = []
        for index, view in proof.views.items():
            file = cached_view(pictures, view.cut(proof.photo), "photo.jpg")
            place = view.place(shape)
            number = known.index(faces[index]) + 1 if len(proof.views) > 1 and faces[index] in known else None
            parts.append(Part(file, place, within(place, view.face), number))
        return Before(shape[1] / shape[0], tuple(parts), visit.overview)

    def expressions_beside(self, proof: Proof, turns: Turns) -> Iterator[Updates]:
        """Updates that put faces to choose from beside the guided model's result, where there is but one face."""
        if self.page.expressions is not None and len(proof.faces) == 1:
            run = turns.run
            drawn = self.expressions(proof.photo, proof.mask, proof.faces[0])
            if turns.run == run:
                yield {self.page.expressions: drawn}

    def expressions(self, photo: np.ndarray, mask: np.ndarray, face: Face) -> str:
        """Small pictures of the face (H, W, 3) with several expressions, as HTML."""
        crop, hole = align(photo, face, CROP), align_mask(mask, face, CROP, threshold=0)
        if is_empty(hole):
            return ""
        try:
            fills = [self.unmasker.fill(GUIDED, crop, hole, told) for told in EXPRESSIONS.values()]
        except USER_ERRORS:
            return ""  # the card has said why
        small = [composite(crop, fill, hole, FEATHER * CROP) for fill in fills]
        return guide_panel.draw_expressions([thumbnail(each, whole_photo(each)) for each in small])

    def hear(self, event: gr.EventData) -> Guide:
        """What the controls say."""
        with plain_errors():
            return guide_panel.guide_of(event)

    def paint_guided(self, old: Visit | None, told: Guide) -> Iterator[Updates]:
        """The guided model alone, as its controls now say, on the mask and the faces of its last result."""
        page = self.page
        if old is None or old.ran is None:
            yield {page.run_status: warn(tr(NO_PHOTO))}
            return
        run = old.turns.run
        yield {page.run_status: status(painting_text(page.cards[GUIDED].title, 1, 1), "busy")}
        yield from self.paint_anew(GUIDED, old, old.ran, told, run)

    def run_again(
        self, old: Visit | None, value: EditorValue | None, names: list[str], told: Guide, realism: float
    ) -> Iterator[Updates]:
        """The button: the chosen models on the mask as it is in the editor now."""
        if old is None:
            yield {self.page.run_status: warn(tr(NO_PHOTO))}
            return
        yield {self.page.edits: edit_line.answer()}
        yield from self.fill(old.edited(value), names, told, realism)

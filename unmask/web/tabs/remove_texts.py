"""What tab 1 says of a mask and of what was found."""

from unmask.masks import is_empty
from unmask.web.i18n import tr
from unmask.web.session import Visit

NOTHING_MARKED = "Nothing is marked: paint over what is to be removed."


def mask_text(now: Visit) -> str:
    """What is marked, in a sentence or two."""
    covered = now.covers()
    share = tr("less than 1%") if 0 < covered < 0.005 else f"{covered:.0%}"
    if now.is_by_hand():
        text = tr("Edited by hand: the mask covers {share} of the photo.", share=share)
    else:
        text = tr("The mask covers {share} of the photo. Correct it with brush and eraser.", share=share)
    if is_empty(now.mask):
        text = tr(NOTHING_MARKED)
    count, chosen = len(now.candidates), len(now.faces)
    if count < 2:
        return text
    if chosen == count:
        faces = tr("{count} faces, all chosen.", count=count)
    elif chosen == 0:
        faces = tr("{count} faces, none chosen.", count=count)
    else:
        faces = tr("{count} faces, {chosen} chosen.", count=count, chosen=chosen)
    return f"{faces} {text}"


def nothing_found_text(now: Visit) -> str:
    """What a visitor can do where no mask was found."""
    if not now.candidates:
        return tr(
            "No face was found, so nothing is painted by itself. Box the face by hand, or paint over what covers it, "
            'then press "Remove the mask".'
        )
    if len(now.candidates) > 1:
        return tr(
            "No mask was found on these faces. If there is one, paint over what covers the face, "
            'then press "Remove the mask".'
        )
    return tr(
        "No mask was found. If there is one, paint over what covers the face, then press \"Remove the mask\"."
    )

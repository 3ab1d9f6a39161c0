"""Tab 1's downloads: the mask, one model's result, or all of them, called after the photo."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np

from unmask import Guide, Unmasker
from unmask.imaging.metadata import NOTICE
from unmask.web.bundle import result_name, with_alpha, write_bundle
from unmask.web.errors import plain_errors
from unmask.web.i18n import tr
from unmask.web.pictures import cached_png
from unmask.web.session import SAMPLED, Visit
from unmask.web.tabs.remove_page import NO_PHOTO, RemovePage
from unmask.web.types import EditorValue


class Downloads:
    """The callbacks. Results are made anew, in the photo's size: keeping all of them would cost more than a run."""

    def __init__(self, unmasker: Unmasker, page: RemovePage):
        self.unmasker, self.page = unmasker, page

    def save_mask(self, visit: Visit | None, value: EditorValue | None) -> str | None:
        """The mask as it is in the editor, as a PNG file."""
        if visit is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        return cached_png(self.page.mask_file, visit.edited(value).mask, f"{visit.stem}-mask.png")

    def save_result(self, name: str, visit: Visit | None, told: Guide) -> str | None:
        """One model's result, as a PNG file."""
        if visit is None or visit.ran is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        with plain_errors():
            result = with_alpha(self._run(visit, name, told), visit.photo, visit.transparent())
        return cached_png(self.page.result_file, result, result_name(visit.stem, name), NOTICE)

    def save_all(self, visit: Visit | None, told: Guide) -> str | None:
        """All results of the last run, its mask and a sheet that compares them, as a ZIP file."""
        if visit is None or visit.ran is None:
            gr.Warning(tr(NO_PHOTO))
            return None
        ran = visit.ran

        def results() -> Iterator[tuple[str, np.ndarray]]:
            for name in ran.names:
                yield name, self._run(visit, name, told)

        with tempfile.TemporaryDirectory() as folder, plain_errors():
            path = Path(folder) / f"{visit.stem}-unmasked.zip"
            write_bundle(
                path, visit.stem, visit.photo, ran.mask, ran.faces, results(), visit.transparent()
            )
            address: str = self.page.result_file.move_resource_to_block_cache(path)
            return address

    def _run(self, visit: Visit, name: str, told: Guide) -> np.ndarray:
        ran = visit.ran
        assert ran is not None
        return self.unmasker.remove(
            visit.photo, ran.mask, [name], faces=ran.faces, guide=told, realism=ran.realism,
            sample=ran.sample if name == SAMPLED else 0,
        )[name]  # fmt: skip

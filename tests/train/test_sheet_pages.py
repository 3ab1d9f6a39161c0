"""Contact sheets at 100 %: pages of a size that can be looked at, with every picture on them."""

import io
import json
import sys
import tarfile

import cv2
import numpy as np
import pytest
from skimage import data

from tests.train.drawn_faces import draw_folder
from train import cli as command_line
from train.evaluation import sheet_pages
from unmask.imaging.reader import read_photo
from unmask.pipeline import Unmasker


@pytest.mark.parametrize("side, length, units", [(256, 3, 10), (320, 2, 24), (320, 9, 3), (256, 1, 1)])
def test_pages_hold_every_tile_once(side, length, units, tmp_path):
    tiles = [[np.full((side, side, 3), 1 + length * u + i, np.uint8) for i in range(length)] for u in range(units)]
    paths = sheet_pages.save_pages(tmp_path, "page", tiles)
    assert [path.name for path in paths] == [f"page-{i + 1}.png" for i in range(len(paths))]
    seen = []
    for path in paths:
        page = read_photo(path)
        assert page.shape[0] <= 2048 and page.shape[1] <= 1920
        corners = page[::side, ::side, 0]
        assert np.array_equal(np.kron(corners, np.ones((side, side), int)), page[..., 0]), "whole tiles, side by side"
        seen += [value for value in corners.ravel() if value]
        if length * side <= 1920:
            for row in corners:
                assert row[row > 0].tolist() == sorted(row[row > 0]), "a unit reads from left to right"
    assert sorted(seen) == list(range(1, units * length + 1))
    assert sheet_pages.save_pages(tmp_path, "none", []) == []


def run(monkeypatch, capsys, *words) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    command_line.main()
    return capsys.readouterr().out.splitlines()


def test_a_folder_without_photographs_gives_the_faces(tmp_path, monkeypatch, capsys):
    draw_folder(tmp_path)
    out = tmp_path / "sheets"
    words = ["sheet", "--data", tmp_path, "--cache", tmp_path, "--out", out, "--models", "telea", "navier-stokes"]
    lines = run(monkeypatch, capsys, *words)
    names = ["faces-1.png", "worst-navier-stokes-1.png", "worst-telea-1.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert len(lines) == 4 and "No photographs" in lines[-1]
    assert read_photo(out / "faces-1.png").shape == (4 * 256, 4 * 256, 3), "masked, two results and the truth"


def test_photographs_are_shown_at_their_faces_size(tmp_path, monkeypatch):
    """A masked astronaut, whole; with what stands for M-Seg."""
    whole = data.astronaut()
    whole[140:190, 190:270] = (90, 160, 220)
    rows = json.loads(sheet_pages.REAL.read_text())
    assert sum(map(len, rows.values())) == 24 and len({name for names in rows.values() for name in names}) == 24
    for archive, name, image in (
        ("photos", rows["photos"][0], whole), ("real-masked", rows["real-masked"][0], whole[:256, 100:356]),
        ("photos", "not-listed", whole),
    ):  # fmt: skip
        with tarfile.open(tmp_path / f"{archive}.tar", "a") as tar:
            coded = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
            info = tarfile.TarInfo(f"{name}.png")
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))

    def segment(self, photo, aligned=False, faces=None, **_):
        mask = np.zeros(photo.shape[:2], np.uint8)
        if photo.shape[0] == 512:
            mask[140:190, 190:270] = 255
        return mask  # none is found in the crop

    monkeypatch.setattr(Unmasker, "segment", segment)
    photo, crop = sheet_pages.real_tiles(Unmasker("cpu"), tmp_path, ["telea"], None)
    assert [tile.shape for tile in photo + crop] == [(320, 320, 3)] * 4
    blue = lambda tile: int((np.abs(tile.astype(int) - (90, 160, 220)).max(axis=2) < 12).sum())
    assert blue(photo[0]) > 2000 > 10 * blue(photo[1]), "the mask is gone"
    assert blue(crop[0]) == pytest.approx(blue(crop[1]), rel=0.02) and blue(crop[1]) > 2000
    assert np.array_equal(crop[1][32 + 20 : -32, 32:-32], whole[:256, 100:356][20:]), "not resampled"

"""Intervals, groups and protocols of the evaluation, and the model card made from it."""

import csv
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from tests.train.runs import run
from train.data.faces import load_faces
from train.evaluation import card, evaluate, perceptual, report, square
from train.evaluation.papers import beside_papers
from train.evaluation.thick import draw_thick_hole
from unmask import weights
from unmask.faces.landmarks import five_points
from unmask.nets.glcic import GLCIC


@pytest.fixture(autouse=True)
def no_networks(monkeypatch, tmp_path):
    """As on a machine without LPIPS's and FID's weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def test_interval_is_the_normal_one_for_many_values():
    x = np.random.default_rng(3).normal(20, 4, 500)
    found = report.interval(x)
    half = 1.96 * x.std() / np.sqrt(len(x))
    assert found["mean"] == pytest.approx(x.mean()) and found["count"] == 500
    assert found["low"] == pytest.approx(x.mean() - half, abs=0.1 * half)
    assert found["high"] == pytest.approx(x.mean() + half, abs=0.1 * half)
    assert report.interval(x) == found  # seeded


def test_interval_of_little():
    assert report.interval([3.0] * 12) == {"mean": 3.0, "low": 3.0, "high": 3.0, "count": 12}
    few = report.interval([1.0, 2.0, float("nan"), float("inf")])
    assert few == {"mean": 1.5, "low": None, "high": None, "count": 2}
    assert report.interval([float("nan")])["mean"] is None


def rows_of(count: int = 30) -> list[dict]:
    """Faces with a known hole PSNR: 10 more for women, and one less for each larger hole."""
    return [
        {"name": str(i), "source": "ab"[i % 2], "group": "", "gender": "fm"[i % 2], "kind": "n95", "wear": "well",
         "head": "", "share": (i + 1) / 100, "model": "telea", "psnr": 30.0, "ssim": 0.9,
         "band_4_8": (0.25, 4.0)[i % 2], "band_8_16": float("nan"),
         "hole_psnr": 20.0 + 10 * (i % 2 == 0) - i, "hole_ssim": 0.5, "sharpness": float("nan")}
        for i in range(count)
    ]  # fmt: skip


def test_groups_part_the_faces():
    summary = report.summarise(rows_of(), {"protocol": "faces", "holes": "ground-truth", "size": 256})
    groups = summary["groups"]
    assert set(groups) == {"source", "gender", "hole"}  # what is the same for all parts nothing
    assert groups["gender"]["f"]["faces"] == groups["gender"]["m"]["faces"] == 15
    means = {key: lot["models"]["telea"]["hole_psnr"]["mean"] for key, lot in groups["gender"].items()}
    assert means == {"f": 30 - 14, "m": 20 - 15}  # of 0, 2, ... 28 and of 1, 3, ... 29
    assert [lot["faces"] for lot in groups["hole"].values()] == [10, 10, 10]
    assert [lot["models"]["telea"]["hole_psnr"]["mean"] for lot in groups["hole"].values()] == [20.5, 10.5, 0.5]
    text = "\n".join(report.overall(summary) + report.by_group(summary))
    assert "| Telea (classical) | 30 | 30.00 [30.00, 30.00] |" in text and "| - |" in text  # no sharpness
    assert "hidden 15.5%" in text


def test_bands_are_averaged_by_geometric_mean():
    means = report.summarise(rows_of(), {"protocol": "faces", "holes": "true", "size": 256})["models"]["telea"]
    band = means["band_4_8"]
    assert band["mean"] == pytest.approx(1), "a quarter and four times as much"
    assert band["low"] < 1 < band["high"] and band["low"] == pytest.approx(1 / band["high"], rel=0.2)
    assert means["band_8_16"]["mean"] is None and band["count"] == 30
    assert 0 < report.ratio_interval([0.0, 1.0])["mean"] < 0.01, "no detail at all is not left out"


def test_turned_heads_stand_apart():
    turned, not_ = "turned by more than 25 degrees", "turned by 25 degrees or less"
    yaws = {"": "", "-31": turned, "26": turned, "25": not_, "-3": not_}
    assert {yaw: evaluate.head({"yaw": yaw}) for yaw in yaws} == yaws and evaluate.head({}) == ""
    rows = [row | {"head": (turned, not_)[i % 3 > 0]} for i, row in enumerate(rows_of())]
    heads = report.summarise(rows, {"protocol": "faces", "holes": "true", "size": 256})["groups"]["head"]
    assert {value: lot["faces"] for value, lot in heads.items()} == {turned: 10, not_: 20}


def test_the_papers_square_is_a_wider_cut_of_celeba_faces(folder):
    faces = load_faces(folder, "val", folder / "cache")
    with pytest.raises(ValueError, match="CelebA faces"):
        evaluate.square_cases(faces)
    rows = [row | {"source": ("ca", "drawn")[i % 2]} for i, row in enumerate(faces.rows)]
    faces = replace(faces, rows=rows)
    cut = square.cut_squares(faces)
    assert cut.names == faces.names[::2] and cut.photos.shape == (2, 256, 256, 3)
    # Eyes and mouth come to lie where CelebA has them in the middle 178 x 178 px, at 256 px.
    points = five_points(cut.landmarks).mean(axis=0) * 178 / 256 + (0, 20)
    assert np.abs(points[[0, 1, 3, 4]] - square.CELEBA[[0, 1, 3, 4]]).max() < 3
    for photo, face, points, plain in zip(cut.photos, faces.photos[::2], cut.landmarks, faces.landmarks[::2]):
        for index in (45, 70):  # the same colour at the same place of the face
            at, before = points[index].round().astype(int), plain[index].round().astype(int)
            assert np.abs(photo[at[1], at[0]].astype(int) - face[before[1], before[0]]).max() <= 2
    in_square = {case.about["name"]: case.about["share"] for case in evaluate.square_cases(faces)}
    in_crop = {case.about["name"]: case.about["share"] for case in evaluate.masked_cases(faces)}
    assert all(share < in_crop[name] for name, share in list(in_square.items())[:1]), "the same mask is smaller"


def test_thick_holes_are_seeded_wide_and_cover_half_at_most():
    holes = [draw_thick_hole(np.random.default_rng(seed)) for seed in range(200)]
    np.testing.assert_array_equal(holes[7], draw_thick_hole(np.random.default_rng(7)))
    covered = np.array([np.count_nonzero(hole) / hole.size for hole in holes])
    assert all(set(np.unique(hole)) == {0, 255} for hole in holes)
    assert covered.max() <= 0.5 and covered.min() > 0 and 0.15 < covered.mean() < 0.35
    # Wider than what most visitors paint: an opening of 15 px leaves nearly all of most of them.
    left = [np.count_nonzero(cv2.morphologyEx(hole, cv2.MORPH_OPEN, np.ones((15, 15)))) for hole in holes]
    assert np.median(left / (covered * 256 * 256)) > 0.9


def test_boxes_are_seeded_squares_of_24_to_48_px(folder):
    faces = load_faces(folder, "val", folder / "cache")
    cases, again = evaluate.box_cases(faces), evaluate.box_cases(faces)
    sides = set()
    for seed in range(30):
        for case in evaluate.box_cases(faces, seed):
            ys, xs = np.nonzero(case.mask)
            side = int(np.ptp(xs)) + 1
            sides.add(side)
            assert len(xs) == side**2 and np.ptp(ys) + 1 == side
    assert min(sides) == 24 and max(sides) == 48
    for one, other in zip(cases, again):
        assert np.array_equal(one.mask, other.mask) and one.photo.shape == (128, 128, 3)
        assert (one.image[one.mask > 0] == 255).all()
        assert np.array_equal(one.image[one.mask == 0], one.photo[one.mask == 0])
    assert len({case.mask.tobytes() for case in cases}) == len(cases)


def test_masks_that_stand_off_cover_more(folder):
    faces = load_faces(folder, "val", folder / "cache")
    close, loose = evaluate.masked_cases(faces), evaluate.stand_off_cases(faces)
    shares = [[case.about["share"] for case in cases] for cases in (close, loose)]
    assert np.mean(shares[1]) > np.mean(shares[0]) and len(loose) == len(close)
    for one, other in zip(close, loose, strict=True):
        assert (one.about["kind"], one.about["wear"]) == (other.about["kind"], other.about["wear"])
        known = cv2.dilate(other.mask, np.ones((7, 7))) == 0
        assert np.array_equal(other.image[known], other.photo[known])


def test_misaligned_crops_are_as_far_off_as_the_demos(folder):
    corners = 256 * np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]) / [1, 1, 256]
    moves = [evaluate.misalignment(np.random.default_rng(i)) for i in range(2000)]
    far = [np.linalg.norm(corners @ matrix.T - corners[:, :2], axis=1).mean() for matrix in moves]
    assert np.mean(far) / 256 == pytest.approx(evaluate.CORNERS, rel=0.05)
    faces = load_faces(folder, "val", folder / "cache")
    plain, moved = evaluate.masked_cases(faces), evaluate.misaligned_cases(faces)
    for one, other in zip(plain, moved, strict=True):
        assert other.about["name"] == one.about["name"] and set(np.unique(other.mask)) == {0, 255}
        assert not np.array_equal(one.photo, other.photo)
        known = cv2.dilate(other.mask, np.ones((7, 7))) == 0  # the mask's edge is blended into its picture
        assert np.array_equal(other.image[known], other.photo[known])


def test_random_holes_are_reported(folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "report"
    common = ["evaluate", "--data", folder, "--cache", folder / "cache", "--device", "cpu", "--out", out]
    text = run(monkeypatch, capsys, *common, "--protocol", "boxes", "--models", "telea", "navier-stokes")
    written = json.loads((out / "report.json").read_text())
    assert written["size"] == 128 and written["protocol"] == "boxes" and written["data"]["faces"] == 4
    with open(out / "per-image.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "telea"]
    assert written["models"]["telea"]["hole_psnr"]["mean"] == pytest.approx(
        np.mean([float(r["hole_psnr"]) for r in rows])
    )
    assert written["share"]["mean"] == pytest.approx(np.mean([float(row["share"]) for row in rows]))
    assert (24 / 128) ** 2 <= written["share"]["mean"] <= (48 / 128) ** 2
    assert (out / "sheet-telea.png").exists() and (out / "sheet-comparison.png").exists()
    # What was not measured, and what to put where, is said in a line each.
    assert "LPIPS was not measured, for want of: " in text and perceptual.ALEXNET in text
    assert "FID and KID were not measured, for want of: " in text and perceptual.INCEPTION in text
    assert "told apart (Lite2) were not measured" in text
    ratios = [float(row["band_4_8"]) for row in rows]
    assert np.isnan(ratios).all() or written["models"]["telea"]["band_4_8"]["mean"] > 0
    for protocol in ("boxes", "thick"):
        with pytest.raises(SystemExit, match=f"finds face masks alone.*{protocol}"):
            run(monkeypatch, capsys, *common, "--protocol", protocol, "--models", "telea", "--holes", "predicted")
    with pytest.raises(SystemExit, match="--sample does not go with faces"):
        run(monkeypatch, capsys, *common, "--models", "telea", "--sample", "1")
    thick = run(monkeypatch, capsys, *common, "--protocol", "thick", "--models", "telea")
    assert "hole = wide strokes and boxes, mean share" in thick


def test_shown_is_what_the_demo_shows(folder, tmp_path, monkeypatch, capsys):
    common = ["evaluate", "--data", folder, "--cache", folder / "cache", "--device", "cpu", "--models", "telea"]
    for protocol in ("faces", "post-processed"):
        run(monkeypatch, capsys, *common, "--protocol", protocol, "--out", tmp_path / protocol)
    faces, shown = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("faces", "post-processed"))
    assert shown["share"] == faces["share"], "the share of the true mask, though the hole is wider"
    assert shown["models"]["telea"] != faces["models"]["telea"]


def test_missing_data_are_one_sentence(tmp_path, monkeypatch, capsys):
    for words in (["evaluate", "--models", "telea"], ["glcic"]):
        with pytest.raises(SystemExit, match="^train: .*nowhere"):
            run(monkeypatch, capsys, *words, "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def test_stages_of_a_file_from_the_first_on():
    run_of = {"images": 32_000, "seconds": 600, "size": 64, "before": None, "hardware": "1 CPU cores"}
    old = {"kimg": 8.0, "minutes": 5.0, "before": run_of, "hardware": "1 CPU cores"}  # does not tell its size
    metadata = {"size": 256, "trained": {"kimg": 2.0, "minutes": 9.0, "before": old, "hardware": "NVIDIA H200"}}
    found = card.stages(metadata)
    assert [(step["kimg"], step["minutes"], step["size"]) for step in found] == [
        (32, 10, 64),
        (8, 5, None),
        (2, 9, 256),
    ]


@pytest.fixture
def released(tmp_path):
    """A tiny GLCIC as a release."""
    path = tmp_path / "glcic.safetensors"
    before = {"images": 60_000, "seconds": 1200, "size": 64, "before": None, "hardware": "1 CPU cores"}
    trained = {"kimg": 20.0, "minutes": 10.0, "before": before, "hardware": "1 CPU cores"}
    torch.manual_seed(0)
    weights.save(path, "glcic", GLCIC(4), {"width": 4}, 128, trained)
    return path


def test_card_is_made_of_reports_and_metadata(released, folder, tmp_path, monkeypatch, capsys):
    run(
        monkeypatch, capsys, "evaluate", "--data", folder, "--cache", folder / "cache", "--device", "cpu",
        "--models", "glcic", "telea", "--weights", f"glcic={released}", "--out", tmp_path / "report",
    )  # fmt: skip
    words = ["card", "--out", tmp_path / "README.md", "--files", released, "--report"]
    said = run(monkeypatch, capsys, *words, tmp_path / "report")
    text = (tmp_path / "README.md").read_text()
    assert "none of the reports" not in said
    assert text.startswith("---\nlicense: other") and "{{" not in text
    assert "80 thousand: 60 at 64 px, then 20 at 128 px | 30 min on 1 CPU cores | research, non-commercial |" in text
    mean = json.loads((tmp_path / "report" / "report.json").read_text())["models"]["glcic"]["psnr"]["mean"]
    assert f"| GLCIC | 4 | {mean:.2f} |" in text and "| Telea (classical) | 4 |" in text
    table_1 = f"| GLCIC | face masks, 256 px | 26.78 | 0.94 | GANMasker, table 1 | {mean:.2f} |"
    assert table_1 in text, "the paper's figure stands beside the measured one"
    assert "| GUMF | face masks, 256 px | 21.69 | 0.90 | GANMasker, table 1 | - | - |" in text
    assert "Measured with other files" not in text and "average precision 88.8 %" in text
    picture = cv2.imread(str(tmp_path / "failures.jpg"))
    assert picture.shape == (144, 3 * 144, 3) and (tmp_path / "failures.jpg").stat().st_size < 100_000

    # Other weights than the measured ones are told apart, and so is a network that nobody measured.
    torch.manual_seed(1)
    metadata = weights.read_metadata(released)
    weights.save(released, "glcic", GLCIC(4), {"width": 4}, 128, metadata["trained"])
    (tmp_path / "report" / "faces.md").write_text("new figures of the detector")
    run(monkeypatch, capsys, *words, tmp_path / "report")
    text = (tmp_path / "README.md").read_text()
    assert "Measured with other files than those released here: glcic." in text
    assert "new figures of the detector" in text and "88.8 %" not in text
    (tmp_path / "other").mkdir()
    with pytest.raises(SystemExit, match="no report"):
        run(monkeypatch, capsys, *words, tmp_path / "other")


def test_a_later_report_replaces_what_it_measured_again():
    def made(**models) -> dict:
        about = {"protocol": "faces", "holes": "ground-truth", "size": 256, "share": report.interval([0.2])}
        keys = ("psnr", "ssim", "hole_psnr", "hole_ssim", "sharpness")
        return about | {"models": {name: {key: report.interval([v]) for key in keys} for name, v in models.items()}}

    text, measured = card.figure_sections([made(telea=11.0, glcic=12.0), made(glcic=13.0)], {})
    assert measured == {"telea", "glcic"}
    assert re.findall(r"\| (?:GLCIC|Telea \(classical\)) \| 1 \| ([\d.]+)", text) == ["13.00", "11.00"]
    assert text.count("| inpainting model | faces |") == 1, "the same test, one table"

    released, older = made(glcic=13.0) | {"weights": {"glcic": {"sha256": "new"}}}, made(glcic=12.0)
    text, _ = card.figure_sections([released, older], {"glcic": "new"})
    assert "| GLCIC | 1 | 13.00" in text, "the released weights' figures count, whatever came later"
    assert "other files" not in text
    beside = beside_papers([released, older], {"glcic": "new"})
    assert "| GLCIC | face masks, 256 px | 26.78 | 0.94 | GANMasker, table 1 | 13.00 |" in beside

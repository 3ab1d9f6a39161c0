"""The evaluation of face detectors, on boxes and curves worked out by hand."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from train.data.photos import held_back, overlaps
from train.evaluation.evaluate_faces import (
    IGNORED,
    RIGHT,
    WRONG,
    audited,
    curve,
    evaluate_detector,
    match,
    point_error,
    tilt_sample,
    turn,
)
from unmask.faces.face import Face


def square(x: float, y: float, side: float) -> list[float]:
    return [x, y, x + side, y + side]


def verdicts(boxes, scores, truth):
    return match(np.array(boxes, float).reshape(-1, 4), np.array(scores), np.array(truth, float).reshape(-1, 4))


def test_held_back_is_every_third_of_each_source_from_the_first():
    names = [f"a_{i:02}" for i in range(7)] + [f"bc_{i:02}" for i in (3, 8, 9, 11)]
    shuffled = [{"name": names[i]} for i in (4, 10, 0, 7, 3, 9, 1, 6, 2, 8, 5)]
    assert [row["name"] for row in held_back(shuffled)] == ["a_00", "a_03", "a_06", "bc_03", "bc_11"]


def test_overlap_of_boxes_worked_by_hand():
    boxes = np.array([square(0, 0, 10)], float)
    others = np.array([square(0, 0, 10), square(5, 0, 10), square(20, 20, 10), square(0, 0, 5)], float)
    np.testing.assert_allclose(overlaps(boxes, others), [[1, 50 / 150, 0, 0.25]])


def test_the_best_scored_of_two_detections_is_right_and_the_other_wrong():
    truth = [square(100, 100, 80)]
    # The second fits better but scores less.
    taken, verdict = verdicts([square(100, 100, 80), square(105, 100, 80)], [0.6, 0.9], truth)
    assert verdict.tolist() == [WRONG, RIGHT] and taken.tolist() == [-1, 0]


def test_a_detection_takes_the_face_it_overlaps_most():
    truth = [square(0, 0, 100), square(20, 0, 100)]
    taken, verdict = verdicts([square(18, 0, 100), square(2, 0, 100)], [0.9, 0.8], truth)
    assert taken.tolist() == [1, 0] and verdict.tolist() == [RIGHT, RIGHT]


def test_detections_of_small_faces_and_small_detections_of_nothing_are_ignored():
    truth = [square(0, 0, 30), square(100, 100, 60)]
    boxes = [square(0, 0, 30), square(200, 0, 39), square(200, 100, 41), square(101, 100, 60)]
    taken, verdict = verdicts(boxes, [0.9, 0.9, 0.9, 0.9], truth)
    assert verdict.tolist() == [IGNORED, IGNORED, WRONG, RIGHT] and taken.tolist() == [0, -1, -1, 1]


def test_a_small_detection_of_a_face_that_counts_is_right():
    assert verdicts([square(0, 0, 39)], [0.9], [square(0, 0, 41)])[1].tolist() == [RIGHT]


@pytest.mark.parametrize("side, verdict", [(70, WRONG), (72, RIGHT), (141, RIGHT), (142, WRONG)])
def test_a_detection_of_the_wrong_size_is_wrong(side, verdict):
    # Concentric squares overlap by the ratio of their areas: half at 70.7 and at 141.4 to 100.
    assert verdicts([square(-side / 2, -side / 2, side)], [0.9], [square(-50, -50, 100)])[1].tolist() == [verdict]


def test_nothing_found_and_nothing_to_find():
    assert verdicts([], [], [square(0, 0, 50)])[1].tolist() == []
    assert verdicts([square(0, 0, 50)], [0.9], [])[1].tolist() == [WRONG]
    empty = curve(np.zeros(0), np.zeros(0, int), 3)
    assert empty.average_precision() == 0 and empty.recall_at_precision(0.95) == (0, np.inf)
    assert empty.at(0.5) == (1, 0)


def test_curve_worked_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.95])
    outcome = np.array([RIGHT, RIGHT, WRONG, RIGHT, WRONG, IGNORED])
    result = curve(scores, outcome, faces=4)
    np.testing.assert_allclose(result.precision, [1, 1, 2 / 3, 3 / 4, 3 / 5])
    np.testing.assert_allclose(result.recall, [1 / 4, 2 / 4, 2 / 4, 3 / 4, 3 / 4])
    assert result.average_precision() == pytest.approx(0.5 * 1 + 0.25 * 0.75)
    assert result.recall_at_precision(0.95) == (0.5, 0.8)
    assert result.recall_at_precision(0.7) == (0.75, 0.6)
    assert result.at(0.7) == (pytest.approx(2 / 3), 0.5)
    assert result.at(0.99) == (1, 0)


def test_equal_scores_stand_or_fall_together():
    for outcome in ([RIGHT, WRONG], [WRONG, RIGHT]):
        result = curve(np.array([0.5, 0.5]), np.array(outcome), faces=1)
        assert result.thresholds.tolist() == [0.5] and result.precision.tolist() == [0.5]


def test_point_error_is_a_share_of_the_eye_distance():
    truth = np.array([[0, 0], [40, 0], [20, 20], [5, 40], [35, 40]], float)
    assert point_error(truth + [3, 4], truth) == pytest.approx(5 / 40)


def test_turning_is_clockwise_about_the_point_and_takes_the_points_along():
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[28:33, 58:63] = 255  # right of the middle
    turned, matrix = turn(photo, np.array([40.0, 30.0]), 90)
    np.testing.assert_allclose(matrix @ [60, 30, 1], [40, 50], atol=1e-6)  # below it
    assert turned[50, 40, 0] == 255 and turned[30, 60, 0] == 0


@pytest.fixture
def data(tmp_path):
    """Photos as in the data set: grey, with a bright square for each face."""
    rows = []
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for name, labelled in (("jl", True), ("cd", False)):
            for i in range(6):
                photo = np.full((150, 200, 3), 90, np.uint8)
                photo[40:100, 60:120] = 255
                points = [[75, 60], [105, 60], [90, 75], [80, 85], [100, 85]]
                about = {"label": "with_mask"} if labelled else {"points": points}
                rows.append({"name": f"{name}_{i}", "faces": [{"box": [60, 40, 120, 100], **about}]})
                file = io.BytesIO()
                Image.fromarray(photo).save(file, "WEBP", lossless=True)
                member = tarfile.TarInfo(f"{name}_{i}.webp")
                member.size = file.tell()
                file.seek(0)
                tar.addfile(member, file)
    (tmp_path / "photos.json").write_text(json.dumps(rows))
    return tmp_path


def find_squares(photo):
    """The bright square, its points where an upright one has them, and a wrong box with a poor score."""
    y, x = np.nonzero(photo[:, :, 0] > 200)
    scale = photo.shape[1] / 200
    box = (x.min(), y.min(), x.max() + 1, y.max() + 1)
    points = tuple((scale * (a + 3), scale * b) for a, b in [[75, 60], [105, 60], [90, 75], [80, 85], [100, 85]])
    wrong = Face((0, 0, 50 * scale, 50 * scale), (0, 0), 1, score=0.1)
    return [wrong, Face(box, (0, 0), 1, points=points, score=0.9)]


def test_the_report_of_a_finder_whose_figures_are_known(data, tmp_path, monkeypatch):
    monkeypatch.setattr("train.evaluation.evaluate_faces.SIZES", ((64, 48),))
    report = evaluate_detector(find_squares, data, tmp_path / "out", sheet=2)
    assert "2 photos, 2 faces" in report
    assert "average precision 100.0%; recall 100.0% at precision 95.0% (threshold 0.900)" in report
    assert "On the 4 photos with 4 such faces that are not held back, by the labels: average precision 100.0%" in report
    assert "| with_mask | 2 | 100.0% |" in report
    assert "| with_incorrect_mask | 0 | - |" in report
    assert "| cd | 2 | 2 | 100.0% | 10.0% |" in report  # 3 px of an eye distance of 30
    assert "| 0° | 100.0% | 100.0% | 100.0% | 10.0% |" in report
    assert "| 64 x 48 |" in report
    assert (tmp_path / "out" / "faces.md").read_text() == report
    assert Image.open(tmp_path / "out" / "faces.png").size == (6 * 320, 320)

    low = evaluate_detector(find_squares, data, tmp_path / "out", threshold=0.05, sheet=2)
    assert "At threshold 0.050: precision 50.0%, recall 100.0%." in low


def test_faces_that_people_left_out_are_not_wrong(data, tmp_path, monkeypatch):
    """The second look changes its own figures alone: the wrong detection of the report above is a face after all."""
    monkeypatch.setattr("train.evaluation.evaluate_faces.SIZES", ((64, 48),))
    audit = tmp_path / "audit.json"
    monkeypatch.setattr("train.evaluation.evaluate_faces.AUDIT", audit)
    wrong = {name: [square(0, 0, 50)] for name in ("jl_0", "jl_3")}
    for left_out, precision in (({}, 0.5), (wrong, 1.0)):
        audit.write_text(json.dumps({"left_out": left_out, "no_faces": {}}))
        evaluate_detector(find_squares, data, tmp_path / "out", threshold=0.05, sheet=2)
        figures = json.loads((tmp_path / "out" / "faces.json").read_text())
        assert figures["labels"]["at_threshold"] == {"precision": 0.5, "recall": 1.0}
        assert figures["second look"]["at_threshold"] == {"precision": precision, "recall": 1.0}


def test_boxes_on_no_face_are_taken_out():
    truth = np.array([square(0, 0, 50), square(100, 0, 50)])
    audit = {"left_out": {"a": [square(200, 0, 50)]}, "no_faces": {"a": [square(100, 0, 50)]}}
    real, left_out = audited("a", truth, audit)
    assert real.tolist() == [square(0, 0, 50)] and left_out.tolist() == [square(200, 0, 50)]
    real, left_out = audited("b", truth, {"left_out": {}, "no_faces": {}})
    assert real.tolist() == truth.tolist() and left_out.shape == (0, 4)


def test_photos_for_the_tilt_have_a_face_that_counts():
    rows = [{"name": f"jl_{i:03}", "faces": [{"box": square(0, 0, 30 + i % 2 * 20)}]} for i in range(90)]
    rows.append({"name": "jl_999", "faces": []})
    sample = tilt_sample(rows)
    assert len(sample) == len({row["name"] for row in sample}) == 30
    assert all(row["faces"][0]["box"][2] == 50 for row in sample)

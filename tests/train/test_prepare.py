"""From photos to training data: which faces are taken, and what is left out of them."""

import io
import json
import tarfile

import cv2
import numpy as np
import pytest

from tests.train.runs import run
from train.data.faces import draw_pairs, load_backgrounds, load_faces
from train.data.prepare import photographed, prepare, yaw
from unmask import weights
from unmask.faces.face import Face
from unmask.faces.landmarks import five_points
from unmask.faces.layout import LEFT_EAR, NOSE_TIP, RIGHT_EAR
from unmask.registry import MODELS

NEEDED = ("face-detector", "landmarks", "mseg")
RELEASED = all((weights.checkpoints() / MODELS[name].filename).exists() for name in NEEDED)


@pytest.mark.skipif(not RELEASED, reason="needs the released weights")
def test_a_folder_of_photos_becomes_training_data(tmp_path, monkeypatch, capsys):
    examples = weights.checkpoints().parent / "examples"
    images = tmp_path / "photos"
    (images / "more").mkdir(parents=True)
    for source, target in (("hopper", "a"), ("astronaut", "more/b"), ("hopper-cloth", "masked")):
        (images / f"{target}.png").write_bytes((examples / f"{source}.png").read_bytes())
    (images / "broken.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(images / "empty.png"), np.full((300, 300, 3), 128, np.uint8))
    text = run(monkeypatch, capsys, "prepare", "--images", images, "--out", tmp_path / "data", "--val", 0)
    assert "2 faces from 4 photos" in text and "1 files not readable" in text
    faces = load_faces(tmp_path / "data", "train", tmp_path / "cache")
    assert faces.photos.shape == (2, 256, 256, 3) and {row["source"] for row in faces.rows} == {"photos"}
    for row in faces.rows:
        assert abs(float(row["yaw"])) < 25, "neither turns away"
        x0, y0, x1, y1 = map(int, row["crop"].split())
        assert 0 <= x0 < 64 and 0 <= y0 < 64 and 192 < x1 <= 256 and 192 < y1 <= 256
    for landmarks in faces.landmarks:
        left, right, *_, mouth = five_points(landmarks)
        assert 45 < right[0] - left[0] < 80 and mouth[1] - left[1] > 45  # eyes side by side, the mouth below
    pairs = draw_pairs(faces, tmp_path / "cache", 1, 0, workers=1)
    assert (pairs[..., 3] > 0).any(axis=(1, 2)).all()


def test_what_is_photograph_in_a_crop_ends_at_the_photo():
    face = Face(box=(0, 0, 100, 100), center=(60, 60), side=200)  # begins 40 px left of the photo and above it
    assert photographed(face, (300, 400)) == (51, 51, 256, 256)
    assert photographed(face, (100, 400)) == (51, 51, 256, 180), "and where a low photo ends"
    whole = Face(box=(0, 0, 100, 100), center=(150, 150), side=200)
    assert photographed(whole, (300, 300)) == (0, 0, 256, 256)
    tilted = Face(box=(0, 0, 100, 100), center=(100, 100), side=190, angle=np.radians(30))
    x0, y0, x1, y1 = photographed(tilted, (200, 200))
    widest = 200 / 190 * 256 / (np.cos(np.radians(30)) + np.sin(np.radians(30)))  # the largest square in a turned one
    assert min(x1 - x0, y1 - y0) == pytest.approx(widest, abs=2)


def test_the_angle_of_a_head_is_read_from_its_landmarks():
    landmarks = np.zeros((92, 2))
    landmarks[LEFT_EAR], landmarks[RIGHT_EAR], landmarks[NOSE_TIP] = (80, 128), (180, 128), (130, 140)
    assert yaw(landmarks) == pytest.approx(0, abs=0.1)
    landmarks[NOSE_TIP] = (165, 140)
    assert 20 < yaw(landmarks) < 30, "the nose points to the picture's right"
    landmarks[:, 0] = 256 - landmarks[:, 0]
    landmarks[[LEFT_EAR, RIGHT_EAR]] = landmarks[[RIGHT_EAR, LEFT_EAR]]
    assert -30 < yaw(landmarks) < -20


def test_a_folder_without_faces_is_an_error(tmp_path):
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((300, 300, 3), 128, np.uint8))
    with pytest.raises(ValueError, match="No bare face"):
        prepare(tmp_path, tmp_path / "data")


def test_missing_pictures_are_named(folder, tmp_path):
    for name in ("faces.csv", "landmarks.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ValueError, match="lacks 12 of the 12"):
        load_faces(tmp_path, "train", tmp_path / "cache")
    with pytest.raises(ValueError, match="no rows"):
        load_faces(tmp_path, "test", tmp_path / "cache")


def test_backgrounds_keep_clear_of_faces(tmp_path):
    """Faces are painted red: no square may show any of it."""
    rng = np.random.default_rng(0)
    rows = []
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for i in range(12):
            image = np.full((400, 600, 3), (90, 160, 60), np.uint8)
            x, y = (int(v) for v in rng.integers(0, 300, 2))
            cv2.rectangle(image, (x, y), (x + 80, y + 99), (0, 0, 255), -1)  # red, for cv2 writes BGR
            coded = cv2.imencode(".png", image)[1].tobytes()
            info = tarfile.TarInfo(f"p{i}.png")
            info.size = len(coded)
            tar.addfile(info, io.BytesIO(coded))
            rows.append({"name": f"p{i}", "width": 600, "height": 400, "faces": [{"box": [x, y, x + 80, y + 100]}]})
    (tmp_path / "photos.json").write_text(json.dumps(rows))
    squares = load_backgrounds(tmp_path, tmp_path / "cache")
    assert len(squares) > 5 and squares.shape[1:] == (256, 256, 3)
    assert squares[..., 0].max() < 120
    assert load_backgrounds(tmp_path / "cache", tmp_path / "cache") is None

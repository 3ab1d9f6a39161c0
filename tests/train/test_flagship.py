"""The flagship command's rehearsal: every network's stint, its export, and shards that come late."""

import json

import pytest
import torch

from tests.train.drawn_faces import draw_folder
from train.data.faces import list_pictures, load_faces
from train.flagship import PLAN, flagship
from train.loop import RunError
from unmask import weights


def test_the_plan_shares_all_of_the_time_among_released_networks():
    assert sum(stint.share for stint in PLAN) == pytest.approx(1)
    assert len({stint.release for stint in PLAN}) == len(PLAN)


@pytest.mark.slow
def test_a_rehearsal_trains_and_exports_what_loads_again(tmp_path, monkeypatch):
    monkeypatch.setattr("train.flagship.REHEARSAL", 6)
    draw_folder(tmp_path)
    out = tmp_path / "out"
    networks = ["ganmasker", "pix2pix"]
    table = flagship(
        tmp_path, out, minutes=10, released=weights.checkpoints(), cache=tmp_path / "cache", networks=networks,
        batch=2, rehearse=True, device="cpu",
    )  # fmt: skip
    rows = json.loads((out / "flagship.json").read_text())
    assert [row["network"] for row in rows] == networks and all(row["images_per_second"] > 0 for row in rows)
    assert all(f"| {name} |" in table for name in networks)
    for name in networks:
        file = out / "exports" / f"{name}.safetensors"
        before = weights.load(name).state_dict()
        after = weights.load(name, file).state_dict()
        assert not all(torch.equal(after[key], before[key]) for key in before)
        assert weights.read_metadata(file)["trained"]["before"]


def test_without_weights_to_start_from_it_says_so(tmp_path):
    draw_folder(tmp_path)
    with pytest.raises(RunError, match="no released weights"):
        flagship(tmp_path, tmp_path / "out", minutes=1, released=tmp_path, cache=tmp_path / "cache", device="cpu")


def test_faces_whose_shard_has_not_come_are_left_out(tmp_path):
    draw_folder(tmp_path)
    rows = (tmp_path / "faces.csv").read_text()
    late = rows.splitlines()[-1].replace("face15", "late")
    (tmp_path / "faces.csv").write_text(rows + late + "\n")
    assert "late" not in list_pictures(tmp_path)
    with pytest.raises(KeyError):
        load_faces(tmp_path, "train", tmp_path / "cache")
    assert "late" not in load_faces(tmp_path, "train", tmp_path / "cache", partial=True).names

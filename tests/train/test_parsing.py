"""The face parsing network: its data, its scores, and that it learns."""

import io
import tarfile

import cv2
import numpy as np
import pytest
import torch

from train.data.parsed_faces import COMPONENTS, PAIRS, ParsedBatches, evaluate_parsing, load_parsed
from train.recipes.parsing import ParsingRecipe
from unmask.nets.landmarks import LandmarkNet
from unmask.nets.parsing import CLASSES, ParsingNet

LABEL = np.zeros((256, 256), np.uint8)
LABEL[40:250, 50:206] = 1  # skin
LABEL[100:110, 70:110], LABEL[100:110, 150:190] = 4, 5  # eyes
LABEL[190:200, 100:156] = 10


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parsed")
    shades = np.random.default_rng(0).integers(0, 256, (19, 3)).astype(np.uint8)
    with tarfile.open(folder / "parsing.tar", "w") as tar:
        for i in range(24):
            picture = cv2.cvtColor(shades[LABEL], cv2.COLOR_RGB2BGR)
            for suffix, content in ((".webp", picture), (".png", LABEL)):
                encoded = cv2.imencode(suffix, content, [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else [])[1]
                info = tarfile.TarInfo(f"face{i}{suffix}")
                info.size = len(encoded)
                tar.addfile(info, io.BytesIO(encoded.tobytes()))
    return folder


def test_the_parts_are_apart_and_whole(data):
    train, held_back = load_parsed(data, False), load_parsed(data, True)
    assert len(train[0]) + len(held_back[0]) == 24 and len(held_back[0]) > 0
    assert np.array_equal(train[1][0], LABEL)


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no parsing.tar"):
        load_parsed(tmp_path, False)


def test_mirroring_exchanges_left_and_right(data):
    batches = ParsedBatches(data, size=64, seed=0, device=torch.device("cpu"))
    labels = batches.get(0, 16)["labels"]  # no warp: as it is, or mirrored
    assert set(labels.unique().tolist()) == set(np.unique(LABEL).tolist())
    for label in labels:
        columns = [(label == side).nonzero()[:, 1].float().mean() for side in PAIRS[0]]
        assert columns[0] < columns[1]  # the left eye stays on the picture's left


def test_photo_and_labels_are_warped_alike(data):
    batches = ParsedBatches(data, size=64, seed=0, device=torch.device("cpu"))
    batch, own = batches.get(3, 8, 1.0), batches.get(3, 8, 1.0, slice(4, 8))
    assert all(torch.equal(batch[key][4:], own[key]) for key in batch)
    assert batch["photo"].shape == (8, 3, 64, 64) and batch["labels"].shape == (8, 64, 64)
    for photo, label in zip(batch["photo"], batch["labels"]):
        skin = cv2.erode((label == 1).numpy().astype(np.uint8), np.ones((5, 5)), borderValue=0)
        inside = photo[:, torch.from_numpy(skin) > 0]  # its edge is mixed with other colours
        assert inside.shape[1] > 100 and inside.std(dim=1).max() < 0.02


def test_it_starts_from_a_landmark_network_and_learns(data):
    torch.manual_seed(0)
    recipe = ParsingRecipe(64)
    landmarks = LandmarkNet(0.75).state_dict()
    adapted = recipe.adapt(landmarks)
    recipe.generator.load_state_dict(adapted)
    key = "stages.3.0.layers.1.weight"
    assert torch.equal(recipe.generator.state_dict()[key], landmarks[key])
    batches = ParsedBatches(data, size=64, seed=0, device=torch.device("cpu"))
    optimizer = torch.optim.Adam(recipe.generator.parameters(), 3e-3)
    losses = []
    for step in range(25):
        batch = batches.get(step, 4)
        loss, _ = recipe.g_loss(batch, recipe.generate(batch), recipe.phases[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    assert len(recipe.show(recipe.generator.eval(), batches.first(2))) == 3


def test_scores_of_a_network_that_is_right_are_one_and_of_a_blind_one_nil(data, tmp_path):
    class Knows(ParsingNet):
        def forward(self, crop):
            truth = torch.from_numpy(LABEL).long()[None]
            return 10 * torch.nn.functional.one_hot(truth, len(CLASSES)).permute(0, 3, 1, 2).float()

    class Blind(ParsingNet):
        def forward(self, crop):
            return torch.eye(len(CLASSES))[0].view(1, -1, 1, 1).expand(1, -1, 256, 256)

    table = evaluate_parsing(Knows(0.25), data, tmp_path, 256)
    assert "| skin | 1.000 |" in table and "| eyes | 1.000 |" in table
    assert "| skin | 0.000 |" in evaluate_parsing(Blind(0.25), data, tmp_path, 256)
    assert all(f"| {name} | " in table for name in COMPONENTS)


def test_shapes():
    net = ParsingNet(0.25).eval()
    crop = torch.zeros(2, 3, 64, 96)
    assert net(crop).shape == (2, 19, 64, 96) and net.classes(crop).shape == (2, 64, 96)

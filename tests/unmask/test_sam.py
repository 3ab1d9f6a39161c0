"""Segment Anything: a small one with random weights, saved as Meta's is, and what two visitors ask of it."""

import hashlib
import logging
import os
import pickle
import threading
import time
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unmask import PhotoError, WeightsError, sam
from unmask.faces.alignment import align, mask_to_photo
from unmask.faces.face import face_from_box
from unmask.metrics import iou
from unmask.sam import Sam
from unmask.web.clicks import EMBEDDINGS, LOOKED_AT, PAD, Click, Clicks
from unmask.web.components import outline_tool
from unmask.web.mask_layers import to_layer
from unmask.web.session import EDITOR_SIZE, UNDO_STEPS, Visit

needs_library = pytest.mark.skipif(
    find_spec("segment_anything") is None, reason="segment-anything is not installed: pip install '.[sam]'"
)
LEFT, RIGHT = (60, 70, 150, 190), (300, 110, 380, 214)


def build_small() -> torch.nn.Module:
    """In the place of ViT-B: the same parts, for 64 px, with random weights."""
    parts = import_module("segment_anything.modeling")
    encoder = parts.ImageEncoderViT(
        img_size=64, embed_dim=32, depth=2, num_heads=2, out_chans=32, use_rel_pos=True, window_size=2,
        global_attn_indexes=(1,),
    )  # fmt: skip
    prompts = parts.PromptEncoder(
        embed_dim=32, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_chans=16
    )
    transformer = parts.TwoWayTransformer(depth=2, embedding_dim=32, num_heads=2, mlp_dim=32)
    network = parts.Sam(encoder, prompts, parts.MaskDecoder(transformer_dim=32, transformer=transformer))
    for each in network.parameters():
        if each.ndim > 1:  # its own beginning is too faint for answers that differ
            torch.nn.init.normal_(each, std=0.3)
    return network


def save_small_sam(folder):
    """Write a small SAM's checkpoint; the network and its environment variables."""
    torch.manual_seed(0)
    network = build_small()
    torch.save(network.state_dict(), folder / sam.FILENAME)
    digest = hashlib.sha256((folder / sam.FILENAME).read_bytes()).hexdigest()
    return network, {"UNMASK_SAM": str(folder), "UNMASK_SAM_SHA256": digest}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(the network, its environment variables)"""
    return save_small_sam(tmp_path_factory.mktemp("sam"))


@pytest.fixture
def ready(small, monkeypatch):
    monkeypatch.setattr(sam, "build", build_small)
    for name, value in small[1].items():
        monkeypatch.setenv(name, value)
    return Sam()


def picture(seed: int, shape=(48, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


# ---------------------------------------------------------------- the checkpoint


@needs_library
def test_the_checkpoint_is_loaded_whole(small, ready):
    assert not ready.is_loaded
    loaded, saved = ready.network().state_dict(), small[0].state_dict()
    assert ready.is_loaded and not ready.network().training
    assert loaded.keys() == saved.keys() and all(torch.equal(loaded[key], saved[key]) for key in saved)
    assert ready.network() is ready.network()


@needs_library
def test_without_a_word_it_is_vit_b():
    with torch.device("meta"):
        network = sam.build()
    assert sum(each.numel() for each in network.parameters()) == sam.PARAMETERS
    assert network.image_encoder.img_size == 1024 and network.image_encoder.patch_embed.proj.out_channels == 768


def refusal(monkeypatch, caplog, **variables) -> str:
    """The sentence for a visitor, after a look at what the log says to the host."""
    for name in ("UNMASK_SAM", "UNMASK_SAM_SHA256"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WeightsError) as error, caplog.at_level(logging.ERROR):
        Sam().embed(picture(0))
    sentence = str(error.value)
    assert "whoever runs this page" in sentence and sentence.endswith(".") and "/" not in sentence
    assert caplog.messages[-1].startswith(sentence)
    return sentence


@needs_library
def test_another_file_is_refused(small, tmp_path, monkeypatch, caplog):
    given = small[1]
    assert "not the expected file" in refusal(monkeypatch, caplog, **given | {"UNMASK_SAM_SHA256": "0" * 64})
    assert "not the expected file" in refusal(monkeypatch, caplog, UNMASK_SAM=given["UNMASK_SAM"])  # not ViT-B's
    assert given["UNMASK_SAM"] in caplog.messages[-1], "the host is not told which file"
    # The hash fits, the content is none.
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"no tensors")
    digest = hashlib.sha256(b"no tensors").hexdigest()
    assert "cannot be read" in refusal(monkeypatch, caplog, UNMASK_SAM=str(broken), UNMASK_SAM_SHA256=digest)
    # Or it is less than the whole.
    monkeypatch.setattr(sam, "build", build_small)
    state = small[0].state_dict()
    state.pop("image_encoder.pos_embed")
    torch.save(state, broken)
    digest = hashlib.sha256(broken.read_bytes()).hexdigest()
    assert "cannot be read" in refusal(monkeypatch, caplog, UNMASK_SAM=str(broken), UNMASK_SAM_SHA256=digest)
    assert "image_encoder.pos_embed" in caplog.messages[-1]


@needs_library
def test_a_file_with_code_in_it_is_not_run(tmp_path, monkeypatch, caplog):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was here"),)

    path = tmp_path / sam.FILENAME
    path.write_bytes(pickle.dumps({"image_encoder.pos_embed": Attack()}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert "cannot be read" in refusal(monkeypatch, caplog, UNMASK_SAM=str(path), UNMASK_SAM_SHA256=digest)
    assert not (tmp_path / "was here").exists()


@needs_library
def test_what_is_missing_is_said(tmp_path, monkeypatch, caplog):
    assert "names its file in UNMASK_SAM" in refusal(monkeypatch, caplog, UNMASK_SAM=str(tmp_path / "none"))
    asked = []

    def no_network(url, path, **options):
        asked.append((url, options["hash_prefix"]))
        raise OSError("the network is down")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    assert "could not be fetched" in refusal(monkeypatch, caplog)
    assert asked == [(sam.URL, sam.SHA256)]
    assert "the network is down" in caplog.messages[-1]
    # It is not tried again at every click, but after a while.
    asked.clear()
    impatient = Sam()
    for _ in range(3):
        with pytest.raises(WeightsError, match="could not be fetched"):
            impatient.network()
    assert len(asked) == 1
    later = time.monotonic() + sam.RETRY_AFTER + 1
    monkeypatch.setattr(sam, "time", SimpleNamespace(monotonic=lambda: later))
    with pytest.raises(WeightsError):
        impatient.network()
    assert len(asked) == 2


@needs_library
def test_a_damaged_file_is_not_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    kept = tmp_path / "checkpoints" / sam.FILENAME
    source = tmp_path / "half"
    source.write_bytes(b"half a file")
    monkeypatch.setattr(sam, "URL", source.as_uri())
    assert "could not be fetched" in refusal(monkeypatch, caplog)
    assert "invalid hash value" in caplog.messages[-1] and list(kept.parent.iterdir()) == []
    # Nor one that was whole when it came.
    kept.write_bytes(b"half a file")
    assert "not the expected file" in refusal(monkeypatch, caplog)
    assert not kept.exists()


def test_without_the_library(monkeypatch, caplog):
    monkeypatch.setattr(sam, "find_spec", lambda name: None)
    monkeypatch.delenv("UNMASK_SAM", raising=False)
    assert not sam.is_wanted(), "a tool that cannot work is on the page"
    assert "'pip install .[sam]'" in refusal(monkeypatch, caplog, UNMASK_SAM="here.pth")
    assert sam.is_wanted(), "who names a checkpoint is not told what else is needed"


# ---------------------------------------------------------------- pictures and points


@needs_library
def test_the_network_gets_the_picture_and_the_point_where_they_are(ready, monkeypatch):
    network, got = ready.network(), {}
    look = lambda x: got.update(x=x) or torch.zeros(1, 32, 4, 4)
    monkeypatch.setattr(network.image_encoder, "forward", look)
    embedding = ready.embed(np.full((120, 160, 3), (124, 116, 104), np.uint8))
    assert got["x"].shape == (1, 3, 64, 64) and embedding.shape == (120, 160)
    # The picture is grey as ImageNet's mean is, at the top left, and under it nothing.
    assert got["x"][:, :, :48].abs().max() < 0.01 and (got["x"][:, :, 48:] == 0).all()

    prompts = network.prompt_encoder.forward

    def told(points, boxes, masks):
        got.update(points=points[0], labels=points[1])
        return prompts(points, boxes, masks)

    def answer(**asked):
        got.update(asked)
        masks = torch.full((1, 3, 16, 16), -1.0)
        masks[0, 1, 6:9, 12:15] = 1.0  # of the network's square: rows 24-36, columns 48-60
        return masks, torch.tensor([[0.1, 0.9, 0.5]])

    monkeypatch.setattr(network.prompt_encoder, "forward", told)
    monkeypatch.setattr(network.mask_decoder, "forward", answer)
    outline = ready.outline(embedding, [(135.0, 75.0)])
    assert got["points"].tolist() == [[[54.0, 30.0]]] and got["labels"].tolist() == [[1]]
    assert got["multimask_output"] is True and got["image_embeddings"] is embedding.features
    assert outline.shape == (120, 160) and outline.dtype == np.uint8 and set(np.unique(outline)) == {0, 255}
    expected = np.zeros((120, 160), np.uint8)
    expected[60:90, 120:150] = 255
    assert iou(outline, expected) > 0.85
    ready.outline(embedding, [(10.0, 10.0), (20.0, 30.0)], [1, 0])
    assert got["labels"].tolist() == [[1, 0]] and got["multimask_output"] is False


@needs_library
def test_many_at_once_get_what_each_alone_gets(ready):
    pictures = [picture(seed) for seed in range(6)]
    points = [[(5.0 + 9 * seed, 40.0 - 6 * seed)] for seed in range(6)]
    alone = [ready.outline(ready.embed(each), points[i]) for i, each in enumerate(pictures)]
    assert len({each.tobytes() for each in alone}) > 3, "the small network answers all the same"
    start, together = threading.Barrier(6), [None] * 6

    def ask(i):
        start.wait()
        for _ in range(3):
            together[i] = ready.outline(ready.embed(pictures[i]), points[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(*pair) for pair in zip(alone, together))


# ---------------------------------------------------------------- a visitor


class Counting(Sam):
    """Counts what is asked of it, as slow as it is told; it finds a disk around the point."""

    def __init__(self, gate=None):
        super().__init__()
        self.embedded, self.points, self.gate = [], [], gate

    def embed(self, picture):
        self.embedded.append(picture)
        if self.gate:
            self.gate.wait(10)
        return sam.Embedding(torch.from_numpy(picture[:1, :1].copy()), picture.shape[:2])

    def outline(self, embedding, points, labels=None):
        self.points += points
        ys, xs = np.mgrid[: embedding.shape[0], : embedding.shape[1]]
        return np.where(np.hypot(xs + 0.5 - points[0][0], ys + 0.5 - points[0][1]) < 50, 255, 0).astype(np.uint8)


def crowd() -> Visit:
    photo = picture(1, (300, 600))
    return Visit.begin(photo, np.zeros(photo.shape[:2], np.uint8), [face_from_box(LEFT), face_from_box(RIGHT)])


def test_a_frame_is_looked_at_once():
    asked, visit = Counting(), crowd()
    for at in (None, (0.5, 0.5), (0.2, 0.9)):
        assert visit.clicks.knows(visit.frame) == (at is not None)
        visit.clicks.work(asked, visit.photo, Click(visit.frame, at))
    assert len(asked.embedded) == 1 and len(visit.clicks.take()) == 2 and visit.clicks.take() == []
    assert np.array_equal(asked.embedded[0], align(visit.photo, visit.frame, LOOKED_AT, pad=PAD))
    assert np.allclose(asked.points, [(512, 512), (204.8, 921.6)])
    # Another face is another picture; back again, it is still known, through every change of the mask.
    other = visit.look_at(1).grown(+1)
    other.clicks.work(asked, other.photo, Click(other.frame, (0.5, 0.5)))
    other.look_at(0).clicks.work(asked, visit.photo, Click(visit.frame, (0.1, 0.1)))
    assert len(asked.embedded) == 2
    # A new photo knows nothing of the last one.
    assert not crowd().clicks.knows(visit.frame)


def test_embeddings_do_not_pile_up():
    asked, clicks, photo = Counting(), Clicks(), picture(2)
    frames = [face_from_box((i, i, i + 20, i + 20)) for i in range(EMBEDDINGS + 1)]
    for frame in frames:
        clicks.work(asked, photo, Click(frame))
    assert [clicks.knows(frame) for frame in frames] == [False] + [True] * EMBEDDINGS


def test_impatient_clicks_are_done_by_one_event():
    gate = threading.Event()
    asked, visit = Counting(gate), crowd()
    first = threading.Thread(target=visit.clicks.work, args=(asked, visit.photo, Click(visit.frame, (0.1, 0.1))))
    first.start()
    while not asked.embedded:
        pass
    for at in ((0.2, 0.2), (0.3, 0.3)):  # neither looks, nor waits
        visit.clicks.work(asked, visit.photo, Click(visit.frame, at))
    gate.set()
    first.join()
    assert [click.at for click, _ in visit.clicks.take()] == [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3)]
    assert len(asked.embedded) == 1


def test_a_failure_is_no_end():
    class Failing(Counting):
        def embed(self, picture):
            raise WeightsError("There is nothing.")

    visit = crowd()
    for _ in range(2):
        with pytest.raises(WeightsError):
            visit.clicks.work(Failing(), visit.photo, Click(visit.frame, (0.5, 0.5)))
    visit.clicks.work(Counting(), visit.photo, Click(visit.frame, (0.5, 0.5)))
    assert len(visit.clicks.take()) == 1


@needs_library
def test_two_visitors_at_once_get_their_own(ready):
    """One network, two photos, in threads: each visit ends with the mask that it ends with alone."""

    def clicked(seed: int) -> np.ndarray:
        photo = picture(seed, (200, 300))
        visit = Visit.begin(photo, np.zeros(photo.shape[:2], np.uint8), [])
        for at in ((0.3, 0.4), (0.6, 0.5), (0.5, 0.6)):
            visit.clicks.work(ready, photo, Click(visit.frame, at))
            for click, outline in visit.clicks.take():
                visit = visit.outlined(click, outline)
        return visit.mask

    alone = [clicked(10), clicked(11)]
    assert not np.array_equal(*alone)
    together, start = {}, threading.Barrier(2)

    def visitor(i):
        start.wait()
        together[i] = clicked(10 + i)

    threads = [threading.Thread(target=visitor, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(together[0], alone[0]) and np.array_equal(together[1], alone[1])


@pytest.mark.parametrize("current", [0, 1, None])
def test_an_outline_lands_where_it_was_clicked(current):
    visit = crowd().look_at(current)
    asked = Counting()
    visit.clicks.work(asked, visit.photo, Click(visit.frame, (0.25, 0.6)))
    ((click, outline),) = visit.clicks.take()
    marked = visit.outlined(click, outline)
    ys, xs = np.nonzero(marked.mask)
    matrix = visit.frame.to_crop(1)
    x, y = matrix[:, :2] @ (xs.mean() + 0.5, ys.mean() + 0.5) + matrix[:, 2]
    assert abs(x - 0.25) < 0.005 and abs(y - 0.6) < 0.005
    radius = 50 / LOOKED_AT * visit.frame.side
    assert len(ys) == pytest.approx(np.pi * radius**2, rel=0.1)
    # The editor shows it, and what is clicked on again with the other mode goes.
    assert marked.shown[round(0.6 * EDITOR_SIZE), round(0.25 * EDITOR_SIZE)] == 255
    gone = marked.outlined(Click(visit.frame, (0.25, 0.6), adds=False), outline)
    assert not gone.mask.any()
    assert np.array_equal(gone.undone().mask, marked.mask) and not gone.undone().undone().mask.any()


def test_undo_takes_back_the_outline_and_nothing_else():
    visit = crowd().look_at(0)
    disk = Counting().outline(sam.Embedding(None, (LOOKED_AT, LOOKED_AT)), [(512, 512)])
    before = visit.with_mask(np.where(np.arange(600) < 100, 255, 0).astype(np.uint8) + np.zeros((300, 1), np.uint8))
    marked = before.outlined(Click(visit.frame, (0.5, 0.5)), disk)
    # On another face and back: it can still be undone.
    back = marked.look_at(1).look_at(0).undone()
    assert np.array_equal(back.mask, before.mask) and back.steps == () and back.undone() is back
    # What was painted since, beside the outline, stays.
    layer = marked.shown.copy()
    layer[:40, -40:] = 255
    painted = marked.edited({"layers": [to_layer(layer)]})
    stroke = painted.mask & ~marked.mask
    assert stroke.any() and np.array_equal(painted.undone().mask, before.mask | stroke)
    # Whatever makes a mask of its own leaves nothing to undo.
    assert marked.steps and not marked.cleared().steps and not marked.choose(1, False).steps
    for _ in range(UNDO_STEPS + 3):
        marked = marked.outlined(Click(visit.frame, (0.5, 0.5), adds=not marked.steps[-1].adds), disk)
    assert len(marked.steps) == UNDO_STEPS
    assert marked.outlined(Click(visit.frame, (0.5, 0.5), marked.steps[-1].adds), disk) is marked
    assert mask_to_photo(disk, visit.frame, (300, 600)).any()


def test_clicks_from_elsewhere_are_refused_in_a_sentence():
    visit = crowd()
    good = {"x": 0.5, "y": 1, "adds": True, "face": 0}
    assert outline_tool.click_of(visit, SimpleNamespace(_data=good)) == Click(visit.frame, (0.5, 1.0), True)
    for wrong in ({"x": None}, {"x": "0"}, {"y": 1.1}, {"y": -0.1}, {"x": float("nan")}, {"adds": 1}, {"x": True}):
        with pytest.raises(PhotoError, match="no place on the photo"):
            outline_tool.click_of(visit, SimpleNamespace(_data=good | wrong))
    with pytest.raises(PhotoError, match="not here any more"):
        outline_tool.click_of(visit, SimpleNamespace(_data=good | {"face": 1}))

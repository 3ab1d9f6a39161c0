"""Segment Anything: its checkpoint, and what a small one with random weights is asked and answers."""

import hashlib
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.paths import ROOT
from tests.unmask.small_sam import build_small, picture, save_small_sam
from unmask import WeightsError, sam
from unmask.metrics import iou
from unmask.sam import Sam


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


# ---------------------------------------------------------------- the checkpoint


def test_the_checkpoint_is_loaded_whole(small, ready):
    assert not ready.is_loaded
    loaded, saved = ready.network().state_dict(), small[0].state_dict()
    assert ready.is_loaded and not ready.network().training
    assert loaded.keys() == saved.keys() and all(torch.equal(loaded[key], saved[key]) for key in saved)
    assert ready.network() is ready.network()


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


def test_a_file_with_code_in_it_is_not_run(tmp_path, monkeypatch, caplog):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was here"),)

    path = tmp_path / sam.FILENAME
    path.write_bytes(pickle.dumps({"image_encoder.pos_embed": Attack()}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert "cannot be read" in refusal(monkeypatch, caplog, UNMASK_SAM=str(path), UNMASK_SAM_SHA256=digest)
    assert not (tmp_path / "was here").exists()


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


def test_a_host_can_leave_it_out_and_nothing_is_imported_before_a_click(monkeypatch):
    monkeypatch.delenv("UNMASK_OUTLINE", raising=False)
    assert sam.is_wanted()
    monkeypatch.setenv("UNMASK_OUTLINE", "0")
    assert not sam.is_wanted()
    program = "import sys, unmask.web.app; sys.exit('segment_anything' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=300)


# ---------------------------------------------------------------- pictures and points


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

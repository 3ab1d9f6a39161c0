"""What all visitors together cost: masks as bits, photos as the files they came in, and a limit on the sum."""

import gc
import io
import os
import platform
import types
import zipfile
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from tests.threads import run_in_thread
from tests.web.inverting import StandIn
from tests.web.web_page import free_port
from unmask import read_photo
from unmask.faces.face import face_from_box
from unmask.web import launch
from unmask.web.kept_photo import DecodedPhotos, KeptPhoto
from unmask.web.memory import Memory
from unmask.web.packed_mask import PackedMask
from unmask.web.session import Visit
from unmask.web.tabs.remove_page import NO_PHOTO

PATH = Path(__file__).resolve().parents[2] / "scripts" / "load.py"
BUDGET = 40  # MB


def reachable(*things) -> int:
    """Bytes of all arrays, files and texts that are kept alive by these."""
    seen, waiting, total = set(), list(things), 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (type, types.ModuleType, types.FunctionType)):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            total += thing.nbytes if thing.base is None else 0
            waiting.append(thing.base)
        elif isinstance(thing, (bytes, str)):
            total += len(thing)
        else:
            waiting += gc.get_referents(thing)
    return total


def png(photo: Image.Image) -> bytes:
    file = io.BytesIO()
    photo.save(file, "PNG", compress_level=9)
    return file.getvalue()


# ---------------------------------------------------------------- one visit


@pytest.mark.parametrize("kind", ["none", "all", "blob", "noise", "corner"])
def test_a_packed_mask_is_the_mask_again(kind):
    mask = np.zeros((301, 203), np.uint8)
    if kind == "all":
        mask[:] = 255
    elif kind == "blob":
        cv2.circle(mask, (90, 140), 60, 255, -1)
    elif kind == "noise":
        mask[20:, 33:] = np.where(np.random.default_rng(0).random((281, 170)) < 0.5, 255, 0)
    elif kind == "corner":
        mask[-1, -1] = 255
    packed = PackedMask.pack(mask)
    assert np.array_equal(packed.unpack(), mask) and packed.unpack().dtype == np.uint8
    assert packed == PackedMask.pack(mask.copy())
    assert packed != PackedMask.pack(255 - mask)
    assert packed.nbytes <= mask.size / 8 + 100


def test_a_tiny_file_of_fifty_megapixels_costs_next_to_nothing():
    file = png(Image.new("L", (7000, 7000), 120))
    assert len(file) < 100_000
    photo, decoded = read_photo(file), DecodedPhotos(10_000_000)
    found = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(found, (3500, 4200), (1200, 900), 0, 0, 360, 255, -1)
    visit = Visit.begin(photo, found, [face_from_box((2000, 2000, 5000, 5600))], kept=KeptPhoto(file, photo, decoded))
    for changed in (visit, visit.grown(+1), visit.grown(+1).choose(0, False), visit.look_at(None).cleared()):
        assert reachable(changed) < 5_000_000
        assert 0.5 * reachable(changed) < changed.nbytes < 2 * reachable(changed)
    assert np.array_equal(visit.photo, photo) and np.array_equal(visit.mask, found)


def test_pixels_are_kept_while_there_is_room_and_are_each_visitors_own():
    decoded = DecodedPhotos(3 * 300 * 200 * 3)
    files = [png(Image.effect_noise((300, 200), 20 + number)) for number in range(6)]
    photos = [read_photo(file) for file in files]
    kept = [KeptPhoto(*each, decoded) for each in zip(files, photos)]
    assert decoded.nbytes == decoded.budget
    assert kept[5].pixels is photos[5]
    for each, photo in zip(kept, photos):
        assert np.array_equal(each.pixels, photo)
        assert decoded.nbytes <= decoded.budget
    del each, kept
    gc.collect()
    assert decoded.nbytes == 0, "the pixels outlive their visit"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library does as it likes")
def test_what_is_free_is_given_back_before_a_large_photo_and_every_minute(script, monkeypatch):
    photo = np.zeros((5000, 5000, 3), np.uint8)
    small = photo[:100, :100]
    memory = Memory(None, 1)
    blocks = [np.ones(100_000, np.uint8) for _ in range(600)]
    del blocks[:-1]  # the last one is in the way of all before it
    before = script.resident(os.getpid())
    memory.keep(b"", small)
    assert before - script.resident(os.getpid()) < 20
    memory.keep(b"", photo)
    assert before - script.resident(os.getpid()) > 40

    blocks = [np.ones(100_000, np.uint8) for _ in range(600)]
    del blocks[:-1]
    before = script.resident(os.getpid())
    monkeypatch.setattr("unmask.web.memory.GIVE_BACK_EVERY", 0)
    memory.keep(b"", small)
    assert before - script.resident(os.getpid()) > 40


# ---------------------------------------------------------------- all visits


@pytest.fixture(scope="module")
def demo():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_VISITS_MB", str(BUDGET))
        demo = launch("127.0.0.1", free_port(), wait=False, unmasker=StandIn())
    yield demo
    demo.close()


def sent(number: int) -> bytes:
    """A photo of about 3 MB, 12 MB as pixels, that is like nobody else's."""
    noise = np.random.default_rng(number).integers(0, 256, (1000, 1000), np.uint8)
    photo = cv2.resize(noise, (2000, 2000), interpolation=cv2.INTER_CUBIC)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=95)
    return file.getvalue()


async def give_photo(visitor, data: bytes) -> None:
    picture = await visitor.upload("photo.jpg", data)
    outputs = await visitor.outputs("take_photo", [picture, None, ["ganmasker"], None, 1.0])
    assert any("Done" in str(output) for output in outputs), "no result"


async def take_results(visitor) -> np.ndarray | None:
    """The visitor's result, or None after the sentence."""
    (file,) = await visitor.outputs("save_all", [None, None])
    if file is None:
        assert visitor.told[-1] == NO_PHOTO
        return None
    path = file["value"]["path"] if "value" in file else file["path"]
    with zipfile.ZipFile(io.BytesIO(await visitor.fetch({"path": path}))) as archive:
        name = next(name for name in archive.namelist() if "ganmasker" in name)
        return read_photo(archive.read(name))


@pytest.mark.slow
def test_many_large_visits_stay_within_the_budget_and_nobody_gets_anothers_face(script, demo):
    photos = [sent(number) for number in range(14)]
    assert sum(map(len, photos)) > 1.5 * BUDGET * 1e6 / 2, "all of them would fit"

    async def everyone():
        most = 0
        async with httpx.AsyncClient(base_url=demo.local_url, timeout=300) as web:
            visitors = []
            for data in photos:
                visitors.append(script.Visitor(web, await script.named_functions(web), script.Figures()))
                await give_photo(visitors[-1], data)
                states = [dict(each.state_data) for each in demo.state_holder.session_data.values()]
                most = max(most, reachable(states))
            results = [await take_results(visitor) for visitor in visitors]
            await give_photo(visitors[0], photos[0])
            return most, results, await take_results(visitors[0])

    most, results, once_more = run_in_thread(everyone())
    assert most < BUDGET * 1e6
    there = [number for number, result in enumerate(results) if result is not None]
    assert there and there == list(range(there[0], len(photos))) and there[0] > 0, "the oldest go first"
    for data, result in [(photos[number], results[number]) for number in there] + [(photos[0], once_more)]:
        photo = read_photo(data)
        mask = StandIn().segment(photo)
        assert np.array_equal(result[mask == 0], photo[mask == 0]), "somebody else's face"

"""The web API for other programs, and the switches of Gradio that keep visitors apart."""

from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import numpy as np
import pytest
from gradio.components.image_editor import EditorData
from gradio.data_classes import FileData
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from unmask import Unmasker, read_photo
from unmask.imaging.metadata import NOTICE, write_png
from unmask.masks import read_mask
from unmask.registry import DEFAULT_MODELS
from unmask.web import build_demo
from unmask.web.components.inputs import MaskEditor


@pytest.fixture(scope="module")
def client(demo):
    return Client(demo.local_url, verbose=False)


def test_api_segment(client, pictures, unmasker):
    path = client.predict(handle_file(pictures["tall"]), api_name="/segment")
    photo = read_photo(pictures["tall"])
    assert np.array_equal(read_mask(path, photo.shape[:2]), unmasker.segment(photo))


def test_api_remove(client, pictures, unmasker, tmp_path):
    photo, square = read_photo(pictures["square"]), handle_file(pictures["square"])
    paths = client.predict(image=square, models=["glcic", "telea"], api_name="/remove")
    assert [path.rsplit("/", 1)[-1] for path in paths] == ["glcic.png", "telea.png"]
    expected = unmasker.remove(photo, None, ["glcic", "telea"])
    for path, name in zip(paths, expected):
        assert np.array_equal(read_photo(path), expected[name])
        assert Image.open(path).info["Description"] == NOTICE
    (path,) = client.predict(image=square, models=["glcic"], sample=2, api_name="/remove")
    another = unmasker.remove(photo, None, ["glcic"], sample=2)["glcic"]
    assert np.array_equal(read_photo(path), another) and not np.array_equal(another, expected["glcic"])
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[180:260, 100:230] = 255
    write_png(tmp_path / "mask.png", mask)
    paths = client.predict(image=square, mask=handle_file(tmp_path / "mask.png"), api_name="/remove")
    assert len(paths) == len(DEFAULT_MODELS)
    assert all(np.array_equal(read_photo(path)[mask == 0], photo[mask == 0]) for path in paths)


def test_api_errors_are_sentences(client, pictures):
    bad, square, tall = (handle_file(pictures[name]) for name in ("bad", "square", "tall"))
    for arguments, sentence in (
        ({"image": bad}, "not a readable JPEG, PNG, WebP"),
        ({"image": square, "mask": tall}, "but the photo is 335 x 335"),
        ({"image": square, "models": ["nobody"]}, "nobody"),
        ({"image": square, "models": []}, "There is no model"),
        ({"image": None}, "There is no photo"),
    ):
        with pytest.raises(AppError, match=sentence) as error:
            client.predict(**arguments, api_name="/remove")
        assert "Traceback" not in str(error.value)


def test_api_keeps_two_clients_apart(demo, pictures, unmasker):
    names = ["square", "other", "bare", "tall"]

    def call(name):
        path = Client(demo.local_url, verbose=False).predict(handle_file(pictures[name]), api_name="/segment")
        return name, np.array(Image.open(path))

    with ThreadPoolExecutor(4) as pool:
        for name, mask in pool.map(call, names * 2):
            assert np.array_equal(mask, unmasker.segment(read_photo(pictures[name])))


def test_the_api_page_names_these_endpoints(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/segment", "/remove", "/rate"}


def test_privacy_switches(demo, client):
    assert demo.analytics_enabled is False and demo.run_history is False and demo.show_error is False
    assert demo.enable_monitoring is False and demo.max_file_size == 30 * 1024**2
    frequency, age = demo.delete_cache
    assert frequency + age <= 600, "the footer promises ten minutes"
    states = [
        block for block in demo.blocks.values() if type(block).__name__ == "State" and block.value is None
    ]
    assert states and all(state.time_to_live <= 600 for state in states)


def test_strokes_are_not_uploaded_one_by_one(demo):
    editors = {key for key, block in demo.blocks.items() if type(block).__name__ == "MaskEditor"}
    assert editors
    assert not [target for fn in demo.fns.values() for target in fn.targets if target[0] in editors]


def test_the_editors_pictures_are_read_as_carefully_as_uploads(tmp_path):
    layer = np.zeros((512, 512, 4), np.uint8)
    layer[100:200, 100:200] = (255, 51, 102, 153)
    Image.fromarray(layer).save(tmp_path / "layer.png")
    Image.fromarray(layer).convert("RGB").save(tmp_path / "layer.ppm")
    (tmp_path / "torn.png").write_bytes((tmp_path / "layer.png").read_bytes()[:300])
    with gr.Blocks():
        editor = MaskEditor(type="numpy", format="png", sources=())

    def read(name):
        path = str(tmp_path / name)
        return editor.preprocess(EditorData(background=None, layers=[FileData(path=path)], composite=None))

    assert (read("layer.png")["layers"][0] == layer).all()
    for name in ("layer.ppm", "torn.png"):
        with pytest.raises(gr.Error, match="picture"):
            read(name)


def test_building_the_page_loads_no_weights(monkeypatch):
    monkeypatch.setattr(Unmasker, "model", lambda *args: pytest.fail("a model was loaded"))
    build_demo(Unmasker(device="cpu"))

"""The registry: specifications alone, and the names of before."""

import json
import subprocess
import sys

import pytest

import unmask
from unmask import weights
from unmask.catalog import list_models
from unmask.registry import MODELS, current_config, current_name


def test_registry_loads_no_network():
    code = "import sys; from unmask.registry import MODELS; print('torch' in sys.modules, len(MODELS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(len(MODELS))]


def test_old_names_are_understood():
    assert list_models("remover") == list_models("inpainting")
    assert list_models("segmenter") == list_models("segmentation")
    assert unmask.list_removers() == unmask.list_inpainting_models()
    assert current_name("face-finder") == "face-detector" and current_name("glcic") == "glcic"
    assert current_config({"width": 8, "fold": 2}) == {"width": 8, "downscale": 2}


def test_old_settings_in_a_weight_file_are_read(tmp_path):
    path = tmp_path / "mseg.safetensors"
    weights.save(path, "mseg", MODELS["mseg"].build(width=8, downscale=2), {"width": 8, "fold": 2}, 64, {})
    assert weights.load("mseg", path).downscale == 2


@pytest.mark.skipif("face-finder.safetensors" not in weights.released_hashes(), reason="no released weights")
def test_old_name_in_a_released_file_is_read():
    path = weights.find("face-detector")
    assert path.name == "face-finder.safetensors" and weights.find("face-finder") == path
    assert weights.read_metadata(path)["name"] == "face-detector"
    assert json.loads((weights.checkpoints() / "sha256.json").read_text())[path.name] == weights.sha256(path)

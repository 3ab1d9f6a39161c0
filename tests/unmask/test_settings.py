"""Every environment variable stands in one place; reading one never shows a secret."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import EXAMPLES, ROOT
from unmask import settings
from unmask.cli.main import main


def test_every_variable_that_the_code_names_is_listed():
    listed = {each.name for each in settings.ALL}
    for path in sorted((ROOT / "unmask").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"UNMASK_[A-Z0-9_]+", text)) <= listed, path
        if path.name != "settings.py":
            assert not re.search(r"(environ|getenv)\W+(get\W+)?UNMASK_", text), f"{path} reads a variable by itself"


def test_no_module_looks_for_the_checkout_around_it():
    """An installed package has no repository above it; what it reads lies inside it, or where UNMASK_HOME says."""
    for path in sorted((ROOT / "unmask").rglob("*.py")):
        room = len(path.relative_to(ROOT).parts) - 1  # folders between the file and the repository's root
        text = path.read_text(encoding="utf-8")
        for climbed in re.findall(r"__file__\)(?:\.resolve\(\))?((?:\.parents?(?:\[\d+\])?)*)", text):
            up = sum(int(each or 0) + 1 for each in re.findall(r"\.parents?(?:\[(\d+)\])?", climbed))
            assert up <= room, f"{path} looks above the package"


def test_values_have_their_types(monkeypatch, tmp_path):
    for each in settings.ALL:
        monkeypatch.delenv(each.name, raising=False)
        assert each.read() == each.default
        monkeypatch.setenv(each.name, " ")
        assert each.read() == each.default, "a blank variable is not set"
    monkeypatch.setenv("UNMASK_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("UNMASK_RATE_LIMIT", " 12 ")
    monkeypatch.setenv("UNMASK_MCP", "yes")
    monkeypatch.setenv("UNMASK_VOTES", str(tmp_path / "votes.db"))
    assert settings.WEIGHTS.read() == tmp_path and settings.RATE_LIMIT.read() == 12
    assert settings.VOTES.read() == tmp_path / "votes.db"
    assert settings.MCP.read() is False
    monkeypatch.setenv("UNMASK_MCP", "1")
    assert settings.MCP.read() is True
    # A secret is taken as it is, for what it signed must stay valid.
    monkeypatch.setenv("UNMASK_STUDY_SECRET", " with spaces ")
    assert settings.STUDY_SECRET.read() == " with spaces "


def test_home_is_where_it_is_started_unless_a_host_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("UNMASK_HOME", str(ROOT))
    assert settings.home() == ROOT and settings.examples() == EXAMPLES
    monkeypatch.delenv("UNMASK_HOME")
    monkeypatch.chdir(tmp_path)
    assert settings.home() == tmp_path and settings.examples() == Path(settings.__file__).with_name("examples")
    assert settings.environment()["UNMASK_HOME"] == str(tmp_path)


def test_the_command_lists_them_without_the_secrets(monkeypatch, capsys):
    monkeypatch.setenv("UNMASK_RESEARCHER_TOKEN", "hunter2")
    monkeypatch.setenv("UNMASK_HUB_REPO", "me/weights")
    monkeypatch.delenv("UNMASK_RATE_LIMIT", raising=False)
    assert main(["settings"]) == 0
    listed = capsys.readouterr().out
    assert all(each.name in listed for each in settings.ALL)
    assert "hunter2" not in listed and re.search(r"UNMASK_RESEARCHER_TOKEN +\(set\)", listed)
    assert re.search(r"UNMASK_HUB_REPO +me/weights", listed)
    monkeypatch.setenv("UNMASK_RATE_LIMIT", "many")
    assert main(["settings"]) == 1
    assert capsys.readouterr().err == "UNMASK_RATE_LIMIT must be a whole number from 1, not 'many'.\n"


@pytest.mark.parametrize("module", ["unmask.imaging.reader", "unmask.pipeline", "unmask.batch.local"])
def test_importing_changes_nothing_for_others(module):
    """Pillow's limit, the warnings' filters and torch's threads are the process's, not a library's."""
    code = f"""
import warnings, torch
from PIL import Image
def state(): return Image.MAX_IMAGE_PIXELS, warnings.filters[:], torch.get_num_threads()
import numpy, cv2, safetensors.torch, huggingface_hub, torch.utils.data
before = state()
import {module}
assert state() == before, (before, state())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_help_takes_half_a_second_of_cpu():
    """The middle of three, as the machine may be busy; torch alone would take twice as long."""
    code = "import time, sys\nfrom unmask.cli.main import build_parser\nbuild_parser().format_help()\n"
    code += "assert not {'torch', 'gradio', 'pydantic'} & set(sys.modules)\nprint(time.process_time())"
    took = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        took.append(float(done.stdout))
    assert sorted(took)[1] < 0.5, took

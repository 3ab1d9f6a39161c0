"""Weights and Space to the Hub and back, against a stand-in for it on this machine."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants
from packaging.requirements import Requirement

from tests.unmask.stand_in_hub import TOKEN, Hub
from unmask import weights
from unmask.cli import hub
from unmask.nets.glcic import GLCIC

ROOT = Path(__file__).resolve().parents[2]


def at(url, monkeypatch):
    """What HF_ENDPOINT does when huggingface_hub is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The stand-in, which huggingface_hub takes for the Hub; an empty cache; a token; and no waiting between tries."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    at(server.url, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # what a cut can lose: less than the small file
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("UNMASK_WEIGHTS", "UNMASK_HUB_REPO", "UNMASK_HUB_REVISION"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small git checkout: a demo, one released network, and files that must never leave it."""
    root = tmp_path / "checkout"
    files = {
        "README.md": "---\ntitle: Unmask\nsdk: gradio\nmodels: []\n---\n# Unmask\n",
        "LICENSE": "MIT\n",
        "app.py": "print('demo')\n",
        "requirements.txt": "gradio\n",
        "unmask/__init__.py": "",
        "checkpoints/README.md": "---\nlicense: other\n---\n# Model card\n",
        "tests/test_it.py": "",
        ".gitignore": "runs/\n",
        "runs/photo.png": "private",
        "unmask/untracked.py": "private",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    torch.manual_seed(0)
    released = root / "checkpoints/glcic.safetensors"
    weights.save(released, "glcic", GLCIC(width=8), {"width": 8}, 64, {"kimg": 1})
    (root / "checkpoints/sha256.json").write_text(json.dumps({released.name: weights.sha256(released)}))
    (root / "unmask/link.py").symlink_to(root / "runs/photo.png")
    (root / ".gitignore").write_text("runs/\nunmask/untracked.py\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "-m", "All")
    monkeypatch.setenv("UNMASK_HOME", str(root))
    return root


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A machine that has the list of released weights, but not the weights."""

    def move(checkout: Path) -> None:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        shutil.copy(checkout / "checkpoints/sha256.json", folder)
        monkeypatch.setattr(weights, "checkpoints", lambda: folder)

    return move


def git(root, *arguments):
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def push(*arguments: str) -> int:
    parser = argparse.ArgumentParser("push")
    hub.add_commands(parser)
    args = parser.parse_args(arguments)
    return args.command(args)


def ask_for(monkeypatch, revision, repo="me/weights"):
    monkeypatch.setenv("UNMASK_HUB_REPO", repo)
    monkeypatch.setenv("UNMASK_HUB_REVISION", revision)


@pytest.fixture
def sent(server, checkout, elsewhere, monkeypatch):
    """The weights on the Hub, and a machine set up to take them from there."""
    assert push("weights", "me/weights") == 0
    elsewhere(checkout)
    ask_for(monkeypatch, server.repos["models", "me/weights"][-1][0])
    server.served.clear()
    return server


def refused(caplog) -> str:
    """Loading fails, with a sentence for strangers that says nothing about this machine. Returns what was logged."""
    caplog.clear()
    with pytest.raises(weights.WeightsError) as error:
        weights.load("glcic")
    faults = ("are missing on this machine", "on this machine cannot be used")
    sentences = [f"The weights of GLCIC {fault}." for fault in faults]
    assert str(error.value) in sentences
    return caplog.text


def cached(name="glcic.safetensors") -> list[Path]:
    return list(Path(constants.HF_HUB_CACHE).rglob(name))


# ---------------------------------------------------------------- weights there and back


def test_weights_and_card_go_to_the_hub(server, checkout, capsys):
    assert push("weights", "me/weights", "--private") == 0
    there = server.files("models", "me/weights")
    assert set(there) == {".gitattributes", "README.md", "glcic.safetensors", "sha256.json"}
    assert there["glcic.safetensors"] == (checkout / "checkpoints/glcic.safetensors").read_bytes()
    assert there["README.md"] == (checkout / "checkpoints/README.md").read_bytes()
    assert server.private["models", "me/weights"]
    printed = capsys.readouterr().out
    assert f"UNMASK_HUB_REPO=me/weights UNMASK_HUB_REVISION={server.repos['models', 'me/weights'][-1][0]}" in printed
    assert push("weights", "me/weights") == 0  # once more, into a repository that is there


def test_what_was_sent_is_loaded_elsewhere(sent, checkout):
    loaded = weights.load("glcic")
    original = weights.load("glcic", checkout / "checkpoints/glcic.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), original.parameters(), strict=True))
    assert sent.served == [""]
    weights.load("glcic")
    assert sent.served == [""]  # the second time it is in the cache


def test_offline_it_comes_from_the_cache_or_is_missing(sent, monkeypatch, caplog):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "could not be had from me/weights" in refused(caplog)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    weights.load("glcic")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    weights.load("glcic")
    assert sent.served == [""]


def test_hub_that_cannot_be_reached(sent, monkeypatch, caplog):
    at("http://127.0.0.1:9", monkeypatch)  # where nothing listens
    assert "could not be had from me/weights" in refused(caplog)
    at(sent.url, monkeypatch)
    weights.load("glcic")


def test_connection_cut_once_goes_on_where_it_broke_off(sent):
    sent.cuts = [10_000]
    weights.load("glcic")
    assert sent.served == ["", "bytes=10000-"]


def test_connection_cut_again_and_again(sent, caplog):
    sent.cuts = [10_000] + [0] * 20
    log = refused(caplog)
    assert "glcic.safetensors could not be had from me/weights" in log
    assert not cached()  # no half file under the name that is loaded
    sent.cuts = []
    weights.load("glcic")


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:-100]])
def test_wrong_content_is_refused_and_not_kept(sent, caplog, damage, monkeypatch):
    good = sent.repos["models", "me/weights"][-1]
    files = good[1] | {"glcic.safetensors": damage(good[1]["glcic.safetensors"])}
    sent.repos["models", "me/weights"][-1] = (good[0], files)
    assert "does not have the released sha256" in refused(caplog)
    assert not cached() and not [path for path in Path(constants.HF_HUB_CACHE).rglob("blobs/*") if path.is_file()]
    sent.repos["models", "me/weights"][-1] = good
    weights.load("glcic")


@pytest.mark.parametrize(
    ("repo", "revision", "reason"),
    [
        ("me/nothing", "1" * 40, "RepositoryNotFoundError"),
        ("me/weights", "1" * 40, "RevisionNotFoundError"),
        ("me/weights", "", "needs UNMASK_HUB_REVISION"),
        ("no repo", "main", "could not be had from no repo"),
    ],
)
def test_wrong_address(sent, monkeypatch, caplog, repo, revision, reason):
    ask_for(monkeypatch, revision, repo)
    assert reason in refused(caplog)


def test_network_that_was_never_released_is_not_asked_for(sent, caplog):
    with pytest.raises(weights.WeightsError, match="M-Seg are missing"):
        weights.load("mseg")
    assert "no hash in checkpoints/sha256.json" in caplog.text
    assert not sent.served


def test_listing_that_is_broken(sent, caplog):
    (weights.checkpoints() / "sha256.json").write_text("{")
    with pytest.raises(weights.WeightsError, match="^The list of weights on this machine cannot be read.$"):
        weights.load("glcic")
    assert "sha256.json" in caplog.text


# ---------------------------------------------------------------- the Space


def test_space_gets_the_demo_and_nothing_else(server, checkout):
    assert push("space", "me/unmask") == 0
    assert set(server.files("spaces", "me/unmask")) == {
        ".gitattributes", "README.md", "LICENSE", "app.py", "requirements.txt", "unmask/__init__.py",
        "checkpoints/README.md", "checkpoints/glcic.safetensors", "checkpoints/sha256.json",
    }  # fmt: skip
    assert "me/unmask" not in server.variables


def test_space_is_made_the_same_as_the_checkout(server, checkout):
    push("space", "me/unmask")
    there = server.files("spaces", "me/unmask")
    server.commit("spaces", "me/unmask", there | {"unmask/old.py": b"", ".gitattributes": b"own"})
    assert push("space", "me/unmask") == 0
    assert set(server.files("spaces", "me/unmask")) == set(there)


def test_space_that_takes_its_weights_from_the_hub(server, checkout, elsewhere, monkeypatch):
    push("weights", "me/weights")
    assert push("space", "me/unmask", "--weights", "me/weights") == 0
    there = server.files("spaces", "me/unmask")
    assert not [name for name in there if name.endswith(".safetensors")]
    assert b"\nmodels: [me/weights]\n" in there["README.md"]
    for key, value in server.variables["me/unmask"].items():  # as the Space sets them
        monkeypatch.setenv(key, value)
    elsewhere(checkout)
    weights.load("glcic")


def test_space_whose_weights_are_not_the_released_ones(server, checkout, capsys):
    push("weights", "me/weights")
    server.commit("models", "me/weights", {"README.md": b""})
    assert push("space", "me/unmask", "--weights", "me/weights") == 1
    assert "me/weights does not have the released glcic.safetensors" in capsys.readouterr().err
    assert ("spaces", "me/unmask") not in server.repos


# ---------------------------------------------------------------- this checkout


def test_front_matter_of_the_readme():
    """What a Space is made from: https://huggingface.co/docs/hub/spaces-config-reference"""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    card = yaml.safe_load(front)
    requirements = (ROOT / "requirements.txt").read_text()
    assert card["sdk"] == "gradio" and f"gradio=={card['sdk_version']}\n" in requirements
    assert card["python_version"] in ("3.10.13", "3.12.12")  # those of ZeroGPU
    assert (ROOT / card["app_file"]).is_file()
    assert card["license"] == "mit" and len(card["short_description"]) <= 60
    assert hub.NO_MODELS in front.splitlines() and card["tags"]
    assert body.startswith("\n# Unmask\n")


def test_torch_of_a_space_fits_the_requirements():
    wanted = next(line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch"))
    pinned = (ROOT / "pre-requirements.txt").read_text().splitlines()[-1]
    assert Requirement(wanted).specifier.contains(pinned.removeprefix("torch=="))


def test_image_has_what_the_space_has():
    """The Dockerfile's files, which .dockerignore lets through, are the Space's, but for what only the Hub reads."""
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    copied = {name for line in copied for name in line.split()}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept == set(hub.SPACE) - {"pre-requirements.txt", "docs/"}


@pytest.mark.slow
def test_the_files_of_a_space_are_enough_to_start_it(tmp_path):
    """The demo's page is built from those files alone, as committed or as they are being changed."""
    inside = tuple(part for part in hub.SPACE if part.endswith("/"))
    for part in hub.SPACE:
        source = ROOT / part
        if part in inside:
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / part)
    code = "import app, gradio, unmask.web; print(isinstance(unmask.web.build_demo(), gradio.Blocks), unmask.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.stdout.split() == ["True", str(tmp_path / "unmask/__init__.py")], done.stderr


def test_from_the_command_line(server, checkout, tmp_path):
    """HF_ENDPOINT and all, in its own process: the parser of `push` alone, without torch."""
    code = "import argparse, sys; from unmask.cli import hub; "
    code += "parser = argparse.ArgumentParser(); hub.add_commands(parser); args = parser.parse_args(); "
    code += "status = args.command(args); assert 'torch' not in sys.modules; sys.exit(status)"
    environment = os.environ | {"HF_ENDPOINT": server.url, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, "space", "me/unmask"],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "app.py" in server.files("spaces", "me/unmask")


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("what", ["weights", "space"])
def test_dry_run_lists_all_and_sends_nothing(server, checkout, capsys, what):
    assert push(what, "me/it", "--dry-run") == 0
    listed = {line.split()[-1] for line in capsys.readouterr().out.splitlines()[:-1]}
    assert not server.repos
    push(what, "me/it")
    assert listed == set(server.files(f"{'model' if what == 'weights' else what}s", "me/it")) - {".gitattributes"}


def test_uncommitted_changes_are_not_sent(server, checkout, capsys):
    (checkout / "app.py").write_text("changed")
    assert push("space", "me/unmask") == 1
    assert "1 of these files have changes that are not committed" in capsys.readouterr().err
    assert not server.repos
    assert push("weights", "me/weights") == 0  # which have not changed


def test_damaged_weights_are_not_sent(server, checkout, capsys):
    with open(checkout / "checkpoints/glcic.safetensors", "ab") as file:
        file.write(b"x")
    assert push("weights", "me/weights") == 1
    assert "is not the released file" in capsys.readouterr().err
    assert not server.repos


def test_weights_and_listing_must_agree(server, checkout, capsys):
    (checkout / "checkpoints/sha256.json").write_text('{"pix2pix.safetensors": ""}')
    assert push("weights", "me/weights") == 1
    assert "differ: glcic.safetensors, pix2pix.safetensors" in capsys.readouterr().err


def test_outside_of_a_checkout(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert push("space", "me/unmask") == 1
    assert "run this in a checkout of Unmask" in capsys.readouterr().err


def test_no_token(server, checkout, monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert push("weights", "me/weights") == 1
    assert "no token" in capsys.readouterr().err


def test_what_the_hub_refuses(server, checkout, monkeypatch, capsys):
    assert push("weights", "other/weights") == 1
    assert capsys.readouterr().err == "other/weights: the token may not write there.\n"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert push("weights", "me/weights") == 1
    assert capsys.readouterr().err == "me/weights: the Hub does not accept the token.\n"
    assert push("space", "me/unmask", "--weights", "me/nothing") == 1
    assert "me/nothing: " in capsys.readouterr().err
    assert not server.repos


def test_name_that_is_none(checkout, capsys):
    with pytest.raises(SystemExit) as stop:
        push("weights", "nonsense")
    assert stop.value.code == 2
    assert "not of the form OWNER/NAME" in capsys.readouterr().err

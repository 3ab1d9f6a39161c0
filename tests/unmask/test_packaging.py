"""The package as others install it: its lists of dependencies, and a wheel that works away from the checkout."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires, version

import pytest
import torch
import torchvision
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import unmask
from tests.paths import EXAMPLES, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def read_requirements(name: str) -> list[Requirement]:
    lines = (line.strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_a_space_installs_what_the_package_asks_for():
    """requirements.txt is for Spaces and `make demo`, which read no pyproject.toml."""
    assert [str(each) for each in read_requirements("requirements.txt")] == [
        str(Requirement(each)) for each in PROJECT["dependencies"]
    ]


def test_constraints_are_exact_and_within_what_the_package_allows():
    pinned = {}
    for each in read_requirements("constraints.txt"):
        assert re.fullmatch(r"==[\w.]+", str(each.specifier)), f"{each} is no exact version"
        pinned[canonicalize_name(each.name)] = str(each.specifier).removeprefix("==")
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + [each for name, extra in extras.items() if name != "ray" for each in extra]
    for each in map(Requirement, wanted):
        name = canonicalize_name(each.name)
        assert name == "unmask" or each.specifier.contains(pinned[name]), f"{name} {pinned.get(name)} is not {each}"


def test_a_commit_is_linted_by_the_ruff_that_ci_runs():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    pinned = next(each for each in read_requirements("constraints.txt") if each.name == "ruff")
    assert str(pinned.specifier) == f"=={hook['rev'].removeprefix('v')}"


def test_python_is_what_ci_runs():
    ran = re.search(r"python: \[(.+)\]", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    minors = [int(each) for each in re.findall(r'"3\.(\d+)"', ran[1])]
    assert PROJECT["requires-python"] == f">=3.{min(minors)},<3.{max(minors) + 1}"
    named = [each for each in PROJECT["classifiers"] if each.startswith("Programming Language :: Python :: 3.")]
    assert named == [f"Programming Language :: Python :: 3.{minor}" for minor in minors]
    assert f"python_version: 3.{max(minors)}." in (ROOT / "README.md").read_text(), "a Space runs another Python"


@pytest.mark.parametrize(("torch_release", "fits"), [("2.10.0", "0.25.0"), ("2.11.0", "0.26.0"), ("2.14.1", "0.29.1")])
def test_pairs_of_torch_and_torchvision_are_allowed(torch_release, fits):
    allowed = {each.name: each.specifier for each in read_requirements("requirements.txt")}
    assert allowed["torch"].contains(torch_release) and allowed["torchvision"].contains(fits)
    # The pair whose build for CPUs is broken.
    assert not allowed["torch"].contains("2.13.0") and not allowed["torchvision"].contains("0.28.0")


def test_torchvision_fits_this_torch():
    """torchvision's compiled operators are there, which a torch of another release would lack."""
    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]], dtype=torch.float32)
    assert torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]
    needs = {each.name: each for each in map(Requirement, requires("torchvision"))}
    assert needs["torch"].specifier.contains(version("torch"))


# ---------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, as `pip wheel` builds it with the backend that is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=300)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel alone, which finds the dependencies of this one; its folder of programs."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=300)
    purelib, here = (
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout.strip()
        for python in (folder / "bin" / "python", sys.executable)
    )  # fmt: skip
    # Not this environment's .pth files, one of which may name the checkout: its folder alone, after the wheel's.
    with open(os.path.join(purelib, "dependencies.pth"), "w") as file:
        file.write(here + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--disable-pip-version-check", "--no-index", str(wheel)], check=True, timeout=300)
    return folder / "bin"


def test_the_wheel_holds_what_is_read_at_run_time(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    inside = {
        str(path.relative_to(ROOT))
        for room in ("unmask", "train")
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    examples = {f"unmask/examples/{path.name}" for path in EXAMPLES.iterdir()}
    assert inside | examples | {"unmask/released.json"} <= held
    others = {name.split("/")[0] for name in held - inside}
    assert others == {"unmask", f"unmask-{unmask.__version__}.dist-info"}, "a wheel is no place for the tests"
    assert not [name for name in held if name.endswith(".safetensors")]


def call(installed, folder, *words, **variables) -> subprocess.CompletedProcess:
    """Run an installed program in another folder, with none of our variables but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNMASK_", "PYTHON"))}
    program = installed / words[0]
    return subprocess.run(
        [program, *words[1:]], cwd=folder, env=kept | variables, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_it_works_in_another_folder(installed, tmp_path):
    told = call(installed, tmp_path, "unmask", "--version")
    assert told.stdout == f"unmask {unmask.__version__}\n" and told.returncode == 0, told.stderr
    where = call(installed, tmp_path, "python", "-c", "import unmask; print(unmask.__file__)").stdout
    assert where.startswith(str(installed.parent)), "it is the checkout that is tested"
    # Every model is known, and none has its weights here.
    models = call(installed, tmp_path, "unmask", "models", "--json")
    rows = {row["name"]: row for row in json.loads(models.stdout)}
    assert {"mseg", "ganmasker", "telea"} <= rows.keys() and not any(row["weights"] for row in rows.values())
    # Named, they are found and are the released ones.
    models = call(installed, tmp_path, "unmask", "models", "--json", UNMASK_HOME=str(ROOT))
    rows = {row["name"]: row for row in json.loads(models.stdout)}
    assert rows["mseg"]["weights"] == str(ROOT / "checkpoints" / "mseg.safetensors")
    assert call(installed, tmp_path, "unmask-train", "--help").returncode == 0


@pytest.mark.slow
def test_without_weights_it_says_where_to_get_them(installed, tmp_path):
    done = call(installed, tmp_path, "unmask", "mask", str(EXAMPLES / "hopper-kn95.png"), "--out", "out")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(name in done.stderr for name in ("UNMASK_HOME", "UNMASK_WEIGHTS", "UNMASK_HUB_REPO")), done.stderr
    # What the Hub gives is checked against the list of hashes that the wheel carries.
    code = "from unmask import weights, settings; print(len(weights.released_hashes()), settings.examples())"
    count, examples = call(installed, tmp_path, "python", "-c", code).stdout.split()
    assert int(count) == len(json.loads((ROOT / "checkpoints" / "sha256.json").read_text()))
    assert sorted(os.listdir(examples)) == sorted(os.listdir(EXAMPLES))


@pytest.mark.slow
def test_the_analysis_of_studies_is_not_loaded_at_the_start():
    """It is half a gigabyte on the disk and a second of the processor; pandas comes with gradio, and brings pyarrow."""
    code = "import sys; from unmask.web.app import build_demo; build_demo(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"scipy", "statsmodels", "matplotlib", "choix"} & set(loaded.split()) and "pandas" in loaded.split()

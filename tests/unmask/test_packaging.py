"""The package as others install it: its lists of dependencies, and a wheel that works away from the checkout."""

import re
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import torch
import torchvision
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
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

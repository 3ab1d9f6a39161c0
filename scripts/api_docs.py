"""Writes the API's documentation, made from the docstrings: python scripts/api_docs.py [--out out/api]."""

import argparse
import importlib
import pkgutil
import sys
import warnings
from pathlib import Path

import pdoc

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PACKAGES = ("unmask", "train")


def modules() -> list[str]:
    """Every module of the packages: pdoc itself would leave out what a package's __all__ does not name.

    A module that needs a package which is not installed is left out.
    """
    names = []
    for package in PACKAGES:
        found = pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
        for name in [package, *(module.name for module in found if not module.name.endswith("__main__"))]:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
            else:
                names.append(name)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out/api", metavar="DIR")
    out = parser.parse_args().out
    # Packages without an __all__ bring their modules along, once more.
    warnings.filterwarnings("ignore", "The module specification", UserWarning)
    pdoc.pdoc(*modules(), output_directory=out)
    print(out / "index.html")


if __name__ == "__main__":
    main()

"""The app as `python app.py` starts it, with the released weights, for the files of this folder."""

import pytest

from tests.paths import EXAMPLES
from tests.web.web_page import free_port
from unmask import Unmasker, read_photo
from unmask.imaging.metadata import write_png
from unmask.web import launch


@pytest.fixture(scope="session")
def demo():
    """The app as `python app.py` starts it, on a free port."""
    demo = launch("127.0.0.1", free_port(), wait=False)
    yield demo
    demo.close()


@pytest.fixture(scope="session")
def unmasker():
    """Another Unmasker with the same weights: what it says, the page must show."""
    return Unmasker(device="cpu")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Test pictures by name, as files: masked faces that are square and not, a bare face, and a bad file."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = {
        name: EXAMPLES / f"{example}.png"
        for name, example in (("square", "hopper-kn95"), ("other", "astronaut-surgical"), ("bare", "hopper"))
    }
    paths["tall"] = folder / "tall.png"
    write_png(paths["tall"], read_photo(paths["square"])[:, 30:-30])
    paths["bad"] = folder / "bad.png"
    paths["bad"].write_text("This is no picture.")
    return paths

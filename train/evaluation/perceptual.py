"""LPIPS, FID and KID, where their packages and networks are on disk. Nothing is ever downloaded for them.

They take `pip install lpips torch-fidelity torchvision`, and two files in torch's own folder (see `folder`): AlexNet's
ImageNet weights as torchvision names them, and Inception's of 2015 as torch-fidelity names them.
"""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unmask.types import Json

ALEXNET, INCEPTION = "alexnet-owt-7be5be79.pth", "weights-inception-2015-12-05-6726825d.pth"
FEWEST = 20  # pictures for which FID and KID are measured at all


def folder() -> Path:
    """Where torch.hub, and with it both packages, look for weights; TORCH_HOME moves it."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def lacking(packages: Iterable[str], weights: str) -> str:
    """What is not there, for people; empty when all is."""
    missing = [f"package {name}" for name in packages if importlib.util.find_spec(name.replace("-", "_")) is None]
    if not (folder() / weights).is_file():
        missing.append(f"{weights} in $TORCH_HOME/hub/checkpoints")  # no path of this machine: reports are published
    return ", ".join(missing)


def add_lpips(
    rows: list[Json], results: dict[str, list[np.ndarray]], truths: list[np.ndarray], device: torch.device
) -> list[str]:
    """Put `lpips` (v0.1, AlexNet, lower is better) into the rows of every model in `results`; returns notes.

    results: model -> composites, (S, S, 3) uint8, one of each face in the order of its rows; truths: the bare faces.
    """
    if missing := lacking(("lpips", "torchvision"), ALEXNET):
        return [f"LPIPS was not measured, for want of: {missing}."]
    import lpips

    network = lpips.LPIPS(net="alex", verbose=False).to(device).eval()
    with torch.inference_mode():
        for name, images in results.items():
            own = [row for row in rows if row["model"] == name]
            for row, image, truth in zip(own, images, truths):
                pair = [to_uint8_tensor(x)[None].to(device) / 127.5 - 1 for x in (image, truth)]  # 1 3 S S in [-1, 1]
                row["lpips"] = float(network(*pair))
    return []


def distances(
    results: dict[str, list[np.ndarray]], truths: list[np.ndarray], device: torch.device
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """FID and KID of every model's composites against the bare faces of the same people, and notes."""
    if not results:
        return {}, []
    if missing := lacking(("torch-fidelity",), INCEPTION):
        return {}, [f"FID and KID were not measured, for want of: {missing}."]
    if len(truths) < FEWEST:
        return {}, [f"FID and KID were not measured: they need {FEWEST} faces or more."]
    from torch_fidelity import calculate_metrics

    subset = min(1000, len(truths) // 2)
    measured = {}
    for name, images in results.items():
        found = calculate_metrics(
            input1=Pictures(images), input2=Pictures(truths), fid=True, kid=True, kid_subset_size=subset,
            cuda=device.type == "cuda", cache=False, verbose=False, save_cpu_ram=True,
            feature_extractor_weights_path=str(folder() / INCEPTION),
        )  # fmt: skip
        measured[name] = {
            "FID": found["frechet_inception_distance"],
            "KID": found["kernel_inception_distance_mean"],
            "KID std": found["kernel_inception_distance_std"],
        }
    note = f"FID and KID by torch-fidelity: composites against the bare faces of the same {len(truths)} photos; "
    return measured, [note + f"KID over subsets of {subset}. FID is biased upwards for fewer than some ten thousand."]


def to_uint8_tensor(image: np.ndarray) -> Tensor:
    """(S, S, 3) uint8 -> (3, S, S) uint8."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


class Pictures(Dataset[Tensor]):
    """Pictures as torch-fidelity takes them: (3, S, S) uint8."""

    def __init__(self, images: list[np.ndarray]):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return to_uint8_tensor(self.images[index])

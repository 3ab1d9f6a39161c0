"""A small Segment Anything with random weights, saved as Meta's is, and a stand-in that counts what it is asked."""

import hashlib
from importlib import import_module

import numpy as np
import torch

from unmask import sam
from unmask.sam import Sam


def build_small() -> torch.nn.Module:
    """In the place of ViT-B: the same parts, for 64 px, with random weights."""
    parts = import_module("segment_anything.modeling")
    encoder = parts.ImageEncoderViT(
        img_size=64, embed_dim=32, depth=2, num_heads=2, out_chans=32, use_rel_pos=True, window_size=2,
        global_attn_indexes=(1,),
    )  # fmt: skip
    prompts = parts.PromptEncoder(
        embed_dim=32, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_chans=16
    )
    transformer = parts.TwoWayTransformer(depth=2, embedding_dim=32, num_heads=2, mlp_dim=32)
    network = parts.Sam(encoder, prompts, parts.MaskDecoder(transformer_dim=32, transformer=transformer))
    for each in network.parameters():
        if each.ndim > 1:  # its own beginning is too faint for answers that differ
            torch.nn.init.normal_(each, std=0.3)
    return network


def save_small_sam(folder):
    """Write a small SAM's checkpoint; the network and its environment variables."""
    torch.manual_seed(0)
    network = build_small()
    torch.save(network.state_dict(), folder / sam.FILENAME)
    digest = hashlib.sha256((folder / sam.FILENAME).read_bytes()).hexdigest()
    return network, {"UNMASK_SAM": str(folder), "UNMASK_SAM_SHA256": digest}


def picture(seed: int, shape=(48, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


class Counting(Sam):
    """Counts what is asked of it, as slow as it is told; it finds a disk around the point."""

    def __init__(self, gate=None):
        super().__init__()
        self.embedded, self.points, self.gate = [], [], gate

    def embed(self, picture):
        self.embedded.append(picture)
        if self.gate:
            self.gate.wait(10)
        return sam.Embedding(torch.from_numpy(picture[:1, :1].copy()), picture.shape[:2])

    def outline(self, embedding, points, labels=None):
        self.points += points
        ys, xs = np.mgrid[: embedding.shape[0], : embedding.shape[1]]
        return np.where(np.hypot(xs + 0.5 - points[0][0], ys + 0.5 - points[0][1]) < 50, 255, 0).astype(np.uint8)

"""Mask R-CNN (He et al. 2017) for one class, the face mask: the segmentation model of "A Deep Learning Framework to
Reconstruct Face under Mask" (2022), in torchvision's implementation.

torchvision is imported when the network is built: it takes seconds, which no other network needs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unmask.nets.landmarks import mobilenet_v2
from unmask.nets.layers import Network

LACKING = "Mask R-CNN needs torchvision, in the release that fits torch: see requirements.txt."


class Backbone(nn.Module):
    """MobileNetV2 at `width` times its channels under a feature pyramid (Lin et al. 2017), in ResNet-50's place."""

    LEVELS = (1, 2, 4, 6)  # stages at a 4th, 8th, 16th and 32nd of the crop

    def __init__(self, width: float, channels: int):
        from torchvision.ops import FeaturePyramidNetwork

        super().__init__()
        self.stem, self.stages, widths = mobilenet_v2(width)
        self.fpn = FeaturePyramidNetwork([widths[i] for i in self.LEVELS], channels, norm_layer=nn.BatchNorm2d)
        self.out_channels = channels  # torchvision asks for it

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: N3HW, H and W multiples of 32. Returns "0" to "3", fine to coarse: (N, channels, H / 4, W / 4) and on."""
        x, kept = self.stem(x), {}
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self.LEVELS:
                kept[str(self.LEVELS.index(i))] = x
        levels: dict[str, Tensor] = self.fpn(kept)
        return levels


def keep_size(image: Tensor, target: dict[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor] | None]:
    """In the place of torchvision's resize, which would enlarge every crop to 800 px."""
    return image, target


class MaskRCNN(Network):
    """Proposals from a feature pyramid; a score, a box and a mask of 28 x 28 for each.

    The paper's heads at a fraction of their channels (`channels` 64 instead of 256). Crops hold one mask or a few,
    so that few proposals are looked at. Raises ImportError, with one sentence, where torchvision cannot be imported.
    """

    def __init__(self, width: float = 0.75, channels: int = 64):
        try:
            from torchvision.models import detection
            from torchvision.models.detection.anchor_utils import AnchorGenerator
            from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
            from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
            from torchvision.ops import MultiScaleRoIAlign
        except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision of another torch
            raise ImportError(LACKING) from error
        super().__init__()
        classes, hidden = 2, 4 * channels  # background, face mask
        self.rcnn = detection.MaskRCNN(
            Backbone(width, channels),
            image_mean=[0, 0, 0], image_std=[1, 1, 1],  # crops come in [-1, 1]
            rpn_anchor_generator=AnchorGenerator(((12,), (24,), (48,), (96,)), ((0.5, 1.0, 2.0),) * 4),
            rpn_pre_nms_top_n_train=200, rpn_pre_nms_top_n_test=200,
            rpn_post_nms_top_n_train=64, rpn_post_nms_top_n_test=32, rpn_batch_size_per_image=64,
            box_head=TwoMLPHead(channels * 7**2, hidden), box_predictor=FastRCNNPredictor(hidden, classes),
            box_score_thresh=0.5, box_detections_per_img=20,
            box_batch_size_per_image=16, box_positive_fraction=0.25,
            # The finest features for every mask, for a crop's masks are small: 14 cells are about 56 px of it.
            mask_roi_pool=MultiScaleRoIAlign(["0"], output_size=14, sampling_ratio=2),
            mask_head=MaskRCNNHeads(channels, (channels,) * 4, dilation=1),
            mask_predictor=MaskRCNNPredictor(channels, channels, classes),
        )  # fmt: skip
        self.rcnn.transform.resize = keep_size

    def losses(self, crop: Tensor, instances: Sequence[Tensor]) -> dict[str, Tensor]:
        """torchvision's five losses, in training mode. crop: N3HW in [-1, 1], H and W multiples of 32; instances: for
        each picture its masks, (M, H, W) of {0, 1}, none of them empty; M may be 0."""
        from torchvision.ops import masks_to_boxes

        targets = []
        for masks in instances:
            boxes = masks_to_boxes(masks) + masks.new_tensor([0, 0, 1, 1])  # the last pixel belongs to the box
            labels = torch.ones(len(masks), dtype=torch.int64, device=masks.device)
            targets.append({"boxes": boxes, "labels": labels, "masks": masks.to(torch.uint8)})
        with torch.autocast(crop.device.type, enabled=False):  # bf16 would round a box's corners to a pixel
            losses: dict[str, Tensor] = self.rcnn(list(crop.float()), targets)
            return losses

    def forward(self, crop: Tensor) -> Tensor:
        """crop: N3HW in [-1, 1], H and W multiples of 32. Returns the mask's probability, N1HW in [0, 1]: the highest
        of the instances that are likelier a mask than not. In eval mode alone: training takes `losses`."""
        with torch.autocast(crop.device.type, enabled=False):
            found = self.rcnn(list(crop.float()))  # for each picture boxes, scores, and masks (M, 1, H, W)
        nothing = crop.new_zeros(1, 1, *crop.shape[2:], dtype=torch.float32)
        return torch.stack([torch.cat([nothing, each["masks"]]).amax(dim=0) for each in found])  # (N, 1, H, W)

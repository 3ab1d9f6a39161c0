"""A second classical baseline: inpainting as a flow (Bertalmio, Bertozzi and Sapiro, CVPR 2001)."""

import cv2

from unmask.nets.telea import Telea


class NavierStokes(Telea):
    """OpenCV's INPAINT_NS: the picture's brightness is a fluid's stream function, and lines of equal brightness are
    carried into the hole along its flow. As an inpainting model without weights, like Telea."""

    method = cv2.INPAINT_NS

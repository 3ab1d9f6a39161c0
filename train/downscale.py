"""The weights of a network at downscale 1 as the first ones of the same network at downscale 2."""

from torch import Tensor, nn


def downscale_weights(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """`state`, of a network at downscale 1, for `network`, which differs in its downscale alone (see `downscaled`).

    Of a picture twice as large, whose 2x2 pixels are alike, `network` then makes what the other one makes of the
    small one: a convolution that sees more channels takes their mean, one that makes more makes them alike.
    """
    modules = network.named_modules()
    transposed = {f"{name}.weight" for name, module in modules if isinstance(module, nn.ConvTranspose2d)}
    fitted = {}
    for key, own in network.state_dict().items():
        value = state[key]
        for axis in range(value.ndim):
            times = own.shape[axis] // value.shape[axis]
            if times > 1:
                value = value.repeat_interleave(times, axis)
                # A convolution's weights are (out, in, h, w), a transposed one's (in, out, h, w).
                if axis == (0 if key in transposed else 1):
                    value = value / times
        fitted[key] = value
    return fitted

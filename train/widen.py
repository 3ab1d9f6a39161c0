"""The weights of a narrow network as the first ones of a wider one that paints the same (Chen, Goodfellow and Shlens
2016, Net2Net, section 2.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

CONVOLUTIONS = (nn.Conv2d, nn.Linear)  # weights are (out, in, ...)
NORMS = (nn.BatchNorm2d, nn.InstanceNorm2d, nn.PReLU)
SHUFFLES = (F.pixel_shuffle, F.pixel_unshuffle)


@dataclass(frozen=True)
class Channels:
    """Which channel of the narrow network each channel of a wide one's tensor repeats."""

    source: Tensor  # (wide,) long, in [0, narrow)
    narrow: int

    @classmethod
    def cycled(cls, narrow: int, wide: int) -> "Channels":
        """The narrow network's in order, then the first of them again: the same for all tensors of these sizes, so
        that what is added up fits."""
        return cls(torch.arange(wide) % narrow, narrow)

    def shares(self, outputs: int, generator: torch.Generator) -> Tensor:
        """(outputs, wide): how much of the narrow channel's weight each of its copies gets, drawn apart for each
        output. Equal shares would have equal gradients for ever, and the copies would stay copies."""
        drawn = 0.5 + torch.rand(outputs, len(self.source), generator=generator)
        sums = torch.zeros(outputs, self.narrow).index_add_(1, self.source, drawn)
        return drawn / sums[:, self.source]


class Widening(fx.Interpreter):
    """Runs the wide network once, and fills in each layer's weights when what comes into it is known."""

    def __init__(self, wide: fx.GraphModule, narrow: dict[str, Tensor], seed: int):
        super().__init__(wide)
        self.narrow = narrow
        self.state = dict(wide.state_dict())
        self.channels: dict[fx.Node, Channels] = {}
        self.generator = torch.Generator().manual_seed(seed)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor) and result.ndim > 1:
            self.channels[n] = self.follow(n, result.shape[1])
        return result

    def follow(self, n: fx.Node, wide: int) -> Channels:
        """Whence the `wide` channels of the node's tensor come. Raises ValueError where that cannot be told."""
        if n.op == "placeholder":
            return Channels.cycled(wide, wide)
        if n.op == "call_module":
            module = self.module.get_submodule(str(n.target))
            if isinstance(module, CONVOLUTIONS):
                return self.widen_convolution(n, module)
            if isinstance(module, NORMS):
                self.widen_norm(str(n.target), self.channels[n.all_input_nodes[0]])
        inputs = [self.channels[node] for node in n.all_input_nodes if node in self.channels]
        if n.target is torch.cat:
            return joined(inputs)
        fitting = [channels for channels in inputs if len(channels.source) == wide]
        if fitting and n.target not in SHUFFLES:
            if any(not torch.equal(channels.source, fitting[0].source) for channels in fitting):
                raise ValueError(f"{n}: its inputs are widened in different ways.")
            return fitting[0]
        # One channel is a mean, a maximum or a mask; a picture's pixels are shuffled, and stay as many.
        if wide == 1 or (n.target in SHUFFLES and all(len(channels.source) == channels.narrow for channels in inputs)):
            return Channels.cycled(wide, wide)
        raise ValueError(f"{n}: its channels cannot be followed.")

    def widen_convolution(self, n: fx.Node, module: nn.Module) -> Channels:
        name = str(n.target)
        weight = self.narrow[f"{name}.weight"]  # (out, in, ...)
        wide = len(self.state[f"{name}.weight"])
        if wide < len(weight):
            raise ValueError(f"{name}: it is narrower, with {wide} channels in place of {len(weight)}.")
        out = Channels.cycled(len(weight), wide)
        into = self.channels[n.all_input_nodes[0]]
        if weight.shape[1] != into.narrow:
            raise ValueError(f"{name}: grouped convolutions cannot be widened.")
        shares = into.shares(len(out.source), self.generator)
        copied = weight[out.source][:, into.source]
        self.state[f"{name}.weight"] = copied * shares.reshape(*shares.shape, *[1] * (copied.ndim - 2))
        if getattr(module, "bias", None) is not None:
            self.state[f"{name}.bias"] = self.narrow[f"{name}.bias"][out.source]
        return out

    def widen_norm(self, name: str, channels: Channels) -> None:
        for key in self.state:
            if key.startswith(f"{name}."):
                value = self.narrow[key]
                self.state[key] = value[channels.source] if value.ndim and len(value) == channels.narrow else value


def joined(parts: Sequence[Channels]) -> Channels:
    """Of tensors that are put one behind the other."""
    starts = [sum(part.narrow for part in parts[:index]) for index in range(len(parts))]
    source = torch.cat([part.source + start for part, start in zip(parts, starts)])
    return Channels(source, sum(part.narrow for part in parts))


def widen_weights(
    state: dict[str, Tensor], network: nn.Module, inputs: Sequence[Tensor], seed: int = 0
) -> dict[str, Tensor]:
    """`state`, of a network that differs from `network` in being narrower alone, for `network`.

    New channels repeat old ones, and a layer that reads one and its copies gives each a share of the old weight, so
    that sums stay as they were. What takes a mean over channels (CBAM's spatial gate) sees some of them twice: there
    the wide network is a little off until it has trained. inputs: of any values, as `network` takes them.

    Raises ValueError where the network has layers whose channels cannot be followed, or is narrower.
    """
    was_training = network.training
    try:
        widening = Widening(fx.symbolic_trace(network.eval()), state, seed)
        with torch.no_grad():
            widening.run(*inputs)
    except (fx.proxy.TraceError, RuntimeError) as error:  # its forward pass decides by what it is given
        raise ValueError(str(error).splitlines()[0]) from error
    finally:
        network.train(was_training)
    left = [key for key, value in network.state_dict().items() if widening.state[key].shape != value.shape]
    if left:
        raise ValueError(f"{left[0]}: its channels cannot be followed.")
    return widening.state

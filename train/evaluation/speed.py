"""How fast a network trains, and how much of a step its convolutions would take alone.

The share says what is left to gain: what is not convolution is norms, activations, losses, optimizer and waiting.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from train.data.batch import Batch
from train.data.faces import SIDE
from train.distributed import Processes
from train.loop import half_precision, set_up, train_step
from train.recipe import Recipe
from unmask.bench import milliseconds
from unmask.synth.mean_face import MEAN_LANDMARKS
from unmask.types import Json


class Call(NamedTuple):
    """One convolution of a step, as far as its time depends on it."""

    transposed: bool
    input: tuple[int, ...]  # (N, C, H, W)
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    input_grad: bool
    weight_grad: bool


def measure_speed(
    recipe: Recipe, count: int, processes: Processes, *, steps: int = 10, compile: bool = False
) -> str:
    """A Markdown table: images a second in the recipe's last phase with batches of `count`, and the share of its
    convolutions. Needs no data: one made-up batch serves every step, so that loading is not counted."""
    device, phase, batch = processes.device, recipe.phases[-1], made_up(recipe.size, count, processes.device)
    nets, optimizers, ema = set_up(recipe, device)

    def step() -> None:
        train_step(recipe, nets, optimizers, ema, 0.999, batch.copy(), phase, processes)

    step()  # the first one also measures how strong the losses are beside each other
    calls = record(step)  # before compiling, which would hide them
    if compile:
        for net in nets.values():
            net.compile()
    whole = milliseconds(step, steps)
    with half_precision(device):
        alone = sum(times * milliseconds(lone_convolution(call, device), steps) for call, times in calls.items())
    operations = 2 * sum(times * multiplications(call) for call, times in calls.items())
    rows = {
        "images a second": f"{1000 * count / whole:.1f}",
        "a step": f"{whole:.1f} ms",
        "its convolutions alone": f"{alone:.1f} ms ({sum(calls.values())} calls)",
        "share of the step": f"{100 * alone / whole:.0f} %",
        "in the step": f"{operations / whole / 1e9:.3f} TFLOP/s",
        "in the convolutions alone": f"{operations / alone / 1e9:.3f} TFLOP/s",
    }
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU cores"
    head = f"| {recipe.name}, {recipe.size} px, batch {count}, {phase.name}, {name} | |"
    return "\n".join([head, "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def made_up(size: int, count: int, device: torch.device) -> Batch:
    """What `Batches.get` gives, of noise: `count` pictures of `size` px, one mask over the lower half."""
    photo, masked = (torch.randn(count, 3, size, size).clamp(-1, 1) for _ in range(2))
    mask = torch.zeros(count, 1, size, size)
    mask[:, :, size // 2 : -size // 8, size // 4 : -size // 4] = 1
    photo, masked, mask, free = (
        x.to(device, memory_format=torch.channels_last) for x in (photo, masked, mask, mask.flip(2))
    )
    points = torch.tensor(MEAN_LANDMARKS / SIDE, dtype=torch.float32).expand(count, -1, -1).to(device)
    gender = torch.zeros(count, device=device)
    return {"photo": photo, "masked": masked, "mask": mask, "free": free, "points": points, "gender": gender}


class Recorder(TorchDispatchMode):
    """Notes the convolutions that are computed while it is entered: of networks, of losses, forward and backward."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self.forward: Counter[Call] = Counter()
        self.backward: Counter[Call] = Counter()

    def __torch_dispatch__(
        self, function: Callable[..., object], types: object, args: Sequence[Any] = (), kwargs: Json | None = None
    ) -> object:
        """args: the operator's, as aten's schema has them."""
        if function is torch.ops.aten.convolution.default:
            x, weight, _, stride, padding, dilation, transposed, _, groups = args
            self.forward[self._call(transposed, x, weight, stride, padding, dilation, groups)] += 1
        elif function is torch.ops.aten.convolution_backward.default:
            _, x, weight, _, stride, padding, dilation, transposed, _, groups, wanted = args
            call = self._call(transposed, x, weight, stride, padding, dilation, groups)
            self.backward[call._replace(input_grad=wanted[0], weight_grad=wanted[1])] += 1
        return function(*args, **(kwargs or {}))

    @staticmethod
    def _call(
        transposed: bool, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int],
        dilation: Sequence[int], groups: int,
    ) -> Call:  # fmt: skip
        shapes, geometry = (tuple(x.shape), tuple(weight.shape)), (tuple(stride), tuple(padding), tuple(dilation))
        return Call(transposed, *shapes, *geometry, groups, input_grad=False, weight_grad=False)

    def calls(self) -> Counter[Call]:
        """Each forward call together with its backward one, where it has one."""
        alone = self.forward.copy()
        for call, times in self.backward.items():
            alone[call._replace(input_grad=False, weight_grad=False)] -= times
        return self.backward + alone


def record(step: Callable[[], object]) -> Counter[Call]:
    """The convolutions of one step."""
    recorder = Recorder()
    with recorder:
        step()
    return recorder.calls()


def lone_convolution(call: Call, device: torch.device) -> Callable[[], None]:
    """Runs the call's convolution on random numbers, forward and, as far as the step needs it, backward."""

    def random(shape: tuple[int, ...], grad: bool) -> Tensor:
        x = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last)
        return x.requires_grad_(grad)

    x, weight = random(call.input, call.input_grad), random(call.weight, call.weight_grad)
    wanted = [tensor for tensor in (x, weight) if tensor.requires_grad]
    gradient: list[Tensor] = []

    def run() -> None:
        if call.transposed:
            y = F.conv_transpose2d(x, weight, None, call.stride, call.padding, 0, call.groups, call.dilation)
        else:
            y = F.conv2d(x, weight, None, call.stride, call.padding, call.dilation, call.groups)
        if wanted:
            gradient[:] = gradient or [torch.randn_like(y)]
            torch.autograd.grad(y, wanted, gradient[0])

    return run


def multiplications(call: Call) -> int:
    """Multiply-adds of the call, forward and backward."""
    n, _, *size = call.input
    if not call.transposed:
        size = [
            (side + 2 * pad - gap * (kernel - 1) - 1) // stride + 1
            for side, pad, gap, kernel, stride in zip(size, call.padding, call.dilation, call.weight[2:], call.stride)
        ]
    once = n * size[0] * size[1] * torch.Size(call.weight).numel()  # each place meets each weight once
    return once * (1 + call.input_grad + call.weight_grad)

"""The training speed report: every convolution of a step is counted, as torch's own counter counts it."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from train.distributed import Processes
from train.evaluation import speed
from train.evaluation.speed import made_up, multiplications, record
from train.loop import set_up, train_step
from train.recipes import RECIPES


def test_the_convolutions_of_a_step_are_all_counted():
    torch.manual_seed(0)
    recipe, processes = RECIPES["gated-conv"](64, width=4), Processes("cpu")
    nets, optimizers, ema = set_up(recipe, processes.device)
    batch = made_up(64, 2, processes.device)
    step = lambda: train_step(recipe, nets, optimizers, ema, 0.99, dict(batch), recipe.phases[-1], processes)
    step()  # the first one also measures how strong the losses are beside each other
    with FlopCounterMode(display=False) as counter:
        step()
    found = counter.get_flop_counts()["Global"]
    convolutions = sum(found[op] for op in (torch.ops.aten.convolution, torch.ops.aten.convolution_backward))
    calls = record(step)
    assert 2 * sum(times * multiplications(call) for call, times in calls.items()) == convolutions


def test_the_report_follows_from_the_times(monkeypatch):
    """A step that takes 250 ms, and convolutions of 2 ms each: what is said of them, whatever the machine is doing."""
    asked = []

    def milliseconds(function, repeats):
        function()
        asked.append(repeats)
        return 250.0 if len(asked) == 1 else 2.0

    monkeypatch.setattr(speed, "milliseconds", milliseconds)
    report = speed.measure_speed(RECIPES["mseg"](64, width=4), 2, Processes("cpu"), steps=7)
    head, _, *rows = (line.strip("| ").split(" | ") for line in report.splitlines())
    told = dict(rows)
    assert head[0].startswith("mseg, 64 px, batch 2, ") and set(asked) == {7}
    calls = int(told["its convolutions alone"].split("(")[1].split()[0])
    assert calls >= len(asked) - 1 > 5, "like convolutions are timed once, and counted as often as they are"
    assert told["images a second"] == "8.0" and told["a step"] == "250.0 ms"
    assert told["its convolutions alone"] == f"{2 * calls:.1f} ms ({calls} calls)"
    assert told["share of the step"] == f"{100 * 2 * calls / 250:.0f} %"

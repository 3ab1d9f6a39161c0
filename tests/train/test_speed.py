"""The training speed report: every convolution of a step is counted, as torch's own counter counts it."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from train.distributed import Processes
from train.evaluation.speed import made_up, measure_speed, multiplications, record
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


def test_the_report_names_what_it_measured():
    report = measure_speed(RECIPES["mseg"](64, width=4), 2, Processes("cpu"), steps=1)
    assert "mseg, 64 px, batch 2" in report and "images a second" in report
    share = float(report.split("share of the step | ")[1].split(" %")[0])
    assert 0 < share < 150  # a single step's time on a busy machine wobbles

"""Calls of `python -m train` in this process, for the tests of the training code."""

import sys

from train import cli as command_line


def run(monkeypatch, capsys, *words) -> str:
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    command_line.main()
    return capsys.readouterr().out


FACTORS = ("landmarks", "gender-hint", "parsing")  # whose width multiplies MobileNetV2's channels: 8 would be a giant


def small(name: str, folder, out, *more):
    return [
        name, "--data", folder, "--cache", folder / "cache", "--out", out, "--size", 128,
        "--batch", 2, *(() if name in FACTORS else ("--width", 8)), "--variants", 1, "--device", "cpu", *more,
    ]  # fmt: skip

"""A command's dataclass and its options on the command line are one; every command of `python -m train` has both."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

from train.cli import build_parser, main
from train.options import ByWeights, add_options, option, read
from train.start import TrainOptions

FOLDERS = ["--data", "data", "--out", "out"]


@dataclass(frozen=True, kw_only=True)
class Bake(ByWeights):
    flour: Path = option("what it is made of")
    grams: int = option("of it", 500, choices=(250, 500), old="--weight-of-flour")
    oven: tuple[float, float] | None = option("degrees at first and later", None, metavar=("FIRST", "LATER"))
    fillings: tuple[str, ...] | None = option("in this order", None, choices=lambda: ["jam", "curd"])
    slowly: bool = option(default=False)


def bake(*words: str) -> Bake:
    parser = argparse.ArgumentParser()
    add_options(parser, Bake)
    return read(Bake, parser.parse_args(words))


def test_what_is_not_given_has_its_default():
    assert bake("--flour", "rye") == Bake(flour=Path("rye"))


def test_values_come_in_the_types_of_their_fields():
    given = "--flour rye --grams 250 --oven 240 180 --fillings jam curd --slowly --weights a=b c=d=e".split()
    bread = bake(*given)
    assert bread.grams == 250 and bread.oven == (240.0, 180.0) and bread.fillings == ("jam", "curd") and bread.slowly
    assert bread.own_weights == {"a": "b", "c": "d=e"}


def test_an_old_name_is_understood_and_not_shown(capsys):
    assert bake("--flour", "rye", "--weight-of-flour", "250").grams == 250
    with pytest.raises(SystemExit):
        bake("--help")
    said = capsys.readouterr().out
    assert "--grams" in said and "weight-of-flour" not in said


@pytest.mark.parametrize(
    "wrong", ["", "--flour rye --grams 300", "--flour rye --oven 240", "--flour rye --fillings ham"]
)
def test_what_does_not_fit_is_refused(wrong, capsys):
    with pytest.raises(SystemExit) as refused:
        bake(*wrong.split())
    assert refused.value.code == 2 and "error:" in capsys.readouterr().err


def test_weights_without_a_file_are_refused_in_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit, match="^train: --weights takes NAME=FILE, not mseg.$"):
        main(["pseudo-labels", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--weights", "mseg"])


def test_a_network_has_the_options_that_mean_something_to_it():
    parser = build_parser()
    windowed = read(TrainOptions, parser.parse_args(["ganmasker", *FOLDERS, "--window", "160", "--only", "joint"]))
    assert windowed.network == "ganmasker" and windowed.window == 160 and windowed.only == ("joint",)
    assert read(TrainOptions, parser.parse_args(["mseg", *FOLDERS, "--fold", "2"])).downscale == 2
    for wrong in ("pix2pix --window 160", "landmarks --downscale 2", "ganmasker --only detection"):
        with pytest.raises(SystemExit):
            parser.parse_args([*wrong.split(), *FOLDERS])

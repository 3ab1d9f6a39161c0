"""python -m unmask.synth: how many masks one core draws per second on a plain face of 256 x 256 pixels."""

import argparse
import time

import cv2

from unmask.synth import KINDS, put_mask_on
from unmask.synth.mean_face import draw_plain_face


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m unmask.synth", description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="side of the square photo, pixels")
    parser.add_argument("--count", type=int, default=60, help="masks of each kind")
    arguments = parser.parse_args()

    cv2.setNumThreads(1)
    photo, landmarks = draw_plain_face(arguments.size, arguments.size)
    put_mask_on(photo, landmarks, 0)  # the first call loads code
    total = 0.0
    for kind in KINDS:
        start = time.process_time()  # the processor's time, so that other programs do not count
        for seed in range(arguments.count):
            put_mask_on(photo, landmarks, seed, kind=kind)
        spent = time.process_time() - start
        total += spent
        print(f"{kind:9} {arguments.count / spent:6.0f} per second")
    print(f"{'all':9} {arguments.count * len(KINDS) / total:6.0f} per second")


if __name__ == "__main__":
    main()

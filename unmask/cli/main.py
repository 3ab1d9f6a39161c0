"""The command line, `unmask` or `python -m unmask`: remove | mask | faces | models | bench | study | settings |
serve | push.

Exit status: 0 when every file was written, 1 when some could not be (each named with its reason on standard
error, the others written all the same), 2 for a wrong call, 130 after Ctrl-C.

On argparse, and not on click or typer: no option of theirs takes as many values as follow, as `--model A B C` does.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import unmask
from unmask.cli.hub import add_commands as add_push_commands
from unmask.cli.inputs import DEVICES, CallError, positive, reference, within
from unmask.cli.models import bench, models, serve, settings
from unmask.cli.photos import faces, mask, remove
from unmask.cli.study import add_commands as add_study_commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        status: int = args.command(args)
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain as it ends
        return 1
    except (CallError, OSError) as error:  # OSError: a port in use
        parser.error(str(error))  # exits with status 2


def build_parser() -> argparse.ArgumentParser:
    """One subcommand per function of the command modules."""
    parser = argparse.ArgumentParser("unmask", description="Takes the face mask off a photograph.")
    parser.add_argument("--version", action="version", version=f"unmask {unmask.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(command: Callable[[argparse.Namespace], int], purpose: str) -> argparse.ArgumentParser:
        added = commands.add_parser(command.__name__, help=purpose, description=purpose)
        added.set_defaults(command=command)
        return added

    def add_photos(added: argparse.ArgumentParser) -> None:
        added.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, or folder of them")
        added.add_argument("--recursive", action="store_true", help="folders with their subfolders")
        added.add_argument("--device", default="auto", choices=DEVICES)
        added.add_argument("--jobs", type=positive, metavar="N", help="photos at a time; default: one for each core")
        added.add_argument("--ray", action="store_true", help="as a Ray Data pipeline; needs the extra 'ray'")
        added.add_argument(
            "--ray-address", metavar="ADDRESS", help="of a running cluster; default: RAY_ADDRESS, else this machine"
        )

    def add_out(added: argparse.ArgumentParser) -> None:
        added.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write into")
        added.add_argument(
            "--segmentation-model", metavar="NAME", help="that finds the masks, see 'models'; default: mseg"
        )
        added.add_argument("--segmenter", dest="segmentation_model", help=argparse.SUPPRESS)  # its old name
        added.add_argument("--aligned", action="store_true", help="the pictures are face crops already")
        added.add_argument("--json", action="store_true", help="one JSON object per line and photo: what was written")
        added.add_argument(
            "--resume", action="store_true", help="leave out photos whose files a run before has all written into --out"
        )

    added = add(remove, "Write each photo without its mask, once per model, and the mask that was used.")
    add_photos(added)
    add_out(added)
    added.add_argument("--model", nargs="+", action="extend", metavar="NAME", help="see 'models'; default: four")
    added.add_argument(
        "--mask",
        type=Path,
        metavar="FILE_OR_DIR",
        help="use these masks: brighter than 127 = covered, of the photo's size; in a folder STEM.mask.png or STEM.png",
    )
    added.add_argument(
        "--realism",
        type=within(0),
        metavar="X",
        help="0, faithful (the average of likely faces, soft), to 1, realistic (one likely face, sharp); where a model "
        "has both, see 'models --json'; default: 1",
    )
    added.add_argument(
        "--sample",
        type=int,
        default=0,
        metavar="N",
        help="another plausible face: 1, 2 or 3; nobody knows what is under a mask; default: 0, the first",
    )
    told = added.add_argument_group("what landmark-guided is told; 0 is the face as it was found")
    told.add_argument("--smile", type=within(-1), metavar="X", help="-1, corners down, to 1")
    told.add_argument("--mouth", type=within(0), metavar="X", help="0 to 1, open")

    added = add(mask, "Write the mask found in each photo.")
    add_photos(added)
    add_out(added)

    added = add(faces, "List the faces found in each photo.")
    add_photos(added)
    added.add_argument("--json", action="store_true", help="one JSON object per line and photo")

    added = add(models, "List the models.")
    added.add_argument("--json", action="store_true", help="all that is known of each, as a JSON list")

    added = add(bench, "Time every model, a visit and the demo's start on this machine.")
    added.add_argument("--device", default="auto", choices=DEVICES)
    added.add_argument("--json", action="store_true", help="all figures as one JSON object")
    added.add_argument(
        "--page",
        action="store_true",
        help="instead, in Chromium: from dropping a photo to all results; needs Playwright",
    )
    added.add_argument(
        "--reference",
        nargs="+",
        action="extend",
        default=[],
        type=reference,
        metavar="NAME=MS",
        help="milliseconds that other code takes for a model's picture, measured on this machine",
    )

    purpose = "Plan a rating study, and analyse what people said."
    add_study_commands(commands.add_parser("study", help=purpose, description=purpose))

    purpose = "Publish the weights or the demo on the Hugging Face Hub."
    add_push_commands(commands.add_parser("push", help=purpose, description=purpose))

    add(settings, "List the environment variables that Unmask reads, what they are for, and their values.")

    added = add(serve, "Open the web demo.")
    added.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen from other machines")
    added.add_argument("--port", type=int, default=7860)
    return parser

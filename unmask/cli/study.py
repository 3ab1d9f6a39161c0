"""python -m unmask study create | invite | report | export | size | simulate | withdraw | close | restore."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from unmask.types import Json


def add_commands(parser: argparse.ArgumentParser) -> None:
    """One subcommand per function below."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        command: Callable[[argparse.Namespace], int], purpose: str, study: bool = True
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(command.__name__, help=purpose, description=purpose)
        added.set_defaults(command=lambda args: _run(command, args))
        if study:
            added.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
        return added

    added = add(create, "Plan a study and render all that its raters will see.", study=False)
    added.add_argument("--images", type=Path, metavar="DIR", help="masked photos, for --models")
    added.add_argument(
        "--condition", action="append", default=[], type=_condition, metavar="NAME=DIR", dest="conditions",
        help="what another system made, by the same file names; repeatable, beside --models or instead",
    )  # fmt: skip
    added.add_argument(
        "--truth", type=Path, metavar="DIR", help="the same photos without masks, by the same names"
    )
    added.add_argument(
        "--mask", type=Path, metavar="FILE_OR_DIR", help="brighter than 127 = covered; else it is found"
    )
    added.add_argument("--models", default=[], nargs="+", metavar="NAME", help="see 'models'")
    added.add_argument("--out", required=True, type=Path, metavar="STUDY", help="the study's folder, new")
    added.add_argument("--title", help="raters read it: it must not name a model; by default the folder's")
    added.add_argument("--raters", type=int, help="how many are wanted")
    added.add_argument("--scale", type=int, dest="scale_max", metavar="N", help="scores go from 1 to this")
    added.add_argument("--labels", nargs=2, metavar=("LOW", "HIGH"), dest="scale_labels", help="of the scale's ends")
    added.add_argument(
        "--presentation", choices=("single", "side-by-side", "none"),
        help="one at a time, all of a photo, or no scores: only --pairs and --rank",
    )
    added.add_argument(
        "--pairs", action="store_true", default=None, help="ask too which of two looks more real"
    )
    added.add_argument(
        "--choose", choices=("balanced", "active"), metavar="HOW",
        help="which pairs: each as often (balanced), or the one that says most by what was answered (active)",
    )  # fmt: skip
    added.add_argument("--rank", type=int, metavar="K", help="have K results of a photo put in order at once, too")
    added.add_argument("--trials", type=int, metavar="N", help="at most so many screens for one rater; all by default")
    added.add_argument("--repeats", type=int, metavar="N", help="items (side by side: photos) shown twice")
    added.add_argument("--attention", type=int, metavar="N", help="items that ask for a certain score")
    added.add_argument("--size", type=int, metavar="PX", help="side of every picture")
    added.add_argument("--ends", metavar="DATE", help="when it closes, such as 2027-01-31")
    added.add_argument(
        "--by-invitation", action="store_true", default=None, help="let in only whom 'study invite' has a link for"
    )
    added.add_argument("--question", help="what raters are asked")
    added.add_argument(
        "--statement", action="append", default=[], metavar="STATEMENT", dest="statements",
        help="asked of pictures, too: realistic, resembles, artefacts, eerie or 'TEXT|HIGHEST|LOW|HIGH'; repeatable",
    )  # fmt: skip
    added.add_argument("--consent", type=Path, metavar="FILE", help="the text that raters agree to")
    added.add_argument("--completion", metavar="CODE_OR_URL", help="what raters of a panel get at the end")
    added.add_argument("--seed", type=int, help="of the raters' orders")
    added.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))

    added = add(invite, "Print links that let one person in each, however often they are opened.")
    added.add_argument("--count", required=True, type=int, metavar="N", help="how many")
    added.add_argument("--first", type=int, default=0, metavar="N", help="how many were printed before")
    added.add_argument("--url", default="http://127.0.0.1:7860", help="where the demo is found")

    added = add(report, "Analyse a study: tables, plots and methods in one HTML file.")
    added.add_argument("--out", type=Path, metavar="DIR", help="by default STUDY/report")
    added.add_argument("--language", metavar="CODE", help="of the answer on top, such as de")

    added = add(export, "Write all answers, their history and the plan as files.")
    added.add_argument("--out", required=True, type=Path, metavar="DIR")

    added = add(size, "How many raters and photos a study needs, or what those that there are can show.", study=False)
    added.add_argument("--effect", type=float, help="the difference in mean score to be found")
    added.add_argument(
        "--compare", type=int, metavar="K", help="without scores: K results of a photo compared at once, 2 for pairs"
    )
    added.add_argument(
        "--preferred", type=float, metavar="PERCENT", help="with --compare: how often the better of two is preferred"
    )
    added.add_argument("--raters", type=int, metavar="N", help="how many there are")
    added.add_argument("--photos", type=int, metavar="N", help="how many there are")
    added.add_argument("--models", type=int, metavar="N")
    added.add_argument(
        "--rater-sd", type=float, metavar="SD", help="of raters' leniency, from a pilot's report"
    )
    added.add_argument("--item-sd", type=float, metavar="SD", help="of one model's results around its mean")
    added.add_argument("--residual-sd", type=float, metavar="SD", help="of the rest")
    added.add_argument("--power", type=float, help="how often the difference is to be found")
    added.add_argument("--scale", type=int, dest="scale_max", metavar="N")
    added.add_argument("--seed", type=int)

    added = add(simulate, "A dry run: the report that raters who do not exist would give. Nothing is stored.")
    added.add_argument("--out", required=True, type=Path, metavar="DIR")
    added.add_argument("--raters", type=int, metavar="N", help="by default as many as the plan wants")
    added.add_argument(
        "--careless", type=float, default=0.0, metavar="SHARE", help="who press keys at random"
    )
    added.add_argument("--seed", type=int, default=0)

    added = add(withdraw, "Delete all that a rater has answered.")
    added.add_argument("rater", help="the code that the page told the rater")

    add(close, "End a study now.")

    added = add(restore, "Put answers from a Space's backup into the study's database.")
    added.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help=".jsonl files of the dataset repository"
    )


def _condition(text: str) -> tuple[str, Path]:
    """NAME=DIR, as (name, folder)."""
    name, _, path = text.partition("=")
    if not (name and path):
        raise argparse.ArgumentTypeError(f"write it like ours=results/ours, not {text!r}")
    if not Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return name, Path(path)


def _run(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """What a study cannot do is one sentence on standard error, and exit status 1."""
    from unmask import PhotoError, WeightsError
    from unmask.study.plan import StudyError

    try:
        return command(args)
    except (StudyError, PhotoError, WeightsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _given(args: argparse.Namespace, *names: str) -> Json:
    """The options that were given: for the others the called function has its own defaults."""
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def create(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from unmask import Unmasker
    from unmask.batch.local import mask_path
    from unmask.cli.inputs import expand
    from unmask.masks import read_mask
    from unmask.study.create import create_study
    from unmask.study.pictures import gather, pair
    from unmask.study.questions import read_statement

    pictures = pair(
        [gather(name, expand([path]).photos) for name, path in args.conditions],
        args.images and gather(str(args.images), expand([args.images]).photos),
        args.truth and gather(str(args.truth), expand([args.truth]).photos),
        None if args.mask is None else lambda photo, shape: read_mask(mask_path(args.mask, photo), shape),
    )
    options = {"title": args.out.resolve().name}
    options |= _given(args, "title", "raters", "scale_max", "scale_labels", "presentation", "pairs", "choose")
    options |= _given(args, "rank", "trials")
    options |= _given(args, "repeats", "attention", "size", "ends", "by_invitation", "question", "seed", "completion")
    options["further"] = [read_statement(text) for text in args.statements]
    if args.consent is not None:
        options["consent"] = args.consent.read_text(encoding="utf-8").strip()
    study = create_study(
        pictures,
        args.out,
        args.models,
        Unmasker(device=args.device),
        progress=lambda items: tqdm(items, unit="photo", disable=len(items) < 2),
        **options,
    )
    print(f"{len(study.plan.stimuli)} items are in {args.out}. Read its plan.json, then let raters in:")
    print(f"    UNMASK_STUDIES={args.out.resolve().parent} python -m unmask serve")
    return 0


def invite(args: argparse.Namespace) -> int:
    from unmask.study.plan import StudyError, open_study
    from unmask.study.store import Store

    study = open_study(args.study)
    if args.count < 1 or args.first < 0:
        raise StudyError("Invite one person or more, and count from 0.")
    for code in Store(study).tokens.invitations(args.count, args.first):
        print(f"{args.url.rstrip('/')}/study/{study.plan.study_id}#{code}")
    return 0


def report(args: argparse.Namespace) -> int:
    from unmask.study.export import load
    from unmask.study.plan import open_study
    from unmask.study.report import write_report

    data, out = load(open_study(args.study)), args.out or args.study / "report"
    if args.language is None:
        print(write_report(data, out))
        return 0
    from unmask.web.i18n import TABLES, in_language, tr  # with gradio, which takes its time

    if args.language not in TABLES:
        raise ValueError(f"There is no language {args.language}; there are {', '.join(TABLES)}.")
    with in_language(args.language):
        print(write_report(data, out, tr, args.language))
    return 0


def export(args: argparse.Namespace) -> int:
    from unmask.study.export import export_study
    from unmask.study.plan import open_study

    for path in export_study(open_study(args.study), args.out):
        print(path)
    return 0


def size(args: argparse.Namespace) -> int:
    if args.compare is not None:
        from unmask.study.statistics import planning_comparisons

        known = args.preferred, args.raters, args.photos
        more = _given(args, "power")
        print(planning_comparisons.advise(args.models or 3, args.compare, *known, **more))
        return 0
    from unmask.study.statistics.planning import Design, advise
    from unmask.study.statistics.simulate import plan_size

    options = _given(args, "models", "item_sd", "residual_sd", "power", "scale_max")
    design = Design(**options)
    print(advise(design, args.effect, args.raters, args.photos))
    if args.effect is not None and (found := design.smallest(args.effect, args.raters, args.photos)):
        options |= _given(args, "rater_sd", "seed")
        cell = plan_size(args.effect, raters=found[:1], pictures=found[1:], **options).iloc[0]
        print(f"Simulated, whole scores and all: power {cell['power']:.2f} ({cell['low']:.2f} to {cell['high']:.2f}).")
    return 0


def simulate(args: argparse.Namespace) -> int:
    from unmask.study.export import simulated
    from unmask.study.plan import open_study
    from unmask.study.report import write_report

    study = open_study(args.study)
    data = simulated(study, args.raters or study.plan.raters, args.seed, args.careless)
    print(f"Simulated, not what people said: {write_report(data, args.out)}")
    return 0


def withdraw(args: argparse.Namespace) -> int:
    from unmask.study.backup import backup_from_environment
    from unmask.study.plan import open_study
    from unmask.study.store import Store

    Store(open_study(args.study), backup_from_environment()).withdraw(args.rater)
    print(f"All answers of {args.rater} are deleted.")
    return 0


def close(args: argparse.Namespace) -> int:
    from unmask.study.plan import open_study

    print(f"{open_study(args.study).close().plan.title}: ended.")
    return 0


def restore(args: argparse.Namespace) -> int:
    from unmask.study.backup import read_rows
    from unmask.study.plan import open_study
    from unmask.study.store import Store

    print(f"{Store(open_study(args.study)).replay(read_rows(args.files))} rows are in the study's database.")
    return 0

"""The commands about the models and the demo: models, bench, serve."""

import argparse
import json

from unmask.cli.inputs import CallError


def models(args: argparse.Namespace) -> int:
    from unmask.catalog import describe
    from unmask.registry import MODELS

    rows = [describe(name) for name in MODELS]
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    columns = ("name", "paper", "parameters", "weights", "sha256")
    table = [columns] + [tuple(str(row[column] or "-") for column in columns) for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def bench(args: argparse.Namespace) -> int:
    from unmask.bench import bench as measure
    from unmask.registry import MODELS

    if unknown := [name for name, _ in args.reference if name not in MODELS]:
        raise CallError(f"there is no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    print(measure(args.device, reference=dict(args.reference), demo=True, as_json=args.json))
    return 0


def serve(args: argparse.Namespace) -> int:
    from unmask.web.app import launch

    launch(args.host, args.port)
    return 0

"""The commands about the models, the demo and what a host sets: models, bench, serve, settings."""

import argparse
import json
import sys

from unmask.cli.inputs import CallError


def models(args: argparse.Namespace) -> int:
    from unmask import sam
    from unmask.catalog import describe
    from unmask.registry import MODELS

    rows = [*map(describe, MODELS), sam.describe()]
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    columns = ("name", "paper", "parameters", "weights", "sha256")
    _print_table([columns] + [tuple(str(row[column] or "-") for column in columns) for row in rows])
    return 0


def settings(args: argparse.Namespace) -> int:
    from unmask.settings import ALL

    rows: list[tuple[str, ...]] = [("variable", "value", "what it is")]
    status = 0
    for each in ALL:
        value = each.text or "-"
        rows.append((each.name, "(set)" if each.secret and each.text else value, each.purpose))
        try:
            each.read()
        except ValueError as error:
            print(error, file=sys.stderr)
            status = 1
    _print_table(rows)
    return status


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def bench(args: argparse.Namespace) -> int:
    from unmask.bench import bench as measure
    from unmask.bench_page import bench_page
    from unmask.registry import MODELS

    if args.page:
        if args.reference:
            raise CallError("--page times no model alone: it takes no --reference")
        try:
            print(bench_page(args.device, as_json=args.json))
        except (ImportError, RuntimeError) as error:
            raise CallError(str(error)) from error
        return 0
    if unknown := [name for name, _ in args.reference if name not in MODELS]:
        raise CallError(f"there is no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    print(measure(args.device, reference=dict(args.reference), demo=True, as_json=args.json))
    return 0


def serve(args: argparse.Namespace) -> int:
    from unmask.web import mcp_tools
    from unmask.web.app import launch

    try:
        mcp_tools.wanted()
    except ValueError as error:
        raise CallError(str(error)) from error
    launch(args.host, args.port)
    return 0

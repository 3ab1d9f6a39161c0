"""To the Hugging Face Hub: python -m unmask push weights | space.

Only files that git tracks are sent, and only as they were committed. The token is the one of `hf auth login`, or
HF_TOKEN. Exit status: 0 when all was sent, 1 when not (with the reason on standard error), 2 for a wrong call.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.settings import home

if TYPE_CHECKING:
    from huggingface_hub import HfApi

WEIGHTS = "checkpoints/"
# What the demo runs on, and what its README shows; a path that ends in "/" is a folder.
SPACE = (
    "README.md",
    "LICENSE",
    "app.py",
    "requirements.txt",
    "pre-requirements.txt",
    "unmask/",
    WEIGHTS,
    "examples/",
    "docs/",
)
NO_MODELS = "models: []"  # in README.md's front matter, to be filled in when the weights' repository is known


class PushError(Exception):
    """Nothing was sent. The message is one sentence that says why."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `push` to its parser."""
    commands = parser.add_subparsers(required=True, metavar="WHAT")

    def add(name: str, command: Callable[[argparse.Namespace], None], purpose: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=purpose, description=purpose)
        added.add_argument("repo", type=_repo, metavar="OWNER/NAME", help="made if it is not there yet")
        added.add_argument("--private", action="store_true", help="if it has to be made, nobody else sees it")
        added.add_argument("--dry-run", action="store_true", help="only list what would be sent")
        added.set_defaults(command=lambda args: _run(command, args))
        return added

    add("weights", push_weights, "Send checkpoints/ with its model card to a model repository.")
    added = add("space", push_space, "Make a Space the same as this checkout: the demo, and nothing else.")
    added.add_argument(
        "--weights",
        type=_repo,
        metavar="OWNER/NAME",
        help="leave the weights out: the Space takes them from this model repository, at its newest commit",
    )


def _repo(name: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        raise argparse.ArgumentTypeError(f"{name!r} is not of the form OWNER/NAME")
    return name


def _run(command: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    try:
        command(args)
    except PushError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def push_weights(args: argparse.Namespace) -> None:
    """Send the released weights, whose hashes are checked first, and their card."""
    files = {name.removeprefix(WEIGHTS): name for name in tracked((WEIGHTS,))}
    if "README.md" not in files:
        raise PushError("There is no model card: checkpoints/README.md is missing.")
    for name, released in _released(files).items():
        if _sha256(home() / files[name]) != released:
            raise PushError(f"{files[name]} is not the released file: its sha256 is not the one in sha256.json.")
    if _listed(args, files):
        return
    api = _api()
    with _hub_errors(args.repo):
        api.create_repo(args.repo, private=args.private or None, exist_ok=True)
        commit = api.create_commit(args.repo, _additions(files), commit_message=_message())
    print(f"\nSent: {commit.commit_url}\nA machine without checkpoints/ takes the weights from there with")
    print(f"    UNMASK_HUB_REPO={args.repo} UNMASK_HUB_REVISION={commit.oid}")


def push_space(args: argparse.Namespace) -> None:
    """Make the Space's files those of this checkout. What is there and not here is removed (its history keeps it)."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = {name: name for name in tracked(SPACE) if not (args.weights and name.endswith(".safetensors"))}
    if missing := [name for name in ("README.md", "app.py", "requirements.txt") if name not in files]:
        raise PushError(f"A Space needs {', '.join(missing)}, which git does not track.")
    if _listed(args, files):
        return
    api = _api()
    additions = _additions(files)
    variables = {}
    if args.weights:
        variables = {"UNMASK_HUB_REPO": args.weights, "UNMASK_HUB_REVISION": _pin(api, args.weights)}
        card = (home() / "README.md").read_text(encoding="utf-8").replace(NO_MODELS, f"models: [{args.weights}]", 1)
        additions = [add for add in additions if add.path_in_repo != "README.md"]
        additions.append(CommitOperationAdd("README.md", card.encode()))
    with _hub_errors(args.repo):
        api.create_repo(
            args.repo, repo_type="space", space_sdk="gradio", private=args.private or None, exist_ok=True
        )
        # Before the files: these start the Space, which then finds its weights.
        for key, value in variables.items():
            api.add_space_variable(args.repo, key, value)
        there = api.list_repo_files(args.repo, repo_type="space")
        gone = [CommitOperationDelete(name) for name in there if name not in {*files, ".gitattributes"}]
        commit = api.create_commit(
            args.repo, [*additions, *gone], repo_type="space", commit_message=_message()
        )
    print(f"\nSent: {commit.commit_url}")


def tracked(parts: tuple[str, ...]) -> list[str]:
    """The files that git tracks in these files and folders ("name/"), as paths from the checkout, sorted."""
    inside = tuple(part for part in parts if part.endswith("/"))
    names = [name for name in _git("ls-files", "-z").split("\0") if name in parts or name.startswith(inside)]
    # A link could lead to a file that is not tracked.
    return sorted(name for name in names if (home() / name).is_file() and not (home() / name).is_symlink())


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(home()), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sentence = "Only files that git tracks are sent: run this in a checkout of Unmask, or name it in UNMASK_HOME."
        raise PushError(sentence) from error
    return done.stdout


def _listed(args: argparse.Namespace, files: dict[str, str]) -> bool:
    """Print the files to be sent (path there -> path here); returns whether that was all that is wanted.

    Raises PushError if what would be sent is not what was committed.
    """
    sizes = {there: (home() / here).stat().st_size for there, here in files.items()}
    for there, size in sizes.items():
        print(f"{size:>12,}  {there}")
    print(f"{sum(sizes.values()):>12,}  bytes in {len(sizes)} files for {args.repo}")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *files.values()).splitlines()
    if changed:
        raise PushError(f"{len(changed)} of these files have changes that are not committed: commit them first.")
    only_listed: bool = args.dry_run
    return only_listed


def _released(files: dict[str, str]) -> dict[str, str]:
    """File name -> sha256 from checkpoints/sha256.json, which must list exactly the weights among `files`."""
    try:
        released: dict[str, str] = json.loads((home() / WEIGHTS / "sha256.json").read_text())
    except (OSError, ValueError) as error:
        raise PushError("checkpoints/sha256.json cannot be read.") from error
    if odd := sorted({name for name in files if name.endswith(".safetensors")} ^ set(released)):
        raise PushError(f"checkpoints/sha256.json and the weights that git tracks differ: {', '.join(odd)}.")
    return released


def _sha256(path: Path) -> str:
    from unmask.weights import sha256

    return sha256(path)


def _pin(api: "HfApi", repo: str) -> str:
    """The newest commit of a model repository, which must have the released weights."""
    released = _released({name.removeprefix(WEIGHTS): name for name in tracked((WEIGHTS,))})
    with _hub_errors(repo):
        info = api.model_info(repo, files_metadata=True)
    there = {file.rfilename: file.lfs.sha256 for file in info.siblings or [] if file.lfs is not None}
    if odd := [name for name, sha256 in released.items() if there.get(name) != sha256]:
        raise PushError(f"{repo} does not have the released {', '.join(odd)}: 'push weights {repo}' first.")
    if info.sha is None:
        raise PushError(f"{repo} has no commit yet: 'push weights {repo}' first.")
    return info.sha


def _api() -> "HfApi":
    """The Hub's client, with a token."""
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise PushError("There is no token for the Hub: run 'hf auth login', or set HF_TOKEN.")
    return HfApi(library_name="unmask")


def _additions(files: dict[str, str]) -> list[Any]:
    from huggingface_hub import CommitOperationAdd

    return [CommitOperationAdd(there, home() / here) for there, here in files.items()]


def _message() -> str:
    return f"Unmask at {_git('rev-parse', '--short', 'HEAD').strip()}"


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Turn what the Hub's client raises into one sentence. Its errors share no base class."""
    try:
        yield
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        reasons = {
            401: "the Hub does not accept the token",
            402: "the Hub asks for a paid plan",
            403: "the token may not write there",
            404: "there is no such repository, or the token may not see it",
        }
        reason = reasons.get(status or 0) or f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise PushError(f"{repo}: {reason}.") from error

"""Which files of a directory are documents."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

MAIN_FILE = "fleets.yaml"
SUFFIX = ".fleets.yaml"
FILES_MAX = 2_000
_MISNAMED = (".fleets.yml", ".fleet.yaml", ".fleet.yml")


def find_documents(directory: Path) -> tuple[Path, ...]:
    """`fleets.yaml` and every `*.fleets.yaml` directly in ``directory``, sorted by name.

    Hidden files are left out: editors keep locks and copies there. Raises DocumentError when there
    is none, when there are more than 2 000, when the directory cannot be read, and for each one
    that is a link out of the directory (bad input 23) or misspells the ending.
    """
    names = sorted(_names_in(directory))
    problems = [_misnamed(directory / name) for name in names if _is_misnamed(name)]
    documents = [name for name in names if name == MAIN_FILE or name.endswith(SUFFIX)]
    if len(documents) > FILES_MAX:
        message = f"{len(documents):,} documents; at most {FILES_MAX:,} are read"
        raise DocumentError([Problem(str(directory), 0, 0, message, "join some of them")])
    root = Path(os.path.realpath(directory))
    for name in documents:
        if not Path(os.path.realpath(directory / name)).is_relative_to(root):
            message = "this document is a link that leads out of the configuration directory"
            fix = "copy the file into the directory"
            problems.append(Problem(str(directory / name), 0, 0, message, fix))
    if problems:
        raise DocumentError(problems)
    if not documents:
        raise DocumentError([_nothing_there(directory)])
    return tuple(directory / name for name in documents)


def _names_in(directory: Path) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if not name.startswith(".")]
    except OSError as error:
        reason = error.strerror or "unknown reason"
        message = f"the configuration directory cannot be read: {reason}"
        raise DocumentError([Problem(str(directory), 0, 0, message, "check -chdir")]) from None


def _is_misnamed(name: str) -> bool:
    return name == "fleets.yml" or name.endswith(_MISNAMED)


def _misnamed(path: Path) -> Problem:
    message = "this file would be passed over: documents end in .yaml"
    fix = f"rename it to {MAIN_FILE} or NAME{SUFFIX}, or move it away"
    return Problem(str(path), 0, 0, message, fix)


def _nothing_there(directory: Path) -> Problem:
    message = f"there is no {MAIN_FILE} and no *{SUFFIX} here"
    return Problem(str(directory), 0, 0, message, "run `gpu-shopper init` to write one")

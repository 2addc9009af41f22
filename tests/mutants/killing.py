"""One mutant in a copy of the tree, and the tests that fail with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.model.value import dataclass
from tests.mutants.catalogue import Mutant

ROOT = Path(__file__).parents[2]
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
_PYTEST = ("-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider")
_LONGEST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Killed:
    """``tests`` failed; ``said`` is the end of what pytest printed where none did."""

    tests: tuple[str, ...]
    said: str


def mutated(mutant: Mutant, root: Path) -> None:
    """Edit the copy at ``root``."""
    path = root / mutant.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"M{mutant.number} does not fit {mutant.file}"
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def copied(root: Path) -> None:
    """The tree, without what git does not hold."""
    for name in ("reconciler", "tests", "schemas", "docs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, root / name)


def killed(mutant: Mutant) -> Killed:
    """Run its killer on a copy of the tree with the mutant in it."""
    with TemporaryDirectory() as place:
        root = Path(place)
        copied(root)
        mutated(mutant, root)
        ended = subprocess.run(
            [sys.executable, *_PYTEST, mutant.killer],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
        )
    failed = tuple(_FAILED.findall(ended.stdout))
    return Killed(failed if ended.returncode == 1 else (), ended.stdout[-300:])

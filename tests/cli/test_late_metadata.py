"""Package metadata is loaded when it is asked for, and is what it always was."""

from __future__ import annotations

import subprocess
import sys

import pytest

_FIRST = "from reconciler.cli.late_metadata import load_metadata_late\nload_metadata_late()\n"


def _printed(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST + program], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_importing_a_name_from_it_loads_nothing() -> None:
    program = (
        "import sys\nfrom importlib.metadata import entry_points\nprint('zipfile' in sys.modules)"
    )
    assert _printed(program) == "False"


@pytest.mark.parametrize(
    "program",
    [
        "import importlib.metadata\nprint(importlib.metadata.version('pydantic'))",
        "from importlib import metadata\nprint(metadata.version('pydantic'))",
        "from importlib.metadata import version\nprint(version('pydantic'))",
        "from importlib.metadata import distribution as d\nprint(d('pydantic').version)",
    ],
)
def test_a_question_gets_its_answer_however_the_module_was_imported(program: str) -> None:
    import pydantic

    assert _printed(program) == pydantic.VERSION


def test_entry_points_are_those_of_the_real_module() -> None:
    program = (
        "from importlib.metadata import entry_points\n"
        "print([e.value for e in entry_points(group='console_scripts', name='gpu-shopper')])"
    )
    assert _printed(program) == "['reconciler.cli.main:main']"

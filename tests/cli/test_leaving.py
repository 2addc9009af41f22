"""How the process ends: at once, but not before what was said is out and what waits has run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import atexit, sys, threading, time
{before}
sys.argv = ["gpu-shopper", *{arguments!r}]
from reconciler.cli.main import main
main()
"""


def run(before: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = _RUN.format(before=before, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_what_waits_for_the_end_of_the_process_runs_and_all_output_is_out(tmp_path: Path) -> None:
    done = run("atexit.register(print, 'the last word')", "version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("gpu-shopper ")
    assert done.stdout.endswith("\nthe last word\n")


@pytest.mark.parametrize(
    ("arguments", "code"), [(["version"], 0), (["no-such-command"], 64)], ids=["well", "badly"]
)
def test_the_process_ends_with_the_code_of_the_command(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    assert run("", *arguments, cwd=tmp_path).returncode == code


def test_a_thread_that_still_works_is_waited_for(tmp_path: Path) -> None:
    slow = "threading.Thread(target=lambda: (ended.wait(), print('thread done'))).start()"
    slow = f"ended = threading.Event(); {slow}; threading._register_atexit(ended.set)"
    done = run(slow, "version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith("thread done\n")

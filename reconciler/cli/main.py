"""The command ``gpu-shopper``: which commands there are, and how every error becomes an exit code.

Commands are imported when they are called: ``--help`` loads click alone and ``--version`` not
even that (guarded by ``tests/cli/test_startup.py``).
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import TYPE_CHECKING

from reconciler.cli.closed_output import occupy_closed
from reconciler.cli.late_metadata import load_metadata_late
from reconciler.cli.late_patterns import compile_patterns_late
from reconciler.cli.version_line import VERSION_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLLECT_AFTER = 5_000_000
"""Values made and not gone: more than a plan of ten thousand fleets keeps. The loop sets less."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code (SPEC.md section 10)."""
    occupy_closed()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["--version"], ["-version"]):
        print(VERSION_LINE)
        sys.exit(0)
    _spare_start_up()
    from reconciler.cli.exits import run_command
    from reconciler.cli.root import root

    code = run_command(root, given)
    if arguments is None:
        _leave_at_once(code)
    sys.exit(code)


def _leave_at_once(code: int) -> None:
    """End the process as it stands, once what it said is out and what waits for its end has run.

    The interpreter would take every module and value apart first, for nothing: a twentieth of a
    plan. Returns where something is left to be done.
    """
    import threading  # asyncio has loaded it long ago; --version need not

    if threading.active_count() > 1:
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # the interpreter knows what a closed stream means
    os._exit(code)


def _spare_start_up() -> None:
    """What costs a short command time and gives it nothing.

    The collector walks modules and records again and again while they load, and finds nothing;
    pydantic asks every installed package for plugins.
    """
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    load_metadata_late()
    compile_patterns_late()
    from reconciler.cli.late_methods import compile_methods_late  # the library's have patterns
    from reconciler.cli.late_types import compile_types_late

    compile_methods_late()
    compile_types_late()

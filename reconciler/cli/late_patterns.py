"""Regular expressions of modules, compiled when one is first used.

A module compiles its patterns while it loads. Those of the libraries that a command loads are a
twentieth of its start, a quarter of that for one in yaml, and it uses few of them. What a function
compiles while it runs, and what a provider's plugin compiles, is compiled at once as ever.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import Any

_PACKAGES = frozenset(
    "click dataclasses durationpy fractions gettext json locale platform pydantic reconciler rich"
    " shlex textwrap tokenize typing_inspection urllib yaml".split()
)
_RUNS_AS_FUNCTION = 0x1
"""``inspect.CO_OPTIMIZED``: neither a module nor the body of a class."""


def compile_patterns_late(packages: frozenset[str] = _PACKAGES) -> None:
    """From now on, for modules of ``packages``."""
    write = vars(re)["compile"]
    if not isinstance(write, partial):
        vars(re)["compile"] = partial(_compiled, write, packages)


def _compiled(write: Any, packages: frozenset[str], pattern: Any, flags: Any = 0) -> Any:
    asking = sys._getframe(1)
    module = str(asking.f_globals.get("__name__", ""))
    if asking.f_code.co_flags & _RUNS_AS_FUNCTION or module.partition(".")[0] not in packages:
        return write(pattern, flags)
    return _Late(write, pattern, flags)


class _Late:
    """Stands for the pattern. What was asked of it once it has itself from then on."""

    def __init__(self, write: Any, pattern: Any, flags: Any) -> None:
        self.pattern = pattern
        self._written = partial(write, pattern, flags)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return re.Pattern

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._written(), name)
        setattr(self, name, value)
        return value

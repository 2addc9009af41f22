"""The typed dictionaries in which pydantic's core describes its schemas, as plain classes.

They are for type checkers: a hundred classes with a thousand annotations, each of which Python
compiles while the module loads, a thirtieth of the start of a command. Nothing reads them at run
time; the one that pydantic makes values of makes a dictionary all the same.
"""

from __future__ import annotations

import sys
import typing
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_NAME = "pydantic_core.core_schema"


class _Plain(dict[str, Any]):
    """Stands for ``TypedDict``."""

    def __new__(cls, *values: Any, **named: Any) -> Any:
        return dict(*values, **named)

    def __init_subclass__(cls, *, total: bool = True) -> None:
        pass


class _OfThatModule:
    """Finds the one module, and runs it with plain classes for typed dictionaries."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _NAME:
            return None
        sys.meta_path.remove(cls)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            vars(spec.loader)["exec_module"] = _run_plainly(spec.loader.exec_module)
        return spec


def _run_plainly(run: Any) -> Any:
    def run_plainly(module: ModuleType) -> None:
        import typing_extensions  # the core is about to load it

        homes = (typing, typing_extensions)
        known = [home.TypedDict for home in homes]
        try:
            for home in homes:
                vars(home)["TypedDict"] = _Plain
            run(module)
        finally:
            for home, one in zip(homes, known, strict=True):
                vars(home)["TypedDict"] = one

    return run_plainly


def leave_types_out() -> None:
    """From now on, where that module is not loaded yet."""
    from functools import cache
    vars(typing)["compile"] = cache(compile)
    if _NAME not in sys.modules and _OfThatModule not in sys.meta_path:
        sys.meta_path.insert(0, _OfThatModule)

"""Type annotations of the libraries, compiled no more often than they are needed.

pydantic's core describes its schemas in a hundred typed dictionaries. They are for type checkers;
nothing reads their thousand annotations at run time, and Python compiles each of them while the
module loads. Here they are plain classes, of which the one that pydantic makes values of makes
dictionaries all the same. Annotations that stand as text in many places are compiled once. Both
together are a twentieth of the start of a command.
"""

from __future__ import annotations

import sys
import typing
from functools import cache
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_NAME = "pydantic_core.core_schema"


def compile_types_late() -> None:
    """From now on. Leaves that module alone where it is loaded already."""
    vars(typing).setdefault("compile", cache(compile))
    if _NAME not in sys.modules and _OfThatModule not in sys.meta_path:
        sys.meta_path.insert(0, _OfThatModule)


class _OfThatModule:
    """Finds the one module, and has it run with plain classes for typed dictionaries."""

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
        import typing_extensions  # that module asks for it too

        homes = (typing, typing_extensions)
        known = [vars(home)["TypedDict"] for home in homes]
        try:
            for home in homes:
                vars(home)["TypedDict"] = _Plain
            run(module)
        finally:
            for home, one in zip(homes, known, strict=True):
                vars(home)["TypedDict"] = one

    return run_plainly


class _Plain(dict[str, Any]):
    """Stands for ``TypedDict``."""

    def __new__(cls, *values: Any, **named: Any) -> Any:
        return dict(*values, **named)

    def __init_subclass__(cls, *, total: bool = True) -> None:
        pass

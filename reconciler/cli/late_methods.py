"""The methods of other packages' dataclasses, compiled when one is first called.

The standard library writes and compiles up to nine methods for each class. pydantic and anyio
bring eighty classes, and a command calls few of their methods: a fifteenth of its start. Our own
values have a ``dataclass`` of their own (``reconciler.model.value``). A provider's plugin may look
at the signature of a method before anything has called it: its classes are left alone.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

_PACKAGES = frozenset({"annotated_types", "anyio", "pydantic", "reconciler", "rich"})


def compile_methods_late(packages: frozenset[str] = _PACKAGES) -> None:
    """From now on. Does nothing from Python 3.13 on, which compiles a class in one go."""
    write = getattr(dataclasses, "_create_fn", None)
    if write is not None and not isinstance(write, partial):
        vars(dataclasses)["_create_fn"] = partial(_written, write, packages)


def _written(write: Any, packages: frozenset[str], name: str, *source: Any, **around: Any) -> Any:
    module = str((around.get("globals") or {}).get("__name__", ""))
    if module.partition(".")[0] in packages:
        return _written_late(write, name, *source, **around)
    return write(name, *source, **around)


def _written_late(write: Any, name: str, *source: Any, **around: Any) -> Any:
    """Stands in its class for the method, until its first call puts that into its place."""
    written: Any = None

    def method(self: Any, /, *values: Any, **named: Any) -> Any:
        nonlocal written
        if written is None:
            written = write(name, *source, **around)
            written.__qualname__ = method.__qualname__
            for kind in type(self).__mro__:
                if vars(kind).get(name) is method:
                    setattr(kind, name, written)
        return written(self, *values, **named)

    method.__name__ = name
    return method

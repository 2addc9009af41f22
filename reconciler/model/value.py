"""``dataclass`` for values, as the standard library's, made in half the time.

The standard one writes and compiles ``__eq__``, ``__hash__`` and ``__repr__`` anew for each class;
here all classes share one of each. They mean the same: equal when of one class and equal in every
field. It spares a no-change ``gpu-shopper plan`` 0.12 G of 1.55 G instructions
(``valgrind --tool=callgrind``, Python 3.11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Any:
        """Decorate a class of fields; hashable when ``frozen``."""

        def decorate(cls: type) -> type:
            made = dataclasses.dataclass(frozen=frozen, slots=slots, eq=False, repr=False)(cls)
            made.__eq__ = _equal
            made.__hash__ = _hash if frozen else None
            if "__repr__" not in cls.__dict__:
                made.__repr__ = _repr
            return made

        return decorate


def _fields(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.__dataclass_fields__)


def _equal(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self is other or _fields(self) == _fields(other)


def _hash(self: Any) -> int:
    return hash(_fields(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{self.__class__.__qualname__}({shown})"


__all__ = ["dataclass"]

"""``dataclass`` for values, as the standard library's, made in a quarter of the time.

The standard one writes and compiles up to nine methods anew for each class, which was a tenth of
the start of a command. Here all classes share one of each method; only ``__init__`` is written for
each shape of class, when the first value of one is made. They mean the same: equal when of one
class and equal in every field; frozen values refuse assignment with ``FrozenInstanceError``.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from functools import cache
    from types import CodeType, FunctionType

    _LARGE = 7

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Any:
        """Decorate a class of fields; hashable when ``frozen``. ``slots`` is always True."""
        assert slots, "values have slots"

        def decorate(cls: type) -> type:
            fields = _fields(cls)
            left_out = {*fields, "__dict__", "__weakref__"}
            namespace = {k: v for k, v in vars(cls).items() if k not in left_out}
            names = tuple(fields)
            namespace |= {
                "__slots__": names,
                "__match_args__": names,
                "__written__": fields,
                "__content__": attrgetter(*names) if names else _nothing,
                "__init__": _init_made_late(fields, frozen, "__post_init__" in namespace),
                "__eq__": _equal,
                "__hash__": _hash if frozen else None,
                "__reduce__": _reduced,
                "__dataclass_fields__": _AsTheLibrarySees(cls, frozen),
                "__dataclass_params__": _AsTheLibrarySees(cls, frozen),
            }
            namespace.setdefault("__repr__", _repr)
            if frozen:
                namespace |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
            return type(cls)(cls.__name__, cls.__bases__, namespace)

        return decorate

    class _AsTheLibrarySees:
        """What the standard library keeps of a class, made by it when it first asks."""

        def __init__(self, cls: type, frozen: bool) -> None:
            self._cls = cls
            self._frozen = frozen

        def __set_name__(self, owner: type, name: str) -> None:
            self._owner, self._name = owner, name

        def __get__(self, _: object, __: type) -> Any:
            seen = dataclasses.dataclass(init=False, repr=False, eq=False, frozen=self._frozen)
            said = getattr(seen(self._cls), self._name)
            setattr(self._owner, self._name, said)
            return said

    def _fields(cls: type) -> dict[str, Any]:
        """Each field with its default: a value, a ``Field`` with a factory, or ``MISSING``."""
        fields: dict[str, Any] = {}
        for base in reversed(cls.__mro__[1:]):
            fields |= vars(base).get("__written__", {})
        for name, kind in vars(cls).get("__annotations__", {}).items():
            if not str(kind).startswith(("ClassVar", "typing.ClassVar")):
                default = fields[name] = vars(cls).get(name, dataclasses.MISSING)
                if (
                    isinstance(default, dataclasses.Field)
                    and default.default is not dataclasses.MISSING
                ):
                    raise TypeError(f"{name}: write its default itself; field() is for factories")
                if type(default).__hash__ is None:
                    raise ValueError(f"{name} of all values would be one: use default_factory")
        return fields

    def _init_made_late(fields: Any, frozen: bool, has_more_to_do: bool) -> Any:
        def __init__(self: Any, *values: Any, **named: Any) -> None:
            cls = self.__class__
            cls.__init__ = _init(cls, fields, frozen, has_more_to_do)
            cls.__init__(self, *values, **named)

        return __init__

    def _init(cls: type, fields: Any, frozen: bool, has_more_to_do: bool) -> Any:
        """What the standard library would write, filling the slots of a frozen value directly.

        The interpreter assigns an attribute ten times as fast as it calls what sets it. So a large
        frozen value is, until it is filled, of a class with the same slots that lets itself be
        assigned to: of 100 000 offers each is made in half the time.
        """
        names, written = tuple(fields), tuple(fields.values())
        missing = dataclasses.MISSING
        known: dict[str, Any] = {"_missing": missing}
        opened = frozen and len(names) >= _LARGE and cls.__bases__ == (object,)
        if opened:
            known["_open"] = type(cls.__name__, (), {"__slots__": cls.__slots__})
            known["_frozen"] = cls
            known["_become"] = object.__dict__["__class__"].__set__
        elif frozen:
            setters = (getattr(cls, name).__set__ for name in names)
            known |= {f"_set{place}": setter for place, setter in enumerate(setters)}
        made = [place for place, one in enumerate(written) if isinstance(one, dataclasses.Field)]
        known |= {f"_make{place}": written[place].default_factory for place in made}
        values = [missing if place in made else one for place, one in enumerate(written)]
        needed = sum(one is missing for one in written)
        if missing in written[needed:]:
            raise TypeError(f"{cls.__name__}: a field without a default stands behind one with it")
        code = _code(len(names), tuple(made), frozen, opened, has_more_to_do)
        named = {f"_value{place}": name for place, name in enumerate(names)}
        code = code.replace(
            co_varnames=("self", *names),
            co_names=tuple(named.get(name, name) for name in code.co_names),
        )
        return FunctionType(code, known, "__init__", tuple(values[needed:]))

    @cache
    def _code(
        count: int, made: tuple[int, ...], frozen: bool, opened: bool, has_more_to_do: bool
    ) -> CodeType:
        """Of an ``__init__`` with ``count`` values: classes of one shape differ in names alone.

        ``made``: the numbers of those that a factory makes where they are not given.
        """
        lines = ["_become(self, _open)"] if opened else []
        for place in range(count):
            given = value = f"_value{place}"
            if place in made:
                value = f"_make{place}() if {given} is _missing else {given}"
            sets = frozen and not opened
            lines.append(f"_set{place}(self, {value})" if sets else f"self.{given} = {value}")
        lines += ["self.__class__ = _frozen"] if opened else []
        lines += ["self.__post_init__()"] if has_more_to_do else []
        body = "".join(f"\n {line}" for line in lines) or "\n pass"
        head = f"def __init__({', '.join(['self', *(f'_value{n}' for n in range(count))])}):"
        known: dict[str, Any] = {}
        exec(head + body, known)  # noqa: S102 - nothing in it but numbers
        return known["__init__"].__code__

    def _refuse_to_set(self: Any, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _refuse_to_delete(self: Any, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _nothing(_: Any) -> tuple[()]:
    return ()


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self is other or self.__content__(self) == self.__content__(other)


def _hash(self: Any) -> int:
    return hash(self.__content__(self))


def _reduced(self: Any) -> tuple[Any, ...]:
    return self.__class__, tuple(getattr(self, name) for name in self.__slots__)


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{self.__class__.__qualname__}({shown})"


__all__ = ["dataclass"]

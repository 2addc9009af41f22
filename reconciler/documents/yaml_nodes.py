"""The tree that the guard builds: every value with its place and its text as written."""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from reconciler.documents.yaml_scalars import Scalar
from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; line and column count from 1, the column in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(slots=True)
class _Placed:
    """Line and column are plain numbers: of 10 000 places at most a few are ever asked for."""

    line: int
    column: int

    @property
    def position(self) -> Position:
        return Position(self.line, self.column)


@dataclass(slots=True)
class ScalarNode(_Placed):
    """One value. ``raw`` is its text before it was given a type, without quotes.

    ``refused`` means that a problem was reported and ``value`` says nothing.
    """

    value: Scalar
    raw: str
    plain: bool = True
    refused: bool = False


@dataclass(slots=True)
class SequenceNode(_Placed):
    """``refused`` means that a problem was reported and ``items`` may mean something else."""

    items: list[Node] = field(default_factory=list)
    refused: bool = False


@dataclass(slots=True)
class MappingNode(_Placed):
    """``keys`` and ``values`` by name. ``refused`` is as in a sequence.

    ``incomplete`` means that a key was refused, a second equal one too: a name which is not here
    may be meant.
    """

    keys: dict[str, ScalarNode] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)
    refused: bool = False
    incomplete: bool = False


@dataclass(slots=True)
class AliasNode(_Placed):
    """A use of an anchor: the place of the use, the content of the anchor."""

    target: ScalarNode | CollectionNode


CollectionNode: TypeAlias = SequenceNode | MappingNode
Node: TypeAlias = ScalarNode | SequenceNode | MappingNode | AliasNode

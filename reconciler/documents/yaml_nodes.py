"""The tree that the guard builds: every value with its place and its text as written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.documents.yaml_scalars import Scalar


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; line and column count from 1, the column in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(slots=True)
class ScalarNode:
    """One value. ``refused`` means that a problem was reported and ``value`` says nothing."""

    position: Position
    value: Scalar
    raw: str
    plain: bool = True
    refused: bool = False


@dataclass(slots=True)
class SequenceNode:
    position: Position
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    position: Position
    entries: dict[str, MappingEntry] = field(default_factory=dict)


@dataclass(slots=True)
class AliasNode:
    """A use of an anchor: the place of the use, the content of the anchor."""

    position: Position
    target: ScalarNode | CollectionNode


@dataclass(frozen=True, slots=True)
class MappingEntry:
    key_position: Position
    value: Node


CollectionNode: TypeAlias = SequenceNode | MappingNode
Node: TypeAlias = ScalarNode | SequenceNode | MappingNode | AliasNode

"""The strict YAML reader: bytes in, plain data with places out.

The one door to documents written by people. The steps: size and encoding (``yaml_text``), events
within limits (``yaml_guard``), YAML 1.2 scalars (``yaml_scalars``), and here the data with the
line and column of every key and value. Meaning (schema, vocabulary) is ``fleet_document``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.documents.capped_file import read_capped
from reconciler.documents.yaml_guard import build_tree
from reconciler.documents.yaml_nodes import AliasNode, MappingNode, Node, Position, ScalarNode
from reconciler.documents.yaml_scalars import Scalar
from reconciler.documents.yaml_text import decode_document

__all__ = ["Data", "KeyAndValue", "Path", "Position", "SourceDocument", "read_capped",
           "read_document"]  # fmt: skip

Data: TypeAlias = "Scalar | list[Data] | dict[str, Data]"
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class KeyAndValue:
    """Where a key and its value stand. ``key`` is None for list items and for the root.

    ``raw`` is the scalar's text as written, quotes included (not for an anchored scalar), None
    for lists and mappings. It may be a secret: ask ``secret_guard.looks_secret`` before echoing.
    """

    key: Position | None
    value: Position
    raw: str | None


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One document of plain data, and where each part of it was written.

    ``data`` holds str, int, bool, None, Decimal, list and dict, never a shared part: what an
    alias stands for is copied. It is None for an empty document. ``positions`` maps each path
    from the root ``()``; behind an alias they lead to the anchor, where the text can be changed.
    ``nodes`` is the expanded node count, for a limit over many files.
    """

    file: str
    data: Data
    positions: Mapping[Path, KeyAndValue]
    nodes: int

    def position_of(self, path: Path, *, key: bool = False) -> Position:
        """Where ``path`` stands, or else its nearest parent that exists; never raises.

        ``key=True`` gives the place of the key where there is one.
        """
        for length in range(len(path), -1, -1):
            found = self.positions.get(path[:length])
            if found is not None:
                return found.key if key and found.key else found.value
        return Position(1, 1)

    def raw_at(self, path: Path) -> str | None:
        """The scalar at ``path`` as written; None where there is no scalar."""
        found = self.positions.get(path)
        return found.raw if found else None


def read_document(file: str, raw_bytes: bytes) -> SourceDocument:
    """The one YAML document in ``raw_bytes``; ``file`` is only used in messages.

    Raises DocumentError, and nothing else for any bytes, with all problems that one pass can
    find. An empty document is not an error here (bad input 20 needs the state to decide).
    """
    root, nodes = build_tree(file, decode_document(file, raw_bytes))
    positions: dict[Path, KeyAndValue] = {}
    data = _unfold(root, None, (), positions) if root is not None else None
    return SourceDocument(file, data, positions, nodes)


def _unfold(
    node: Node, key: Position | None, path: Path, positions: dict[Path, KeyAndValue]
) -> Data:
    """Data of ``node``; notes its places. The guard bounds the recursion to 64 levels."""
    place = node.position
    if isinstance(node, AliasNode):
        node = node.target
    if isinstance(node, ScalarNode):
        positions[path] = KeyAndValue(key, place, node.raw)
        return node.value
    positions[path] = KeyAndValue(key, place, None)
    if isinstance(node, MappingNode):
        return {
            name: _unfold(entry.value, entry.key_position, (*path, name), positions)
            for name, entry in node.entries.items()
        }
    return [_unfold(item, None, (*path, index), positions) for index, item in enumerate(node.items)]

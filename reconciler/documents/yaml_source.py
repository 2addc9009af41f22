"""The strict YAML reader: bytes in, plain data with places out.

The one door to documents written by people. The steps: size and encoding (``yaml_text``), events
within limits (``yaml_guard``, or ``yaml_plain`` where nothing needs a word), YAML 1.2 scalars
(``yaml_scalars``), and here the data; line and column of a key or value are looked up when they
are asked for. Meaning (schema, vocabulary) is ``fleet_document``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from typing import Final, TypeAlias

from reconciler.documents.capped_file import read_capped
from reconciler.documents.yaml_guard import Tree, build_tree
from reconciler.documents.yaml_nodes import (
    AliasNode,
    CollectionNode,
    MappingNode,
    Node,
    Position,
    ScalarNode,
)
from reconciler.documents.yaml_plain import plain_data
from reconciler.documents.yaml_scalars import Scalar
from reconciler.documents.yaml_text import decode_document
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem
from reconciler.model.value import dataclass

__all__ = ["REFUSED", "Data", "Path", "Position", "Refused", "SourceDocument", "read_capped",
           "read_document", "read_what_can_be"]  # fmt: skip


class Refused:
    """What stands in the data for a value that was refused; no block accepts it."""


REFUSED: Final = Refused()
Data: TypeAlias = "Scalar | Refused | list[Data] | dict[str, Data]"
Path: TypeAlias = tuple[str | int, ...]


class _LateTree:
    """The places of a document that was read without them: asked for when an error is worded."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text

    @cached_property
    def root(self) -> Node | None:
        return build_tree(self._file, self._text).root


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One document of plain data that knows where each part of it was written.

    ``data`` holds str, int, bool, None, Decimal, list and dict, never a shared part: what an
    alias stands for is copied. It is None for an empty document. ``nodes`` is the expanded node
    count, for a limit over many files. ``problems`` are those of the YAML itself, in reading
    order: ``REFUSED`` stands in ``data`` for the values they are about, and keys that are none
    are left out.
    """

    file: str
    data: Data
    nodes: int
    problems: tuple[Problem, ...]
    tree: Tree | _LateTree = field(repr=False, compare=False)

    def position_of(self, path: Path, *, key: bool = False) -> Position:
        """Where ``path`` stands, or else its nearest parent that exists; never raises.

        ``key=True`` gives the place of the key where there is one. Behind an alias the places are
        those of the anchor, where the text can be changed.
        """
        root = self.tree.root
        if root is None:
            return Position(1, 1)
        at_key: ScalarNode | None = None
        node = root
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            at_key, node = below
        return at_key.position if key and at_key else node.position

    def incomplete_mappings(self) -> frozenset[Path]:
        """The mappings in which a key was refused: what they seem to lack may be meant there."""
        root = self.tree.root if self.problems else None
        return frozenset() if root is None else frozenset(_incomplete(root, ()))


def read_document(file: str, raw_bytes: bytes) -> SourceDocument:
    """The one YAML document in ``raw_bytes``; ``file`` is only used in messages.

    Raises DocumentError, and nothing else for any bytes, with all problems that one pass can
    find. An empty document is not an error here (bad input 20 needs the state to decide).
    """
    source = read_what_can_be(file, raw_bytes)
    if source.problems:
        raise DocumentError(source.problems)
    return source


def read_what_can_be(file: str, raw_bytes: bytes) -> SourceDocument:
    """As ``read_document``, but raises only what ends the reading: syntax, encoding and limits.

    The caller must look at ``problems``: with any, the document must not be used.
    """
    text = decode_document(file, raw_bytes)
    plain = plain_data(text)
    if plain is not None:
        return SourceDocument(file, *plain, (), _LateTree(file, text))
    tree = build_tree(file, text)
    data = data_of(tree.root) if tree.root is not None else None
    return SourceDocument(file, data, tree.node_count, tree.problems, tree)


def data_of(node: Node) -> Data:
    """Plain data of ``node``. The guard bounds the recursion to 64 levels."""
    if type(node) is ScalarNode:  # most are, so they are asked for first
        return REFUSED if node.refused else node.value
    target = _content(node)
    if target.refused:
        return REFUSED
    if isinstance(target, ScalarNode):
        return target.value
    if isinstance(target, MappingNode):
        return {name: data_of(value) for name, value in target.values.items()}
    return [data_of(item) for item in target.items]


def _content(node: Node) -> ScalarNode | CollectionNode:
    return node.target if isinstance(node, AliasNode) else node


def _below(node: Node, step: str | int) -> tuple[ScalarNode | None, Node] | None:
    """The key (of a mapping) and the value that one step of a path leads to."""
    content = _content(node)
    if isinstance(content, ScalarNode):
        return None
    if isinstance(content, MappingNode):
        found = isinstance(step, str) and step in content.values
        return (content.keys[str(step)], content.values[str(step)]) if found else None
    if isinstance(step, int) and 0 <= step < len(content.items):
        return None, content.items[step]
    return None


def _incomplete(node: Node, path: Path) -> Iterator[Path]:
    content = _content(node)
    if isinstance(content, ScalarNode) or content.refused:
        return
    if isinstance(content, MappingNode):
        if content.incomplete:
            yield path
        for name, value in content.values.items():
            yield from _incomplete(value, (*path, name))
    else:
        for index, item in enumerate(content.items):
            yield from _incomplete(item, (*path, index))

"""The guard between libyaml and us: builds the tree from events, within limits.

PyYAML's loaders keep the last of two equal keys, construct objects from tags, merge ``<<`` without
a trace, and libyaml's composer crashes the process on deep nesting (SPEC.md section 2). None of
them runs here: only the event stream is used, and every event passes the rules below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeGuard

import yaml

from reconciler.documents.problem_list import ECHO_LENGTH, ProblemList
from reconciler.documents.secret_guard import looks_secret, names_secret
from reconciler.documents.yaml_anchors import Anchor, AnchorBook
from reconciler.documents.yaml_nodes import (
    AliasNode,
    CollectionNode,
    MappingNode,
    Node,
    Position,
    ScalarNode,
    SequenceNode,
)
from reconciler.documents.yaml_scalars import RefusedScalar, resolve_plain
from reconciler.documents.yaml_syntax import describe_yaml_error, place_of_event
from reconciler.model.problem import Problem
from reconciler.model.text import printable
from reconciler.model.value import dataclass

# Limits of RELIABILITY.md, "Default limits to ship".
DEPTH_MAX: Final = 64
NODES_MAX: Final = 100_000
SCALAR_BYTES_MAX: Final = 64 * 1024
# Same events, same limits, five times slower: for systems where PyYAML has no C extension.
FASTEST_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
UNREADABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Tree:
    """One document. ``root`` is None when it is empty; aliases count as what they expand to.

    ``problems`` are in reading order; what they are about is marked in the tree as refused or
    incomplete, and the rest of the tree is as written.
    """

    root: Node | None
    node_count: int
    problems: tuple[Problem, ...]


def build_tree(file: str, text: str, *, loader: Any = FASTEST_LOADER) -> Tree:
    """The tree of the one document in ``text``, with every problem that does not end the reading.

    Raises DocumentError, with all problems found so far, at a syntax error or a limit.
    """
    problems = ProblemList(file)
    guard = _Guard(text, problems)
    takes = guard.takes()
    for event in _events(file, text, problems, loader):
        take = takes.get(type(event))
        if take is not None:
            take(event)
    return Tree(guard.root, guard.node_count, problems.found())


def _events(file: str, text: str, problems: ProblemList, loader: Any) -> Iterator[yaml.Event]:
    """The parser's events up to its first syntax error, which becomes a DocumentError.

    As ``yaml.parse`` gives them, without asking before each whether there is one.
    """
    try:
        parser = loader(text)
        try:
            yield from iter(parser.get_event, None)
        finally:
            parser.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        problems.stop_with(describe_yaml_error(file, text, error))


@dataclass(slots=True)
class _Frame:
    """A collection that is still open; ``key`` is the one that waits for its value."""

    node: CollectionNode
    nodes_before: int
    anchor: Anchor | None = None
    key: ScalarNode | None = None
    height: int = 0


class _Guard:
    """Takes the events of one document in order; holds the tree and the problems found."""

    def __init__(self, text: str, problems: ProblemList) -> None:
        self.root: Node | None = None
        self.node_count = 0
        self._problems = problems
        self._text = text
        self._frames: list[_Frame] = []
        self._anchors = AnchorBook(problems)
        self._documents = 0

    def takes(self) -> dict[type[yaml.Event], Callable[[Any], None]]:
        """What takes an event of each type; the others say nothing."""
        return {
            yaml.ScalarEvent: self._take_scalar,
            yaml.MappingStartEvent: self._open_collection,
            yaml.MappingEndEvent: self._close_collection,
            yaml.SequenceStartEvent: self._open_collection,
            yaml.SequenceEndEvent: self._close_collection,
            yaml.AliasEvent: self._take_alias,
            yaml.DocumentStartEvent: self._open_document,
        }

    # --- events ---------------------------------------------------------------------------------

    def _open_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._problems.stop(
                Position(*place_of_event(event, self._text)),
                "one document expected in a file, a second one begins here",
                "move it to a file of its own, named *.fleets.yaml",
            )

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        line, column = place_of_event(event, self._text)
        text = event.value
        # A plain scalar is implicit in its first form only: that is how PyYAML marks "unquoted".
        node = ScalarNode(line, column, text, text, bool(event.implicit[0]))
        self.node_count += 1
        if self.node_count > NODES_MAX:
            self._refuse_more(node)
        self._check_scalar(node, text)
        if event.tag is not None:
            self._refuse_tag(event.tag, node)
        if event.anchor:
            self._anchors.define(event.anchor, Anchor(node), node.position)
        self._attach(node)

    def _open_collection(self, event: yaml.CollectionStartEvent) -> None:
        line, column = place_of_event(event, self._text)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node: CollectionNode
        node = MappingNode(line, column) if is_mapping else SequenceNode(line, column)
        if len(self._frames) >= DEPTH_MAX:
            self._problems.stop(
                node.position,
                f"level {DEPTH_MAX + 1} of nesting; at most {DEPTH_MAX} are allowed",
                "nest less deeply",
            )
        frame = _Frame(node, self.node_count)
        self._count_nodes(1, node)
        if event.tag is not None:
            self._refuse_tag(event.tag, node)
        if event.anchor:
            anchor = Anchor(node, closed=False)
            frame.anchor = self._anchors.define(event.anchor, anchor, node.position)
        self._frames.append(frame)

    def _close_collection(self, _: yaml.CollectionEndEvent) -> None:
        frame = self._frames.pop()
        height = frame.height + 1
        if frame.anchor:
            frame.anchor.close(self.node_count - frame.nodes_before, height)
        self._attach(frame.node, height)

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        unknown = ScalarNode(*place_of_event(event, self._text), None, "", refused=True)
        anchor = self._anchors.use(event.anchor or "", unknown.position)
        if anchor is None:
            self._count_nodes(1, unknown)
            self._attach(unknown)
            return
        node = AliasNode(unknown.line, unknown.column, anchor.node)
        if len(self._frames) + anchor.height > DEPTH_MAX:
            self._problems.stop(
                node.position,
                f"this alias expands to more than {DEPTH_MAX} levels of nesting",
                "nest less deeply",
            )
        self._count_nodes(anchor.size, node)
        self._attach(node, anchor.height)

    # --- rules ----------------------------------------------------------------------------------

    def _count_nodes(self, count: int, node: Node) -> None:
        self.node_count += count
        if self.node_count > NODES_MAX:
            self._refuse_more(node)

    def _refuse_more(self, node: Node) -> None:
        self._problems.stop(
            node.position, f"the document expands to more than {NODES_MAX:,} nodes",
            "split it, and repeat less through aliases",
        )  # fmt: skip

    def _refuse_tag(self, tag: str, node: ScalarNode | CollectionNode) -> None:
        node.refused = True
        shown = printable(tag.replace("tag:yaml.org,2002:", "!!"), ECHO_LENGTH)
        self._problems.report(node.position, f"tag {shown}: tags are refused", "remove the tag")

    def _check_scalar(self, node: ScalarNode, text: str) -> None:
        # A character has at most 4 bytes: only long text needs to be counted exactly.
        if len(text) > SCALAR_BYTES_MAX // 4 and self._is_too_long(node):
            return
        if node.plain:
            value = resolve_plain(text)
            if isinstance(value, RefusedScalar):
                self._refuse_plain(node, text, value)
            else:
                node.value = value
        elif UNREADABLE.search(text):
            self._refuse(node, "an escape for NUL or half a surrogate pair", "remove it")

    def _is_too_long(self, node: ScalarNode) -> bool:
        size = len(node.raw.encode("utf-8", "surrogatepass"))
        if size > SCALAR_BYTES_MAX:
            self._refuse(
                node, f"a value of {size:,} bytes; at most {SCALAR_BYTES_MAX:,} are allowed",
                "keep long text in a file of its own",
            )  # fmt: skip
        return node.refused

    def _refuse_plain(self, node: ScalarNode, text: str, refused: RefusedScalar) -> None:
        if self._in_secret() or looks_secret("", text):
            self._refuse(node, refused.reason, "put it in quotes if it is text")
        else:
            self._refuse(node, f"{printable(text, ECHO_LENGTH)}: {refused.reason}", refused.fix)

    def _in_secret(self) -> bool:
        """Whether what comes next stands under a key that names a secret, at any level."""
        return any(frame.key and names_secret(frame.key.raw) for frame in self._frames)

    def _refuse(self, node: ScalarNode, message: str, fix: str) -> None:
        node.refused = True
        self._problems.report(node.position, message, fix)

    # --- the tree -------------------------------------------------------------------------------

    def _attach(self, node: Node, height: int = 0) -> None:
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        into, key = frame.node, frame.key
        if height > frame.height:
            frame.height = height
        if isinstance(into, SequenceNode):
            into.items.append(node)
        elif key is None:
            frame.key = self._read_key(into, node)
        else:
            if not key.refused:
                name = key.raw
                into.keys[name] = key
                into.values[name] = node
            frame.key = None

    def _read_key(self, mapping: MappingNode, node: Node) -> ScalarNode:
        """The key that ``node`` stands for; a refused one, whose value is left out, if it is none.

        The refused one is never ``node`` itself, which an alias may use in another place.
        """
        raw = node.raw if isinstance(node, ScalarNode) else ""
        if self._is_key(node):
            if raw not in mapping.values:
                return node
            self._refuse_second(mapping, node, raw)
        mapping.incomplete = True
        return ScalarNode(node.line, node.column, None, raw, refused=True)

    def _is_key(self, node: Node) -> TypeGuard[ScalarNode]:
        """Whether ``node`` is text that names something; else a problem is reported."""
        if not isinstance(node, ScalarNode):
            self._problems.report(
                node.position, "a key must be text, not a list, mapping or alias",
                "write the key out",
            )  # fmt: skip
            return False
        if node.refused:
            return False
        if not isinstance(node.value, str):
            self._refuse_other_key(node)
            return False
        if node.plain and node.value == "<<":
            self._problems.report(
                node.position, "the merge key << is refused: it can override safety fields unseen",
                "use profiles and `extends`",
            )  # fmt: skip
            return False
        return True

    def _refuse_second(self, mapping: MappingNode, node: Node, name: str) -> None:
        """Which of two equal keys has the wrong name cannot be known: neither value is read."""
        first, value = mapping.keys[name], mapping.values[name]
        mapping.values[name] = ScalarNode(value.line, value.column, None, "", refused=True)
        self._problems.report(
            node.position,
            f"key {_shown_key(name)} stands twice in one mapping:"
            f" in line {first.line} and in line {node.line}",
            "remove or rename one of them",
        )

    def _refuse_other_key(self, node: ScalarNode) -> None:
        if node.value is None:
            self._problems.report(node.position, "a key is missing before ':'", "write the key")
            return
        kind = "true or false" if isinstance(node.value, bool) else "a number"
        shown = _shown_key(node.raw)
        self._problems.report(
            node.position, f"key {shown} is read as {kind}; a key must be text", f'write "{shown}"'
        )


def _shown_key(name: str) -> str:
    return "(hidden)" if looks_secret("", name) else printable(name, ECHO_LENGTH)

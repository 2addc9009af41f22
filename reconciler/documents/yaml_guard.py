"""The guard between libyaml and us: builds the tree from events, within limits.

PyYAML's loaders keep the last of two equal keys, construct objects from tags, merge ``<<`` without
a trace, and libyaml's composer crashes the process on deep nesting (SPEC.md section 2). None of
them runs here: only the event stream is used, and every event passes the rules below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from reconciler.documents.problem_list import ECHO_LENGTH, ProblemList
from reconciler.documents.secret_guard import looks_secret, names_secret
from reconciler.documents.yaml_anchors import Anchor, AnchorBook
from reconciler.documents.yaml_nodes import (
    AliasNode,
    CollectionNode,
    MappingEntry,
    MappingNode,
    Node,
    Position,
    ScalarNode,
    SequenceNode,
)
from reconciler.documents.yaml_scalars import RefusedScalar, resolve_plain
from reconciler.documents.yaml_syntax import (
    describe_yaml_error,
    position_of_event,
    written_between,
)
from reconciler.model.text import printable

# Limits of RELIABILITY.md, "Default limits to ship".
DEPTH_MAX: Final = 64
NODES_MAX: Final = 100_000
SCALAR_BYTES_MAX: Final = 64 * 1024
# Same events, same limits, five times slower: for systems where PyYAML has no C extension.
FASTEST_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def build_tree(file: str, text: str, *, loader: Any = FASTEST_LOADER) -> tuple[Node | None, int]:
    """The tree of the one document in ``text`` (None when empty), and its expanded node count.

    Raises DocumentError with every problem that one pass finds, in reading order; a syntax error
    or a limit ends the pass.
    """
    problems = ProblemList(file)
    guard = _Guard(text, problems)
    for event in _read_events(file, text, problems, loader):
        guard.take(event)
    problems.raise_found()
    return guard.root, guard.node_count


def _read_events(file: str, text: str, problems: ProblemList, loader: Any) -> Iterator[yaml.Event]:
    """The parser's events up to its first syntax error, which becomes a problem."""
    try:
        yield from yaml.parse(text, Loader=loader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        problems.add(describe_yaml_error(file, text, error))


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that waits for its value; ``name`` None when the key was refused."""

    name: str | None
    position: Position


@dataclass(slots=True)
class _Frame:
    """A collection that is still open. ``secret``: what stands inside is never echoed."""

    node: CollectionNode
    nodes_before: int
    secret: bool
    anchor: Anchor | None = None
    key: _Key | None = None
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

    def take(self, event: yaml.Event) -> None:
        position = position_of_event(event, self._text)
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event, position)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open_collection(event, position)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close_collection()
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event, position)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._open_document(position)

    # --- events ---------------------------------------------------------------------------------

    def _open_document(self, position: Position) -> None:
        self._documents += 1
        if self._documents > 1:
            self._problems.stop(
                position, "one document expected in a file, a second one begins here",
                "move it to a file of its own, named *.fleets.yaml",
            )  # fmt: skip

    def _take_scalar(self, event: yaml.ScalarEvent, position: Position) -> None:
        self._count_nodes(1, position)
        self._refuse_tag(event.tag, position)
        # The marks of an anchored scalar include the anchor.
        raw = event.value if event.anchor else written_between(event, self._text)
        # A plain scalar is implicit in its first form only: that is how PyYAML marks "unquoted".
        node = ScalarNode(position, event.value, raw, plain=bool(event.implicit[0]))
        self._check_scalar(node)
        if event.anchor:
            self._anchors.define(event.anchor, Anchor(node), position)
        self._attach(node)

    def _open_collection(self, event: yaml.CollectionStartEvent, position: Position) -> None:
        if len(self._frames) >= DEPTH_MAX:
            self._problems.stop(
                position, f"level {DEPTH_MAX + 1} of nesting; at most {DEPTH_MAX} are allowed",
                "nest less deeply",
            )  # fmt: skip
        before = self.node_count
        self._count_nodes(1, position)
        self._refuse_tag(event.tag, position)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = MappingNode(position) if is_mapping else SequenceNode(position)
        frame = _Frame(node, before, self._in_secret())
        if event.anchor:
            frame.anchor = self._anchors.define(event.anchor, Anchor(node, closed=False), position)
        self._frames.append(frame)

    def _close_collection(self) -> None:
        frame = self._frames.pop()
        height = frame.height + 1
        if frame.anchor:
            frame.anchor.close(self.node_count - frame.nodes_before, height)
        self._attach(frame.node, height)

    def _take_alias(self, event: yaml.AliasEvent, position: Position) -> None:
        anchor = self._anchors.use(event.anchor or "", position)
        if anchor is None:
            self._count_nodes(1, position)
            self._attach(ScalarNode(position, None, "", refused=True))
            return
        if len(self._frames) + anchor.height > DEPTH_MAX:
            self._problems.stop(
                position, f"this alias expands to more than {DEPTH_MAX} levels of nesting",
                "nest less deeply",
            )  # fmt: skip
        self._count_nodes(anchor.size, position)
        self._attach(AliasNode(position, anchor.node), anchor.height)

    # --- rules ----------------------------------------------------------------------------------

    def _count_nodes(self, count: int, position: Position) -> None:
        self.node_count += count
        if self.node_count > NODES_MAX:
            self._problems.stop(
                position, f"the document expands to more than {NODES_MAX:,} nodes",
                "split it, and repeat less through aliases",
            )  # fmt: skip

    def _refuse_tag(self, tag: str | None, position: Position) -> None:
        if tag is not None:
            shown = printable(tag.replace("tag:yaml.org,2002:", "!!"), ECHO_LENGTH)
            self._problems.report(position, f"tag {shown}: tags are refused", "remove the tag")

    def _check_scalar(self, node: ScalarNode) -> None:
        text = str(node.value)
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > SCALAR_BYTES_MAX:
            self._refuse(
                node, f"a value of {size:,} bytes; at most {SCALAR_BYTES_MAX:,} are allowed",
                "keep long text in a file of its own",
            )  # fmt: skip
        elif not node.plain:
            if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
                self._refuse(node, "an escape for NUL or half a surrogate pair", "remove it")
        else:
            value = resolve_plain(text)
            if isinstance(value, RefusedScalar):
                self._refuse_plain(node, text, value)
            else:
                node.value = value

    def _refuse_plain(self, node: ScalarNode, text: str, refused: RefusedScalar) -> None:
        if self._in_secret() or looks_secret("", text):
            self._refuse(node, refused.reason, "put it in quotes if it is text")
        else:
            self._refuse(node, f"{printable(text, ECHO_LENGTH)}: {refused.reason}", refused.fix)

    # --- the tree -------------------------------------------------------------------------------

    def _attach(self, node: Node, height: int = 0) -> None:
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        frame.height = max(frame.height, height)
        if isinstance(frame.node, SequenceNode):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = self._read_key(frame.node, node)
        else:
            if frame.key.name is not None:
                frame.node.entries[frame.key.name] = MappingEntry(frame.key.position, node)
            frame.key = None

    def _read_key(self, mapping: MappingNode, node: Node) -> _Key:
        """The key that ``node`` stands for, without a name when it was refused."""
        position = node.position
        if not isinstance(node, ScalarNode):
            self._problems.report(
                position, "a key must be text, not a list, mapping or alias", "write the key out"
            )
        elif node.refused:
            pass
        elif not isinstance(node.value, str):
            self._refuse_other_key(node)
        elif node.plain and node.value == "<<":
            self._problems.report(
                position, "the merge key << is refused: it can override safety fields unseen",
                "use profiles and `extends`",
            )  # fmt: skip
        elif node.value in mapping.entries:
            first = mapping.entries[node.value].key_position.line
            self._problems.report(
                position,
                f"key {_shown_key(node.value)} stands twice in one mapping:"
                f" in line {first} and in line {position.line}",
                "remove or rename one of them",
            )
        else:
            return _Key(node.value, position)
        return _Key(None, position)

    def _refuse_other_key(self, node: ScalarNode) -> None:
        if node.value is None:
            self._problems.report(node.position, "a key is missing before ':'", "write the key")
            return
        kind = "true or false" if isinstance(node.value, bool) else "a number"
        shown = _shown_key(node.raw)
        self._problems.report(
            node.position, f"key {shown} is read as {kind}; a key must be text", f'write "{shown}"'
        )

    def _in_secret(self) -> bool:
        """Whether what comes next stands under a key that names a secret, at any level."""
        if not self._frames:
            return False
        frame = self._frames[-1]
        name = frame.key.name if frame.key else None
        return frame.secret or (name is not None and names_secret(name))

    def _refuse(self, node: ScalarNode, message: str, fix: str) -> None:
        node.refused = True
        node.value = None
        self._problems.report(node.position, message, fix)


def _shown_key(name: str) -> str:
    return "(hidden)" if looks_secret("", name) else printable(name, ECHO_LENGTH)

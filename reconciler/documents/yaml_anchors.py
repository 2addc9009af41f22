"""Anchors of one document: what an alias may stand for, and how large that is."""

from __future__ import annotations

from typing import Final

from reconciler.documents.problem_list import ECHO_LENGTH, ProblemList
from reconciler.documents.yaml_nodes import CollectionNode, Position, ScalarNode
from reconciler.model.text import printable
from reconciler.model.value import dataclass

ALIASES_MAX: Final = 100


@dataclass(slots=True)
class Anchor:
    """An anchored node; ``size`` counts its expanded nodes, ``height`` its levels of nesting.

    ``closed`` is false while the node is still being read: an alias to it now is a cycle.
    ``doubtful``: another anchor has the same name, so that an alias may mean either.
    """

    node: ScalarNode | CollectionNode
    size: int = 1
    height: int = 0
    closed: bool = True
    doubtful: bool = False

    def close(self, size: int, height: int) -> None:
        self.size, self.height, self.closed = size, height, True


class AnchorBook:
    """The anchors defined so far and the aliases used so far."""

    def __init__(self, problems: ProblemList) -> None:
        self._problems = problems
        self._anchors: dict[str, Anchor] = {}
        self._alias_count = 0

    def define(self, name: str, anchor: Anchor, position: Position) -> Anchor:
        first = self._anchors.get(name)
        if first is not None:
            anchor.doubtful = True
            self._problems.report(
                position,
                f"anchor &{printable(name, ECHO_LENGTH)} is defined twice,"
                f" first in line {first.node.position.line}",
                "give it another name",
            )
        self._anchors[name] = anchor
        return anchor

    def use(self, name: str, position: Position) -> Anchor | None:
        """The anchor that alias ``name`` stands for; None after a problem with it was reported."""
        self._alias_count += 1
        if self._alias_count > ALIASES_MAX:
            self._problems.stop(
                position, f"more than {ALIASES_MAX} aliases", "use profiles and `extends` instead"
            )
        anchor = self._anchors.get(name)
        shown = printable(name, ECHO_LENGTH)
        if anchor is None:
            self._problems.report(
                position, f"alias *{shown} names no anchor",
                f"define &{shown} before it, or put text that begins with * in quotes",
            )  # fmt: skip
        elif not anchor.closed:
            self._problems.report(
                position,
                f"cycle: alias *{shown} stands inside its own anchor &{shown}"
                f" of line {anchor.node.position.line}",
                "remove the alias",
            )
            anchor = None
        return None if anchor is None or anchor.doubtful else anchor

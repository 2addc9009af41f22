"""All files of a directory gathered into one configuration.

Maps are joined over the files, a name once; `defaults`, `safety` and `state` stand in one file;
`version` and `workspace` stand in one or agree in all (SPEC.md section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from reconciler.documents.blocks import (
    FleetDocument,
    NotifierBlock,
    ProviderBlock,
    SafetyBlock,
    StateBlock,
)
from reconciler.documents.fleet_blocks import FleetBlock, FleetSettings
from reconciler.documents.fleet_document import ParsedDocument
from reconciler.documents.yaml_source import Path, SourceDocument
from reconciler.model.problem import Problem

_Block = TypeVar("_Block", bound=object)


@dataclass(frozen=True, slots=True)
class Declared(Generic[_Block]):
    """A block and where it was written.

    ``gaps`` are those of its file (see ``ParsedDocument``). ``contested``: another block claims
    the same place, so that this one may not be the one that stays.
    """

    source: SourceDocument
    path: Path
    block: _Block
    gaps: frozenset[Path] = frozenset()
    contested: bool = False

    @property
    def place(self) -> str:
        """``file:line`` of its key."""
        return f"{self.source.file}:{self.source.position_of(self.path, key=True).line}"

    def problem(self, message: str, fix: str = "", *below: str | int) -> Problem:
        """A problem with the value at ``below`` inside this block, or with the block itself."""
        at = self.source.position_of((*self.path, *below), key=not below)
        return Problem(self.source.file, at.line, at.column, message, fix)

    def may_hide(self, key: str) -> bool:
        """Whether ``key`` may be meant here although the block does not have it."""
        path = (*self.path, key)
        return self.contested or any(path[:end] in self.gaps for end in range(len(path) + 1))


@dataclass(slots=True)
class Configuration:
    """Everything the files say, and what is wrong between them (``problems``).

    ``repeated`` are the blocks of fleets that lost their place to another one. ``gaps`` are the
    sections that may hold more than is here, ``()`` among them when a whole file may.
    """

    first_file: str
    workspace: str = ""
    fleets: Mapping[str, Declared[FleetBlock]] = field(default_factory=dict)
    profiles: Mapping[str, Declared[FleetBlock]] = field(default_factory=dict)
    providers: Mapping[str, Declared[ProviderBlock]] = field(default_factory=dict)
    notifiers: Mapping[str, Declared[NotifierBlock]] = field(default_factory=dict)
    defaults: Declared[FleetSettings] | None = None
    safety: Declared[SafetyBlock] | None = None
    state: Declared[StateBlock] | None = None
    repeated: Sequence[Declared[FleetBlock] | Declared[FleetSettings]] = ()
    gaps: frozenset[Path] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def may_hide(self, section: str) -> bool:
        """Whether more of ``section`` may be meant than could be read."""
        return () in self.gaps or (section,) in self.gaps


def gather(documents: Sequence[ParsedDocument], *, all_read: bool = True) -> Configuration:
    """``documents`` as one, the first mention of a name winning; at least one is needed.

    ``all_read=False``: there are files beside them that could not be read.
    """
    gaps = frozenset(gap for document in documents for gap in document.gaps if len(gap) < 2)
    configuration = Configuration(
        first_file=documents[0].source.file,
        gaps=gaps if all_read else gaps | {()},
    )
    GATHER_REST
        fleets=_joined(documents, "fleets", lambda document: document.fleets, problems),
        profiles=_joined(documents, "profiles", lambda document: document.profiles, problems),
        providers=_joined(documents, "providers", lambda document: document.providers, problems),
        notifiers=_joined(documents, "notifiers", lambda document: document.notifiers, problems),
        defaults=_once(documents, "defaults", lambda document: document.defaults, problems),
        safety=_once(documents, "safety", lambda document: document.safety, problems),
        state=_once(documents, "state", lambda document: document.state, problems),
        problems=problems,
    )


def _written(
    documents: Sequence[ParsedDocument],
    key: str,
    value_of: Callable[[FleetDocument], _Block | None],
) -> list[Declared[_Block]]:
    found = []
    for parsed in documents:
        value = value_of(parsed.document)
        if value is not None:
            found.append(Declared(parsed.source, (key,), value))
    return found


def _joined(
    documents: Sequence[ParsedDocument],
    section: str,
    blocks_of: Callable[[FleetDocument], Mapping[str, _Block]],
    problems: list[Problem],
) -> dict[str, Declared[_Block]]:
    joined: dict[str, Declared[_Block]] = {}
    for parsed in documents:
        for name, block in blocks_of(parsed.document).items():
            declared = Declared(parsed.source, (section, name), block)
            first = joined.setdefault(name, declared)
            if first is not declared:
                message = f"{section}.{name} is declared twice: first at {first.place}"
                problems.append(declared.problem(message, "rename or remove one of them"))
    return joined


def _once(
    documents: Sequence[ParsedDocument],
    key: str,
    block_of: Callable[[FleetDocument], _Block | None],
    problems: list[Problem],
) -> Declared[_Block] | None:
    found = _written(documents, key, block_of)
    for other in found[1:]:
        message = f"{key} stands in two files: first at {found[0].place}"
        problems.append(other.problem(message, "keep it in one file"))
    return found[0] if found else None


def _agreed(
    documents: Sequence[ParsedDocument],
    key: str,
    value_of: Callable[[FleetDocument], _Block | None],
    fix: str,
    problems: list[Problem],
) -> _Block | None:
    found = _written(documents, key, value_of)
    if not found:
        file = documents[0].source.file
        problems.append(Problem(file, 1, 1, f"key {key} is missing", fix))
        return None
    for other in found[1:]:
        if other.block != found[0].block:
            message = f"{key} is {other.block} here and {found[0].block} at {found[0].place}"
            problems.append(other.problem(message, "all files must agree"))
    return found[0].block

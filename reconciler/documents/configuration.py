"""All files of a directory gathered into one configuration.

Maps are joined over the files, a name once; `defaults`, `safety` and `state` stand in one file;
`version` and `workspace` stand in one or agree in all (SPEC.md section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Generic, TypeVar

from reconciler.documents.blocks import (
    FleetDocument,
    NotifierBlock,
    ProviderBlock,
    SafetyBlock,
    StateBlock,
)
from reconciler.documents.budget_blocks import BudgetBlock
from reconciler.documents.fleet_blocks import FleetBlock, FleetSettings
from reconciler.documents.fleet_document import ParsedDocument
from reconciler.documents.yaml_source import Path, SourceDocument
from reconciler.model.problem import Problem
from reconciler.model.value import dataclass

_Block = TypeVar("_Block", bound=object)
_Kept = TypeVar("_Kept", bound=object)


@dataclass(frozen=True, slots=True)
class Declared(Generic[_Block]):
    """A block and where it was written.

    ``gaps`` are those of its file (see ``ParsedDocument``). ``contested``: another block claims
    the same place, so that others may mean that one.
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

    ``repeated_fleets`` and ``repeated_bases`` (profiles, `defaults`) are blocks that lost their
    place to another one. ``gaps`` are the sections that may hold more than is here, ``()`` among
    them when a whole file may.
    """

    first_file: str
    workspace: str = ""
    fleets: Mapping[str, Declared[FleetBlock]] = field(default_factory=dict)
    profiles: Mapping[str, Declared[FleetBlock]] = field(default_factory=dict)
    providers: Mapping[str, Declared[ProviderBlock]] = field(default_factory=dict)
    notifiers: Mapping[str, Declared[NotifierBlock]] = field(default_factory=dict)
    budgets: Mapping[str, Declared[BudgetBlock]] = field(default_factory=dict)
    defaults: Declared[FleetSettings] | None = None
    safety: Declared[SafetyBlock] | None = None
    state: Declared[StateBlock] | None = None
    repeated_fleets: Sequence[Declared[FleetBlock]] = ()
    repeated_bases: Sequence[Declared[FleetBlock] | Declared[FleetSettings]] = ()
    gaps: frozenset[Path] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def may_hide(self, section: str) -> bool:
        """Whether more of ``section`` may be meant than could be read."""
        return () in self.gaps or (section,) in self.gaps


def gather(documents: Sequence[ParsedDocument], *, all_read: bool = True) -> Configuration:
    """``documents`` as one, the first mention of a name winning; at least one is needed.

    ``all_read=False``: there are files beside them that could not be read.
    """
    gathering = _Gathering(documents, all_read)
    fleets = gathering.joined("fleets", lambda document: document.fleets)
    profiles = gathering.joined("profiles", lambda document: document.profiles)
    defaults = gathering.once("defaults", lambda document: document.defaults)
    gathering.agreed("version", lambda document: document.version, "write version: 1")
    workspace = gathering.agreed(
        "workspace", lambda document: document.workspace,
        "write workspace: and a name for this configuration",
    )  # fmt: skip
    return Configuration(
        first_file=documents[0].source.file,
        workspace=workspace or "",
        fleets=fleets.kept,
        profiles=profiles.kept,
        providers=gathering.joined("providers", lambda document: document.providers).kept,
        notifiers=gathering.joined("notifiers", lambda document: document.notifiers).kept,
        budgets=gathering.joined("budgets", lambda document: document.budgets).kept,
        defaults=defaults.kept,
        safety=gathering.once("safety", lambda document: document.safety).kept,
        state=gathering.once("state", lambda document: document.state).kept,
        repeated_fleets=fleets.repeated,
        repeated_bases=[*profiles.repeated, *defaults.repeated],
        gaps=gathering.gaps,
        problems=gathering.problems,
    )


@dataclass(frozen=True, slots=True)
class _Gathered(Generic[_Kept, _Block]):
    """What the configuration keeps, and what lost its place."""

    kept: _Kept
    repeated: list[Declared[_Block]]


class _Gathering:
    """Goes through ``documents`` key by key and notes where they contradict one another."""

    def __init__(self, documents: Sequence[ParsedDocument], all_read: bool) -> None:
        self.problems: list[Problem] = []
        known = frozenset(gap for document in documents for gap in document.gaps if len(gap) < 2)
        self.gaps: frozenset[Path] = known if all_read else known | {()}
        self._documents = documents

    def joined(
        self, section: str, blocks_of: Callable[[FleetDocument], Mapping[str, _Block]]
    ) -> _Gathered[dict[str, Declared[_Block]], _Block]:
        contested = section != "fleets"  # no other block builds on a fleet
        joined: dict[str, Declared[_Block]] = {}
        repeated: list[Declared[_Block]] = []
        for parsed in self._documents:
            for name, block in blocks_of(parsed.document).items():
                declared = Declared(parsed.source, (section, name), block, parsed.gaps)
                first = joined.setdefault(name, declared)
                if first is not declared:
                    message = f"{section}.{name} is declared twice: first at {first.place}"
                    self._contradict(declared, message, "rename or remove one of them")
                    self.gaps |= {(section,)}  # one of the two may be meant to have another name
                    joined[name] = replace(first, contested=contested)
                    repeated.append(replace(declared, contested=contested))
        return _Gathered(joined, repeated)

    def once(
        self, key: str, block_of: Callable[[FleetDocument], _Block | None]
    ) -> _Gathered[Declared[_Block] | None, _Block]:
        found = self._written(key, block_of)
        for other in found[1:]:
            message = f"{key} stands in two files: first at {found[0].place}"
            self._contradict(other, message, "keep it in one file")
        if len(found) > 1:
            found = [replace(each, contested=True) for each in found]
        return _Gathered(found[0] if found else None, found[1:])

    def agreed(
        self, key: str, value_of: Callable[[FleetDocument], _Block | None], fix: str
    ) -> _Block | None:
        found = self._written(key, value_of)
        if not found:
            if self.gaps.isdisjoint({(), (key,)}):
                file = self._documents[0].source.file
                self.problems.append(Problem(file, 1, 1, f"key {key} is missing", fix))
            return None
        for other in found[1:]:
            if other.block != found[0].block:
                message = f"{key} is {other.block} here and {found[0].block} at {found[0].place}"
                self._contradict(other, message, "all files must agree")
        return found[0].block

    def _written(
        self, key: str, value_of: Callable[[FleetDocument], _Block | None]
    ) -> list[Declared[_Block]]:
        values = [(parsed, value_of(parsed.document)) for parsed in self._documents]
        return [
            Declared(parsed.source, (key,), value, parsed.gaps)
            for parsed, value in values
            if value is not None
        ]

    def _contradict(self, declared: Declared[_Block], message: str, fix: str) -> None:
        self.problems.append(declared.problem(message, fix))

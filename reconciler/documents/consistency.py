"""What only shows when all files are seen together: names that lead nowhere, totals, limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from reconciler.documents.blocks import ProviderBlock
from reconciler.documents.budget_blocks import periods_differ
from reconciler.documents.configuration import Configuration, Declared
from reconciler.documents.installed_types import is_known_type
from reconciler.documents.merge import FleetMerger
from reconciler.documents.resource_blocks import NODES_MAX
from reconciler.model.fleet import Fleet
from reconciler.model.problem import Problem
from reconciler.model.provider_types import PROVIDER_TYPES, SIMULATED

FLEETS_MAX = 20_000
"""RELIABILITY.md, "Default limits to ship"; ``NODES_MAX`` too."""
_COMPARISONS_MAX = 300_000  # of two names, in search of the one that was meant: half a second


def provider_problems(configuration: Configuration) -> Iterator[Problem]:
    """No provider at all, one of an unknown type, or a name that is not configured."""
    all_known = not configuration.may_hide("providers")
    if all_known and not configuration.providers:
        yield _at_the_workspace(
            configuration, "no provider is configured", "write providers: {simulated: {}}"
        )
    for name, declared in configuration.providers.items():
        kind = _type_of(name, declared)
        if kind is not None and not is_known_type(kind):
            yield _unknown_type(name, declared)
        if kind not in (SIMULATED, None) and declared.block.market:
            message = "market is the file of a simulated market"
            yield declared.problem(message, "remove it", "market")
        if kind == SIMULATED and declared.block.key:
            yield declared.problem("a simulated market needs no key", "remove it", "key")
    yield from _mixed(configuration)
    providers = _KnownNames("provider", configuration.providers)

    def unknown_in(block: Declared[Any]) -> Iterator[Problem]:
        for key in ("providers", "exclude_providers"):
            for index, name in enumerate(getattr(block.block, key) or ()):
                if name not in configuration.providers:
                    yield providers.unknown(name, block, key, index)

    if all_known:
        yield from _of_each(_blocks_of_fleets(configuration), unknown_in)
    for budget in configuration.budgets.values() if all_known else ():
        match = budget.block.match
        for index, name in enumerate(match.providers or () if match is not None else ()):
            if name not in configuration.providers:
                yield providers.unknown(name, budget, "match", "providers", index)


def _type_of(name: str, declared: Declared[ProviderBlock]) -> str | None:
    """None where it may be written in a part that could not be read."""
    if declared.block.type is None and declared.may_hide("type"):
        return None
    return declared.block.type or name


def _unknown_type(name: str, declared: Declared[ProviderBlock]) -> Problem:
    known = " or ".join(PROVIDER_TYPES)
    if declared.block.type is not None:
        message = f"{declared.block.type} is not a type of provider that is installed here"
        fix = f"use {known}, or install the package that brings it"
        return declared.problem(message, fix, "type")
    message = f"{name} is not a type of provider that this version has"
    return declared.problem(message, f"use {known}, or write type: {known} below this name")


def _mixed(configuration: Configuration) -> Iterator[Problem]:
    """Play money and real money in one workspace (SPEC.md section 2)."""
    types = {name: _type_of(name, one) for name, one in configuration.providers.items()}
    known = {kind for kind in types.values() if kind is not None and is_known_type(kind)}
    if SIMULATED in known and len(known) > 1:
        declared = next(
            one for name, one in configuration.providers.items() if types[name] == SIMULATED
        )
        message = "simulated and real providers cannot be in one workspace"
        yield declared.problem(message, "declare them in two directories")


def profile_problems(configuration: Configuration) -> Iterator[Problem]:
    """Names under `extends` that are no profile."""
    if configuration.may_hide("profiles"):
        return
    profiles = _KnownNames("profile", configuration.profiles)

    def unknown_in(block: Declared[Any]) -> Iterator[Problem]:
        for index, name in enumerate(getattr(block.block, "extends", None) or ()):
            if name not in configuration.profiles:
                yield profiles.unknown(name, block, "extends", index)

    yield from _of_each(_blocks_of_fleets(configuration), unknown_in)


def budget_problems(configuration: Configuration, merger: FleetMerger) -> Iterator[Problem]:
    """Names that are no budget, budgets for nothing, and limits of which neither is stricter."""
    named: set[str] = set()
    hidden: list[str] = []  # where some may be named, and nobody can read it
    budgets = _KnownNames("budget", configuration.budgets)
    known = not configuration.may_hide("budgets")

    def unknown_in(block: Declared[Any]) -> Iterator[Problem]:
        written = getattr(block.block, "budget", None)
        if block.may_hide("budget"):
            hidden.append(block.place)
        for index, name in enumerate(written.names or () if written else ()):
            named.add(name)
            if known and name not in configuration.budgets:
                yield budgets.unknown(name, block, "budget", index)

    yield from _of_each(_blocks_of_fleets(configuration), unknown_in)
    for name, declared in configuration.budgets.items():
        unmatched = declared.block.match is None and not declared.may_hide("match")
        if unmatched and name not in named and not (hidden or configuration.may_hide("fleets")):
            message = f"budgets.{name} is for no fleet: none names it, and it has no match"
            yield declared.problem(message, "write match: {} for all, or name it in a fleet")
    fleets = configuration.fleets.values()
    yield from _of_each(fleets, lambda fleet: _unlike_periods(fleet, merger))


def _unlike_periods(fleet: Declared[Any], merger: FleetMerger) -> Iterator[Problem]:
    origins = [one for one in merger.origins(fleet) if one.block.budget is not None]
    for over, base in pairwise(origins):
        if periods_differ(base.block.budget, over.block.budget):
            message = f"its period is not that of the budget at {base.place}, which holds as well"
            yield over.problem(message, "use the same period in both", "budget")


def size_problems(
    configuration: Configuration, merger: FleetMerger, fleets: Mapping[str, Fleet]
) -> Iterator[Problem]:
    """More fleets or nodes than one workspace can have."""
    if len(configuration.fleets) > FLEETS_MAX:
        message = f"{len(configuration.fleets):,} fleets; at most {FLEETS_MAX:,} are allowed"
        yield _at_the_workspace(configuration, message, "split them over several workspaces")
    if sum(fleet.nodes.maximum for fleet in fleets.values()) <= NODES_MAX:
        return
    nodes = sum(
        fleet.nodes.maximum
        for name, fleet in fleets.items()
        if merger.settles(configuration.fleets[name], "nodes")
    )
    if nodes > NODES_MAX:
        message = f"{nodes:,} nodes are declared; at most {NODES_MAX:,} are allowed"
        yield _at_the_workspace(configuration, message, "split them over several workspaces")


def _blocks_of_fleets(configuration: Configuration) -> Iterator[Declared[Any]]:
    if configuration.defaults is not None:
        yield configuration.defaults
    yield from configuration.profiles.values()
    yield from configuration.fleets.values()
    yield from configuration.repeated_bases
    yield from configuration.repeated_fleets


def _of_each(
    blocks: Iterable[Declared[Any]], problems_of: Callable[[Declared[Any]], Iterable[Problem]]
) -> Iterator[Problem]:
    """The problems of every block. Fleets that are written alike have one block, which is not
    looked at again when nothing is wrong with it.
    """
    flawless: set[int] = set()
    for declared in blocks:
        if id(declared.block) not in flawless:
            found = list(problems_of(declared))
            if not found:
                flawless.add(id(declared.block))
            yield from found


class _KnownNames:
    """Words what is wrong with a name that is not among ``names``."""

    def __init__(self, kind: str, names: Iterable[str]) -> None:
        self._kind = kind
        self._names = list(names)
        self._comparisons_left = _COMPARISONS_MAX

    def unknown(self, name: str, block: Declared[Any], *below: str | int) -> Problem:
        listed = f"known: {', '.join(self._names[:10])}" if self._names else "none is declared"
        fix = self._nearest(name) or listed
        return block.problem(f"unknown {self._kind} {name}", fix, *below)

    def _nearest(self, name: str) -> str:
        self._comparisons_left -= len(self._names)
        if self._comparisons_left < 0:
            return ""
        from reconciler.documents.wording import nearest

        return nearest(name, self._names)


def _at_the_workspace(configuration: Configuration, message: str, fix: str) -> Problem:
    return Problem(configuration.first_file, 1, 1, message, fix)

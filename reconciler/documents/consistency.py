"""What only shows when all files are seen together: names that lead nowhere, totals, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.documents.configuration import Configuration, Declared
from reconciler.documents.resource_blocks import NODES_MAX
from reconciler.model.fleet import Fleet
from reconciler.model.problem import Problem

FLEETS_MAX = 20_000
"""RELIABILITY.md, "Default limits to ship"; ``NODES_MAX`` too."""
PROVIDER_TYPES = ("simulated",)


def provider_problems(configuration: Configuration) -> Iterator[Problem]:
    """No provider at all, one of an unknown type, or a name that is not configured."""
    if not configuration.providers:
        yield _at_the_workspace(
            configuration, "no provider is configured", "write providers: {simulated: {}}"
        )
    for name, declared in configuration.providers.items():
        if declared.block.type is None and name not in PROVIDER_TYPES:
            known = " or ".join(PROVIDER_TYPES)
            message = f"{name} is not a type of provider that this version has"
            yield declared.problem(message, f"use {known}, or write type: {known} below this name")
    for block in _blocks_of_fleets(configuration):
        for key in ("providers", "exclude_providers"):
            for index, name in enumerate(getattr(block.block, key) or ()):
                if name not in configuration.providers:
                    yield _unknown("provider", name, configuration.providers, block, key, index)


def profile_problems(configuration: Configuration) -> Iterator[Problem]:
    """Names under `extends` that are no profile."""
    for block in (*configuration.profiles.values(), *configuration.fleets.values()):
        for index, name in enumerate(block.block.extends or ()):
            if name not in configuration.profiles:
                yield _unknown("profile", name, configuration.profiles, block, "extends", index)


def size_problems(configuration: Configuration, fleets: Mapping[str, Fleet]) -> Iterator[Problem]:
    """More fleets or nodes than one workspace can have."""
    if len(configuration.fleets) > FLEETS_MAX:
        message = f"{len(configuration.fleets):,} fleets; at most {FLEETS_MAX:,} are allowed"
        yield _at_the_workspace(configuration, message, "split them over several workspaces")
    nodes = sum(fleet.nodes.maximum for fleet in fleets.values())
    if nodes > NODES_MAX:
        message = f"{nodes:,} nodes are declared; at most {NODES_MAX:,} are allowed"
        yield _at_the_workspace(configuration, message, "split them over several workspaces")


def _blocks_of_fleets(configuration: Configuration) -> Iterator[Declared[Any]]:
    if configuration.defaults is not None:
        yield configuration.defaults
    yield from configuration.profiles.values()
    yield from configuration.fleets.values()


def _unknown(
    kind: str, name: str, known: Iterable[str], block: Declared[Any], key: str, index: int
) -> Problem:
    from reconciler.documents.wording import nearest

    names = list(known)
    listed = f"known: {', '.join(names[:10])}" if names else "none is declared"
    return block.problem(f"unknown {kind} {name}", nearest(name, names) or listed, key, index)


def _at_the_workspace(configuration: Configuration, message: str, fix: str) -> Problem:
    return Problem(configuration.first_file, 1, 1, message, fix)

"""The door to the documents: a directory, or one text, becomes a ``DesiredState``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.documents.configuration import Configuration, Declared, gather
from reconciler.documents.consistency import (
    budget_problems,
    profile_problems,
    provider_problems,
    size_problems,
)
from reconciler.documents.declared_fleet import FleetMaker, asks_for_gpu, lease_length
from reconciler.documents.document_files import find_documents
from reconciler.documents.fleet_blocks import FleetBlock, FleetSettings
from reconciler.documents.fleet_document import ParsedDocument, parse_document
from reconciler.documents.like_blocks import LikeBlocks
from reconciler.documents.merge import FleetMerger
from reconciler.documents.office_hours import LATEST_END
from reconciler.documents.problem_list import capped, reading_order
from reconciler.documents.workspace_settings import (
    budgets_of,
    known_max_ttl,
    notifiers_of,
    providers_of,
    safety_of,
    state_path_of,
)
from reconciler.documents.yaml_source import read_capped, read_what_can_be
from reconciler.model.errors import DocumentError, EmptyDocuments
from reconciler.model.fleet import DEFAULT_MAX_TTL, DesiredState, Fleet
from reconciler.model.problem import Problem
from reconciler.model.quantity import NEVER, format_duration

__all__ = ["find_documents", "load_documents", "load_text"]

TOTAL_YAML_NODES_MAX = 1_000_000
"""RELIABILITY.md, "Default limits to ship"."""


def load_documents(directory: Path) -> DesiredState:
    """What `fleets.yaml` and every `*.fleets.yaml` of ``directory`` declare together.

    Raises DocumentError with all problems of all files and between them, sorted by file, line and
    column, at most 100 for a file and a count of the others; ``EmptyDocuments`` when every file is
    empty. Reads files and changes nothing; references are never resolved here.
    """
    paths = find_documents(directory)
    return _desired(*_read_all(paths))


def load_text(file: str, text: bytes) -> DesiredState:
    """What one document declares; ``file`` is what messages call it. Raises as above."""
    return _desired([parse_document(read_what_can_be(file, text))], [])


def _read_all(paths: Iterable[Path]) -> tuple[list[ParsedDocument], list[DocumentError]]:
    """Every file that can be read, and why the others cannot."""
    parsed: list[ParsedDocument] = []
    errors: list[DocumentError] = []
    known, yaml_nodes = LikeBlocks(), 0
    for path in paths:
        try:
            source = read_what_can_be(str(path), read_capped(path))
            yaml_nodes += source.nodes
            _limit_yaml_nodes(str(path), yaml_nodes)
            parsed.append(parse_document(source, known))
        except DocumentError as error:
            errors.append(error)
    return parsed, errors


def _limit_yaml_nodes(file: str, count: int) -> None:
    if count > TOTAL_YAML_NODES_MAX:
        limit = f"the files expand to more than {TOTAL_YAML_NODES_MAX:,} nodes together"
        raise DocumentError([Problem(file, 0, 0, limit, "split them over several workspaces")])


def _desired(parsed: Sequence[ParsedDocument], errors: Sequence[DocumentError]) -> DesiredState:
    unread = [found for error in errors for found in error.problems]
    if not parsed:
        all_empty = all(isinstance(error, EmptyDocuments) for error in errors)
        raise (EmptyDocuments if all_empty else DocumentError)(sorted(unread, key=reading_order))
    configuration = gather(parsed, all_read=not errors)
    merger = FleetMerger(configuration)
    fleets, fleet_problems = _fleets(configuration, merger)
    problems = [
        *(found for document in parsed for found in document.problems),
        *configuration.problems,
        *provider_problems(configuration),
        *profile_problems(configuration),
        *budget_problems(configuration, merger),
        *merger.chains.circles,
        *fleet_problems,
        *size_problems(configuration, merger, fleets),
    ]
    if problems or unread:
        unlisted = {document.source.file: document.unlisted for document in parsed}
        listed = [*unread, *capped(problems, unlisted)]
        raise DocumentError(sorted(listed, key=reading_order))
    return _desired_state(configuration, fleets)


def _desired_state(configuration: Configuration, fleets: dict[str, Fleet]) -> DesiredState:
    return DesiredState(
        workspace=configuration.workspace,
        fleets=fleets,
        providers=providers_of(configuration),
        safety=safety_of(configuration),
        notifiers=notifiers_of(configuration),
        budgets=budgets_of(configuration, fleets),
        state_path=state_path_of(configuration),
    )


def _fleets(
    configuration: Configuration, merger: FleetMerger
) -> tuple[dict[str, Fleet], list[Problem]]:
    """Every fleet that asks for a GPU, in order of the names, and what is wrong with fleets."""
    max_ttl = known_max_ttl(configuration)
    providers = None if configuration.may_hide("providers") else configuration.providers
    maker = FleetMaker()
    fleets: dict[str, Fleet] = {}
    problems: list[Problem] = []
    flawless: set[int] = set()  # settings, by identity: fleets that are written alike share them
    for name, declared in sorted(configuration.fleets.items()):
        settings = merger.merged(declared.block)
        if id(settings) not in flawless:
            found = list(_problems_of(declared, settings, merger, max_ttl))
            if _buys_unlike_others(settings):
                from reconciler.documents.buying_problems import buying_problems  # most do not

                found += buying_problems(declared, settings, merger, providers)
            problems += found
            if not found and not declared.gaps:  # beside a gap a problem may go unsaid
                flawless.add(id(settings))
        if asks_for_gpu(settings):
            fleets[name] = maker.fleet_of(name, settings)
    for declared in configuration.repeated_fleets:
        problems += _problems_of(declared, merger.merged(declared.block), merger, max_ttl)
    return fleets, problems


def _buys_unlike_others(settings: FleetSettings) -> bool:
    strategy, share = settings.allocation_strategy, settings.max_share_per_provider
    return settings.spot is not None or strategy is not None or share is not None


def _problems_of(
    declared: Declared[FleetBlock],
    settings: FleetSettings,
    merger: FleetMerger,
    max_ttl: timedelta | None,
) -> Iterator[Problem]:
    """What is surely wrong with a fleet, whatever stands in parts that could not be read."""
    if not asks_for_gpu(settings) and merger.settles(declared, "resources"):
        message = f"fleets.{declared.path[-1]} asks for no GPU"
        yield declared.problem(message, "write resources: {gpu: RTX4090}")
    if settings.active is not None:
        yield from _hours_problems(declared, settings, merger, max_ttl)
        return
    if settings.expires_at == NEVER:
        yield from _contradictions(declared, settings, merger, max_ttl)
        return
    if max_ttl is not None and lease_length(settings) > max_ttl and merger.settles(declared, "ttl"):
        yield _too_long(declared, merger, max_ttl)


def _contradictions(
    declared: Declared[FleetBlock],
    settings: FleetSettings,
    merger: FleetMerger,
    max_ttl: timedelta | None,
) -> Iterator[Problem]:
    """A fleet without an end: nothing written, here or for the workspace, may say that it ends."""
    if settings.ttl is not None:
        message = "ttl ends the fleet, and expires_at: never says that nothing does"
        yield _where_written(declared, merger, "ttl").problem(message, "remove one of them", "ttl")
    elif max_ttl is not None and max_ttl != DEFAULT_MAX_TTL:
        message = f"expires_at: never is longer than safety.max_ttl, {format_duration(max_ttl)}"
        origin = _where_written(declared, merger, "expires_at")
        yield origin.problem(message, "write a ttl, or an end that is a time", "expires_at")


def _hours_problems(
    declared: Declared[FleetBlock],
    settings: FleetSettings,
    merger: FleetMerger,
    max_ttl: timedelta | None,
) -> Iterator[Problem]:
    """Office hours are leases that end with their windows, and the last one has an end."""
    assert settings.active is not None
    origin = _where_written(declared, merger, "active")
    if settings.expires_at is None:
        if merger.settles(declared, "expires_at"):
            message = "`active` needs an end: windows are opened until then"
            yield origin.problem(message, "write expires_at, a time", "active")
        return
    if settings.expires_at > LATEST_END:
        message = f"`active` needs an end before {LATEST_END.year}"
        end = _where_written(declared, merger, "expires_at")
        yield end.problem(message, "write a time", "expires_at")
        return
    longest = settings.active.longest_window
    if max_ttl is not None and longest > max_ttl:
        message = f"a window of {format_duration(longest)} is longer than safety.max_ttl"
        yield origin.problem(message, f"at most {format_duration(max_ttl)}", "active")


def _where_written(declared: Declared[FleetBlock], merger: FleetMerger, key: str) -> Declared[Any]:
    """The block that ``key`` of a fleet comes from: its own, a profile or the defaults."""
    origins = merger.origins(declared)
    return next((one for one in origins if getattr(one.block, key) is not None), declared)


def _too_long(declared: Declared[FleetBlock], merger: FleetMerger, max_ttl: timedelta) -> Problem:
    longest = format_duration(max_ttl)
    for origin in merger.origins(declared):
        if origin.block.ttl is not None:
            message = f"ttl is longer than the {longest} that safety.max_ttl allows"
            return origin.problem(message, f"write {longest} or less", "ttl")
    message = f"no ttl is written, and the built-in 12h is longer than safety.max_ttl, {longest}"
    return declared.problem(message, f"write ttl: {longest} or less")

"""The door to the documents: a directory, or one text, becomes a ``DesiredState``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path

from reconciler.documents.configuration import Configuration, Declared, gather
from reconciler.documents.consistency import profile_problems, provider_problems, size_problems
from reconciler.documents.declared_fleet import asks_for_gpu, fleet_of, lease_length
from reconciler.documents.document_files import find_documents
from reconciler.documents.fleet_blocks import FleetBlock
from reconciler.documents.fleet_document import ParsedDocument, parse_document
from reconciler.documents.meaning_digest import with_digest
from reconciler.documents.merge import FleetMerger
from reconciler.documents.workspace_settings import (
    notifiers_of,
    providers_of,
    safety_of,
    state_path_of,
)
from reconciler.documents.yaml_source import read_capped, read_document
from reconciler.model.errors import DocumentError, EmptyDocuments
from reconciler.model.fleet import DesiredState, Fleet, Safety
from reconciler.model.problem import Problem
from reconciler.model.quantity import format_duration

__all__ = ["find_documents", "load_documents", "load_text"]

TOTAL_YAML_NODES_MAX = 1_000_000
"""RELIABILITY.md, "Default limits to ship"."""
_place = attrgetter("file", "line", "column")


def load_documents(directory: Path) -> DesiredState:
    """What `fleets.yaml` and every `*.fleets.yaml` of ``directory`` declare together.

    Raises DocumentError with all problems of all files, sorted by file, line and column;
    ``EmptyDocuments`` when every file is empty. Reads files and changes nothing; references are
    never resolved here.
    """
    return _desired(_read_all(find_documents(directory)))


def load_text(file: str, text: bytes) -> DesiredState:
    """What one document declares; ``file`` is what messages call it. Raises as above."""
    return _desired([parse_document(read_document(file, text))])


def _read_all(paths: Iterable[Path]) -> list[ParsedDocument]:
    """Every file parsed. What is wrong *between* files is not looked for while one is wrong."""
    parsed: list[ParsedDocument] = []
    errors: list[DocumentError] = []
    yaml_nodes = 0
    for path in paths:
        try:
            source = read_document(str(path), read_capped(path))
            yaml_nodes += source.nodes
            _limit_yaml_nodes(str(path), yaml_nodes)
            parsed.append(parse_document(source))
        except DocumentError as error:
            errors.append(error)
    if errors:
        problems = sorted((found for error in errors for found in error.problems), key=_place)
        if not parsed and all(isinstance(error, EmptyDocuments) for error in errors):
            raise EmptyDocuments(problems)
        raise DocumentError(problems)
    return parsed


def _limit_yaml_nodes(file: str, count: int) -> None:
    if count > TOTAL_YAML_NODES_MAX:
        limit = f"the files expand to more than {TOTAL_YAML_NODES_MAX:,} nodes together"
        raise DocumentError([Problem(file, 0, 0, limit, "split them over several workspaces")])


def _desired(parsed: Sequence[ParsedDocument]) -> DesiredState:
    configuration = gather(parsed)
    safety = safety_of(configuration)
    merger = FleetMerger(configuration)
    fleets, fleet_problems = _fleets(configuration, merger, safety)
    problems = [
        *configuration.problems,
        *provider_problems(configuration),
        *profile_problems(configuration),
        *merger.chains.circles,
        *fleet_problems,
        *size_problems(configuration, fleets),
    ]
    if problems:
        raise DocumentError(sorted(dict.fromkeys(problems), key=_place))
    return with_digest(
        DesiredState(
            workspace=configuration.workspace,
            fleets=fleets,
            providers=providers_of(configuration),
            safety=safety,
            notifiers=notifiers_of(configuration),
            state_path=state_path_of(configuration),
        )
    )


def _fleets(
    configuration: Configuration, merger: FleetMerger, safety: Safety
) -> tuple[dict[str, Fleet], list[Problem]]:
    """Every usable fleet, in order of the names, and what is wrong with the others."""
    fleets: dict[str, Fleet] = {}
    problems: list[Problem] = []
    for name, declared in sorted(configuration.fleets.items()):
        settings = merger.merged(declared.block)
        if not asks_for_gpu(settings):
            message = f"fleets.{name} asks for no GPU"
            problems.append(declared.problem(message, "write resources: {gpu: RTX4090}"))
        elif lease_length(settings) > safety.max_ttl:
            problems.append(_too_long(declared, merger, safety))
        else:
            fleets[name] = fleet_of(name, settings)
    return fleets, problems


def _too_long(declared: Declared[FleetBlock], merger: FleetMerger, safety: Safety) -> Problem:
    longest = format_duration(safety.max_ttl)
    for origin in merger.origins(declared):
        if origin.block.ttl is not None:
            message = f"ttl is longer than the {longest} that safety.max_ttl allows"
            return origin.problem(message, f"write {longest} or less", "ttl")
    message = f"no ttl is written, and the built-in 12h is longer than safety.max_ttl, {longest}"
    return declared.problem(message, f"write ttl: {longest} or less")

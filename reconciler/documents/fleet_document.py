"""One file of fleets: from plain data with places to checked blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from reconciler.documents.blocks import FleetDocument
from reconciler.documents.secret_guard import looks_secret
from reconciler.documents.yaml_source import Path, SourceDocument
from reconciler.model.errors import DocumentError, EmptyDocuments
from reconciler.model.problem import Problem

_HOLDS_TEXT_OF_USERS = ("env", "labels")


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A file whose every key and value is allowed; what it means with others is not known yet."""

    source: SourceDocument
    document: FleetDocument


def parse_document(source: SourceDocument) -> ParsedDocument:
    """The blocks of ``source``. Raises DocumentError with all its problems in reading order.

    ``EmptyDocuments`` when there is nothing in it but comments.
    """
    if source.data is None:
        raise EmptyDocuments([_nothing_declared(source)])
    problems = list(_secrets(source))
    try:
        document = FleetDocument.model_validate(source.data)
    except ValidationError as error:
        from reconciler.documents.wording import problems_of

        problems += problems_of(source, error)
    if problems:
        raise DocumentError(sorted(problems, key=lambda found: (found.line, found.column)))
    return ParsedDocument(source, document)


def _nothing_declared(source: SourceDocument) -> Problem:
    message = "the file declares nothing: it is empty or holds only comments"
    return Problem(source.file, 1, 1, message, "write `fleets: {}` if no fleet is meant")


def _secrets(source: SourceDocument) -> Iterator[Problem]:
    """Secrets written where text of the user's own choice stands (bad input 27)."""
    for path, block in _fleet_like(source.data):
        for part in _HOLDS_TEXT_OF_USERS:
            values = block.get(part)
            for key, value in values.items() if isinstance(values, dict) else ():
                if isinstance(value, str) and looks_secret(key, value):
                    yield _secret(source, (*path, part, key))


def _fleet_like(data: object) -> Iterator[tuple[Path, dict[str, object]]]:
    if not isinstance(data, dict):
        return
    if isinstance(data.get("defaults"), dict):
        yield ("defaults",), data["defaults"]
    for section in ("fleets", "profiles"):
        blocks = data.get(section)
        for name, block in blocks.items() if isinstance(blocks, dict) else ():
            if isinstance(block, dict):
                yield (section, name), block


def _secret(source: SourceDocument, path: Path) -> Problem:
    place = source.position_of(path)
    return Problem(
        source.file, place.line, place.column,
        "this value looks like a secret, which never stands in the documents (it is not shown)",
        "write a reference in env: ${env:NAME} or ${file:PATH}",
    )  # fmt: skip

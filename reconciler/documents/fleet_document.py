"""One file of fleets: from plain data with places to checked blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError

from reconciler.documents.blocks import FleetDocument
from reconciler.documents.like_blocks import LikeBlocks
from reconciler.documents.secret_guard import looks_secret
from reconciler.documents.yaml_source import REFUSED, Path, SourceDocument
from reconciler.model.errors import EmptyDocuments
from reconciler.model.problem import Problem
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_HOLDS_TEXT_OF_USERS = ("env", "labels")


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A file as far as it could be understood; what it means with others is not known yet.

    ``document`` holds what is valid. ``problems`` are those of this file alone, without those
    that only follow from another one; ``unlisted`` counts further ones. ``gaps`` are the paths
    (of the root, a section, a block or a field) where something stands that could not be
    understood: from what ``document`` lacks there nothing follows.
    """

    source: SourceDocument
    document: FleetDocument
    problems: tuple[Problem, ...] = ()
    unlisted: int = 0
    gaps: frozenset[Path] = frozenset()


def parse_document(source: SourceDocument, known: LikeBlocks | None = None) -> ParsedDocument:
    """The blocks of ``source``, and what is wrong with them and in its YAML. ``known``: those of
    the files before it.

    Raises ``EmptyDocuments`` when there is nothing in it but comments.
    """
    if source.data is None:
        raise EmptyDocuments([_nothing_declared(source)])
    problems = [*source.problems, *_secrets(source)]
    found: list[ErrorDetails] = []
    try:
        document = (known or LikeBlocks()).document_of(source.data)
        if not source.problems:
            return ParsedDocument(source, document, tuple(problems))
    except ValidationError as error:
        found = error.errors(include_url=False)
    return _salvaged(source, problems, found)


def _salvaged(
    source: SourceDocument, problems: list[Problem], found: list[ErrorDetails]
) -> ParsedDocument:
    from reconciler.documents.salvage import salvage
    from reconciler.documents.wording import problems_of

    incomplete = source.incomplete_mappings()
    own = [each for each in found if not _follows_from_yaml(each, incomplete)]
    worded, unlisted = problems_of(source, own)
    document, gaps = salvage(source, found, incomplete)
    return ParsedDocument(source, document, (*problems, *worded), unlisted, gaps)


def _follows_from_yaml(found: ErrorDetails, incomplete: frozenset[Path]) -> bool:
    """Whether a problem of the YAML explains this one: a refused value, or keys left out."""
    if found["type"] == "extra_forbidden":
        return False
    if found["type"] == "missing":
        return found["loc"][:-1] in incomplete
    return found["input"] is REFUSED or (
        found["type"] == "value_error" and found["loc"] in incomplete
    )


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

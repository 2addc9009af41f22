"""What a file still tells where something in it is wrong.

A typo in one field must not hide that another one names a profile that does not exist. So fields
that are wrong are cut out, the rest is read again, and the places of the cuts are remembered:
nothing may be concluded from what is missing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from reconciler.documents.blocks import FleetDocument
from reconciler.documents.problem_list import PROBLEMS_MAX
from reconciler.documents.wording import is_about_name, key_meant, path_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from reconciler.documents.yaml_source import Path, SourceDocument

_EMPTY: Final[dict[str, Any]] = {}
# What stands for a named block of which no part can be used, so that its name stays known.
_STAND_INS: Final[dict[str, dict[str, Any]]] = {
    "fleets": _EMPTY,
    "profiles": _EMPTY,
    "providers": _EMPTY,
    "notifiers": {"type": "webhook", "url": "${env:NOT_READ}"},
}
_SINGLE_BLOCKS: Final = ("defaults", "safety", "state")
_EVERYTHING: Final[frozenset[Path]] = frozenset({()})


def salvage(
    source: SourceDocument, found: Sequence[ErrorDetails], incomplete: Iterable[Path]
) -> tuple[FleetDocument, frozenset[Path]]:
    """The document without what ``found`` refuses, and its gaps (see ``ParsedDocument``).

    Nothing is concluded from a file of more than 100 problems: its list is full.
    """
    if not isinstance(source.data, dict) or len(found) > PROBLEMS_MAX:
        return FleetDocument(), _EVERYTHING
    data = _copied(source.data)
    gaps = {_field(path) for path in incomplete}
    for each in found:
        gaps.update(_cut(data, each))
    try:
        return FleetDocument.model_validate(data), frozenset(gaps)
    except ValidationError:  # no case is known; then nothing is concluded from this file
        return FleetDocument(), _EVERYTHING


def _field(path: Path) -> Path:
    """The field, block or section that holds ``path``: no smaller part is cut out."""
    if path and path[0] in _STAND_INS:
        return path[:3]
    return path[:2] if path and path[0] in _SINGLE_BLOCKS else path[:1]


def _cut(data: dict[str, Any], found: ErrorDetails) -> Iterable[Path]:
    """Takes what ``found`` is about out of ``data``; returns the gap that this leaves."""
    path = path_of(found)
    field = _field(path)
    if is_about_name(found) and len(path) == 2:
        _remove(data, path)
        return [path[:1]]  # another block may be the one that was meant by this name
    if found["type"] == "extra_forbidden" and path == field:
        _remove(data, path)
        meant = key_meant(path)
        return [(*path[:-1], meant)] if meant else []
    _cut_field(data, field)
    return [field]


def _cut_field(data: dict[str, Any], field: Path) -> None:
    section = field[0]
    if section in _SINGLE_BLOCKS and len(field) == 1:
        data[section] = {}
    elif section in _STAND_INS and (len(field) == 2 or (section == "notifiers" and field[1:])):
        blocks = data.get(section)
        if isinstance(blocks, dict) and field[1] in blocks:
            blocks[field[1]] = dict(_STAND_INS[section])
    else:
        _remove(data, field)


def _remove(data: dict[str, Any], path: Path) -> None:
    parent: Any = data
    for step in path[:-1]:
        parent = parent.get(step) if isinstance(parent, dict) else None
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def _copied(data: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``data`` whose sections and blocks may be changed."""
    return {
        section: {name: _copied_block(block) for name, block in blocks.items()}
        if isinstance(blocks, dict)
        else blocks
        for section, blocks in data.items()
    }


def _copied_block(block: Any) -> Any:
    return dict(block) if isinstance(block, dict) else block

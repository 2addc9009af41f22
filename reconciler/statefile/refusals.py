"""What must not be written over, or taken for ours: the errors that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.errors import StateConflict, StateError
from reconciler.model.text import printable

if TYPE_CHECKING:
    from reconciler.model.record import RecordedState


def refuse_other_workspace(location: str, state: RecordedState, workspace: str) -> None:
    """Raise ``StateError`` unless ``state`` is of ``workspace``."""
    if state.workspace != workspace:
        raise StateError(
            f"{location}: the state is of workspace {printable(state.workspace)}, "
            f"the documents are of {printable(workspace)}",
            why="machines of one would be taken for machines of the other",
            fix="run it in the right directory, or put the workspace's name right",
        )


def refuse_conflict(
    location: str, state: RecordedState, stored: RecordedState | None, expected_serial: int | None
) -> None:
    """Raise ``StateConflict`` unless what is ``stored`` is what ``state`` was made from."""
    wanted = None if expected_serial is None else (expected_serial, state.lineage)
    found = None if stored is None else (stored.serial, stored.lineage)
    if wanted != found:
        raise StateConflict(
            f"{location}: someone else changed the state: expected "
            f"{_version(wanted)}, found {_version(found)}",
            why="writing now would undo their changes; nothing was written",
            fix="run the command again: it starts from what is there now",
        )


def changed_meanwhile(location: str) -> StateConflict:
    """For who found something else there than before a person was asked."""
    return StateConflict(
        f"{location}: the state changed while this command was at work; nothing was written",
        fix="run the command again: it starts from what is there now",
    )


def _version(version: tuple[int, str] | None) -> str:
    if version is None:
        return "none"
    serial, lineage = version
    return f"serial {serial} of lineage {printable(lineage, 40)}"

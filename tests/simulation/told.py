"""I20: the audit trail beside what really reached the market."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.market.world import World
from reconciler.model.audit import TrailFinding
from reconciler.model.audit_entry import AuditEntry
from reconciler.statefile.audit_files import TrailFiles
from reconciler.statefile.audit_verification import verified
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.markets import START

_OUTCOMES_OF_A_CREATE = {"done", "refused", "absent", "gone"}


def trail_of(state: Path, files: Files | None = None, *, holding: bytes = b"") -> list[AuditEntry]:
    """Every entry of the trail beside ``state`` that can be read, and whose line is ``holding``
    these bytes.
    """
    trail = TrailFiles(state, files or Files(), [])
    whole = b"".join(trail.bytes_of(path) for path in trail.all())
    lines = [line for line in whole.splitlines() if line.endswith(b'"}') and holding in line]
    return [AuditEntry.model_validate_json(line) for line in lines]


def damage_of(state: Path, files: Files | None = None) -> tuple[TrailFinding, ...]:
    """Empty where the chain holds, and its end is what the state was saved with."""
    trail = TrailFiles(state, files or Files(), [])
    found = LocalFile(state, "demo", lambda: START, files=files).read()
    contents = [(path.name, trail.bytes_of(path)) for path in trail.all()]
    verdict = verified(contents, found.trail if found else None)
    return verdict.findings if verdict.damaged else ()


def check_verifies(state: Path) -> None:
    """I20."""
    assert not damage_of(state)


def check_effects_are_told(state: Path, world: World) -> None:
    """Whatever was sent to the market has its intent in the trail, not later than the call."""
    check_verifies(state)
    intents = [one for one in trail_of(state) if one.outcome == "intent"]
    creates = {one.mark: one.at for one in intents if one.action == "create"}
    destroys = {one.instance_id: one.at for one in intents if one.action == "destroy"}
    for call in world.calls():
        if call.operation == "create_instance":
            assert call.label in creates, f"I20: a create is not told: {call}"
            assert creates[call.label] <= call.at, f"I20: told too late: {call}"
        if call.operation == "destroy_instance":
            assert call.instance_id in destroys, f"I20: a destroy is not told: {call}"


def check_all_came_to_an_end(state: Path) -> None:
    """Every intent has its outcome, under the same mark.

    But for those of a state that was never saved: nothing was sent for them.
    """
    entries = trail_of(state)
    unsaved = _never_saved(entries)
    entries = [one for one in entries if one.n not in unsaved]
    created = {one.mark for one in entries if one.action == "create" and one.outcome == "intent"}
    ended = {one.mark for one in entries if one.outcome in _OUTCOMES_OF_A_CREATE}
    assert created <= ended, f"I20: without an outcome: {created - ended}"
    doomed = {one.mark for one in entries if one.action == "destroy" and one.outcome == "intent"}
    gone = {one.mark for one in entries if one.outcome == "gone"}
    assert doomed <= gone, f"I20: doomed, and no word of its end: {doomed - gone}"


def _never_saved(entries: list[AuditEntry]) -> set[int]:
    numbers: set[int] = set()
    for one in entries:
        if one.outcome == "unsaved":
            first, last = map(int, re.findall(r"\d+", one.detail or ""))
            numbers |= set(range(first, last + 1))
    return numbers

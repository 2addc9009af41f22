"""Proof that a machine is gone (RELIABILITY.md I12; SPEC.md section 12, 6).

Two complete listings, one visibility window apart and both at least one window after the last
sighting, and a direct read that denies it. Anything less is "billed, unknown".
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from reconciler.model.observation import Complete
from reconciler.model.record import AbsenceEvidence
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.model.observation import DirectRead, ProviderInventory


class Presence(Enum):
    """What one observation says about one machine."""

    SEEN = "seen"
    SILENT = "silent"
    """Nothing was learnt: there is no complete listing."""
    UNLISTED = "unlisted"
    """A complete listing lacks it, and the direct read did not answer."""
    MISSING = "missing"
    """Absent this time, not yet proven."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Weighed:
    """The verdict, and the evidence to remember when it is MISSING."""

    presence: Presence
    evidence: AbsenceEvidence | None = None


SEEN = Weighed(Presence.SEEN)
"""What a listing that shows the machine says of it."""


def weigh_absence(
    previous: AbsenceEvidence | None,
    inventory: ProviderInventory | None,
    read: DirectRead | None,
    *,
    listed: bool,
    window: timedelta,
    needs_read: bool,
) -> Weighed:
    """Add one observation to ``previous``.

    ``needs_read``: the machine has an id, so a direct read has to deny it too. A sighting resets
    everything. Repeating the same observation adds nothing.
    """
    if listed or (read is not None and read.instance is not None):
        return SEEN
    if not isinstance(inventory, Complete):
        return Weighed(Presence.SILENT, previous)
    if needs_read and (read is None or not read.not_found):
        # Nothing towards a proof, but nobody may say later that this look had shown it.
        return Weighed(Presence.UNLISTED, previous or _missed_at(inventory.started_at))
    weighed = _one_more_absence(previous, inventory.started_at, window)
    ended_at = read.ended_at if read is not None else None
    if ended_at is None or weighed.evidence is None or weighed.evidence.ended_at is not None:
        return weighed
    return Weighed(weighed.presence, weighed.evidence.with_(ended_at=ended_at))


def _missed_at(started_at: datetime) -> AbsenceEvidence:
    """Without a recorded sighting the machine may have been there a moment ago."""
    return AbsenceEvidence(last_seen_at=started_at)


def _one_more_absence(
    previous: AbsenceEvidence | None, started_at: datetime, window: timedelta
) -> Weighed:
    evidence = previous or _missed_at(started_at)
    if started_at < evidence.last_seen_at + window:
        return Weighed(Presence.MISSING, evidence)
    if evidence.first_absent_at is None:
        return Weighed(Presence.MISSING, evidence.with_(first_absent_at=started_at))
    if started_at >= evidence.first_absent_at + window:
        return Weighed(Presence.GONE, evidence)
    return Weighed(Presence.MISSING, evidence)


def earliest_proof(evidence: AbsenceEvidence, window: timedelta) -> datetime:
    """When the listing that completes the proof may start."""
    if evidence.first_absent_at is not None:
        return evidence.first_absent_at + window
    return evidence.last_seen_at + 2 * window


def adds_to_proof(
    previous: AbsenceEvidence | None, inventory: ProviderInventory, window: timedelta
) -> bool:
    """Whether a machine that ``inventory`` lacks comes closer to proof by it.

    While that is not so, nobody has to ask for the machine directly.
    """
    if previous is None or not isinstance(inventory, Complete):
        return True
    since = previous.first_absent_at or previous.last_seen_at
    return inventory.started_at >= since + window

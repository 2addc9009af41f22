"""What the commands that mend a state are about to do, for whoever has to agree, or have done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.address import Slot
    from reconciler.model.plan import Stranger
    from reconciler.model.record import InstanceRecord, LeaseRecord, RecordedState


@dataclass(frozen=True, slots=True)
class Backup:
    """An older version of the state. ``state`` is None where it cannot be used; ``problem`` then
    says why. ``location`` is escaped.
    """

    location: str
    state: RecordedState | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """What is called otherwise now. ``declared``: the documents know the new name; None where
    they could not be read. ``ends_at``: when its lease ends.
    """

    count: int
    declared: bool | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class LettingGo:
    """Machines that are to be forgotten, each with its end, and what they cost an hour."""

    machines: tuple[tuple[InstanceRecord, datetime], ...]
    usd_per_hour: Decimal


@dataclass(frozen=True, slots=True)
class Resolution:
    """A doubt that a person settles. ``instance_id`` is set where the machine was found.

    ``until``: when it would end at the latest if it runs after all. ``unasked``: why its provider
    could not confirm anything, if so.
    """

    slot: Slot
    provider: str
    kind: str
    usd_per_hour: Decimal
    until: datetime
    unasked: str
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class Restoration:
    """``state`` is what will be stored. ``kept``: machines that only the newer version knows.
    ``beside``: machines that only the older one knows and whose slot has another one now.
    """

    state: RecordedState
    kept: tuple[InstanceRecord, ...]
    beside: tuple[InstanceRecord, ...]


@dataclass(frozen=True, slots=True)
class Restoring:
    """What would be brought back. ``problem``: what is wrong with the state that is there."""

    chosen: RecordedState
    restoration: Restoration
    problem: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A machine under our name that was not taken in, and why."""

    stranger: Stranger
    why: str


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What machines of our name become: records and the leases that those need."""

    records: tuple[InstanceRecord, ...]
    leases: tuple[LeaseRecord, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the providers' machines tell. ``fresh``: there was no state that could be used;
    ``backup`` then is the newest good one, which may know more.
    """

    rebuilding: Rebuilding
    fresh: bool
    backup: RecordedState | None
    rolled_back: bool = False
    """The state that is there was brought back, and nothing may be unknown any more."""
    problem: str = ""
    """Why the state that is there cannot be used; it is kept aside."""

"""What a state holds on to of its surroundings, to notice when they are not the same any more."""

from __future__ import annotations

from pydantic import AwareDatetime

from reconciler.model.stored import Seconds, Stored


class ProviderPin(Stored):
    """A provider as last applied: its type, its settings and the account it belongs to.

    ``key`` is the documents' reference to its key (section 12, 4), never the key.
    """

    type: str
    account: str | None = None
    market: str | None = None
    key: str | None = None


class TrailAnchor(Stored):
    """Where the audit trail stood when this state was saved: no shorter trail is the whole one.

    ``digest`` is that of entry number ``entries``. ``missed`` counts what could not be written
    since ``missed_since``, and why; the trail is told of it as soon as it can be written again.
    """

    entries: int
    digest: str
    missed: int = 0
    missed_since: AwareDatetime | None = None
    missed_why: str = ""


class HostPin(Stored):
    """The one host that may change a local state (SPEC.md section 12, 3). ``id`` stays the same
    over restarts; ``name`` is for people.
    """

    id: str
    name: str


class ClockMark(Stored):
    """What time it was on the boot clock when the clocks were last beyond doubt (I31).

    ``since_boot`` means something within the boot ``boot_id`` alone (empty: nowhere).
    ``confirmed``: not by this machine's wall clock alone. ``doubt``: what was wrong with the wall
    clock at the last pass, "" for nothing.
    """

    boot_id: str
    since_boot: Seconds
    at: AwareDatetime
    confirmed: bool = False
    doubt: str = ""


class RolledBack(Stored):
    """An older state was put in the place of a newer one, so machines bought in between may be
    unknown. Until an ``apply`` has seen everything, none is destroyed for being unknown (I28).
    """

    since: AwareDatetime
    serial: int
    """The serial that the older state had."""
    why: str

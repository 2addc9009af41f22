"""What the providers were seen to run. A listing that may miss something has its own type."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.balance import Balance
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.clock_verdict import ClockVerdict
    from reconciler.model.instance import Instance


@dataclass(frozen=True, slots=True)
class Complete:
    """Every machine of the account, as of some moment after ``started_at``.

    Only this kind is evidence that a machine is absent (I5), and even it may lag by the
    provider's visibility window.
    """

    provider: str
    account: str
    started_at: datetime
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Partial:
    """Some machines; more may exist. Good for sightings, never for absence."""

    provider: str
    account: str
    started_at: datetime
    instances: tuple[Instance, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No listing could be read; ``why`` is one escaped line.

    ``wrong_account``: the key works and belongs to another account than the state (I14), so
    nothing may be done with it.
    """

    provider: str
    started_at: datetime
    why: str
    credentials_refused: bool = False
    wrong_account: bool = False

    @property
    def instances(self) -> tuple[Instance, ...]:
        return ()


ProviderInventory = Complete | Partial | Unknown


@dataclass(frozen=True, slots=True)
class DirectRead:
    """The answer to "does this id exist?": ``instance`` when found; ``not_found`` when denied,
    ``ended_at`` with it where the provider says since when.

    Neither set means the read failed and says nothing; ``why`` then tells, and ``other_id`` of
    which machine the answer spoke, if of another one.
    """

    instance: Instance | None = None
    not_found: bool = False
    why: str = ""
    ended_at: datetime | None = None
    other_id: str = ""
    put_off: bool = False
    """There was no time to ask: what has to be destroyed went first."""


@dataclass(frozen=True, slots=True)
class ObservedState:
    """Inventories by provider, direct reads by (provider, instance id), and each provider's
    visibility window: how long a listing may lag behind a create or a destroy.
    """

    inventories: Mapping[str, ProviderInventory]
    reads: Mapping[tuple[str, str], DirectRead] = field(default_factory=dict)
    visibility: Mapping[str, timedelta] = field(default_factory=dict)
    clock: ClockVerdict | None = None
    """None on a market's own clock, which nothing can contradict."""
    destroy_intervals: Mapping[str, timedelta] = field(default_factory=dict)
    """The least time between two destroys, by provider."""
    balances: Mapping[str, Balance] = field(default_factory=dict)
    """Of the accounts that were asked for it, by provider."""

    def visibility_window(self, provider: str) -> timedelta:
        """The provider's V_p; 120 s where none was declared (RELIABILITY.md, limits)."""
        return self.visibility.get(provider, timedelta(seconds=120))

    def destroy_interval(self, provider: str) -> timedelta:
        """How long each destroy there waits for the one before it."""
        return self.destroy_intervals.get(provider, timedelta(0))


NOTHING_OBSERVED = ObservedState(inventories={})

"""What we learnt of the physical hosts that we rented from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from reconciler.model.quantity import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTS_MAX = 500
"""Hosts remembered; those without a quarantine and longest unseen are forgotten first."""


class HostRecord(BaseModel):
    """One host of one provider. ``ready_seconds`` adds up how long its machines took to be ready.

    ``quarantined_until``: until then nothing is bought there; ``NEVER``: until a person says so.
    ``losses``: spot machines that were taken away there. ``trouble_at``: the last failure or loss.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    provider: str
    host: str
    boots: int = 0
    ready_seconds: int = 0
    failures: int = 0
    last_failure: str = ""
    seen_at: AwareDatetime
    quarantined_until: AwareDatetime | None = None
    why: str = ""
    losses: int = 0
    trouble_at: AwareDatetime | None = None

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields changed (not validated again: values come from our code)."""
        return self.model_copy(update=changes)

    def is_quarantined(self, now: datetime) -> bool:
        return self.quarantined_until is not None and now < self.quarantined_until

    @property
    def by_hand(self) -> bool:
        """Whether a person put it there for good."""
        return self.quarantined_until == NEVER


def host_key(provider: str, host: str) -> str:
    """The key of a host in ``RecordedState.hosts``; names of providers have no space."""
    return f"{provider} {host}"


def quarantined_hosts(hosts: Mapping[str, HostRecord], now: datetime) -> frozenset[tuple[str, str]]:
    """Provider and host of all from which nothing is bought now."""
    found = (one for one in hosts.values() if one.is_quarantined(now))
    return frozenset((one.provider, one.host) for one in found)

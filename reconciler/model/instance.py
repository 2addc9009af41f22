"""A machine at a provider, as the provider describes it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from decimal import Decimal


class InstanceStatus(StrEnum):
    """Every one of them counts as billed (I13)."""

    PLACED = "placed"
    CREATED = "created"
    BOOTING = "booting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    DESTROYING = "destroying"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SshEndpoint:
    """Where a person logs in. Host and port come from the provider, checked by its adapter."""

    host: str
    port: int
    user: str


_BEFORE_ANY_MARK = datetime(2020, 1, 1, tzinfo=UTC)
_DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113.")


def is_from_documentation(host: str) -> bool:
    """Whether it is an address that RFC 5737 keeps free: nothing ever answers there."""
    return host.startswith(_DOCUMENTATION)


@dataclass(frozen=True, slots=True)
class Instance:
    """One row of a listing or the answer of a direct read.

    ``label`` is what stands where our mark should be, untouched: parse it with ``parse_mark``.
    ``status_text`` is the provider's own word, for UNKNOWN. ``usd_per_hour`` is the billed rate,
    disk included; None when the provider does not say. ``ports``: TCP ports inside, beside the one
    of SSH, and the number under which each is reached at the same address, by the provider's word.
    ``rate_since``: since when it is billed at that rate, by a clock that is ours too; None where
    the provider does not say.
    """

    provider: str
    id: str
    label: str | None
    status: InstanceStatus
    status_text: str
    usd_per_hour: Decimal | None
    gpu: str | None
    gpu_count: int | None
    region: str | None
    ssh: SshEndpoint | None = None
    created_at: datetime | None = None
    rate_since: datetime | None = None
    ports: tuple[tuple[int, int], ...] = ()

    @property
    def begun_at(self) -> datetime | None:
        """``created_at``, unless nobody can have rented a machine with our mark at that time: a
        clock of theirs that is wrong, or zero, says nothing (RELIABILITY.md C12.8).
        """
        known = self.created_at is not None and self.created_at >= _BEFORE_ANY_MARK
        return self.created_at if known else None

    @property
    def is_ready(self) -> bool:
        """Running and reachable by SSH, as far as the provider's word goes."""
        return self.status is InstanceStatus.RUNNING and self.ssh is not None

"""What a person is told before, or when, something happens to their machines."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.address import Slot
    from reconciler.model.reason import DestroyReason


class NoticeKind(StrEnum):
    """Why a person is addressed. The words are published: receivers match on them."""

    SOFT_DESTROY = "soft-destroy"
    """A machine will be destroyed at ``ends_at`` unless someone keeps it."""
    DESTROYED = "destroyed"
    """A machine is being destroyed now."""
    ALERT = "alert"
    """Something does not go as it should, and money may flow."""
    BUDGET = "budget"
    """A budget is used up so far that it says so, or is used up."""
    BALANCE = "balance"
    """A provider's account runs low: what runs there may end, with its disks."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. ``message`` is plain text, already escaped, without secrets.

    ``usd_so_far`` is what the machine has cost until now, ``ends_at`` when it ends (aware, UTC),
    ``keep_command`` the one command that keeps it.
    """

    kind: NoticeKind
    workspace: str
    message: str
    slot: Slot | None = None
    reason: DestroyReason | None = None
    usd_so_far: Decimal | None = None
    ends_at: datetime | None = None
    keep_command: str | None = None

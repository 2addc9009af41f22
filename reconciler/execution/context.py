"""What every step of carrying out a plan needs."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from reconciler.model.errors import ProviderUnavailable
from reconciler.model.progress import SlotProgress
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from reconciler.clock import Clock
    from reconciler.execution.interruption import Interruption
    from reconciler.execution.journal import Journal
    from reconciler.model.address import Slot
    from reconciler.model.notice import Notice
    from reconciler.model.progress import Stage
    from reconciler.planning.capacity import HostKey
    from reconciler.providers.base import Provider


@dataclass(slots=True)
class ExecutionContext:
    """Effects by name: nothing below looks for them anywhere else.

    ``new_nonce`` gives eight characters for a mark, never the same twice. ``resolve_env`` turns
    references into values just before they are sent. ``progress`` and ``notify`` must not raise.
    """

    workspace: str
    providers: Mapping[str, Provider]
    journal: Journal
    clock: Clock
    interruption: Interruption
    new_nonce: Callable[[], str]
    resolve_env: Callable[[Mapping[str, str]], Mapping[str, str]]
    progress: Callable[[SlotProgress], None]
    notify: Callable[[Notice], Awaitable[None]]
    claimed: dict[tuple[str, str], int] = field(default_factory=dict)
    """Nodes of each (provider, capacity) that tasks of this run have taken."""
    claimed_hosts: set[tuple[str, HostKey]] = field(default_factory=set)
    """Fleet and host, of each node that stands apart from the others of its fleet."""
    limits: dict[tuple[str, str], anyio.CapacityLimiter] = field(default_factory=dict)

    def limit(self, provider: Provider, kind: str) -> anyio.CapacityLimiter:
        """Parallel calls of one kind at one provider; destroys have a budget of their own."""
        key = (provider.name, kind)
        if key not in self.limits:
            self.limits[key] = anyio.CapacityLimiter(provider.capabilities.parallel_calls)
        return self.limits[key]

    def show(
        self,
        slot: Slot,
        stage: Stage,
        since: datetime,
        *,
        detail: str = "",
        usd_per_hour: Decimal | None = None,
    ) -> None:
        """One line of progress for ``slot``."""
        elapsed = max(timedelta(0), self.clock.now() - since)
        self.progress(SlotProgress(slot, stage, detail, elapsed, usd_per_hour))


async def within(deadline: timedelta, provider: Provider, call: Awaitable[object]) -> object:
    """``call``, bounded in total. Raises ``ProviderUnavailable`` when time is up."""
    try:
        with anyio.fail_after(deadline.total_seconds()):
            return await call
    except TimeoutError:
        raise ProviderUnavailable(provider.name, "no answer within the deadline") from None

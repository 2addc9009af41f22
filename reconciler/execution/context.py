"""What every step of carrying out a plan needs."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.execution.call_budget import CallBudget
from reconciler.execution.shared_listings import SharedListings
from reconciler.inventory.observe import direct_read
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
    from reconciler.model.hand_over import Boot, ReadyRules
    from reconciler.model.instance import Instance, SshEndpoint
    from reconciler.model.notice import Notice
    from reconciler.model.observation import DirectRead
    from reconciler.model.offer import Offer
    from reconciler.model.progress import Stage
    from reconciler.planning.hosts import HostKey
    from reconciler.providers.base import CallKind, Provider
    from reconciler.transport.ssh_login import Login


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
    public_keys: Callable[[str], tuple[str, ...]]
    """Who may log in to machines of a fleet. A key of ours is durable on return; may raise."""
    boot: Callable[[str], Boot]
    """What the machines of a fleet boot and do."""
    bid: Callable[[str, Offer], Decimal | None]
    """Dollars an hour that a fleet bids for an offer; None: what it asks."""
    log_in: Callable[[str, SshEndpoint, str, str], Awaitable[Login]]
    """Run a command on a machine of a fleet, whose host key is known under an alias.

    Raises ValueError for an address that is none.
    """
    ready_rules: Callable[[str], ReadyRules]
    """What a new machine of a fleet must show."""
    has_own_key: Callable[[str], bool]
    """Whether a key of ours was put on the machines of a fleet."""
    fence: Callable[[], None] = lambda: None
    """Raises ``StateLocked`` when this run's turn was taken from it: asked before each call that
    changes something.
    """
    offer_failed: Callable[[Provider, str], None] = lambda provider, offer_id: None
    """Told of each offer that could not be rented, so that nobody tries it again. Never raises."""
    node_timer: timedelta | None = None
    """How long after its lease's end a machine that can destroys itself; None: never."""
    remark: Callable[[str], None] = lambda line: None
    """Says one sentence about the run as a whole. Never raises."""
    waits: bool = False
    """Whether this run looks into the machines that it buys until they are ready."""
    claimed: dict[tuple[str, str], int] = field(default_factory=dict)
    """Nodes of each (provider, capacity) that tasks of this run have taken."""
    claimed_hosts: set[tuple[str, HostKey]] = field(default_factory=set)
    """Fleet and host, of each node that stands apart from the others of its fleet."""
    listings: SharedListings = field(default_factory=SharedListings)
    """What those who wait for their machines see."""
    budgets: dict[tuple[str, CallKind], CallBudget] = field(default_factory=dict)

    def budget(self, provider: Provider, kind: CallKind) -> CallBudget:
        """The calls of one kind at one provider; no kind waits for another one."""
        key = (provider.name, kind)
        if key not in self.budgets:
            table = provider.capabilities
            self.budgets[key] = CallBudget(
                self.clock,
                least=table.parallel_calls,
                interval=table.interval_of(kind),
                slow_answer=table.slow_answer,
            )
        return self.budgets[key]

    @property
    def destroy_times(self) -> dict[str, timedelta]:
        """How long a destroy takes once it is accepted, by provider."""
        return {name: one.capabilities.destroy_time for name, one in self.providers.items()}

    async def read(self, provider: Provider, instance_id: str) -> DirectRead:
        """Ask for one machine, when it is the turn of that call. A failure says nothing."""
        budget = self.budget(provider, "read")
        async with budget:
            await budget.turn()
            return await direct_read(provider, instance_id)

    async def look(self, provider: Provider, instance_id: str) -> Instance | None:
        """One machine for somebody who waits for it, by the listing that all who wait share, else
        by a direct read. None when it cannot be seen just now.
        """
        budget = self.budget(provider, "read")
        found = await self.listings.find(provider, instance_id, budget, self.clock)
        return found or (await self.read(provider, instance_id)).instance

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

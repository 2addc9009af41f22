"""``quarantine``: the hosts that were learnt of, and those from which nothing is bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.execution.journal import Journal
from reconciler.model.errors import UsageRefused
from reconciler.model.host_memory import host_key
from reconciler.operations.lease_verbs import read_state
from reconciler.planning import host_memory

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.model.host_memory import HostRecord
    from reconciler.operations.workspace import Workspace


def known_hosts(workspace: Workspace) -> tuple[tuple[HostRecord, ...], datetime]:
    """Every host in the state, those in quarantine first, and what time it is; needs no state."""
    now = workspace.clock.now()
    recorded = workspace.backend.read()
    found = recorded.hosts.values() if recorded else ()
    ordered = sorted(found, key=lambda one: (not one.is_quarantined(now), one.provider, one.host))
    return tuple(ordered), now


async def shun_host(
    workspace: Workspace,
    provider: str,
    host: str,
    *,
    duration: timedelta | None,
    why: str,
    lock_timeout_seconds: float,
) -> HostRecord:
    """Buy nothing there for ``duration``, for good where it is None. Its machines stay.

    Raises ``UsageRefused`` for a provider that is not configured, ``StateError`` without a state.
    """
    if provider not in workspace.providers:
        known = ", ".join(sorted(workspace.providers))
        raise UsageRefused(f"there is no provider {provider}", fix=f"configured: {known}")
    with workspace.backend.lock("state quarantine add", timeout_seconds=lock_timeout_seconds):
        journal = Journal(workspace.backend, read_state(workspace, to_change=True), stored=True)
        now = workspace.clock.now()
        until = None if duration is None else now + duration
        await journal.commit(host_memory.quarantined(provider, host, until, why, now))
        return journal.state.hosts[host_key(provider, host)]


async def forgive_host(
    workspace: Workspace, provider: str, host: str, *, lock_timeout_seconds: float
) -> None:
    """Its offers count again. Raises ``UsageRefused`` for a host that is in no quarantine."""
    with workspace.backend.lock("state quarantine rm", timeout_seconds=lock_timeout_seconds):
        recorded = read_state(workspace, to_change=True)
        known = recorded.hosts.get(host_key(provider, host))
        if known is None or not known.is_quarantined(workspace.clock.now()):
            raise UsageRefused(
                f"host {host} of {provider} is in no quarantine", fix="gpu-shopper quarantine list"
            )
        journal = Journal(workspace.backend, recorded, stored=True)
        await journal.commit(host_memory.forgiven(provider, host))

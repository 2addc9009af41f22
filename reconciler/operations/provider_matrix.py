"""``providers matrix``: the truth table of every type of provider, in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.capability_matrix import CapabilityMatrix, MatrixRow
from reconciler.providers.registry import capabilities_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model.capability_matrix import Fact
    from reconciler.providers.base import ProviderCapabilities

    Read = Callable[[ProviderCapabilities], Fact]


def _paces(table: ProviderCapabilities) -> tuple[str, ...]:
    """``create 1 in 5 s``."""
    return tuple(f"{one.endpoint} {one.calls} in {one.seconds:g} s" for one in table.paces)


def _kept(table: ProviderCapabilities) -> Fact:
    return table.offers_keep or "one command"


_ROWS: tuple[tuple[str, str, Read], ...] = (
    ("mark_places", "our mark is kept in", lambda table: table.mark_places),
    ("visibility_window", "a listing lags by at most", lambda table: table.visibility_window),
    ("create_deadline", "a create is answered within", lambda table: table.create_deadline),
    ("call_deadline", "any other call within", lambda table: table.call_deadline),
    ("destroy_time", "a destroy takes about", lambda table: table.destroy_time),
    ("create_interval", "one create every", lambda table: table.create_interval),
    ("parallel_calls", "calls of one kind at once", lambda table: table.parallel_calls),
    ("paces", "calls to one endpoint", _paces),
    ("offers_keep", "what a search found serves for", _kept),
    ("price_unit", "its prices are", lambda table: table.price_unit),
    ("stopped_bills", "a stopped machine is billed", lambda table: table.stopped_bills),
    ("has_spot", "spot machines", lambda table: table.has_spot),
    ("runs_images", "machines run a container image", lambda table: table.runs_images),
    ("boots_vm_images", "machines boot an image of a VM", lambda table: table.boots_vm_images),
    ("runs_setup", "setup text is run", lambda table: table.runs_setup),
    ("opens_ports", "ports can be opened", lambda table: table.opens_ports),
    ("ssh_answers", "machines answer SSH", lambda table: table.ssh_answers),
    ("has_balance", "the balance can be read", lambda table: table.has_balance),
    ("lists_volumes", "volumes that bill are listed", lambda table: table.lists_volumes),
    ("ends_itself", "the provider ends a machine at a deadline", lambda table: table.ends_itself),
    ("node_ends_itself", "a machine can destroy itself", lambda table: table.node_ends_itself),
)


def capability_matrix(types: Sequence[str]) -> CapabilityMatrix:
    """One column for each of ``types``. Raises ``UsageRefused`` for one that there is not."""
    tables = [capabilities_of(name) for name in types]
    rows = [
        MatrixRow(key, meaning, tuple(read(table) for table in tables))
        for key, meaning, read in _ROWS
    ]
    return CapabilityMatrix(tuple(types), tuple(rows))

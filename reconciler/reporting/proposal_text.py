"""Cheaper like machines for people: what a swap would save, and the command that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate, format_usd
from reconciler.reporting.columns import cell, wrap
from reconciler.reporting.wording import counted, minute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.proposal import SwapProposal
    from reconciler.reporting.palette import Palette

SHOWN = 10


def proposal_lines(proposals: Sequence[SwapProposal], palette: Palette) -> Iterator[str]:
    """Those that save most first; nothing of it is done by the plan."""
    ranked = sorted(proposals, key=lambda one: (-one.saving_usd, one.slot))
    for one in ranked[:SHOWN]:
        where = " ".join(cell(part, 24) for part in (one.to_provider, one.to_region) if part)
        rates = f"{format_rate(one.usd_per_hour)} -> {format_rate(one.to_usd_per_hour)}"
        text = (
            f"Cheaper: {one.slot} {rates} at {where} saves {format_usd(one.saving_usd)} "
            f"until {minute(one.until)}; not done unasked"
        )
        yield from wrap(text, hang=2)
        yield from (palette.quiet(line) for line in wrap(one.command, indent=2, hang=2))
    if len(ranked) > SHOWN:
        rest = sum((one.saving_usd for one in ranked[SHOWN:]), 0 * ranked[0].saving_usd)
        more = counted(len(ranked) - SHOWN, "more cheaper machine")
        yield palette.quiet(f"... and {more}, which save {format_usd(rest)}")

"""Why a fleet gets the offers that it gets, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate
from reconciler.model.quantity import format_duration, format_size
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted, gpu_text, per_gpu_hour, place_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.explanation import ExplainedOffer, Explanation
    from reconciler.model.fleet import Fleet
    from reconciler.reporting.palette import Palette

_RANKING = (
    Column("#", right=True),
    Column("$/H", right=True),
    Column("= GPU", right=True),
    Column("+ DISK", right=True),
    Column("$/GPU-H", right=True),
    Column("GPU", shrink_to=9),
    Column("WHERE", shrink_to=10),
    Column("OFFER", shrink_to=8),
)


def explain_text(explanation: Explanation, palette: Palette = PLAIN) -> str:
    """What is asked, the ranking, each alternative at its best, the rejections by reason."""
    blocks = [
        _question(explanation.fleet, palette),
        _ranking(explanation, palette),
        list(_alternatives(explanation, palette)),
        list(_rejections(explanation, palette)),
        [palette.change(line) for line in _failures(explanation)],
        _verdict(explanation, palette),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _question(fleet: Fleet, palette: Palette) -> list[str]:
    caps = [
        f"at most {format_rate(cap).removesuffix('/h')} a {what} and hour"
        for cap, what in ((fleet.max_gpu_hour_usd, "GPU"), (fleet.max_node_hour_usd, "node"))
        if cap is not None
    ]
    wanted = (" then " if fleet.resources.ordered else " or ").join(
        cell(requirement.text) for requirement in fleet.resources.gpu
    )
    nodes = fleet.nodes.target
    facts = [
        f"{counted(nodes, 'node')} of {wanted}",
        "spot" if fleet.spot else "on-demand",
        f"{format_size(fleet.resources.disk_bytes)} of disk",
        *caps,
        f"ttl {format_duration(fleet.ttl)}",
    ]
    return [palette.strong(fleet.address), *wrap(", ".join(facts), indent=2)]


def _ranking(explanation: Explanation, palette: Palette) -> list[str]:
    rows = [_row(place, entry) for place, entry in enumerate(explanation.ranked, 1)]
    if not rows:
        return []
    heading, *lines = table(_RANKING, rows, indent=2)
    title = f"Cheapest {len(rows)} of {counted(explanation.matching, 'matching offer')}:"
    return [title, palette.strong(heading), *lines]


def _row(place: int, entry: ExplainedOffer) -> list[str]:
    offer = entry.offer
    return [
        str(place),
        f"{entry.usd_per_hour:,.3f}",
        f"{entry.gpu_usd_per_hour:,.3f}",
        f"{entry.disk_usd_per_hour:,.3f}",
        f"{entry.usd_per_gpu_hour:,.3f}",
        gpu_text(offer.gpu, offer.gpu_count),
        f"{cell(offer.provider, 24)} {place_text(offer.region, offer.country)}",
        offer.id,
    ]


def _alternatives(explanation: Explanation, palette: Palette) -> Iterator[str]:
    """Worth saying only where there is more than one."""
    if len(explanation.alternatives) < 2:
        return
    yield "Each alternative at its best:"
    for entry in explanation.alternatives:
        text = f"{cell(entry.text)}: "
        if entry.best is None:
            yield from (palette.change(line) for line in wrap(f"{text}none", indent=2, hang=2))
            continue
        rate = entry.best.usd_per_hour
        text += f"{format_rate(rate)}, {per_gpu_hour(rate, entry.best.offer.gpu_count)}"
        yield from wrap(f"{text} ({counted(entry.count, 'offer')})", indent=2, hang=2)


def _rejections(explanation: Explanation, palette: Palette) -> Iterator[str]:
    """Most frequent first; each offer is counted under its first reason."""
    if not explanation.rejections:
        return
    number = sum(explanation.rejections.values())
    yield f"Rejected {number} of {counted(explanation.total, 'offer')}, by first reason:"
    ranked = sorted(explanation.rejections.items(), key=lambda one: (-one[1], one[0]))
    size = len(str(ranked[0][1]))
    for reason, count in ranked:
        yield palette.quiet(f"  {count:>{size}}  {cell(reason)}")


def _failures(explanation: Explanation) -> Iterator[str]:
    for provider, why in sorted(explanation.failures.items()):
        yield from wrap(f"{cell(provider)} could not be asked: {cell(why, 200)}", hang=2)


def _verdict(explanation: Explanation, palette: Palette) -> list[str]:
    if explanation.ranked:
        best = _best(explanation)
        where = place_text(best.offer.region, best.offer.country)
        text = f"Best now: {format_rate(best.usd_per_hour)} at {cell(best.offer.provider)} {where}."
        return [palette.strong(line) for line in wrap(text)]
    if explanation.total:
        return [palette.alarm("No offer matches: loosen the reason at the top of the list.")]
    return [palette.alarm("No offers were found at all: see gpu-shopper offers.")]


def _best(explanation: Explanation) -> ExplainedOffer:
    """The cheapest; with ``ordered`` the cheapest of the first alternative that has any."""
    if explanation.fleet.resources.ordered:
        for entry in explanation.alternatives:
            if entry.best is not None:
                return entry.best
    return explanation.ranked[0]

"""Why a fleet gets the offers that it gets, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate, format_usd, shared_usd
from reconciler.model.fleet import most_at_a_provider
from reconciler.model.quantity import NEVER, format_duration, format_size
from reconciler.reporting.columns import WIDTH, Column, cell, table, wrap
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted, gpu_text, per_gpu_hour, place_text, rate_change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from reconciler.model.explanation import ExplainedOffer, Explanation, Relaxation
    from reconciler.model.fleet import Fleet
    from reconciler.reporting.palette import Palette

_RANKING = (
    Column("#", right=True),
    Column("ALT", right=True),
    Column("$/H", right=True),
    Column("= GPU", right=True),
    Column("+ DISK", right=True),
    Column("$/GPU-H", right=True),
    Column("GPU", shrink_to=9),
    Column("WHERE", shrink_to=10),
    Column("OFFER", shrink_to=8, whole=True),
)


def explain_text(explanation: Explanation, palette: Palette = PLAIN, *, width: int = WIDTH) -> str:
    """What is asked, the ranking, each alternative at its best, the rejections by reason, and the
    one change that would save most. Where the terminal is wider, only the ranking uses it.
    """
    blocks = [
        _question(explanation.fleet, palette),
        _ranking(explanation, palette, width),
        list(_alternatives(explanation, palette)),
        list(_rejections(explanation, palette)),
        [palette.change(line) for line in _failures(explanation)],
        _relaxation(explanation, palette),
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
        *_buying_facts(fleet),
        f"{format_size(fleet.resources.disk_bytes)} of disk",
        *caps,
        _lease_text(fleet),
    ]
    return [palette.strong(fleet.address), *wrap(", ".join(facts), indent=2)]


def _buying_facts(fleet: Fleet) -> Iterator[str]:
    buying = fleet.buying
    if buying.auto:
        yield "spot or on-demand"
        if buying.min_on_demand:
            yield f"at least {buying.min_on_demand} on-demand"
    else:
        yield "spot" if fleet.spot else "on-demand"
    if buying.bid_usd is not None:
        yield f"bid {format_rate(buying.bid_usd)}"
    if buying.max_share_percent is not None:
        most = most_at_a_provider(fleet.nodes.target, buying.max_share_percent)
        yield f"at most {counted(most, 'node')} at one provider"


def _lease_text(fleet: Fleet) -> str:
    if fleet.active is not None:
        return f"in office hours, {cell(fleet.active.words)}"
    return "no end" if fleet.expires_at == NEVER else f"ttl {format_duration(fleet.ttl)}"


def _ranking(explanation: Explanation, palette: Palette, width: int) -> list[str]:
    ordered = explanation.fleet.resources.ordered
    auto = explanation.fleet.buying.auto
    rows = [_row(place, entry, ordered, auto) for place, entry in enumerate(explanation.ranked, 1)]
    if not rows:
        return []
    heading, *lines = table(_RANKING, rows, indent=2, width=width)
    fleet = explanation.fleet
    which = "Best" if ordered or not fleet.is_plain else "Cheapest"
    title = f"{which} {len(rows)} of {counted(explanation.matching, 'matching offer')}:"
    terms = f"first the alternatives as written (ALT), then {_last_term(fleet)}"
    order = f"Order: {terms if ordered else _last_term(fleet)}, then provider and offer; "
    order += "all nodes of a fleet are of one kind."
    if fleet.buying.strategy == "diversified":
        order += " Nodes are spread evenly over providers, then regions, then hosts."
    below = [palette.quiet(line) for line in wrap(order, indent=2)]
    return [title, palette.strong(heading), *lines, *below, *_learnt(explanation, palette)]


def _last_term(fleet: Fleet) -> str:
    if fleet.buying.order:
        return f"the providers as written ({cell(', '.join(fleet.buying.order), 60)}), then $/H"
    if fleet.buying.strategy == "price-capacity-optimized":
        return "$/H times what is known of the host"
    return "$/H"


def _learnt(explanation: Explanation, palette: Palette) -> Iterator[str]:
    """Why an offer counts for more or less than its price."""
    for place, entry in enumerate(explanation.ranked, 1):
        if entry.terms:
            parts = ", ".join(f"{term.percent:+f} % {term.why}" for term in entry.terms)
            host = cell(entry.offer.host or entry.offer.id, 40)
            text = f"#{place} counts as {format_rate(entry.score_usd)}: {parts} on {host}"
            yield from (palette.quiet(line) for line in wrap(text, indent=2, hang=3))


def _row(place: int, entry: ExplainedOffer, ordered: bool, auto: bool) -> list[str]:
    offer, whole = entry.offer, entry.usd_per_hour
    gpu, disk = shared_usd((entry.gpu_usd_per_hour, entry.disk_usd_per_hour), whole, 3)
    return [
        str(place),
        str(entry.alternative + 1) if ordered else "",
        f"{whole:,.3f}",
        f"{gpu:,.3f}",
        f"{disk:,.3f}",
        f"{entry.usd_per_gpu_hour:,.3f}",
        gpu_text(offer.gpu, offer.gpu_count) + (" spot" if offer.spot and auto else ""),
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


def _fleet_now(explanation: Explanation) -> str:
    """What all nodes would cost, where there is more than one."""
    target, now = explanation.fleet.nodes.target, explanation.filling
    if target == 1:
        return ""
    return f"; {now.nodes} of {counted(target, 'node')} for {format_rate(now.usd_per_hour)}"


def _relaxation(explanation: Explanation, palette: Palette) -> list[str]:
    """The change in words, what it saves on each GPU, and what the whole fleet would cost."""
    if not explanation.total:
        return []
    found = explanation.relaxation
    if found is None:
        lines = wrap("No single constraint, loosened, would save anything or fill more nodes.")
        return [palette.quiet(line) for line in lines]
    title, *more = wrap(f"{_gain(explanation, found)}", hang=2)
    return [
        palette.strong(title),
        *(palette.strong(line) for line in more),
        *_whole_fleet(explanation, found),
    ]


def _gain(explanation: Explanation, found: Relaxation) -> str:
    now, then, change = explanation.filling, found.filling, cell(found.change, 56)
    before, after = now.usd_per_gpu_hour, then.usd_per_gpu_hour
    if after is None:
        return change
    if now.nodes < then.nodes or before is None:
        return f"Would help most: {change}: {counted(then.nodes, 'node')} instead of {now.nodes}"
    return f"Would save most: {change}: {_difference(after - before)}/GPU-hour"


def _whole_fleet(explanation: Explanation, found: Relaxation) -> list[str]:
    now, then = explanation.filling, found.filling
    rates = (
        rate_change(now.usd_per_hour, then.usd_per_hour)
        if now.nodes
        else format_rate(then.usd_per_hour)
    )
    nodes = f"{then.nodes} of {counted(explanation.fleet.nodes.target, 'node')}"
    each = per_gpu_hour(then.usd_per_hour, then.gpus)
    return wrap(f"{nodes}: {rates}, {each}; {found.key}", indent=2)


def _difference(usd: Decimal) -> str:
    """``-$0.310``, ``+$0.020`` (where the GPUs of a node are fewer)."""
    text = format_usd(usd, 3)
    return text if usd < 0 else f"+{text}"


def _verdict(explanation: Explanation, palette: Palette) -> list[str]:
    if explanation.ranked:
        best = explanation.ranked[0]
        where = place_text(best.offer.region, best.offer.country)
        text = f"Best now: {format_rate(best.usd_per_hour)} at {cell(best.offer.provider)} {where}"
        text += f"{_fleet_now(explanation)}."
        return [palette.strong(line) for line in wrap(text)]
    if explanation.total:
        return [palette.alarm("No offer matches this fleet now.")]
    return [palette.alarm("No offers were found at all: see gpu-shopper offers.")]

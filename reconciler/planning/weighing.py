"""What an offer counts for with a fleet that does not simply take the cheapest.

The score is dollars an hour: the rate, times what the state has learnt of the host. Only the order
of the offers goes by it; what is paid, capped and reserved is always the rate itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.explanation import Term
from reconciler.planning.offer_matching import Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from reconciler.model.fleet import Fleet
    from reconciler.model.host_memory import HostRecord
    from reconciler.planning.offer_matching import RankedOffer

    Turn = tuple[int, Decimal, Decimal, str, str]
    """Place, score, what is asked without disk; provider and id settle what is left."""

FADES = timedelta(days=7)
"""Every week since the last trouble of a host halves what its trouble weighs."""
_WEEKS_MAX = 8
_TRUST = Decimal(5)
_LOSS_WEIGHT = Decimal(50)
_SLOW_AFTER = 300
_SLOW_MAX = Decimal(20)
_ONE = Decimal("0.1")
_MICRO = Decimal("0.000001")


def host_terms(host: HostRecord, *, spot: bool, now: datetime) -> tuple[Term, ...]:
    """What ``host`` is worth more or less than its price.

    Failed machines: up to +100 %, by their share of all. Spot machines taken away: up to +50 %,
    spot alone. More than five minutes to be ready: +1 % a minute, at most 20 %. Machines that were
    ready, without any trouble: down to -5 %.
    """
    return tuple(one for one in _terms(host, spot=spot, now=now) if one.percent)


def _terms(host: HostRecord, *, spot: bool, now: datetime) -> Iterator[Term]:
    fresh = _freshness(host, now)
    tried = host.boots + host.failures
    if host.failures:
        share = Decimal(100 * host.failures) / (tried + 1)
        yield Term(_rounded(share * fresh), f"{host.failures} of {_machines(tried)} failed")
    if spot and host.losses:
        share = _LOSS_WEIGHT * host.losses / (host.losses + 1)
        yield Term(_rounded(share * fresh), f"{_machines(host.losses, 'spot ')} taken away")
    if not host.boots:
        return
    seconds = host.ready_seconds // host.boots
    if seconds > _SLOW_AFTER:
        slow = min(_SLOW_MAX, Decimal(seconds - _SLOW_AFTER) / 60)
        yield Term(_rounded(slow), f"ready in {seconds // 60} minutes")
    if not host.failures and not host.losses:
        good = _TRUST * host.boots / (host.boots + 2)
        yield Term(-_rounded(good), f"{_machines(host.boots)} ready, none failed")


def _machines(count: int, kind: str = "") -> str:
    return f"{count} {kind}machine{'' if count == 1 else 's'}"


def _freshness(host: HostRecord, now: datetime) -> Decimal:
    """1 in the first week after the last trouble, then half as much with every week."""
    since = now - (host.trouble_at or host.seen_at)
    weeks = min(_WEEKS_MAX, max(0, since // FADES))
    return Decimal(1) / Decimal(2**weeks)


def _rounded(percent: Decimal) -> Decimal:
    return percent.quantize(_ONE, rounding=ROUND_HALF_EVEN)


def with_learnt(fleet: Fleet, hosts: Iterable[HostRecord], now: datetime) -> Fleet:
    """``fleet`` that weighs offers by what is known of ``hosts`` at ``now``; others as they are."""
    if fleet.buying.strategy != "price-capacity-optimized":
        return fleet
    known = sorted(hosts, key=lambda one: (one.provider, one.host))
    return replace(fleet, buying=replace(fleet.buying, learnt=tuple(known), as_of=now))


class Scales:
    """Weighs the offers of one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        buying = fleet.buying
        self._turns = {name: number for number, name in enumerate(buying.order)}
        self._hosts: Mapping[tuple[str, str | None], HostRecord] = {
            (one.provider, one.host): one for one in buying.learnt
        }

    def weigh(self, entry: RankedOffer) -> RankedOffer:
        """``entry`` with its weight. A bid is what it costs, whatever is asked."""
        fleet, offer = self._fleet, entry.offer
        bid = fleet.bid_for(offer)
        if bid is not None:
            disk = offer.disk_usd_per_hour(fleet.resources.disk_bytes)
            entry = entry._replace(usd_per_hour=max(bid, offer.usd_per_hour) + disk)
        percent = sum((term.percent for term in self.terms(entry)), ZERO)
        score = entry.usd_per_hour
        if percent:
            score = (score * (100 + percent) / 100).quantize(_MICRO, rounding=ROUND_HALF_EVEN)
        return entry._replace(weight=Weight(self._place(entry), score))

    def terms(self, entry: RankedOffer) -> tuple[Term, ...]:
        """What was learnt of its host, as far as it counts for this fleet."""
        offer, now = entry.offer, self._fleet.buying.as_of
        host = self._hosts.get((offer.provider, offer.host)) if self._hosts else None
        if host is None or now is None:
            return ()
        return host_terms(host, spot=offer.spot, now=now)

    def _place(self, entry: RankedOffer) -> int:
        """First the alternatives as written, where their order counts, then the providers."""
        alternative = entry.alternative if self._fleet.resources.ordered else 0
        if not self._turns:
            return alternative
        unnamed = len(self._turns)
        return alternative * (unnamed + 1) + self._turns.get(entry.offer.provider, unnamed)


def weighed(fleet: Fleet, entries: Iterable[RankedOffer]) -> list[RankedOffer]:
    """``entries`` as ``fleet`` weighs them, best first."""
    scales = Scales(fleet)
    return sorted((scales.weigh(entry) for entry in entries), key=turn_of)


def turn_of(entry: RankedOffer) -> Turn:
    """What comes first among offers that are weighed."""
    offer, weight = entry.offer, entry.weight
    place = weight.place if weight else 0
    return (place, cost_of(entry), offer.usd_per_hour, offer.provider, offer.id)


def cost_of(entry: RankedOffer) -> Decimal:
    """The figure that a choice makes least: the score, or the rate where nothing is weighed."""
    return entry.usd_per_hour if entry.weight is None else entry.weight.score_usd

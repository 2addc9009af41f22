"""The one constraint whose loosening would save a fleet most.

An offer that fails exactly one constraint is a candidate for loosening that one. Each possible step
is tried with the offers it admits beside those that match already, for the fleet's whole number of
nodes, as if it had none yet. Prices are exact, and ties fall to the constraint that is reported
first: the same offers give the same answer in any order (I21).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.model.explanation import Relaxation
from reconciler.model.value import dataclass
from reconciler.planning.constraints import (
    CAP_REASONS,
    NEVER_LOOSENED,
    choosable,
    movable,
    round_disk,
    with_disk,
)
from reconciler.planning.filling import Filled, fill, worth_keeping
from reconciler.planning.offer_matching import DISK_REASON, RankedOffer, refusal_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.planning.constraints import Choosable, Loosened, Movable
    from reconciler.planning.filling import Rank
    from reconciler.planning.offer_matching import OfferMatch


@dataclass(frozen=True, slots=True)
class _Option:
    key: str
    step: Loosened
    filled: Filled

    def rank(self, *, ordered: bool) -> tuple[int, Decimal, Rank, str]:
        """The least is the best: most nodes, least money."""
        filled = self.filled
        order = filled.rank(ordered=ordered)
        return (-len(filled.chosen), filled.usd_per_hour, order, self.step.change)


@dataclass(slots=True)
class _Candidates:
    """Offers by the one reason for which they are refused, beside what matches already.

    ``matching``: as many of those as can matter at these prices. ``small_disks`` fail the disk
    alone, or a price cap that a smaller disk may meet.
    """

    fleet: Fleet
    all_matching: Sequence[RankedOffer]
    matching: Sequence[RankedOffer]
    by_reason: dict[str, list[RankedOffer]] = field(default_factory=lambda: defaultdict(list))
    small_disks: list[RankedOffer] = field(default_factory=list)


def cheapest_relaxation(fleet: Fleet, match: OfferMatch) -> Relaxation | None:
    """The single step after which most of the missing nodes can be rented, or the cheapest.

    None when no step fills more nodes or costs less. A price cap counts as a constraint only where
    nothing matches at all; another GPU never does.
    """
    ordered = fleet.resources.ordered
    now = fill(fleet, match.ranked)
    candidates = _candidates(fleet, match)
    options = [one for one in _options(candidates) if _helps(one.filled, now)]
    if not options:
        return None
    best = min(options, key=lambda one: one.rank(ordered=ordered))
    return Relaxation(best.key, best.step.change, best.step.fleet, best.filled.summary)


def _helps(filled: Filled, now: Filled) -> bool:
    if len(filled.chosen) != len(now.chosen):
        return len(filled.chosen) > len(now.chosen)
    return bool(filled.chosen) and filled.usd_per_hour < now.usd_per_hour


def _candidates(fleet: Fleet, match: OfferMatch) -> _Candidates:
    found = _Candidates(fleet, match.ranked, worth_keeping(fleet, match.ranked))
    alternatives = _Alternatives(fleet)
    for reason, offers in match.rejected.items():
        if reason in NEVER_LOOSENED:
            continue
        later = _later_tests(fleet, reason)
        for offer in offers:
            position = alternatives.of(offer)
            if position is None or not all(passes(offer) for passes in later):
                continue
            rate = offer.node_usd_per_hour(fleet.resources.disk_bytes)
            _place(found, reason, RankedOffer(offer, rate, position))
    return found


def _place(found: _Candidates, reason: str, entry: RankedOffer) -> None:
    broken = _broken_caps(found.fleet, entry)
    if reason == DISK_REASON or reason in CAP_REASONS:
        found.small_disks.append(entry)
    if len(broken) == (reason in CAP_REASONS):
        found.by_reason[reason].append(entry)


def _later_tests(fleet: Fleet, reason: str) -> list[Callable[[Offer], bool]]:
    """What comes after the first reason; before it everything passed."""
    tests = refusal_tests(fleet)
    names = [name for name, _ in tests]
    at = names.index(reason) + 1 if reason in names else len(names)
    return [passes for _, passes in tests[at:]]


def _broken_caps(fleet: Fleet, entry: RankedOffer) -> list[str]:
    caps = (fleet.max_gpu_hour_usd, fleet.max_node_hour_usd)
    counts = (entry.offer.gpu_count, 1)
    return [
        reason
        for reason, cap, count in zip(CAP_REASONS, caps, counts, strict=True)
        if cap is not None and entry.usd_per_hour > cap * count
    ]


class _Alternatives:
    """The position of the first alternative that accepts an offer, looked up by its kind."""

    def __init__(self, fleet: Fleet) -> None:
        self._wanted = fleet.resources.gpu
        self._known: dict[tuple[str, int, int], int | None] = {}

    def of(self, offer: Offer) -> int | None:
        kind = (offer.gpu, offer.gpu_count, offer.gpu_memory_bytes)
        if kind not in self._known:
            accepting = (at for at, one in enumerate(self._wanted) if one.accepts(*kind))
            self._known[kind] = next(accepting, None)
        return self._known[kind]


# --- steps --------------------------------------------------------------------------------------


def _options(candidates: _Candidates) -> Iterator[_Option]:
    for reason, offers in candidates.by_reason.items():
        names = choosable(candidates.fleet, reason)
        if names is not None:
            yield from _names_options(candidates, names, offers)
        elif reason != DISK_REASON and (reason not in CAP_REASONS or not candidates.matching):
            for bound in movable(candidates.fleet, reason):
                yield from _bound_options(candidates, bound, offers)
    if candidates.by_reason.get(DISK_REASON):
        yield from _disk_options(candidates)


def _names_options(
    candidates: _Candidates, names: Choosable, offers: Iterable[RankedOffer]
) -> Iterator[_Option]:
    groups: dict[str, list[RankedOffer]] = defaultdict(list)
    hidden: list[RankedOffer] = []
    for entry in offers:
        name = names.name(entry.offer)
        (hidden if name is None else groups[name]).append(entry)
    for name, admitted in groups.items():
        others = [] if names.instead else [*candidates.matching, *(hidden if names.also else ())]
        yield _option(candidates, names.key, names.loosen(name), [*others, *admitted])


def _bound_options(
    candidates: _Candidates, bound: Movable, offers: Iterable[RankedOffer]
) -> Iterator[_Option]:
    far = [(bound.distance(entry.offer), entry) for entry in offers]
    near = {id(entry): distance for distance, entry in far if distance is not None}
    reachable = [entry for distance, entry in far if distance is not None]
    for stop in _stops(candidates, reachable, near):
        admitted = [one for one in reachable if stop is None or near[id(one)] < stop]
        chosen = _fill(candidates, [*candidates.matching, *admitted]).chosen
        needed = max((near[id(one)] for one in chosen if id(one) in near), default=None)
        if needed is None:
            continue
        step = bound.loosen(needed)
        admitted = [one for one in reachable if bound.admits(step.fleet, one.offer)]
        yield _option(candidates, bound.key, step, [*candidates.matching, *admitted])


def _stops(
    candidates: _Candidates, reachable: Sequence[RankedOffer], near: Mapping[int, Decimal]
) -> list[Decimal | None]:
    """How far to go: all the way, and with ``ordered`` also just not as far as an alternative that
    comes earlier and would then be taken, though it costs more.
    """
    stops: list[Decimal | None] = [None]
    if not candidates.fleet.resources.ordered:
        return stops
    most = len(_fill(candidates, [*candidates.matching, *reachable]).chosen)
    for position in range(len(candidates.fleet.resources.gpu)):
        base = [one for one in candidates.matching if one.alternative == position]
        mine = sorted(
            (one for one in reachable if one.alternative == position), key=lambda one: near[id(one)]
        )
        low, high = 0, len(mine)
        while low < high:  # the shortest prefix with which this alternative alone fills as much
            middle = (low + high) // 2
            if len(_fill(candidates, [*base, *mine[: middle + 1]]).chosen) >= most:
                high = middle
            else:
                low = middle + 1
        if low < len(mine):
            stops.append(near[id(mine[low])])
    return stops


def _disk_options(candidates: _Candidates) -> Iterator[_Option]:
    """The disk shrinks to what fits what is then chosen; it makes every other node cheaper, too."""
    pool = [*candidates.all_matching, *candidates.small_disks]
    sizes = [one.offer.disk_bytes_max for one in candidates.by_reason[DISK_REASON]]
    size: int | None = min(one for one in sizes if one is not None)
    while size is not None:
        step = with_disk(candidates.fleet, round_disk(size))
        option = _option(candidates, "resources.disk", step, _priced(step.fleet, pool))
        needed = [
            entry.offer.disk_bytes_max
            for entry in option.filled.chosen
            if entry.offer.disk_bytes_max is not None
            and entry.offer.disk_bytes_max < candidates.fleet.resources.disk_bytes
        ]
        if needed and min(needed) <= size:
            yield option
            return
        size = min(needed, default=None)


def _priced(fleet: Fleet, pool: Iterable[RankedOffer]) -> list[RankedOffer]:
    disk_bytes = fleet.resources.disk_bytes
    priced = [
        RankedOffer(one.offer, one.offer.node_usd_per_hour(disk_bytes), one.alternative)
        for one in pool
        if one.offer.disk_bytes_max is None or one.offer.disk_bytes_max >= disk_bytes
    ]
    return [one for one in priced if not _broken_caps(fleet, one)]


def _fill(candidates: _Candidates, offers: Iterable[RankedOffer]) -> Filled:
    return fill(candidates.fleet, offers)


def _option(
    candidates: _Candidates, key: str, step: Loosened, offers: Iterable[RankedOffer]
) -> _Option:
    return _Option(key, step, _fill(candidates, offers))

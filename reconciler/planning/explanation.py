"""Why a fleet gets what it gets: the ranking, each alternative at its best, the rejections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import ExplainedAlternative, ExplainedOffer, Explanation
from reconciler.planning.filling import best_first, fill
from reconciler.planning.offer_matching import match_offers
from reconciler.planning.relaxation import cheapest_relaxation
from reconciler.planning.weighing import Scales, cost_of

if TYPE_CHECKING:
    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import OfferBook
    from reconciler.planning.offer_matching import RankedOffer

RANKED_SHOWN = 10


def explain(fleet: Fleet, book: OfferBook) -> Explanation:
    """The offers of ``book`` as ``fleet`` sees them now. Deterministic, like the matching."""
    offers = book.offers
    match = match_offers(fleet, offers)
    ranked = _ranked(fleet, match.ranked)
    filled = fill(fleet, ranked)
    return Explanation(
        fleet=fleet,
        total=len(offers),
        matching=len(match.ranked),
        ranked=tuple(_explained(entry, fleet) for entry in ranked[:RANKED_SHOWN]),
        alternatives=tuple(
            _alternative(fleet, position, match.ranked)
            for position in range(len(fleet.resources.gpu))
        ),
        rejections=match.rejections,
        filling=filled.summary,
        relaxation=cheapest_relaxation(fleet, match),
        failures=book.failures,
    )


def _ranked(fleet: Fleet, ranked: tuple[RankedOffer, ...]) -> tuple[RankedOffer, ...]:
    """With ``ordered`` the first alternative comes first, whatever it costs."""
    if not fleet.is_plain:
        return tuple(best_first(fleet, ranked))
    if not fleet.resources.ordered:
        return ranked
    return tuple(sorted(ranked, key=lambda entry: entry.alternative))


def _explained(entry: RankedOffer, fleet: Fleet) -> ExplainedOffer:
    disk = entry.offer.disk_usd_per_hour(fleet.resources.disk_bytes)
    return ExplainedOffer(
        entry.offer,
        entry.usd_per_hour - disk,
        disk,
        entry.alternative,
        cost_of(entry),
        Scales(fleet).terms(entry),
    )


def _alternative(
    fleet: Fleet, position: int, ranked: tuple[RankedOffer, ...]
) -> ExplainedAlternative:
    mine = [entry for entry in ranked if entry.alternative == position]
    best = _explained(best_first(fleet, mine)[0], fleet) if mine else None
    return ExplainedAlternative(fleet.resources.gpu[position].text, len(mine), best)

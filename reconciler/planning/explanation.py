"""Why a fleet gets what it gets: the ranking, each alternative at its best, the rejections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import ExplainedAlternative, ExplainedOffer, Explanation
from reconciler.planning.filling import fill
from reconciler.planning.offer_matching import match_offers
from reconciler.planning.relaxation import cheapest_relaxation

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
        ranked=tuple(_explained(entry) for entry in ranked[:RANKED_SHOWN]),
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
    if not fleet.resources.ordered:
        return ranked
    return tuple(sorted(ranked, key=lambda entry: entry.alternative))


def _explained(entry: RankedOffer) -> ExplainedOffer:
    without_disk = entry.offer.usd_per_hour
    disk = entry.usd_per_hour - without_disk
    return ExplainedOffer(entry.offer, without_disk, disk, entry.alternative)


def _alternative(
    fleet: Fleet, position: int, ranked: tuple[RankedOffer, ...]
) -> ExplainedAlternative:
    mine = [entry for entry in ranked if entry.alternative == position]
    best = _explained(mine[0]) if mine else None
    return ExplainedAlternative(fleet.resources.gpu[position].text, len(mine), best)

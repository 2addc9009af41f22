"""Why a fleet gets what it gets: the ranking, each alternative at its best, the rejections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import ExplainedAlternative, ExplainedOffer, Explanation
from reconciler.planning.offer_matching import match_offers

if TYPE_CHECKING:
    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer, OfferBook
    from reconciler.planning.offer_matching import RankedOffer

RANKED_SHOWN = 10


def explain(fleet: Fleet, book: OfferBook) -> Explanation:
    """The offers of ``book`` as ``fleet`` sees them now. Deterministic, like the matching."""
    offers = book.offers
    match = match_offers(fleet, offers)
    return Explanation(
        fleet=fleet,
        total=len(offers),
        matching=len(match.ranked),
        ranked=tuple(_explained(fleet, entry.offer) for entry in match.ranked[:RANKED_SHOWN]),
        alternatives=tuple(
            _alternative(fleet, position, match.ranked)
            for position in range(len(fleet.resources.gpu))
        ),
        rejections=match.rejections,
        failures=book.failures,
    )


def _explained(fleet: Fleet, offer: Offer) -> ExplainedOffer:
    total = offer.node_usd_per_hour(fleet.resources.disk_bytes)
    return ExplainedOffer(offer, offer.usd_per_hour, total - offer.usd_per_hour)


def _alternative(
    fleet: Fleet, position: int, ranked: tuple[RankedOffer, ...]
) -> ExplainedAlternative:
    mine = [entry for entry in ranked if entry.alternative == position]
    best = _explained(fleet, mine[0].offer) if mine else None
    return ExplainedAlternative(fleet.resources.gpu[position].text, len(mine), best)

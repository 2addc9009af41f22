"""Turns the matching of one fleet into what ``explain`` says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import ExplainedAlternative, ExplainedOffer, Explanation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.fleet import Fleet
    from reconciler.planning.offer_matching import OfferMatch, RankedOffer

RANKING_LENGTH = 10


def explain_match(
    fleet: Fleet, match: OfferMatch, failures: Mapping[str, str] | None = None
) -> Explanation:
    """The ranking's top, the best of each alternative and why the rest was rejected."""
    return Explanation(
        fleet=fleet,
        total=len(match.ranked) + sum(match.rejections.values()),
        matching=len(match.ranked),
        ranked=tuple(_explained(entry) for entry in match.ranked[:RANKING_LENGTH]),
        alternatives=tuple(_alternatives(fleet, match)),
        rejections=match.rejections,
        failures=failures or {},
    )


def _explained(entry: RankedOffer) -> ExplainedOffer:
    offer = entry.offer
    return ExplainedOffer(offer, offer.usd_per_hour, entry.usd_per_hour - offer.usd_per_hour)


def _alternatives(fleet: Fleet, match: OfferMatch) -> Iterator[ExplainedAlternative]:
    for position, requirement in enumerate(fleet.resources.gpu):
        found = [entry for entry in match.ranked if entry.alternative == position]
        best = _explained(found[0]) if found else None
        yield ExplainedAlternative(requirement.text, len(found), best)

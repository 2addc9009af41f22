"""Which of the providers that a fleet allows can never serve it, whatever they have to rent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.planning.offer_matching import ABILITY_REASONS

if TYPE_CHECKING:
    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Ability, OfferBook

_NAMED_MAX = 3


class Inabilities:
    """Of the providers that show offers. Read once, at the first question."""

    def __init__(self, offers: OfferBook) -> None:
        self._offers = offers
        self._lacks: dict[str, frozenset[Ability]] | None = None

    def in_the_way(self, fleet: Fleet) -> str:
        """What none of the allowed providers does, to be added to a sentence; "" where one could
        serve the fleet, as far as this goes.
        """
        needed = fleet.needed_abilities
        if not needed:
            return ""
        allowed, excluded = fleet.where.providers, fleet.where.exclude_providers
        said = []
        for provider, lacks in sorted(self._by_provider().items()):
            if (allowed and provider not in allowed) or provider in excluded:
                continue
            reason = next(
                (ABILITY_REASONS[one] for one in ABILITY_REASONS if one in needed & lacks), ""
            )
            if not reason:
                return ""
            said.append(f"{provider} {reason}")
        more = f" and {len(said) - _NAMED_MAX} more" if len(said) > _NAMED_MAX else ""
        return f": {', '.join(said[:_NAMED_MAX])}{more}" if said else ""

    def _by_provider(self) -> dict[str, frozenset[Ability]]:
        if self._lacks is None:
            self._lacks = {}
            for offer in self._offers.offers:
                known = self._lacks.get(offer.provider)
                if known is None:
                    self._lacks[offer.provider] = offer.lacks
                elif known is not offer.lacks:
                    self._lacks[offer.provider] = known & offer.lacks
        return self._lacks

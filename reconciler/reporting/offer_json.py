"""Offers for other programs: money as text, sizes in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.text import printable

if TYPE_CHECKING:
    from reconciler.model.offer_view import OfferView, PricedOffer


def offers_json(view: OfferView) -> dict[str, Any]:
    """The shown offers, what was left out and why, and the providers that failed."""
    return {
        "offers": [_offer(priced) for priced in view.shown],
        "unusable": {f"{name}: {why}": count for (name, why), count in view.unusable.items()},
        "failures": dict(view.failures),
        "age_seconds": {name: age.total_seconds() for name, age in view.ages.items()},
    }


def _offer(priced: PricedOffer) -> dict[str, Any]:
    offer = priced.offer
    return {
        "provider": offer.provider,
        "id": printable(offer.id),
        "gpu": offer.gpu,
        "gpu_count": offer.gpu_count,
        "gpu_memory_bytes": offer.gpu_memory_bytes,
        "vcpus": offer.vcpus,
        "memory_bytes": offer.memory_bytes,
        "region": printable(offer.region),
        "country": offer.country,
        "host": None if offer.host is None else printable(offer.host),
        "spot": offer.spot,
        "hosting": offer.hosting,
        "verified": offer.verified,
        "reliability": None if offer.reliability is None else str(offer.reliability),
        "stock": offer.stock,
        "usd_per_hour": f"{priced.usd_per_hour:f}",
        "usd_per_gpu_hour": f"{priced.usd_per_gpu_hour:f}",
    }

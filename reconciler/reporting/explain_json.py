"""``explain -json``: money as text, sizes in bytes, names from outside escaped (I22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.text import printable

if TYPE_CHECKING:
    from decimal import Decimal

    from reconciler.model.explanation import (
        ExplainedAlternative,
        ExplainedOffer,
        Explanation,
        Filling,
    )
    from reconciler.model.fleet import Fleet


def explain_json(explanation: Explanation) -> dict[str, Any]:
    """The shape that docs/reference/explain-json.md describes."""
    fleet = explanation.fleet
    return {
        "fleet": fleet.address,
        "nodes_wanted": fleet.nodes.target,
        "disk_bytes": fleet.resources.disk_bytes,
        "strategy": fleet.buying.strategy,
        "order": [*_order(fleet), "provider", "id"],
        "offers": explanation.total,
        "matching": explanation.matching,
        "ranked": [_ranked(entry) for entry in explanation.ranked],
        "alternatives": [_alternative(entry) for entry in explanation.alternatives],
        "rejections": dict(explanation.rejections),
        "filling": _filling(explanation.filling),
        "relaxation": _relaxation(explanation),
        "failures": {
            printable(name): printable(why, 200)
            for name, why in sorted(explanation.failures.items())
        },
    }


def _order(fleet: Fleet) -> list[str]:
    named = ["alternative"] * fleet.resources.ordered + ["place"] * bool(fleet.buying.order)
    weighs = fleet.buying.strategy == "price-capacity-optimized"
    return [*named, "score_usd_per_hour" if weighs else "usd_per_hour"]


def _ranked(entry: ExplainedOffer) -> dict[str, Any]:
    offer = entry.offer
    return {
        "provider": printable(offer.provider),
        "id": printable(offer.id, 200),
        "gpu": printable(offer.gpu),
        "gpu_count": offer.gpu_count,
        "region": printable(offer.region),
        "country": None if offer.country is None else printable(offer.country),
        "alternative": entry.alternative,
        "usd_per_hour": _usd(entry.usd_per_hour),
        "gpu_usd_per_hour": _usd(entry.gpu_usd_per_hour),
        "disk_usd_per_hour": _usd(entry.disk_usd_per_hour),
        "usd_per_gpu_hour": _usd(entry.usd_per_gpu_hour),
        "spot": offer.spot,
        "score_usd_per_hour": _usd(entry.score_usd),
        "terms": [{"percent": f"{one.percent:f}", "why": one.why} for one in entry.terms],
    }


def _alternative(entry: ExplainedAlternative) -> dict[str, Any]:
    best = entry.best
    return {
        "gpu": printable(entry.text),
        "matching": entry.count,
        "usd_per_hour": None if best is None else _usd(best.usd_per_hour),
        "usd_per_gpu_hour": None if best is None else _usd(best.usd_per_gpu_hour),
    }


def _filling(filling: Filling) -> dict[str, Any]:
    each = filling.usd_per_gpu_hour
    return {
        "nodes": filling.nodes,
        "gpus": filling.gpus,
        "usd_per_hour": _usd(filling.usd_per_hour),
        "usd_per_gpu_hour": None if each is None else _usd(each),
    }


def _relaxation(explanation: Explanation) -> dict[str, Any] | None:
    """``saved_*`` is null where fewer nodes can be filled now: there is nothing to compare."""
    found, now = explanation.relaxation, explanation.filling
    if found is None:
        return None
    like = found.filling.nodes == now.nodes
    each = (now.usd_per_gpu_hour, found.filling.usd_per_gpu_hour)
    saved = each[0] - each[1] if like and each[0] is not None and each[1] is not None else None
    return {
        "key": found.key,
        "change": printable(found.change, 200),
        "filling": _filling(found.filling),
        "saved_usd_per_hour": (
            _usd(now.usd_per_hour - found.filling.usd_per_hour) if like else None
        ),
        "saved_usd_per_gpu_hour": None if saved is None else _usd(saved),
    }


def _usd(amount: Decimal) -> str:
    return f"{amount:f}"

"""Each constraint of a fleet as something that can be loosened: by which steps, in which words.

A step admits offers that fail this one constraint: one more country, a bound that moves to an
offer's value, a demand that is dropped. A step is the smallest that admits an offer.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import GIB, Range
from reconciler.model.value import dataclass
from reconciler.planning.offer_matching import ABILITY_REASONS, BID_REASON, LOST_REASON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.fleet import Fleet, OfferRules, Where
    from reconciler.model.offer import Offer

    Value = Callable[[Offer], Decimal | int | None]

NEVER_LOOSENED = frozenset(
    {
        "other GPU",
        "none left",
        "ends before the lease",
        "quarantined host",
        LOST_REASON,
        BID_REASON,
        *ABILITY_REASONS.values(),
    }
)
"""Reasons that no looser key lifts: another GPU is another wish, and nobody can raise a stock or
stay on a machine that its host takes back; a host that lied, or that takes spot machines away, is
no matter of keys, a bid is the most that somebody wants to pay, and nobody teaches a provider."""
CAP_REASONS = ("above max_gpu_hour_usd", "above max_node_hour_usd")
_MILL = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Loosened:
    """The fleet after one step, and the step in words: ``allow country DE``."""

    fleet: Fleet
    change: str


@dataclass(frozen=True, slots=True)
class Choosable:
    """A constraint on names. ``name``: what of an offer would have to be allowed, "" for a demand
    that is dropped as a whole, None where nothing can be written that admits the offer.

    ``also``: names whose offers come along with every step. ``instead``: what matched before
    matches no more.
    """

    key: str
    name: Callable[[Offer], str | None]
    loosen: Callable[[str], Loosened]
    also: bool = False
    instead: bool = False


@dataclass(frozen=True, slots=True)
class Movable:
    """A bound. ``distance``: how far it has to move to admit an offer, None where it cannot.

    ``loosen`` takes the distance and may move the bound a little further, to a round figure.
    """

    key: str
    distance: Callable[[Offer], Decimal | None]
    loosen: Callable[[Decimal], Loosened]
    admits: Callable[[Fleet, Offer], bool]


def choosable(fleet: Fleet, reason: str) -> Choosable | None:
    """The constraint behind ``reason`` where it is one on names."""
    made = _PLACES.get(reason) or _HOSTS.get(reason)
    return made(fleet) if made else None


def movable(fleet: Fleet, reason: str) -> list[Movable]:
    """The bounds behind ``reason``: both ends of a range."""
    if reason == "less reliable":
        return [_reliability(fleet)]
    if reason in CAP_REASONS:
        return [_cap(fleet, CAP_REASONS.index(reason) == 0)]
    return [
        bound
        for key, words, value, size in _RANGES
        if words == reason
        for bound in _range_bounds(fleet, key, value, size=size)
    ]


# --- names --------------------------------------------------------------------------------------


def _more(key: str, word: str, name: Callable[[Offer], str | None]) -> Callable[[Fleet], Choosable]:
    """One more name in ``where.KEY``."""

    def made(fleet: Fleet) -> Choosable:
        def loosen(chosen: str) -> Loosened:
            allowed = getattr(fleet.where, key) | {chosen}
            return Loosened(_with_where(fleet, key, allowed), f"allow {word} {chosen}")

        return Choosable(key, name, loosen)

    return made


def _less(key: str, word: str, name: Callable[[Offer], str | None]) -> Callable[[Fleet], Choosable]:
    """One name less in ``where.exclude_KEY``; without any, what hides its name is taken too."""

    def made(fleet: Fleet) -> Choosable:
        excluded: frozenset[str] = getattr(fleet.where, key)

        def loosen(chosen: str) -> Loosened:
            left = excluded - {chosen}
            return Loosened(_with_where(fleet, key, left), f"do not exclude {word} {chosen}")

        return Choosable(key, name, loosen, also=len(excluded) == 1)

    return made


def _with_where(fleet: Fleet, key: str, names: frozenset[str]) -> Fleet:
    changes: dict[str, Any] = {key: names}
    where: Where = replace(fleet.where, **changes)
    return replace(fleet, where=where)


def _with_rules(fleet: Fleet, **changes: Any) -> Fleet:
    rules: OfferRules = replace(fleet.offers, **changes)
    return replace(fleet, offers=rules)


def _excluded_host(fleet: Fleet) -> Choosable:
    def loosen(host: str) -> Loosened:
        left = fleet.offers.exclude_hosts - {host}
        return Loosened(_with_rules(fleet, exclude_hosts=left), f"do not exclude host {host}")

    return Choosable("offers.exclude_hosts", lambda offer: offer.host, loosen)


def _allowed_host(fleet: Fleet) -> Choosable:
    def loosen(host: str) -> Loosened:
        allowed = fleet.offers.allow_hosts | {host}
        return Loosened(_with_rules(fleet, allow_hosts=allowed), f"allow host {host}")

    return Choosable("offers.allow_hosts", lambda offer: offer.host, loosen)


def _verified(fleet: Fleet) -> Choosable:
    words = f"drop offers.verified: {'true' if fleet.offers.verified else 'false'}"
    step = Loosened(_with_rules(fleet, verified=None), words)
    return Choosable("offers.verified", lambda _: "", lambda _: step)


def _hosting(fleet: Fleet) -> Choosable:
    step = Loosened(
        _with_rules(fleet, hosting="any"), f"drop offers.hosting: {fleet.offers.hosting}"
    )
    return Choosable("offers.hosting", lambda _: "", lambda _: step)


def _spot(fleet: Fleet) -> Choosable:
    kinds = ("on-demand", "spot")
    words = f"{kinds[not fleet.spot]} instead of {kinds[fleet.spot]}"
    step = Loosened(replace(fleet, spot=not fleet.spot), words)
    return Choosable("spot_policy", lambda _: "", lambda _: step, instead=True)


_PLACES: dict[str, Callable[[Fleet], Choosable]] = {
    "other provider": _more("providers", "provider", lambda offer: offer.provider),
    "excluded provider": _less("exclude_providers", "provider", lambda offer: offer.provider),
    "other region": _more("regions", "region", lambda offer: offer.region),
    "other country": _more("countries", "country", lambda offer: offer.country),
    "excluded country": _less("exclude_countries", "country", lambda offer: offer.country),
}
_HOSTS: dict[str, Callable[[Fleet], Choosable]] = {
    "not spot": _spot,
    "not on-demand": _spot,
    "excluded host": _excluded_host,
    "host not allowed": _allowed_host,
    "not verified": _verified,
    "verified": _verified,
    "other hosting": _hosting,
}

# --- bounds -------------------------------------------------------------------------------------


def _reliability(fleet: Fleet) -> Movable:
    wanted = fleet.offers.min_reliability
    assert wanted is not None

    def distance(offer: Offer) -> Decimal | None:
        return None if offer.reliability is None else wanted - offer.reliability

    def loosen(far: Decimal) -> Loosened:
        least = wanted - far
        words = f"offers.min_reliability {_plain(least)} instead of {_plain(wanted)}"
        return Loosened(_with_rules(fleet, min_reliability=least), words)

    def admits(looser: Fleet, offer: Offer) -> bool:
        least = looser.offers.min_reliability
        return least is None or (offer.reliability is not None and offer.reliability >= least)

    return Movable("offers.min_reliability", distance, loosen, admits)


_RANGES: tuple[tuple[str, str, Value, bool], ...] = (
    ("cpu", "too few or too many CPUs", lambda offer: offer.vcpus, False),
    ("memory", "too little or too much memory", lambda offer: offer.memory_bytes, True),
    ("cuda", "other CUDA version", lambda offer: offer.cuda, False),
)


def _range_bounds(fleet: Fleet, key: str, value: Value, *, size: bool) -> Iterator[Movable]:
    span: Range = getattr(fleet.resources, key)

    def loosened(minimum: Decimal | None, maximum: Decimal | None) -> Loosened:
        moved = Range(minimum, maximum)
        changes: dict[str, Any] = {key: moved}
        words = f"{key} {_span(moved, size=size)} instead of {_span(span, size=size)}"
        return Loosened(replace(fleet, resources=replace(fleet.resources, **changes)), words)

    def admits(looser: Fleet, offer: Offer) -> bool:
        found = value(offer)
        moved: Range = getattr(looser.resources, key)
        return found is not None and moved.contains(found)

    low, high = span.minimum, span.maximum
    if low is not None:
        least = low

        def below(offer: Offer) -> Decimal | None:
            found = value(offer)
            return least - found if found is not None and found < least else None

        def lower(far: Decimal) -> Loosened:
            return loosened(_round_size(least - far, up=False) if size else least - far, high)

        yield Movable(f"resources.{key}", below, lower, admits)
    if high is not None:
        most = high

        def above(offer: Offer) -> Decimal | None:
            found = value(offer)
            return found - most if found is not None and found > most else None

        def raise_(far: Decimal) -> Loosened:
            return loosened(low, _round_size(most + far, up=True) if size else most + far)

        yield Movable(f"resources.{key}", above, raise_, admits)


def _cap(fleet: Fleet, per_gpu: bool) -> Movable:
    key = "max_gpu_hour_usd" if per_gpu else "max_node_hour_usd"
    cap: Decimal = getattr(fleet, key)

    def price(offer: Offer) -> Decimal:
        rate = offer.node_usd_per_hour(fleet.resources.disk_bytes)
        return rate / offer.gpu_count if per_gpu else rate

    def loosen(far: Decimal) -> Loosened:
        most = (cap + far).quantize(_MILL, rounding=ROUND_UP)
        changes: dict[str, Any] = {key: most}
        words = f"{key} {_plain(most)} instead of {_plain(cap)}"
        return Loosened(replace(fleet, **changes), words)

    def admits(looser: Fleet, offer: Offer) -> bool:
        most = looser.node_cap_usd(offer.gpu_count)
        return most is None or offer.node_usd_per_hour(fleet.resources.disk_bytes) <= most

    return Movable(key, lambda offer: price(offer) - cap, loosen, admits)


def with_disk(fleet: Fleet, disk_bytes: int) -> Loosened:
    """The fleet with a smaller disk, which also costs less."""
    resources = replace(fleet.resources, disk_bytes=disk_bytes)
    words = f"disk {_size(disk_bytes)} instead of {_size(fleet.resources.disk_bytes)}"
    return Loosened(replace(fleet, resources=resources), words)


def round_disk(disk_bytes: int) -> int:
    """The next smaller size that can be written with two decimals."""
    return int(_round_size(Decimal(disk_bytes), up=False))


def _round_size(size: Decimal, *, up: bool) -> Decimal:
    """As ``24.25GB`` is read: whole bytes, two decimals of a GiB at most."""
    hundredths = int(size * 100 // GIB)
    rounded = Decimal(hundredths * GIB // 100)
    if not up or rounded >= size:
        return rounded
    return Decimal((hundredths + 1) * GIB // 100)


def _span(span: Range, *, size: bool) -> str:
    ends = (span.minimum, span.maximum)
    texts = ["" if end is None else _size(int(end)) if size else _plain(end) for end in ends]
    return texts[0] if texts[0] == texts[1] else "..".join(texts)


def _size(size_bytes: int) -> str:
    gib = Decimal(size_bytes) / GIB
    return f"{_plain(gib.quantize(Decimal('0.01')))}GB"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

"""When half of the machines of a provider vanish between two listings (I33)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.model.observation import Complete, Partial
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, InstanceRecord
from reconciler.planning.mass_loss import disbelieving, find_mass_losses
from tests.builders import HOUR, PROVIDER, complete, instance, observed, partial, record
from tests.builders import recorded_state as state_of
from tests.markets import START

NOW = START + HOUR
WINDOW = timedelta(seconds=120)
"""What a provider has that declares none."""


def machines(count: int, provider: str = PROVIDER) -> list[InstanceRecord]:
    return [record("lab", index, provider=provider) for index in range(count)]


def lost(known: int, missing: int) -> bool:
    all_of_them = machines(known)
    listing = complete(PROVIDER, *map(instance, all_of_them[missing:]), started_at=NOW)
    return PROVIDER in find_mass_losses(state_of(*all_of_them), observed(listing))


@pytest.mark.parametrize(
    ("known", "missing", "expected"),
    [
        (1, 1, False),
        (2, 1, False),
        (2, 2, True),
        (3, 2, True),
        (4, 1, False),
        (4, 2, True),
        (5, 2, False),
        (5, 3, True),
        (8, 3, False),
        (8, 4, True),
        (8, 8, True),
    ],
)
def test_two_at_least_and_half_at_least(known: int, missing: int, expected: bool) -> None:
    assert lost(known, missing) is expected


def test_providers_are_weighed_apart() -> None:
    here, there = machines(6), machines(2, "other")
    state = state_of(*here, *(one.with_(fleet="far", mark=f"far-{one.index}") for one in there))
    seen = observed(
        complete(PROVIDER, *map(instance, here), started_at=NOW), complete("other", started_at=NOW)
    )
    assert list(find_mass_losses(state, seen)) == ["other"]


def test_doomed_young_and_long_missing_machines_do_not_count() -> None:
    one, two, three = machines(3)
    doom = Doom(reason=DestroyReason.EXPIRED, since=START)
    before = AbsenceEvidence(last_seen_at=START)
    seen = observed(complete(PROVIDER, started_at=NOW))
    for other in (
        two.with_(doom=doom),
        two.with_(created_at=NOW - WINDOW + timedelta(seconds=1)),
        two.with_(absence=before),
        two.with_(absence=before.with_(first_absent_at=START + WINDOW)),
    ):
        assert find_mass_losses(state_of(one, other), seen) == {}
        assert len(find_mass_losses(state_of(one, three, other), seen)[PROVIDER].missing) == 2


def test_a_loss_lasts_for_one_window_and_is_over_then() -> None:
    records = machines(4)
    listing = complete(PROVIDER, started_at=NOW)
    (loss,) = find_mass_losses(state_of(*records), observed(listing)).values()
    assert loss.until == NOW + WINDOW
    remembered = [one.with_(absence=loss.first_evidence()) for one in records]
    for late, still in (
        (timedelta(0), True),
        (WINDOW - timedelta(seconds=1), True),
        (WINDOW, False),
    ):
        again = observed(complete(PROVIDER, started_at=NOW + late))
        found = find_mass_losses(state_of(*remembered), again)
        assert (PROVIDER in found) is still, late
        assert not found or found[PROVIDER].until == loss.until, "it is not put off for ever"


def test_such_a_listing_counts_as_incomplete_and_says_how_many() -> None:
    records = machines(8)
    seen = observed(complete(PROVIDER, instance(records[0]), started_at=NOW))
    doubted = disbelieving(seen, find_mass_losses(state_of(*records), seen))
    listing = doubted.inventories[PROVIDER]
    assert isinstance(listing, Partial)
    assert listing.instances == seen.inventories[PROVIDER].instances
    assert listing.why.startswith("7 known instances missing at once, of 8")
    assert isinstance(seen.inventories[PROVIDER], Complete), "values are not changed"
    assert find_mass_losses(state_of(*records), observed(partial(started_at=NOW))) == {}

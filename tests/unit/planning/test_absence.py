"""I12: what proves that a machine is gone, and what does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.model.observation import DirectRead
from reconciler.model.record import AbsenceEvidence
from reconciler.planning.absence import Presence, Weighed, earliest_proof, weigh_absence
from tests.builders import complete, instance, partial, unreadable
from tests.markets import START

WINDOW = timedelta(seconds=120)
DENIED = DirectRead(not_found=True)
SILENT = DirectRead(why="no answer")


def weigh(
    previous: AbsenceEvidence | None,
    after: float,
    *,
    read: DirectRead | None = DENIED,
    listed: bool = False,
    needs_read: bool = True,
) -> Weighed:
    inventory = complete(started_at=START + timedelta(seconds=after))
    return weigh_absence(
        previous, inventory, read, listed=listed, window=WINDOW, needs_read=needs_read
    )


def evidence(first_absent_after: float | None = None) -> AbsenceEvidence:
    first = None if first_absent_after is None else START + timedelta(seconds=first_absent_after)
    return AbsenceEvidence(last_seen_at=START, first_absent_at=first)


@pytest.mark.parametrize(
    ("previous", "after", "presence", "first_absent_after"),
    [
        (None, 0, Presence.MISSING, None),
        (evidence(), 119.999, Presence.MISSING, None),
        (evidence(), 120, Presence.MISSING, 120),
        (evidence(120), 239.999, Presence.MISSING, 120),
        (evidence(120), 240, Presence.GONE, 120),
        (evidence(500), 619, Presence.MISSING, 500),
    ],
)
def test_I12_two_listings_a_window_apart_and_a_window_after_the_last_sighting_are_proof(
    previous: AbsenceEvidence | None,
    after: float,
    presence: Presence,
    first_absent_after: float | None,
) -> None:
    assert weigh(previous, after) == Weighed(presence, evidence(first_absent_after))


def test_repeating_one_observation_adds_nothing() -> None:
    once = weigh(evidence(), 120)
    assert weigh(once.evidence, 120) == once


@pytest.mark.parametrize("inventory", [None, partial(), unreadable()])
def test_I5_without_a_complete_listing_nothing_is_learnt(inventory: object) -> None:
    weighed = weigh_absence(
        evidence(120),
        inventory,  # type: ignore[arg-type]
        DENIED,
        listed=False,
        window=WINDOW,
        needs_read=True,
    )
    assert weighed == Weighed(Presence.SILENT, evidence(120))


@pytest.mark.parametrize("read", [None, SILENT])
def test_I12_a_direct_read_that_did_not_answer_is_no_denial(read: DirectRead | None) -> None:
    assert weigh(evidence(120), 9999, read=read) == Weighed(Presence.UNLISTED, evidence(120))


def test_a_create_without_an_id_has_nothing_to_read() -> None:
    assert weigh(evidence(120), 240, read=None, needs_read=False).presence is Presence.GONE


@pytest.mark.parametrize(
    ("listed", "read"), [(True, DENIED), (True, None), (False, DirectRead(instance()))]
)
def test_C2_14_one_sighting_outweighs_every_denial(listed: bool, read: DirectRead | None) -> None:
    assert weigh(evidence(120), 9999, read=read, listed=listed) == Weighed(Presence.SEEN)


def test_the_earliest_proof_is_two_windows_after_a_sighting_or_one_after_an_absence() -> None:
    assert earliest_proof(evidence(), WINDOW) == START + 2 * WINDOW
    assert earliest_proof(evidence(200), WINDOW) == START + timedelta(seconds=320)

"""Who may be relied on to end machines where no loop does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.model.offer import Ability
from reconciler.model.record import NodeTimer, RecordedState
from reconciler.planning.node_timers import (
    Assumed,
    early_timers,
    in_words,
    timers_in_doubt,
    who_relies,
)
from reconciler.planning.spending import enforced_by
from reconciler.providers.lambda_cloud.offers import LACKS as LAMBDA
from reconciler.providers.runpod.offers import LACKS as RUNPOD
from reconciler.providers.tensordock.offers import LACKS as TENSORDOCK
from reconciler.providers.vastai.offers import LACKS as VASTAI
from tests.builders import create, intent, lease, offer, record, recorded_state, specification
from tests.markets import START

NOTHING = "NOTHING"
TIMER = NodeTimer(ends_at=START + timedelta(hours=5), margin=timedelta(minutes=30))


def words(state: RecordedState) -> str:
    return in_words(who_relies(state), NOTHING)


def test_a_machine_that_may_have_been_bought_without_a_timer_is_not_relied_on() -> None:
    timed = record(specification=specification(spot=False))
    unknown = intent(index=1, provider="other")
    state = recorded_state(timed).with_(node_timers={timed.mark: TIMER})
    assert words(state) == f"node timer ({timed.provider})"
    state = state.with_(intents={unknown.mark: unknown})
    assert words(state).startswith(NOTHING)
    both = {timed.mark: TIMER, unknown.mark: TIMER}
    assert words(state.with_(node_timers=both)) == f"node timer (other, {timed.provider})"


@pytest.mark.parametrize(
    ("provider", "lacks", "relied_on"),
    [
        ("vastai", VASTAI, True),
        ("runpod", RUNPOD, False),
        ("lambda", LAMBDA, False),
        ("tensordock", TENSORDOCK, False),
    ],
)
def test_a_plan_tells_the_truth_about_each_provider(
    provider: str, lacks: frozenset[Ability], relied_on: bool
) -> None:
    def told(*lacking: frozenset[Ability], margin: timedelta | None) -> str:
        bought = [
            create(index=at, offer=offer(f"o{at}", provider=provider, lacks=one))
            for at, one in enumerate(lacking)
        ]
        return enforced_by(recorded_state(), START, timedelta(minutes=1), bought, margin)

    assert told(lacks, margin=None).startswith("NOTHING")
    said = told(lacks, margin=timedelta(minutes=30))
    if relied_on:
        assert said == f"node timer ({provider})"
    else:
        assert said.startswith("NOTHING")
        assert said.endswith("(no machine here has a node timer)")


def test_a_timer_is_in_doubt_while_it_is_asked_and_half_a_margin_after_it_was_moved() -> None:
    machine = record()

    def doubtful(timer: NodeTimer, minutes: int) -> bool:
        state = recorded_state(machine).with_(node_timers={machine.mark: timer})
        return bool(timers_in_doubt(state, START + timedelta(minutes=minutes)))

    moved = TIMER.with_(told_at=START)
    assert not doubtful(TIMER, 200)
    assert not doubtful(moved, 14)
    assert doubtful(moved, 15)
    assert doubtful(TIMER.with_(asked=START + timedelta(hours=9)), 0)


def test_the_timer_of_each_machine_follows_the_lease_of_its_own_fleet() -> None:
    long, short = record("long"), record("short")
    leases = [lease("long", ttl=timedelta(hours=24)), lease("short", ttl=timedelta(hours=1))]
    timers = {one.mark: TIMER.with_(ends_at=START) for one in (long, short)}
    state = recorded_state(long, short, *leases, node_timers=timers)
    found = early_timers(state, Assumed(None, frozenset()))
    assert {one.record.fleet: one.until - START for one in found} == {
        "long": timedelta(hours=24, minutes=30),
        "short": timedelta(hours=1, minutes=30),
    }

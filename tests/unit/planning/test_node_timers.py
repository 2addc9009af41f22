"""Who may be relied on to end machines where no loop does."""

from __future__ import annotations

from datetime import timedelta

from reconciler.model.record import NodeTimer, RecordedState
from reconciler.planning.node_timers import in_words, who_relies
from tests.builders import intent, record, recorded_state, specification
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

from __future__ import annotations

from datetime import timedelta

from reconciler.model.host_memory import HOSTS_MAX, HostRecord, host_key, quarantined_hosts
from reconciler.model.quantity import NEVER
from reconciler.planning import host_memory
from reconciler.planning.host_memory import FAILURE_QUARANTINE, LIE_QUARANTINE
from reconciler.planning.offer_matching import match_offers, seen_by_tests
from reconciler.statefile.format import decode, encode
from tests.builders import fleet, offer, record, recorded_state, specification
from tests.markets import START

HOUR = timedelta(hours=1)
NOW = START + HOUR
ONE = record(specification=specification(offer(host="h 1")))
KEY = host_key("simulated", "h 1")


def test_boots_and_failures_add_up() -> None:
    state = recorded_state()
    for at in (START + timedelta(seconds=100), START + timedelta(seconds=300)):
        state = host_memory.booted(ONE, at)(state)
    state = host_memory.failed(ONE, "no login", lied=False, now=NOW)(state)
    learnt = state.hosts[KEY]
    assert (learnt.boots, learnt.ready_seconds, learnt.failures) == (2, 400, 1)
    assert learnt.quarantined_until == NOW + FAILURE_QUARANTINE


def test_a_shorter_quarantine_never_takes_the_place_of_a_longer_one() -> None:
    state = host_memory.failed(ONE, "a lie", lied=True, now=NOW)(recorded_state())
    state = host_memory.failed(ONE, "no login", lied=False, now=NOW + HOUR)(state)
    learnt = state.hosts[KEY]
    assert (learnt.quarantined_until, learnt.why) == (NOW + LIE_QUARANTINE, "a lie")
    by_hand = host_memory.quarantined("simulated", "h 1", None, "mine", NOW)(state)
    after = host_memory.failed(ONE, "a lie", lied=True, now=NOW)(by_hand)
    assert after.hosts[KEY].quarantined_until == NEVER


def test_who_is_forgiven_keeps_its_history() -> None:
    state = host_memory.failed(ONE, "a lie", lied=True, now=NOW)(recorded_state())
    freed = host_memory.forgiven("simulated", "h 1")(state)
    assert quarantined_hosts(freed.hosts, NOW) == frozenset()
    assert freed.hosts[KEY].failures == 1


def test_a_machine_of_no_known_host_teaches_nothing() -> None:
    nameless = record(specification=specification(offer(host=None)))
    state = recorded_state()
    assert host_memory.failed(nameless, "a lie", lied=True, now=NOW)(state) is state
    found = record(specification=None)
    assert host_memory.booted(found, NOW)(state) is state


def test_the_memory_is_bounded_and_forgets_the_harmless_first() -> None:
    hosts = {
        host_key("simulated", f"h{number}"): HostRecord(
            provider="simulated", host=f"h{number}", seen_at=START + number * HOUR
        )
        for number in range(HOSTS_MAX)
    }
    state = recorded_state(hosts=hosts)
    state = host_memory.quarantined("simulated", "h0", None, "mine", START)(state)
    state = host_memory.failed(ONE, "a lie", lied=True, now=START)(state)
    assert len(state.hosts) == HOSTS_MAX
    assert {host_key("simulated", "h0"), KEY} <= set(state.hosts)
    assert host_key("simulated", "h1") not in state.hosts


def test_only_that_host_of_that_provider_is_refused_with_a_reason_of_its_own() -> None:
    shunned = host_memory.shunning(fleet(), frozenset({("simulated", "bad")}))
    offers = [offer("a", host="bad"), offer("b", host="good"), offer("c", host=None)]
    offers.append(offer("d", host="bad", provider="other"))
    match = match_offers(shunned, offers)
    assert match.rejections == {"quarantined host": 1}
    assert [one.offer.id for one in match.ranked] == ["d", "b", "c"]
    assert seen_by_tests(shunned) != seen_by_tests(fleet())


def test_it_is_stored_with_the_state_and_an_older_state_knows_none() -> None:
    state = host_memory.failed(ONE, "\ud800", lied=True, now=NOW)(recorded_state())
    assert decode(encode(state), "x").hosts == state.hosts

from __future__ import annotations

from reconciler.model.address import Address
from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom
from reconciler.reporting.state_text import state_list, state_show
from tests.builders import intent, record, recorded_state, specification
from tests.markets import START
from tests.unit.reporting.hostile import HOSTILE, assert_clean

DOOM = Doom(reason=DestroyReason.EXPIRED, since=START, attempts=3)


def test_state_list_shows_machines_and_unresolved_creates_by_slot() -> None:
    state = recorded_state(intent(index=10), record(index=2, doom=DOOM), record())
    assert state_list(state).splitlines() == [
        "SLOT             PROVIDER   ID            $/H  STATUS",
        "fleet.train[0]   simulated  m-train-0  $0.400  ready",
        "fleet.train[2]   simulated  m-train-2  $0.400  doomed (expired), 3 attempts",
        "fleet.train[10]  simulated  (no id)    $0.400  create unresolved",
    ]


def test_an_empty_state_says_so() -> None:
    assert state_list(recorded_state()) == "The state holds no machine and no unresolved create."


def test_state_show_has_every_field_of_the_slot_and_its_lease() -> None:
    state = recorded_state(record(index=1, doom=DOOM), record(index=2))
    lines = state_show(state, Address("train", 1)).splitlines()
    assert lines[0] == "fleet.train[1] machine"
    assert "  instance_id                     m-train-1" in lines
    assert "  specification.gpu_memory_bytes  24GB" in lines
    assert "  created_at                      2026-07-01 12:00:00 UTC" in lines
    assert "  doom.reason                     expired" in lines
    assert "fleet.train lease" in lines
    assert "  ttl              4h" in lines
    assert not any("m-train-2" in line for line in lines)


def test_nothing_recorded_shows_nothing() -> None:
    assert state_show(recorded_state(), Address("train")) == ""


def test_state_show_names_environment_variables_and_never_shows_their_values() -> None:
    bought = specification(env={"TOKEN": "hunter2"})
    text = state_show(recorded_state(record(specification=bought)), Address("train", 0))
    assert "TOKEN" in text
    assert "hunter2" not in text


def test_I22_recorded_text_is_escaped() -> None:
    bad = record(
        instance_id=HOSTILE.rstrip("\ud800"),
        provider="p\x1b[2J",
        specification=specification(region="r\r\nx", image="\u202e", env={"A\x07": "b"}),
    )
    assert_clean(state_list(recorded_state(bad)))
    assert_clean(state_show(recorded_state(bad), Address("train", 0)))

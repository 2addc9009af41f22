"""A thousand schedules of faults, races and deaths, judged by a ledger that the engine cannot see
(RELIABILITY.md, "Simulator rules").
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.execution import hand_over_check
from reconciler.planning import budget_scene, found_machines, ledger, ledger_closing, window_leases
from reconciler.statefile import local_file
from reconciler.statefile.format import encode
from reconciler.transport.json_api import JsonApi
from tests.simulation.simulator.campaign import campaign, judged, report
from tests.simulation.simulator.catalogue import ACTIONS, STANDING
from tests.simulation.simulator.face_places import KINDS, Rented
from tests.simulation.simulator.places import PLACES
from tests.simulation.simulator.schedule import Schedule, Step, draw, shrunk
from tests.simulation.simulator.wire_faults import WIRE_FAULTS
from tests.simulation.test_found_by_simulator import BILLED_TWICE

SCHEDULES = 1000
BATCHES = 20
ON_REAL_FILES = 12
ROOT = Path(__file__).parents[2]
_ONE_LOG = "from tests.simulation.simulator.campaign import *; print(judged(draw({})).digest)"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_whatever_happens_every_promise_is_kept(batch: int) -> None:
    found = campaign(range(batch, SCHEDULES, BATCHES))
    assert found.runs == SCHEDULES // BATCHES
    if found.failed:
        pytest.fail(report(found.failed[0]))


def test_the_same_on_real_files_with_the_kernels_own_locks(tmp_path: Path) -> None:
    for seed in range(ON_REAL_FILES):
        root = tmp_path / str(seed)
        root.mkdir(mode=0o700)
        verdict = judged(draw(seed), root)
        assert verdict.broken is None, (seed, verdict.broken)
        if not any(step.number.startswith(("C10", "C11", "I7")) for step in draw(seed).steps):
            assert verdict.digest == judged(draw(seed)).digest, seed


def test_the_schedules_of_a_test_run_hold_every_fault_many_times() -> None:
    drawn = Counter(step.number for seed in range(SCHEDULES) for step in draw(seed).steps)
    rare = {one.number: drawn[one.number] for one in ACTIONS if drawn[one.number] < 10}
    assert not rare
    fewest = min(sum(bool(one.number) for one in draw(seed).steps) for seed in range(SCHEDULES))
    assert fewest >= 2


def test_what_goes_wrong_on_the_wire_is_drawn_where_a_place_has_a_real_adapter() -> None:
    schedules = [draw(seed) for seed in range(3 * SCHEDULES)]
    of_adapters = [one for one in schedules if one.face is not None]
    assert {one.face.provider for one in of_adapters if one.face} == set(KINDS)
    assert {one.face.place for one in of_adapters if one.face} == {one.name for one in PLACES}
    steps = [step.number for one in schedules for step in one.steps if step.kind == "on_the_wire"]
    assert set(steps) == set(WIRE_FAULTS)
    assert len(steps) >= 3 * len(of_adapters)
    assert len(steps) == sum(
        step.kind == "on_the_wire" for one in of_adapters for step in one.steps
    )


def _through(provider: str, *wire: tuple[str, str]) -> Schedule:
    """Two machines are bought at a real adapter's place, while this goes wrong there."""
    rest = (("documents", 2), ("max_destroy", 10), ("renew", False), ("who", "laptop"))
    often = (("percent", 100), ("times", None))
    steps = [
        Step(0, "on_the_wire", (("aim", aim), ("minutes", 5), ("number", number), *often), number)
        for number, aim in wire
    ]
    first = Step(0, "apply", (("detach", False), *rest))
    last = Step(30, "reconcile", (("heal", False), ("who", "cron")))
    return Schedule(3, 60, (first, *steps, last), Rented("alpha", provider))


@pytest.mark.parametrize("provider", KINDS)
def test_a_place_is_rented_through_each_of_the_real_adapters(provider: str) -> None:
    verdict = judged(_through(provider))
    assert verdict.broken is None, verdict.broken
    before = verdict.log[: verdict.log.index(_last(verdict.log))]
    sent = Counter(line.split()[3] for line in before if " alpha " in line)
    assert sent["create_instance"] >= sent["destroy_instance"] == 2


@pytest.mark.parametrize("provider", KINDS)
def test_I12_an_adapter_that_takes_a_broken_line_for_a_refusal_is_found(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    broken_line = _through(provider, ("C6.15", "create_instance"))
    assert judged(broken_line).broken is None
    failed = JsonApi._failed
    monkeypatch.setattr(JsonApi, "_failed", lambda api, at, why, sent: failed(api, at, why, False))
    assert str(judged(broken_line).broken).startswith("I12:")


def test_one_seed_makes_one_log_whatever_the_order_of_hashes() -> None:
    assert draw(20).face is not None
    here = judged(draw(20))
    assert here.digest == judged(draw(20)).digest
    for hash_seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", _ONE_LOG.format(20)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == here.digest


def test_another_seed_makes_another_log() -> None:
    assert len({judged(draw(seed)).digest for seed in range(4)}) == 4


def test_standing_faults_are_met_by_every_run() -> None:
    met = {number for number, _ in judged(draw(0)).met}
    assert set(STANDING) <= met


def test_a_schedule_is_cut_down_to_the_steps_that_break_it() -> None:
    steps = tuple(Step(tick, "fault", (), f"C{tick}") for tick in range(30))

    def needs_two(schedule: Schedule) -> bool:
        return {"C7", "C21"} <= {step.number for step in schedule.steps}

    short = shrunk(Schedule(1, 60, steps), needs_two)
    assert [step.number for step in short.steps] == ["C7", "C21"]


def test_an_engine_that_forgets_is_found_and_told_with_its_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The judge judges: a state that loses its last machine with each tenth write."""
    written = encode
    count = [0]

    def forgetful(state: Any, *rest: Any) -> bytes:
        count[0] += 1
        if count[0] % 10 == 0 and state.instances:
            state = state.with_(instances=dict(list(state.instances.items())[:-1]))
        return written(state, *rest)

    monkeypatch.setattr(local_file, "encode", forgetful)
    broken = {str(judged(draw(seed)).broken).partition(":")[0] for seed in range(4)}
    assert broken & {"I1", "I12"}
    monkeypatch.setattr(local_file, "encode", written)
    assert not any(judged(draw(seed)).broken for seed in range(4))


def test_this_one_run_keeps_every_promise() -> None:
    """What an edit of the code breaks first is seen here (see tests/mutants)."""
    assert judged(draw(1)).broken is None


def _lowered() -> Schedule:
    """Three machines that have cost two dollars when a budget of less than one is applied."""
    rest = (("max_destroy", 10), ("renew", False), ("who", "laptop"))
    return Schedule(
        5,
        300,
        (
            Step(0, "apply", (("detach", True), ("documents", 1), *rest)),
            Step(20, "apply", (("detach", True), ("documents", 15), *rest)),
            Step(22, "reconcile", (("heal", False), ("who", "cron"))),
        ),
    )


def test_I6_a_wall_that_does_not_stand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(_lowered())
    assert verdict.broken is None, verdict.broken
    assert any("destroy_instance" in line for line in verdict.log)
    assert verdict.checked["I27"]
    monkeypatch.setattr(budget_scene, "over_budget", lambda *_: {})
    assert str(judged(_lowered()).broken).startswith("I6")


_OFFICE = Schedule(
    9,
    60,
    (
        Step(0, "apply", (("detach", True), ("documents", 16), ("who", "laptop"))),
        Step(5, "reconcile", (("schedule", True), ("who", "cron"))),
        Step(20, "reconcile", (("who", "cron"),)),
    ),
)


def test_I9_a_window_that_is_left_open_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 12:03 to 12:18: the first pass opens it, the second one ends what it bought."""
    verdict = judged(_OFFICE)
    assert verdict.broken is None, verdict.broken
    sent = [line.split()[2:4] for line in verdict.log[: verdict.log.index(_last(verdict.log))]]
    found = Counter(operation for _, operation in sent)
    assert found["create_instance"] == found["destroy_instance"] == 2
    closes = vars(window_leases)["window_at"]

    def late(active: Any, now: Any) -> Any:
        window = closes(active, now)
        return window and replace(window, closes_at=window.closes_at + timedelta(minutes=30))

    monkeypatch.setattr(window_leases, "window_at", late)
    assert str(judged(_OFFICE).broken).startswith("I9")


def _last(log: list[str]) -> str:
    return next(line for line in log if line.endswith("no more faults"))


def _by_laptop(documents: int) -> tuple[tuple[str, Any], ...]:
    return (("detach", True), ("documents", documents), ("max_destroy", 10), ("who", "laptop"))


_PUT_BACK = Schedule(
    7,
    300,
    (
        Step(0, "apply", _by_laptop(0)),
        Step(1, "old_copy", (("age", 2), ("ticks", 4), ("whole", True)), "C11.9"),
        Step(2, "apply", _by_laptop(1)),
        *(Step(tick, "reconcile", (("who", "cron"),)) for tick in (4, 7, 10, 13)),
    ),
)


def test_I28_a_loop_that_kills_what_was_merely_forgotten_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All files are put back as they were before two machines were bought."""
    verdict = judged(_PUT_BACK)
    assert verdict.broken is None, verdict.broken
    monkeypatch.setattr(found_machines, "is_held_back", lambda *_: False)
    assert str(judged(_PUT_BACK).broken).startswith("I28")


def test_I27_a_ledger_that_counts_too_little_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "rate_changed", lambda known, *_: known)
    monkeypatch.setattr(ledger_closing, "closed", lambda known, _: known)
    found = {str(judged(draw(seed)).broken).partition(":")[0] for seed in range(3)}
    assert "I27" in found


_SEALED = Schedule(
    3,
    60,
    (
        Step(
            0,
            "fault",
            (("minutes", 25), ("percent", 100), ("place", "gamma"), ("times", 1)),
            "C1.12",
        ),
        Step(0, "apply", (("detach", False), ("documents", 6), ("who", "laptop"))),
    ),
)
"""The machines of a gang at gamma, one of them made without a key."""


def test_I29_a_machine_that_lets_nobody_in_and_is_handed_over_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict = judged(_SEALED)
    assert verdict.broken is None, verdict.broken
    assert any("login refused" in line for line in verdict.log)

    async def believed(*_: Any) -> hand_over_check.Fit:
        return hand_over_check.Fit("it will do")

    monkeypatch.setattr(hand_over_check.HandOverCheck, "_by_login", believed)
    assert str(judged(_SEALED).broken).startswith("I29")


def test_I27_a_ledger_that_counts_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(BILLED_TWICE).broken is None
    monkeypatch.setattr(ledger, "_closed_until", lambda *_: None)
    assert str(judged(BILLED_TWICE).broken).startswith("I27")

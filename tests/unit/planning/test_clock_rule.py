"""I31: which time a pass goes by, as a table of clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reconciler.model.clock_verdict import CLOCK_TOLERANCE, ClockReadings, ClockVerdict
from reconciler.model.pins import ClockMark
from reconciler.planning.clock_rule import clock_marked, judge_clocks
from tests.builders import recorded_state
from tests.markets import START

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SINCE_BOOT = 5_000.0
PASSED = timedelta(hours=1)
NOW = START + PASSED


def mark(*, confirmed: bool = True, boot_id: str = "boot-1") -> ClockMark:
    """At START the boot clock was right."""
    booted = timedelta(seconds=SINCE_BOOT)
    return ClockMark(boot_id=boot_id, since_boot=booted, at=START, confirmed=confirmed)


def judged(
    wall: timedelta,
    known: ClockMark | None = None,
    *said: timedelta,
    boot: timedelta = timedelta(0),
    boot_id: str = "boot-1",
    latest: datetime | None = None,
    trusted: bool = False,
    hosts: dict[str, datetime] | None = None,
) -> ClockVerdict:
    """How far each clock is from the truth, an hour after START."""
    readings = ClockReadings(
        NOW + wall,
        SINCE_BOOT + (PASSED + boot).total_seconds(),
        {f"host-{number}": NOW + one for number, one in enumerate(said, 1)} | (hosts or {}),
    )
    state = recorded_state(clock=known, saved_at=latest or START)
    return judge_clocks(readings, boot_id, state, trusted=trusted)


ZERO = timedelta(0)


@pytest.mark.parametrize(
    ("known", "said"),
    [(None, ()), (None, (ZERO,)), (mark(), ()), (mark(), (ZERO,)), (mark(confirmed=False), ())],
    ids=["wall alone", "a provider", "boot clock", "both", "an unconfirmed boot clock"],
)
def test_I31_clocks_that_agree_are_the_wall_clock(
    known: ClockMark | None, said: tuple[timedelta, ...]
) -> None:
    for off in (ZERO, CLOCK_TOLERANCE):
        verdict = judged(off, known, *said)
        assert (verdict.now, verdict.off, verdict.remark) == (NOW + off, False, "")


@pytest.mark.parametrize("jump", [DAY, -DAY, 365 * DAY, CLOCK_TOLERANCE + SECOND])
def test_I31_two_clocks_that_agree_outvote_the_wall_clock_either_way(jump: timedelta) -> None:
    verdict = judged(jump, mark(), ZERO)
    assert (verdict.now, verdict.off, verdict.sure) == (NOW, True, True)


@pytest.mark.parametrize("confirmed", [True, False])
def test_I31_wall_clock_and_provider_that_agree_outvote_the_boot_clock(confirmed: bool) -> None:
    """A virtual machine was paused, and its time server has set the wall clock."""
    verdict = judged(ZERO, mark(confirmed=confirmed), ZERO, boot=-DAY)
    assert (verdict.now, verdict.off, verdict.confirmed) == (NOW, False, True)
    assert "1d behind" in verdict.remark


def test_C12_4_a_provider_whose_clock_is_wrong_is_outvoted_and_only_remarked_on() -> None:
    for off in (timedelta(minutes=5), -timedelta(minutes=5)):
        verdict = judged(ZERO, mark(), off)
        assert (verdict.now, verdict.off, verdict.far) == (NOW, False, False)
        assert "host-1 is 5m" in verdict.remark
    assert judged(ZERO, mark(), DAY).far, "somebody has to look at a whole day"


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_I31_of_two_clocks_a_boot_clock_that_was_right_holds(jump: timedelta) -> None:
    verdict = judged(jump, mark())
    assert (verdict.now, verdict.off, verdict.sure) == (NOW, True, False)


def test_I31_of_two_clocks_the_earlier_one_holds_when_nobody_vouches_for_either() -> None:
    assert judged(DAY, None, ZERO).now == NOW
    assert judged(-DAY, None, ZERO).now == NOW - DAY
    assert judged(DAY, mark(confirmed=False)).now == NOW
    assert judged(ZERO, mark(confirmed=False), boot=DAY).now == NOW


def test_I31_a_boot_clock_set_by_a_wrong_wall_clock_is_no_second_witness() -> None:
    """It started a day ahead, without a network; the first provider that answers is not outvoted
    by what the wall clock said before.
    """
    wrong = mark(confirmed=False).with_(at=START + DAY)
    verdict = judged(DAY, wrong, ZERO)
    assert (verdict.now, verdict.off, verdict.sure) == (NOW, True, False)


def test_I31_after_a_restart_or_without_a_boot_id_the_boot_clock_says_nothing() -> None:
    assert judged(DAY, mark(boot_id="boot-0")).now == NOW + DAY
    assert judged(DAY, mark(boot_id=""), boot_id="").now == NOW + DAY
    assert judged(DAY, mark(boot_id="boot-0"), ZERO).now == NOW


def test_I31_alone_it_may_not_lie_before_the_last_time_in_the_state() -> None:
    verdict = judged(-DAY, None, latest=START)
    assert (verdict.now, verdict.off, verdict.sure) == (START, True, False)
    assert judged(ZERO, None, ZERO, latest=NOW + DAY).now == NOW, "a provider confirms it"


def test_I31_three_clocks_that_all_differ_leave_the_middle_one_and_no_certainty() -> None:
    verdict = judged(DAY, mark(), -DAY)
    assert (verdict.now, verdict.off, verdict.sure) == (NOW, True, False)


def test_I31_four_clocks_two_against_two_go_by_the_earlier_ones() -> None:
    verdict = judged(DAY, mark(), DAY, ZERO)
    assert (verdict.now, verdict.off, verdict.sure) == (NOW, True, False)


def test_I31_a_person_can_say_that_the_wall_clock_is_right() -> None:
    verdict = judged(DAY, mark(), ZERO, trusted=True)
    assert (verdict.now, verdict.off, verdict.confirmed) == (NOW + DAY, False, True)


def test_I31_only_a_time_that_is_sure_is_remembered() -> None:
    state = recorded_state(clock=mark())
    unsure = clock_marked(judged(DAY, mark()), "boot-1", 9_000.0)(state).clock
    assert unsure is not None
    assert (unsure.at, unsure.since_boot) == (START, timedelta(seconds=SINCE_BOOT))
    assert "1d behind this machine's clock" in unsure.doubt
    sure = clock_marked(judged(DAY, mark(), ZERO), "boot-1", 9_000.7)(state).clock
    assert sure is not None
    assert (sure.at, sure.since_boot, sure.confirmed) == (NOW, timedelta(seconds=9_000), True)
    first = clock_marked(judged(ZERO), "boot-1", 9_000.0)(recorded_state()).clock
    assert first is not None
    assert not first.confirmed


def test_I31_two_hosts_of_one_provider_have_one_vote() -> None:
    """Else a provider with two hosts and one wrong clock would end everything after a restart."""
    ahead = dict.fromkeys(("rest.one.example", "api.one.example"), NOW + DAY)
    assert judged(ZERO, None, hosts=ahead).now == NOW
    two_providers = dict.fromkeys(("api.one.example", "api.two.example"), NOW)
    assert judged(DAY, None, hosts=two_providers).now == NOW
    addresses = dict.fromkeys(("127.0.0.1", "127.0.1.1"), NOW)
    assert judged(DAY, None, hosts=addresses).sure


def test_I31_a_clock_far_from_the_wall_clock_and_near_the_middle_one_is_told() -> None:
    """Found by the simulator, seed 64778: each is within a minute of the middle one."""
    near = timedelta(seconds=40)
    verdict = judged(ZERO, mark(), 2 * near, boot=near)
    assert (verdict.now, verdict.off) == (NOW, False)
    assert "host-1 is 1m" in verdict.remark

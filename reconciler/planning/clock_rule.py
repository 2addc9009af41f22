"""The clock rule: which time a pass goes by when clocks disagree (SPEC.md section 5, I31).

Three kinds of clocks are asked: the wall clock, the boot clock (carried on from the last time that
the state holds, within one boot), and the `Date` of each provider's answers. When all of them agree
within a minute the wall clock holds. Else the time is the latest that more than half of them say
has come: of three clocks the middle one, of two the earlier one. So nothing ends because one clock
jumped forward, and whatever two clocks say is over ends, although a third one disagrees.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.clock_verdict import CLOCK_TOLERANCE, ClockReadings, ClockVerdict
from reconciler.model.cost import ZERO, format_rate
from reconciler.model.exit_code import ExitCode
from reconciler.model.pins import ClockMark
from reconciler.model.plan import Finding, Mode
from reconciler.model.quantity import about

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.record import RecordedState
    from reconciler.planning.scene import Decisions, Scene
    from reconciler.planning.transitions import Change

_FAR = timedelta(minutes=10)
"""Providers' clocks are known to be up to 5 minutes off; what is further off is looked at."""
_WALL = "this machine's clock"
_BOOT = "its boot clock"
SAY_IT_IS_RIGHT = "if it is right: gpu-shopper reconcile --once -trust-clock"
_SET_IT = f"set this machine's clock by a time server; {SAY_IT_IS_RIGHT}"


def judge_clocks(
    readings: ClockReadings, boot_id: str, state: RecordedState | None, *, trusted: bool = False
) -> ClockVerdict:
    """What the time is. ``trusted``: a person says that the wall clock is right.

    ``boot_id`` is empty where the system does not tell it; the boot clock says nothing then, nor
    after a restart: what is left are the wall clock and the providers.
    """
    wall = readings.wall
    if trusted:
        return ClockVerdict(wall, wall, confirmed=True)
    known = state.clock if state else None
    boot = _carried_on(readings, boot_id, known)
    vouched = boot is not None and known is not None and known.confirmed
    clocks = {_WALL: wall}
    if boot is not None and (vouched or not _agree(boot, wall)):
        # Where nobody vouched for it, it merely repeats what the wall clock said before.
        clocks[_BOOT] = boot
    clocks.update(_one_vote_each(readings.said))
    if not all(_agree(one, wall) for one in clocks.values()):
        return _outvoted(clocks, vouched=vouched)
    latest = _latest(state)
    if len(clocks) == 1 and latest is not None and wall < latest - CLOCK_TOLERANCE:
        remark = f"{_WALL} is {about(latest - wall)} before the last time in the state"
        return ClockVerdict(latest, wall, remark, off=True, sure=False)
    return ClockVerdict(wall, wall, confirmed=vouched or bool(readings.said))


def _one_vote_each(said: Mapping[str, datetime]) -> Mapping[str, datetime]:
    """Hosts of one provider share their clocks, so they have one vote: the earliest of them."""
    votes: dict[str, tuple[datetime, str]] = {}
    for host, time in said.items():
        labels = host.split(".")
        site = host if labels[-1].isdigit() else ".".join(labels[-2:])
        votes[site] = min(votes.get(site, (time, host)), (time, host))
    return {host: time for time, host in sorted(votes.values(), key=lambda vote: vote[1])}


def _carried_on(readings: ClockReadings, boot_id: str, known: ClockMark | None) -> datetime | None:
    if known is None or not boot_id or known.boot_id != boot_id:
        return None
    return known.at + timedelta(seconds=readings.boot_seconds) - known.since_boot


def _agree(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= CLOCK_TOLERANCE


def _latest(state: RecordedState | None) -> datetime | None:
    if state is None:
        return None
    known = (state.saved_at, state.loop_last_seen, state.clock.at if state.clock else None)
    return max((moment for moment in known if moment is not None), default=None)


def _outvoted(clocks: Mapping[str, datetime], *, vouched: bool) -> ClockVerdict:
    """Some clock disagrees."""
    wall, times = clocks[_WALL], sorted(clocks.values())
    middle = times[(len(times) - 1) // 2]
    sure = 2 * sum(_agree(one, middle) for one in times) > len(times)
    if sure and _agree(wall, middle):
        others = {name: one for name, one in clocks.items() if not _agree(one, wall)}
        far = any(abs(one - wall) > _FAR for name, one in others.items() if name != _BOOT)
        remark = f"{_differences(others, wall)} {_WALL}, which most clocks agree with"
        return ClockVerdict(wall, wall, remark, confirmed=True, far=far)
    end = "most clocks agree, and they hold" if sure else "the earlier time holds until two agree"
    if vouched and len(clocks) == 2:
        # It was right when the state was last saved, and it cannot have jumped since.
        middle, end = clocks[_BOOT], f"{_BOOT} holds until two agree"
    apart = {name: one for name, one in clocks.items() if name != _WALL}
    remark = f"{_differences(apart, wall)} {_WALL}: {end}"
    return ClockVerdict(middle, wall, remark, off=True, sure=sure, confirmed=sure)


def _differences(clocks: Mapping[str, datetime], than: datetime) -> str:
    return _listed([f"{name} is {_away(one - than)}" for name, one in clocks.items()])


def _away(by: timedelta) -> str:
    return f"{about(abs(by))} {'ahead of' if by > timedelta(0) else 'behind'}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def clock_findings(scene: Scene, decisions: Decisions, *, changes: bool) -> Iterator[Finding]:
    """What the clocks hold back. ``changes``: the plan buys, or opens or moves a lease."""
    verdict = scene.observed.clock
    if verdict is None or not verdict.remark:
        return
    if not verdict.off:
        code = ExitCode.REFUSED_BY_RULE if verdict.far else None
        yield Finding(verdict.remark, code, fix=_SET_IT if verdict.far else "")
        return
    held = [one for one in decisions.staying if has_ended_by_wall(scene, scene.end_of(one))]
    what = f"{verdict.remark}; this plan goes by {verdict.now:%Y-%m-%d %H:%M:%S} UTC"
    if held:
        rate = format_rate(sum((one.usd_per_hour for one in held), ZERO))
        what += f"; {len(held)} machine(s) that have ended by {_WALL} alone stay, billed {rate}"
    blocks = changes and scene.request.mode is Mode.APPLY
    yield Finding(what, ExitCode.REFUSED_BY_RULE, blocks=blocks, fix=_SET_IT)


def is_off(verdict: ClockVerdict | None) -> bool:
    """Whether this machine's clock is wrong: then nothing is opened or bought by it."""
    return verdict is not None and verdict.off


def has_ended_by_wall(scene: Scene, end: datetime) -> bool:
    """Whether an end has come by the wall clock, which does not count just now."""
    verdict = scene.observed.clock
    return verdict is not None and verdict.off and scene.now < end <= verdict.wall


def clock_marked(verdict: ClockVerdict | None, boot_id: str, boot_seconds: float) -> Change:
    """Remember what time it was, to tell a jump by; in doubt the last time that was sure stays."""

    def change(state: RecordedState) -> RecordedState:
        if verdict is None:
            return state
        doubt = verdict.remark if verdict.off else ""
        if not verdict.sure:
            known = state.clock
            return state if known is None else state.with_(clock=known.with_(doubt=doubt))
        mark = ClockMark.model_construct(
            boot_id=boot_id,
            since_boot=timedelta(seconds=int(boot_seconds)),
            at=verdict.now,
            confirmed=verdict.confirmed,
            doubt=doubt,
        )
        return state.with_(clock=mark)

    return change

"""What must be true of a run, or of a pass of the loop, that has ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.market.units import microseconds, moment
from reconciler.model.mark import parse_mark
from reconciler.model.plan import Destroy, Mode, Plan
from reconciler.model.reason import DestroyReason
from tests.simulation.simulator.hours import end_of

if TYPE_CHECKING:
    from reconciler.model.record import InstanceRecord
    from tests.simulation.simulator.judge import Judge

CLOCKS_APART = timedelta(minutes=2)
"""A lease that began under a clock one minute off, and ended under another one (I31)."""


class Passes:
    """Of one judge."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def ended(self, plan: Plan, begun: datetime, now: datetime) -> None:
        """What a pass, or a person's apply, destroyed for reasons that may be a slip, and whether
        what ended had ended.
        """
        self._nothing_ended_early(plan, now)
        self._judge.trust.passed(plan)
        slips = [
            one for one in plan.destroys if may_be_a_slip(one) and self._was_carried_out(one, begun)
        ]
        since = begun - timedelta(hours=1)
        before = sum(one > since for one in self._judge.slips)
        self._judge.slips += [begun] * len(slips)
        asked = plan.request
        if asked.mode is not Mode.LOOP or not slips or asked.max_destroy is not None:
            return
        if not asked.fused:
            return  # a person released the fleet
        state = self._judge.state()
        stay = sum(one.doom is None for one in state.instances.values()) if state else 0
        allowed = max(1, (stay + len(slips)) * 30 // 100)
        said = f"{len(slips)} and {before} in the hour before, of {stay + len(slips)}"
        self._judge.require("I16", before + len(slips) <= allowed, said)

    def _was_carried_out(self, destroy: Destroy, begun: datetime) -> bool:
        """A run that could not write what it decided sends nothing."""
        if destroy.after_successor:
            return True  # counted as its successor is bought
        record = destroy.record
        name = self._judge.named(record.provider, record.instance_id)
        return any(
            (place, operation) == (record.provider, "destroy_instance")
            and subject in (name, record.instance_id)
            for at, place, operation, subject in self._judge.mutating
            if at >= begun
        )

    def _nothing_ended_early(self, plan: Plan, now: datetime) -> None:
        """In the loop: an apply also waits, and meanwhile a lease can be extended."""
        if plan.request.mode is not Mode.LOOP:
            return
        state = self._judge.state()
        found = {one.record.mark for one in plan.adopts}
        for one in plan.destroys:
            place = one.record.provider
            if (place, self._judge.named(place, one.record.instance_id)) in self._judge.copies:
                continue  # its end is that of the mark which a person gave it
            lease = state.leases.get(one.record.fleet) if state else None
            end = lease.ends_at if lease else None
            if one.record.mark in found and (mark := parse_mark(one.record.mark)):
                # An older lease's, of which nobody had a record; or documents shortened it.
                end = min(mark.end, end or mark.end)
            if one.reason is DestroyReason.EXPIRED and not one.again and not one.soft and end:
                early = end - now > CLOCKS_APART
                self._judge.require(
                    "I31", not early, f"{one.record.slot} ends at {end}, not at {now}"
                )

    def ended_before(self, begun: datetime, unhealthy: set[str], now: datetime) -> None:
        """A pass that could see has sent a destroy for all that had ended when it began, and did
        not take long.
        """
        state = self._judge.state()
        if state is None or self._judge.trust.begins_anew:  # nobody's record says what had ended
            return
        machines = dict(self._judge.purse.machines())
        at = microseconds(now)
        for record in state.instances.values():
            lease = state.leases.get(record.fleet)
            end = end_of(lease) if lease else None
            if end is None or end > begun or record.provider in unhealthy:
                continue
            found = machines.get((record.provider, record.instance_id))
            gone = found is None or (found.gone is not None and found.gone <= at)
            asked = gone or (found is not None and found.destroy_asked is not None)
            self._judge.require(
                "I9", asked, f"{record.slot} ended at {end} and nobody asked for its end"
            )
            if found is not None and found.destroy_asked is not None:
                self._killed(record, begun, moment(found.destroy_asked))

    def _killed(self, record: InstanceRecord, begun: datetime, asked: datetime) -> None:
        if asked < begun:
            return
        before = sum(
            place == record.provider
            and operation == "destroy_instance"
            and begun <= at < asked
            and subject != record.instance_id
            for at, place, operation, subject in self._judge.mutating
        )
        seconds = (asked - begun).total_seconds()
        said = f"{record.slot} was asked after {seconds} s, {before} before it"
        self._judge.require("I9", self._judge.kills.add(seconds, before), said)

    def paid_attention(
        self, begun: datetime, unhealthy: set[str], now: datetime, *, remembered: bool
    ) -> None:
        """The same pass, and the money: where every provider could be seen. ``remembered``: what
        was learnt before could always be kept.
        """
        state = self._judge.state()
        if state is None or unhealthy or self._judge.trust.lost_once:
            return
        self._judge.purse.looked_after(begun, state)
        if remembered:
            self._judge.purse.counted(state, now)


def may_be_a_slip(destroy: Destroy) -> bool:
    """Counted by the fuse: not what was sent before, nor what a ready successor replaces."""
    first = not (destroy.again or destroy.succeeded)
    return first and (destroy.soft or destroy.reason.may_be_a_slip)

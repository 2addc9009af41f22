"""The checks of ``doctor``, one function each: what is so, why that matters, how to mend it."""

from __future__ import annotations

import os
import platform
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.inventory.observe import list_everything, observe_instances
from reconciler.model.clock_verdict import CLOCK_TOLERANCE
from reconciler.model.cost import ZERO, format_rate, format_usd
from reconciler.model.errors import GpuShopperError
from reconciler.model.exit_code import ExitCode, most_urgent
from reconciler.model.health import failed, passed, warned
from reconciler.model.observation import Partial, Unknown
from reconciler.model.quantity import about, format_size
from reconciler.planning.clock_rule import SAY_IT_IS_RIGHT, judge_clocks
from reconciler.planning.spending import enforced_by
from reconciler.statefile.files import Files
from reconciler.statefile.format import VERSION
from reconciler.statefile.lock import LockPlace
from reconciler.statefile.lock_info import describe
from reconciler.statefile.process_identity import Life, ProcessIdentity, life_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.audit import TrailVerdict
    from reconciler.model.clock_verdict import ClockReadings, ClockVerdict
    from reconciler.model.health import Check, Unfinished
    from reconciler.model.observation import ProviderInventory
    from reconciler.model.record import RecordedState
    from reconciler.providers.registry import OpenedProviders

_FREE_BYTES_LEAST = 16 * 2**20
_FREE_BYTES_WARNED = 256 * 2**20
_FREE_FILES_LEAST = 100
_HELD_LONG = timedelta(hours=1)


def trail_check(verdict: TrailVerdict | GpuShopperError) -> Check:
    """The audit trail, every line of it."""
    name, fix = "audit trail", "gpu-shopper audit verify names the lines"
    if isinstance(verdict, GpuShopperError):
        return failed(name, verdict.what, verdict.exit_code, why=verdict.why, fix=verdict.fix)
    if verdict.damaged:
        first = next(one for one in verdict.findings if one.kind == "damage")
        why = "somebody or something changed what was written"
        what = f"{first.where}: {first.what}"
        return failed(name, what, ExitCode.STATE_UNUSABLE, why=why, fix=fix)
    held = f"{verdict.entries} entries in {verdict.files} file(s)"
    if verdict.findings:
        what = f"{held}, {len(verdict.findings)} gap(s) that it tells itself"
        return warned(name, what, why=verdict.findings[-1].what, fix=fix)
    return passed(name, held)


def lock_check(state: Path, now: datetime) -> Check:
    """Who holds the lock, by what they wrote about themselves; the lock itself is not touched."""
    name = "lock"
    try:
        holder = LockPlace(state, lambda: now, Files(), []).holder()
    except GpuShopperError as error:
        return failed(name, error.what, error.exit_code, why=error.why, fix=error.fix)
    if holder is None:
        return passed(name, "free")
    who = describe(holder, now)
    life = life_of(ProcessIdentity(holder.host, holder.pid, holder.boot_id, holder.process_started))
    if life is Life.DEAD:
        why = "it died without letting go"
        return warned(name, f"stale: {who}", why=why, fix="the next run takes it over")
    if life is Life.UNKNOWN:
        why = "nothing proves from here that it lives or is dead, and no other run may start"
        fix = f"if it is dead for sure: gpu-shopper state unlock {holder.id}"
        return failed(name, f"held by {who}", ExitCode.LOCKED, why=why, fix=fix)
    if holder.created is not None and now - holder.created > _HELD_LONG:
        why = "a run holds it only while it acts"
        return warned(name, f"held by {who}", why=why, fix="see whether that process hangs")
    return passed(name, f"held by {who}")


async def provider_check(opened: OpenedProviders, state: RecordedState | None) -> list[Check]:
    """Key, account and listing of each provider."""
    inventories = await list_everything(opened.providers, opened.clock)
    observed = await observe_instances(opened.providers, inventories, state)
    return [_of_provider(name, found) for name, found in sorted(observed.inventories.items())]


def _of_provider(provider: str, found: ProviderInventory) -> Check:
    name = f"provider {provider}"
    if isinstance(found, Unknown):
        why = "machines there can be neither seen nor proven gone"
        if found.credentials_refused:
            fix = "set the right key; the documents say which one under providers"
            return failed(name, found.why, ExitCode.CREDENTIALS, why=why, fix=fix)
        fix = "look at the provider's own status page, then run it again"
        return failed(name, found.why, ExitCode.PROVIDER_FAILURE, why=why, fix=fix)
    held = f"account {found.account}, {len(found.instances)} machine(s)"
    if isinstance(found, Partial):
        why = f"the listing is not complete: {found.why}"
        return failed(name, held, ExitCode.PROVIDER_FAILURE, why=why, fix="run it again")
    return passed(name, held)


def clock_check(
    state: RecordedState | None, opened: OpenedProviders, wall: datetime, boot_id: str
) -> Check:
    """What the clocks say of each other (I31). A market's own clock may not lie before what the
    state has seen.
    """
    name, now = "clock", opened.clock.now()
    readings = opened.clock.readings()
    if readings is not None:
        return _machine_clock(judge_clocks(readings, boot_id, state), readings)
    known = [state.saved_at, state.loop_last_seen] if state else []
    latest = max((moment for moment in known if moment is not None), default=None)
    if latest is not None and now < latest - CLOCK_TOLERANCE:
        back = about(latest - now)
        why = "a lease would end later than it should, and ages are wrong"
        what = f"the market's clock is {back} before the last time in the state"
        return failed(name, what, why=why, fix="find out who replaced the market")
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if abs(now - wall) > CLOCK_TOLERANCE:
        return passed(name, f"{shown}, of the simulated market")
    return passed(name, shown)


def _machine_clock(verdict: ClockVerdict, readings: ClockReadings) -> Check:
    name, fix = "clock", "set this machine's clock by a time server"
    if verdict.off:
        why = "nothing ends that has ended by this clock alone, and nothing is bought"
        return failed(name, verdict.remark, why=why, fix=f"{fix}; {SAY_IT_IS_RIGHT}")
    if verdict.remark:
        why = "one of the clocks that a lease's end is held against is wrong"
        return warned(name, verdict.remark, why=why, fix=fix)
    shown = f"{verdict.wall:%Y-%m-%d %H:%M:%S} UTC"
    if readings.said:
        return passed(name, f"{shown}, as {' and '.join(sorted(readings.said))} say")
    return passed(name, f"{shown}, which no provider has confirmed")


def loop_check(state: RecordedState | None, now: datetime, tick: timedelta) -> Check:
    """Whether anything destroys the machines at their end."""
    name = "loop"
    if state is None or not (state.instances or state.intents):
        seen = state.loop_last_seen if state else None
        ago = f"last seen {about(now - seen)} ago" if seen else "never seen"
        return passed(name, f"{ago}; no machine waits for it")
    by = enforced_by(state, now, tick)
    if not by.startswith("NOTHING"):
        return passed(name, by)
    seen, due = state.loop_last_seen, state.loop_due_at
    what = "no loop was ever seen"
    if seen is not None:
        late = f", {about(now - due)} late" if due is not None and now > due else ""
        what = f"last seen {about(now - seen)} ago{late}"
    why = f"nothing destroys {len(state.instances)} machine(s) at their end"
    return failed(name, what, why=why, fix="gpu-shopper reconcile --install cron")


def disk_check(directory: Path) -> Check:
    """Room for the state where it lies, and whether it can be written there."""
    name, place = "disk", directory
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        found = os.statvfs(place)
    except OSError as error:
        return failed(name, f"{place} cannot be looked at", why=error.strerror or "")
    free = found.f_bavail * found.f_frsize
    room = f"{format_size(free)} free at {place}"
    why = "a state that cannot be saved stops every purchase"
    if found.f_flag & os.ST_RDONLY or not os.access(place, os.W_OK):
        return failed(name, f"{place} cannot be written", why=why, fix="make it writable")
    few_files = found.f_files and found.f_favail < _FREE_FILES_LEAST
    if free < _FREE_BYTES_LEAST or few_files:
        what = f"{room}, {found.f_favail} file(s) can still be made"
        return failed(name, what, why=why, fix="free some disk space")
    if free < _FREE_BYTES_WARNED:
        return warned(name, room, why=why, fix="free some disk space")
    return passed(name, room)


def versions_check() -> Check:
    """What a report of a fault should name."""
    python = platform.python_version()
    where = f"{platform.system()} {platform.machine()}"
    shown = f"gpu-shopper {__version__}, state format {VERSION}, Python {python}, {where}"
    return passed("versions", shown)


def unfinished_check(unfinished: Sequence[Unfinished]) -> Check:
    """Everything in the state that costs money and is not settled."""
    name = "unfinished"
    if not unfinished:
        return passed(name, "nothing: no create and no destroy is open")
    rate = sum((one.usd_per_hour for one in unfinished), ZERO)
    spent = sum((one.usd for one in unfinished), ZERO)
    what = f"{len(unfinished)} open: {format_rate(rate)} at risk, {format_usd(spent)} so far"
    fix = "gpu-shopper reconcile --once goes on with each"
    codes = [one.code for one in unfinished if one.code is not None]
    if not codes:
        return warned(name, what, fix=fix)
    why = "money flows for what should be settled by now"
    return failed(name, what, most_urgent(codes), why=why, fix=fix)

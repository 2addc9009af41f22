"""``doctor``: everything that a workspace rests on, looked at once. Writes nothing.

Each part is looked at whatever the others say: most of all when something cannot be read.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from reconciler.clock import wall_now
from reconciler.model.errors import GpuShopperError
from reconciler.model.exit_code import ExitCode
from reconciler.model.health import HealthReport, failed, passed
from reconciler.model.quantity import about
from reconciler.operations.audit import verify_trail
from reconciler.operations.doctor_checks import (
    clock_check,
    disk_check,
    lock_check,
    loop_check,
    provider_check,
    trail_check,
    unfinished_check,
    versions_check,
)
from reconciler.operations.open_providers import open_configured
from reconciler.operations.overdue import overdue_records
from reconciler.operations.state_place import find_state
from reconciler.operations.workspace import Workspace
from reconciler.planning.unfinished import unfinished_business
from reconciler.providers.registry import OpenedProviders

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.audit import TrailVerdict
    from reconciler.model.health import Check, Unfinished
    from reconciler.model.record import RecordedState
    from reconciler.operations.state_place import StatePlace


async def examine(directory: Path) -> HealthReport:
    """A report as of now. Raises ``DocumentError`` when neither documents nor a state are there."""
    place = find_state(directory)
    async with AsyncExitStack() as stack:
        opened, checks = _open_providers(place)
        stack.push_async_callback(opened.close)
        state, of_state = _state(place, opened)
        workspace = Workspace(
            directory,
            place.workspace,
            place.desired,
            place.documents_error,
            place.backend(),
            opened,
            os.environ,
        )
        now = opened.clock.now()
        unfinished = _unfinished(state, workspace)
        checks = [
            _documents(place),
            of_state,
            trail_check(_verdict(place)),
            lock_check(place.path, now),
            *checks,
            *await provider_check(opened, state),
            clock_check(state, opened, wall_now(), workspace.boot_id),
            disk_check(place.path.parent),
            versions_check(),
        ]
        readable = of_state.verdict != "failed"
        if readable:
            checks.append(loop_check(state, now, workspace.safety.tick))
            checks.append(unfinished_check(unfinished))
        return HealthReport(place.workspace, now, tuple(checks), tuple(unfinished), readable)


def _documents(place: StatePlace) -> Check:
    error = place.documents_error
    if error is None:
        fleets = len(place.desired.fleets) if place.desired else 0
        return passed("documents", f"workspace {place.workspace}, {fleets} fleet(s)")
    first = error.problems[0] if error.problems else error.what
    return failed(
        "documents",
        f"{error.what}; only recorded lease ends are enforced",
        error.exit_code,
        why=str(first),
        fix="gpu-shopper validate names every problem",
    )


def _open_providers(place: StatePlace) -> tuple[OpenedProviders, list[Check]]:
    """All of them, each by itself, so that one without its key hides no other."""
    settings = place.settings()
    try:
        return open_configured(settings, place.directory), []
    except GpuShopperError:
        pass
    opened: list[OpenedProviders] = []
    checks = []
    for name, entry in sorted(settings.items()):
        try:
            opened.append(open_configured({name: entry}, place.directory))
        except GpuShopperError as error:
            why, fix = error.why, error.fix
            checks.append(failed(f"provider {name}", error.what, error.exit_code, why=why, fix=fix))
    together = {name: one for some in opened for name, one in some.providers.items()}
    clock = opened[0].clock if opened else open_configured({}, place.directory).clock
    return OpenedProviders(together, clock), checks


def _state(place: StatePlace, opened: OpenedProviders) -> tuple[RecordedState | None, Check]:
    backend = place.backend()
    try:
        state = backend.read()
    except GpuShopperError as error:
        return None, failed("state", error.what, error.exit_code, why=error.why, fix=error.fix)
    if state is None:
        why = "; ".join(backend.warnings)
        if why:
            fix = "find out where it went before anything else: machines may run"
            return None, failed("state", "it is gone", ExitCode.STATE_UNUSABLE, why=why, fix=fix)
        return None, passed("state", f"none yet at {backend.location}: nothing was applied")
    age = "at an unknown time"
    if state.saved_at is not None:
        age = f"{about(opened.clock.now() - state.saved_at)} ago"
    machines = f"{len(state.instances)} machine(s)"
    return state, passed("state", f"serial {state.serial}, saved {age}, {machines}")


def _verdict(place: StatePlace) -> TrailVerdict | GpuShopperError:
    try:
        return verify_trail(place, [])
    except GpuShopperError as error:
        return error


def _unfinished(state: RecordedState | None, workspace: Workspace) -> list[Unfinished]:
    if state is None:
        return []
    overdue = {record.mark for record in overdue_records(state, workspace)}
    now, tick = workspace.clock.now(), workspace.safety.tick
    return unfinished_business(state, now, overdue, tick)

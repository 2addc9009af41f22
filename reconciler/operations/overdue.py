"""Which destroys are overdue: the alert of SPEC.md section 4, 3 and exit 11 of section 12, 5."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.outcome import SlotOutcome

if TYPE_CHECKING:
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.operations.workspace import Workspace

ALERT_EVERY = timedelta(hours=1)
ALERT_AFTER_FAILURES = 3
ALERT_AFTER = timedelta(minutes=10)
"""A destroy that failed three times or is ten minutes old is an alert (SPEC.md section 4, 3)."""


def overdue_records(state: RecordedState, workspace: Workspace) -> list[InstanceRecord]:
    """Doomed machines whose proof is late: 2 x V_p + 10 min, or three failures."""
    now = workspace.clock.now()
    return [
        record
        for _, record in sorted(state.instances.items())
        if record.doom is not None
        and (
            record.doom.failures >= ALERT_AFTER_FAILURES
            or now - record.doom.since > _patience(record, workspace)
        )
    ]


def _patience(record: InstanceRecord, workspace: Workspace) -> timedelta:
    provider = workspace.providers.get(record.provider)
    window = provider.capabilities.visibility_window if provider else timedelta(seconds=120)
    return 2 * window + ALERT_AFTER


def overdue_outcome(record: InstanceRecord) -> SlotOutcome:
    error = record.doom.last_error if record.doom else ""
    return SlotOutcome(
        record.slot,
        "prove",
        False,
        f"{record.provider} {record.instance_id} is overdue: money may still flow. {error}".strip(),
        ExitCode.DESTROY_UNVERIFIED,
        mark=record.mark,
    )


def pending_outcomes(state: RecordedState, workspace: Workspace) -> list[SlotOutcome]:
    """For a run that does not wait (``-no-wait``): 3 for what is accepted, 11 for what is late."""
    late = {record.mark for record in overdue_records(state, workspace)}
    return [
        overdue_outcome(record)
        if mark in late
        else SlotOutcome(
            record.slot, "prove", False, "accepted, proof pending", ExitCode.PARTIAL, mark=mark
        )
        for mark, record in sorted(state.instances.items())
        if record.doom is not None
    ]

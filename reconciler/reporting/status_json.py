"""``status -json`` and ``output -json``: money and rates as strings, moments in ISO 8601 (UTC)."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import NEVER
from reconciler.model.text import printable
from reconciler.reporting.hours_text import hours_json
from reconciler.reporting.ssh_text import is_plain_endpoint

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.instance import SshEndpoint
    from reconciler.model.status import IntentRow, MachineRow, StatusReport

_ID_LENGTH = 200


def status_json(report: StatusReport) -> dict[str, Any]:
    """Everything of ``report``; texts from outside come out escaped (I22)."""
    return {
        "workspace": report.workspace,
        "now": _iso(report.now),
        "machines": [_machine(row, report.now) for row in report.rows],
        "unresolved_creates": [_intent(row) for row in report.intents],
        "strangers": {_safe(kind): number for kind, number in report.strangers},
        "usd_per_hour": _money(report.usd_per_hour),
        "usd_so_far": _money(report.usd_so_far),
        "worst_case_usd": (
            None if report.worst_case_usd is None else _money(report.worst_case_usd)
        ),
        "worst_case_until": _iso(report.worst_case_until),
        "bandwidth_included": False,
        "enforced_by": _safe(report.enforced_by),
        "office_hours": {name: hours_json(hours) for name, hours in report.hours},
        "findings": [
            {"message": _safe(one.message), "fix": _safe(one.fix), "exit_code": one.code}
            for one in report.findings
        ],
    }


def output_json(report: StatusReport) -> dict[str, Any]:
    """What a program needs to use the machines, by fleet and slot.

    Machines without a usable SSH address have ``host``, ``port`` and ``user`` null.
    """
    fleets: dict[str, Any] = {}
    for row in sorted(report.rows, key=lambda one: (one.slot, one.instance_id)):
        fleets.setdefault(row.slot.fleet, {"nodes": []})["nodes"].append(_node(row))
    return {
        "workspace": report.workspace,
        "now": _iso(report.now),
        "private_key_file": _safe(report.ssh_files.private_key) or None,
        "known_hosts_file": _safe(report.ssh_files.known_hosts) or None,
        "fleets": fleets,
    }


def _node(row: MachineRow) -> dict[str, Any]:
    return {
        "slot": str(row.slot),
        "stage": row.stage,
        **_ssh(row.ssh),
        "ports": {str(inside): outside for inside, outside in row.ports},
        "gpu": _safe(row.gpu),
        "gpu_count": row.gpu_count,
        "provider": _safe(row.provider),
        "id": _safe(row.instance_id),
        "ends_at": _iso(row.ends_at),
        "usd_per_hour": _money(row.usd_per_hour),
    }


def _machine(row: MachineRow, now: datetime) -> dict[str, Any]:
    left = row.time_left(now)
    return {
        **_node(row),
        "region": _safe(row.region),
        "usd_so_far": _money(row.usd_so_far),
        "age_seconds": int(row.age.total_seconds()),
        "seconds_left": None if left is None else int(left.total_seconds()),
        "note": _safe(row.note),
    }


def _intent(row: IntentRow) -> dict[str, Any]:
    return {
        "slot": str(row.slot),
        "provider": _safe(row.provider),
        "mark": _safe(row.mark),
        "begun_at": _iso(row.begun_at),
        "usd_per_hour": _money(row.usd_per_hour),
        "detail": _safe(row.detail),
    }


def _ssh(endpoint: SshEndpoint | None) -> dict[str, Any]:
    if endpoint is None or not is_plain_endpoint(endpoint):
        return {"host": None, "port": None, "user": None}
    return {"host": endpoint.host, "port": endpoint.port, "user": endpoint.user}


def _safe(text: str | None) -> str | None:
    return None if text is None else printable(text, _ID_LENGTH)


def _money(usd: Decimal) -> str:
    return f"{usd:f}"


def _iso(moment: datetime | None) -> str | None:
    """Null for what has no end, too."""
    return None if moment in (None, NEVER) else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

from reconciler.model.instance import SshEndpoint
from reconciler.model.plan import Finding
from reconciler.reporting.fleet_table import status_text
from tests.unit.reporting.hostile import HOSTILE, assert_clean
from tests.unit.reporting.status_rows import NOW, intent_row, machine_row, report


def test_status_shows_machines_unknown_creates_and_the_total_last() -> None:
    value = report(
        machine_row(),
        machine_row(1, stage="doomed", note="destroy attempt 4 failed: connection refused"),
        machine_row(2, stage="booting", ssh=None, ends_at=None),
        intents=(intent_row(3),),
        strangers=(("foreign", 2),),
    )
    assert (
        status_text(value)
        == dedent("""
        Workspace demo, 2026-07-01 13:00 UTC

        SLOT            STAGE    GPU         WHERE                 $/H  SO FAR  LEFT
        fleet.train[0]  running  H100-SXM:8  simulated us-east  $19.20  $19.20    3h
            m-0  root@203.0.113.7:22000
        fleet.train[1]  doomed   H100-SXM:8  simulated us-east  $19.20  $19.20    3h
            m-1  root@203.0.113.7:22001
            destroy attempt 4 failed: connection refused
        fleet.train[2]  booting  H100-SXM:8  simulated us-east  $19.20  $19.20     ?
            m-2

        ? fleet.train[3]  create sent, outcome unknown (simulated, 1h ago); counts as
          $19.20/h

        Also in these accounts: 2 foreign (gpu-shopper orphans)
        At most $58.24 until 2026-07-01 16:00 UTC if nobody looks again;
        disks included, bandwidth excluded.
        Enforced by: loop seen 40 s ago
        Total: 4 machines, $57.60/h, $57.60 so far.
    """).strip()
    )


def test_an_empty_workspace_says_that_nothing_runs() -> None:
    assert status_text(report()).splitlines()[-1] == "Nothing runs. $0.000/h"


def test_a_machine_past_its_end_is_overdue() -> None:
    text = status_text(report(machine_row(ends_at=NOW - timedelta(minutes=5))))
    assert "overdue" in text


def test_many_machines_are_shown_by_fleet_and_singly_where_something_is_wrong() -> None:
    rows = [machine_row(n, stage="failed" if n == 7 else "running") for n in range(10_000)]
    text = status_text(report(*rows))
    assert "9999 running, 1 failed" in text
    assert "fleet.train[7]" in text
    assert len(text.splitlines()) < 20


def test_ten_thousand_one_machine_fleets_do_not_flood() -> None:
    rows = [machine_row(0, f"f{n}", note="late") for n in range(10_000)]
    text = status_text(report(*rows))
    assert len(text.splitlines()) < 180
    assert_clean(text)


def test_I22_status_escapes_what_providers_say() -> None:
    row = machine_row(
        provider=HOSTILE,
        instance_id=HOSTILE,
        region=HOSTILE,
        gpu=HOSTILE,
        note=HOSTILE,
        ssh=SshEndpoint(HOSTILE, 22, HOSTILE),
    )
    value = report(
        row,
        intents=(intent_row(detail=HOSTILE, provider=HOSTILE),),
        strangers=((HOSTILE, 1),),
        findings=(Finding(HOSTILE, fix=HOSTILE),),
        enforced_by=HOSTILE,
        workspace=HOSTILE,
    )
    assert_clean(status_text(value))

"""Entries and reports as lines: safe whatever stands in them (I22)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from reconciler.model.audit import TrailFinding, TrailVerdict
from reconciler.model.audit_entry import AuditEntry
from reconciler.model.exit_code import ExitCode
from reconciler.model.health import HealthReport, Unfinished, failed, passed, warned
from reconciler.reporting.audit_text import entry_json, entry_line, verdict_lines
from reconciler.reporting.doctor_text import doctor_json, doctor_text
from reconciler.reporting.palette import ANSI, PLAIN
from tests.unit.reporting.hostile import HOSTILE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(**changes: object) -> AuditEntry:
    fields: dict[str, object] = {
        "n": 7,
        "at": NOW,
        "action": "destroy",
        "outcome": "failed",
        "serial": 3,
        "operation": "reconcile",
        "who": "alice@laptop",
        "pid": 12,
        "hash": "0" * 64,
    }
    return AuditEntry.model_validate({**fields, **changes})


def everything_hostile() -> AuditEntry:
    return entry(
        slot=HOSTILE,
        mark=HOSTILE,
        provider=HOSTILE,
        instance_id=HOSTILE,
        reason=HOSTILE,
        detail=HOSTILE,
        operation=HOSTILE,
        who=HOSTILE,
        run=HOSTILE,
        usd_per_hour=Decimal("0.4"),
        usd=Decimal(1),
        ends_at=NOW,
    )


def test_an_entry_says_when_what_where_why_how_much_and_who() -> None:
    line = entry_line(
        entry(
            outcome="gone",
            slot="fleet.dev[0]",
            provider="simulated",
            instance_id="i-1",
            reason="expired",
            usd_per_hour=Decimal("0.4"),
            usd=Decimal("1.6"),
            run="github lab 7",
        ),
        PLAIN,
    )
    assert line == (
        "2026-03-01 12:00:00Z  destroy gone        fleet.dev[0]    simulated i-1  (expired)  "
        "$0.400/h, $1.60 so far  [reconcile by alice@laptop, github lab 7]"
    )


def test_hostile_text_stays_inert_in_text_and_json() -> None:
    hostile = everything_hostile()
    assert entry_line(hostile, PLAIN).isprintable()
    assert "\n" not in entry_line(hostile, ANSI)
    line = entry_json(hostile)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["who"] == HOSTILE


def test_a_verdict_names_places_and_never_prints_without_end() -> None:
    findings = tuple(TrailFinding("damage", f"{HOSTILE}:{n}", HOSTILE) for n in range(500))
    lines = list(verdict_lines(TrailVerdict(1, 500, 1, 500, findings)))
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 102
    assert lines[-1].startswith("DAMAGED: 500 entries")


def report() -> HealthReport:
    open_one = Unfinished(
        "destroy-overdue",
        "fleet.dev[0]",
        HOSTILE,
        HOSTILE,
        HOSTILE,
        NOW,
        Decimal("0.4"),
        Decimal("1.25"),
        HOSTILE,
        ExitCode.DESTROY_UNVERIFIED,
    )
    checks = (
        passed("versions", HOSTILE),
        warned("disk", HOSTILE, why=HOSTILE, fix=HOSTILE),
        failed(f"provider {HOSTILE}", HOSTILE, ExitCode.PROVIDER_FAILURE, why=HOSTILE),
    )
    return HealthReport("lab", NOW, checks, (open_one,) * 30)


def test_a_report_of_the_doctor_stays_inert_and_ends_with_the_money() -> None:
    text = doctor_text(report(), PLAIN)
    assert all(line.isprintable() for line in text.split("\n"))
    assert not [line for line in text.split("\n") if line.lstrip().startswith("+ fleet.fake")]
    assert text.split("\n")[-1] == "1 failed, 1 warning(s). At risk: $12.00/h, $37.50 so far."
    assert "... and 10 more" in text
    document = json.loads(doctor_json(report()))
    assert doctor_json(report()).isascii()
    assert (document["usd_per_hour_at_risk"], document["usd_at_risk"]) == ("12.0", "37.50")
    assert (document["exit_code"], document["exit_word"]) == (11, "destroy-unverified")


def test_without_the_state_the_money_is_not_said_to_be_none() -> None:
    blind = HealthReport("lab", NOW, (), (), state_read=False)
    assert "not known" in doctor_text(blind, PLAIN)
    assert json.loads(doctor_json(blind))["usd_at_risk"] is None

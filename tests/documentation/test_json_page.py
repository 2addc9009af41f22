"""The page on JSON lists exactly the events that can be printed."""

from __future__ import annotations

import re
from typing import get_args

from reconciler.documents.json_schema import events_schema
from reconciler.model.audit import AuditAction, AuditOutcome
from tests.documentation.reference_pages import ROOT


def test_the_page_lists_every_type_of_event_and_no_other() -> None:
    page = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")
    events = page.partition("## Events")[2]
    listed = re.findall(r"^\| `(\w+)` \|", events, re.M)
    assert listed
    assert set(listed) == set(events_schema()["discriminator"]["mapping"])


def test_the_page_lists_every_action_and_outcome_of_the_audit_trail_and_no_other() -> None:
    page = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([a-z, ]+) \| (.*) \|$", page.partition("## The audit trail")[2], re.M)
    actions = {word for cell, _ in table[1:] for word in cell.split(", ")}
    outcomes = {word for _, cell in table[1:] for word in re.findall(r"`([a-z-]+)`", cell)}
    assert actions == set(get_args(AuditAction))
    assert outcomes == set(get_args(AuditOutcome))

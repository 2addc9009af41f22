"""The page on JSON lists exactly the events that can be printed."""

from __future__ import annotations

import re

from reconciler.documents.json_schema import events_schema
from tests.documentation.reference_pages import ROOT


def test_the_page_lists_every_type_of_event_and_no_other() -> None:
    page = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")
    events = page.partition("## Events")[2]
    listed = re.findall(r"^\| `(\w+)` \|", events, re.M)
    assert listed
    assert set(listed) == set(events_schema()["discriminator"]["mapping"])

"""One window of office hours with the installed command, on a market in a file."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from tests.end_to_end.workplace import MINUTE, SLOW_TIME, workplace

DOCUMENTS = """
version: 1
workspace: demo
providers: {{simulated: {{}}}}
fleets:
  dev:
    resources: {{gpu: RTX4090}}
    max_gpu_hour_usd: 1
    active: {{hours: "{opens:%a %H:%M} - {closes:%a %H:%M}", timezone: UTC}}
    expires_at: {end:%Y-%m-%dT%H:%M:%SZ}
    budget: {{max_total_usd: 50}}
"""


def test_a_window_is_opened_by_a_pass_with_schedule_and_closed_by_any_pass(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as place:
        opens = place.now.replace(second=0, microsecond=0) + 60 * MINUTE
        closes = opens + 120 * MINUTE
        end = closes + timedelta(days=15)
        place.declare(DOCUMENTS.format(opens=opens, closes=closes, end=end))

        applied = place.apply()
        assert applied.code == 0, applied.err
        assert "outside hours" in applied.out
        assert f"closed, opens {opens:%a %Y-%m-%d %H:%M} +00:00" in " ".join(applied.out.split())
        assert "With reconcile --schedule 3 more windows" in " ".join(applied.out.split())
        assert place.one_pass("--schedule").code == 0
        assert place.ever() == 0

        place.advance(61 * MINUTE)
        assert place.one_pass("--heal").code == 0
        assert place.ever() == 0
        opened = place.one_pass("--schedule")
        assert opened.code == 0, opened.out + opened.err
        assert len(place.alive()) == 1
        status = json.loads(place.run("status", "-json").out)
        assert status["office_hours"]["dev"]["closes_at"] == closes.isoformat()
        assert status["machines"][0]["ends_at"] == f"{closes:%Y-%m-%dT%H:%M:%SZ}"
        assert "Under the declared office hours" in place.run("forecast").out
        told = place.run("forecast", "-csv").out.splitlines()
        under = [line.split(",")[:2] for line in told[1:]]
        assert under == [["fleet.dev", "present rates"], ["fleet.dev", "office hours"]]

        place.advance(120 * MINUTE)
        assert "outside-hours" in place.one_pass().out
        place.advance(2 * MINUTE)
        assert place.alive() == ()
        assert place.ever() == 1

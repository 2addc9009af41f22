"""`active` as it is written: what is read, and what is refused at its place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.documents import time_zones
from reconciler.documents.loader import load_text
from reconciler.documents.meaning_digest import meaning_digest
from reconciler.model.office_hours import OfficeHours, Span
from tests.unit.documents.told import GPU, HEAD, told

END = "expires_at: 2026-12-31T00:00:00Z"
HOUR = 60
DAY = 24 * HOUR


def active(hours: str) -> OfficeHours:
    text = f"{HEAD}fleets: {{f: {{{GPU}, {END}, active: {{hours: {hours}, timezone: UTC}}}}}}\n"
    found = load_text("fleets.yaml", text.encode()).fleets["f"].active
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("written", "text", "first"),
    [
        ("Mon-Fri 08:00-20:00", "Mon-Fri 08:00-20:00", (8 * HOUR, 20 * HOUR)),
        ('"mon, WED 08:00 - 20:00"', "Mon,Wed 08:00-20:00", (8 * HOUR, 20 * HOUR)),
        ("Fri-Mon 10:00-11:00", "Mon,Fri-Sun 10:00-11:00", (10 * HOUR, 11 * HOUR)),
        ("Fri 22:00-06:00", "Fri 22:00-06:00", (4 * DAY + 22 * HOUR, 5 * DAY + 6 * HOUR)),
        ("Sun 22:00-06:00", "Sun 22:00-06:00", (6 * DAY + 22 * HOUR, 7 * DAY + 6 * HOUR)),
        ("Mon 08:00 - Fri 18:00", "Mon 08:00 - Fri 18:00", (8 * HOUR, 4 * DAY + 18 * HOUR)),
        ("Sat 20:00 - Mon 06:00", "Sat 20:00 - Mon 06:00", (5 * DAY + 20 * HOUR, 7 * DAY + 360)),
        ("Mon-Fri 00:00-24:00", "Mon 00:00 - Sat 00:00", (0, 5 * DAY)),
        ("[Mon 08:00-12:00, Mon 12:00-14:00]", "Mon 08:00-14:00", (8 * HOUR, 14 * HOUR)),
        (
            "[Sat 10:00-12:00, Mon-Fri 13:00-15:00, Mon-Fri 08:00-12:00]",
            "Mon-Fri 08:00-12:00, Sat 10:00-12:00, Mon-Fri 13:00-15:00",
            (8 * HOUR, 12 * HOUR),
        ),
    ],
)
def test_hours_are_windows_of_a_week(written: str, text: str, first: tuple[int, int]) -> None:
    """Those that touch are one: a machine is not given back and bought anew at midnight."""
    found = active(written)
    assert found.text == text
    assert found.spans[0] == Span(*first)
    assert found.until == datetime(2026, 12, 31, tzinfo=UTC)


def test_another_way_to_write_the_same_hours_means_the_same() -> None:
    one = f"{HEAD}fleets: {{f: {{{GPU}, {END}, active: {{hours: HOURS, timezone: UTC}}}}}}\n"
    digests = {
        meaning_digest(load_text("a", one.replace("HOURS", hours).encode()))
        for hours in ("Mon-Wed 08:00-12:00", '"Wed,Mon,Tue 08:00 - 12:00"')
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("hours", "phrase"),
    [
        ("Mo 08:00-20:00", "Mo is no day: write Mon, Tue"),
        ("Monday 08:00-20:00", "Monday is no day: write Mon"),
        ("Mon-Wed-Fri 08:00-20:00", "no range of days"),
        ('"Mon,Mon 08:00-20:00"', "Mon stands there twice"),
        ("Mon 8:00-20:00", "8:00 is no time of day: write 08:00"),
        ("Mon 08:00-25:00", "25:00 is no time of day"),
        ("Mon 24:00-08:00", "24:00 is no time of day"),
        ("Mon 08:60-09:00", "08:60 is no time of day"),
        ("Mon 08:00-08:00", "is empty: write Mon 00:00-24:00?"),
        ("Mon 08:00 - Mon 08:00", "empty, or the whole week"),
        ("0 8 * * 1-5", "no days with their hours"),
        ("8", "number 8"),
        ("[]", "at least 1 entry"),
        ("[Mon 08:00-12:00, Mon 11:00-13:00]", "Mon 08:00-12:00 and Mon 11:00-13:00 overlap"),
        ("[Sun 22:00-06:00, Mon 05:00-07:00]", "overlap"),
        ("Mon-Sun 00:00-24:00", "whole week without a break"),
    ],
)
def test_hours_that_say_nothing_clear_are_refused_at_their_place(
    tmp_path: Path, hours: str, phrase: str
) -> None:
    (problem,) = refused(tmp_path, f"active: {{hours: {hours}, timezone: UTC}}")
    assert problem.startswith("a:8:21:"), problem
    assert phrase in problem


@pytest.mark.parametrize(
    ("line", "place", "phrase"),
    [
        ("active: {hours: Mon 08:00-09:00, timezone: Mars/Olympus}", "8:48", "Europe/Berlin or"),
        ("active: {hours: Mon 08:00-09:00}", "8:13", "key timezone is missing"),
        ("active: Mon 08:00-09:00", "8:13", "write {hours: Mon 08:00-09:00, timezone:"),
        ("active: {hour: Mon 08:00-09:00, timezone: UTC}", "8:14", "hour"),
        ("active: {hours: Mon 08:00-09:00, timezone: UTC}\n    ttl: 4h", "6:5", "remove the ttl"),
    ],
)
def test_an_active_that_is_not_whole_is_refused_at_its_place(
    tmp_path: Path, line: str, place: str, phrase: str
) -> None:
    problems = refused(tmp_path, line)
    assert any(phrase in one and one.startswith(f"a:{place}:") for one in problems), problems


def refused(directory: Path, line: str) -> list[str]:
    """What is said of a fleet with ``line``, which is the eighth."""
    return told(directory, f"{HEAD}fleets:\n  f:\n    {GPU}\n    {END}\n    {line}\n")


@pytest.mark.parametrize(
    ("end", "phrase"),
    [
        ("labels: {}", "`active` needs an end"),
        ("expires_at: never", "needs an end before 2040"),
        ("expires_at: 2050-01-01T00:00:00Z", "needs an end before 2040"),
    ],
)
def test_windows_need_an_end(tmp_path: Path, end: str, phrase: str) -> None:
    hours = "active: {hours: Mon 08:00-09:00, timezone: UTC}"
    (problem,) = told(tmp_path, f"{HEAD}fleets: {{f: {{{GPU}, {end}, {hours}}}}}\n")
    assert phrase in problem
    assert problem.startswith("a:4:")


def test_a_window_is_no_longer_than_the_longest_lease(tmp_path: Path) -> None:
    hours = "active: {hours: Mon-Fri 00:00-24:00, timezone: UTC}"
    fleet = f"safety: {{max_ttl: 2d}}\nfleets: {{f: {{{GPU}, {END}, {hours}}}}}\n"
    (problem,) = told(tmp_path, HEAD + fleet)
    assert "a window of 5d is longer than safety.max_ttl" in problem


def test_the_last_word_on_the_lease_wins_between_ttl_and_active() -> None:
    defaults = f"defaults: {{ttl: 8h, {END}}}\n"
    hours = "active: {hours: Mon 08:00-09:00, timezone: UTC}"
    text = f"{HEAD}{defaults}fleets: {{f: {{{GPU}, {hours}}}, g: {{{GPU}}}}}\n"
    fleets = load_text("fleets.yaml", text.encode()).fleets
    assert fleets["f"].active is not None
    assert fleets["g"].active is None


def test_a_machine_without_a_time_zone_database_says_so_and_still_knows_utc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_zones, "_zone", lambda name: None)
    hours = "active: {hours: Mon 08:00-09:00, timezone: Europe/Berlin}"
    (problem,) = told(tmp_path, f"{HEAD}fleets: {{f: {{{GPU}, {END}, {hours}}}}}\n")
    assert "no time zone database: install tzdata" in problem
    assert active("Mon 08:00-09:00").zone.changes == ()


RICH = """
    resources: {any_of: ["H100:8", "A100:80GB:8"], cpu: 16.., disk: 1TB, cuda: 12.4..}
    countries: [DE, NL]
    offers: {min_reliability: 0.95, verified: true, exclude_hosts: [a, b], hosting: datacenter}
    max_gpu_hour_usd: 2.50
    image: training:1
    env: {A: b}
    ports: [8080, 80]
    ssh: {user: me}
    ready: {timeout: 1h, gpu_check: false}
    lifecycle: {create_before_destroy: true, ignore_changes: [image, env]}
    placement: spread
    labels: {a: b}
    nodes: 2
    grace: 5m
    budget: {max_total_usd: 9}
"""


def terms(settings: str) -> str:
    hours = "active: {hours: Mon 08:00-09:00, timezone: UTC}"
    text = f"{HEAD}fleets:\n  f:\n    {END}\n    {hours}{settings}"
    found = load_text("fleets.yaml", text.encode()).fleets["f"].active
    assert found is not None
    return found.terms


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("H100:8", "H200:8"),
        ("disk: 1TB", "disk: 2TB"),
        ("[DE, NL]", "[DE, US]"),
        ("exclude_hosts: [a, b]", "exclude_hosts: [a]"),
        ("2.50", "2.60"),
        ("training:1", "training:2"),
        ("{A: b}", "{A: c}"),
        ("8080", "8081"),
        ("spread", "any"),
    ],
)
def test_what_a_window_would_buy_is_in_its_terms(before: str, after: str) -> None:
    assert terms(RICH.replace(before, after)) != terms(RICH)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[DE, NL]", "[NL, DE]"),
        ("2.50", "2.5"),
        ("1h", "60m"),
        ("nodes: 2", "nodes: 3"),
        ("grace: 5m", "grace: 6m"),
        ("max_total_usd: 9", "max_total_usd: 8"),
        ("labels: {a: b}", "labels: {a: c}"),
    ],
)
def test_what_the_lease_holds_anyway_and_another_way_to_write_it_is_not(
    before: str, after: str
) -> None:
    assert terms(RICH.replace(before, after)) == terms(RICH)

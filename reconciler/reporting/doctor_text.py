"""What ``doctor`` found, for people and for programs. Safe to print (I22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.cost import format_rate, format_usd
from reconciler.model.published import ascii_json, moment_text
from reconciler.model.quantity import about
from reconciler.reporting.columns import WIDTH, cell, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.health import Check, HealthReport, Unfinished
    from reconciler.reporting.palette import Palette

FORMAT_VERSION = 1
_SHOWN = 20
_LONGEST = 300
_NAME_WIDTH = 22
_HANG = 11
_SIGNS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def doctor_text(report: HealthReport, palette: Palette) -> str:
    """One line for each check, with why and fix where something is wrong; then what is open."""
    lines = [line for check in report.checks for line in check_lines(check, palette)]
    for one in report.unfinished[:_SHOWN]:
        lines += wrap(_unfinished_line(one, report), indent=2, hang=4)
    left_out = len(report.unfinished) - _SHOWN
    if left_out > 0:
        lines.append(f"  ... and {left_out} more: gpu-shopper doctor -json")
    return "\n".join([*lines, _last_line(report, palette)])


def check_lines(check: Check, palette: Palette) -> Iterator[str]:
    """What was found, and below it why that matters and what to do where it is not well."""
    paint = {"ok": palette.quiet, "warning": palette.change, "failed": palette.alarm}
    sign = _SIGNS[check.verdict]
    what = f"{sign}  {cell(check.name):<{_NAME_WIDTH}}  {cell(check.what, _LONGEST)}"
    first, *more = _wrapped(what, 0, _HANG)
    yield paint[check.verdict](sign) + first[len(sign) :]
    yield from more
    if check.verdict != "ok":
        for word, text in (("why", check.why), ("fix", check.fix)):
            if text:
                yield from _wrapped(f"{word}: {cell(text, _LONGEST)}", _HANG, 2)


def _wrapped(text: str, indent: int, hang: int) -> list[str]:
    """Within 80 columns, but for a word that is longer: commands and paths are there to be used."""
    longest = max(map(len, text.split()), default=0)
    return wrap(text, indent=indent, hang=hang, width=max(WIDTH, indent + hang + longest))


def _unfinished_line(one: Unfinished, report: HealthReport) -> str:
    kind = one.kind.replace("-", " ")
    which = f"{cell(one.provider)} {cell(one.instance_id or one.mark)}"
    money = (
        f"{format_rate(one.usd_per_hour)}, {format_usd(one.usd)} in {about(report.now - one.since)}"
    )
    return f"{one.slot}  {kind}: {which}, {money}; {cell(one.detail, _LONGEST)}"


def _last_line(report: HealthReport, palette: Palette) -> str:
    wrong = sum(1 for check in report.checks if check.verdict == "failed")
    doubtful = sum(1 for check in report.checks if check.verdict == "warning")
    risk = f"At risk: {format_rate(report.usd_per_hour)}, {format_usd(report.usd)} so far."
    if not report.state_read:
        risk = "What is at risk is not known without the state."
    elif not report.unfinished:
        risk = "No money is at risk."
    return palette.strong(f"{wrong} failed, {doubtful} warning(s). {risk}")


def doctor_json(report: HealthReport) -> str:
    """The same as one document; texts as they came, every control character escaped."""
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "workspace": report.workspace,
        "now": moment_text(report.now),
        "checks": [check_fields(check) for check in report.checks],
        "unfinished": [_unfinished_fields(one) for one in report.unfinished],
        "usd_per_hour_at_risk": f"{report.usd_per_hour:f}" if report.state_read else None,
        "usd_at_risk": f"{report.usd:f}" if report.state_read else None,
        "exit_code": int(report.code),
        "exit_word": report.code.word,
    }
    return ascii_json(document, indent=2)


def check_fields(check: Check) -> dict[str, Any]:
    """One check for other programs."""
    return {
        "name": check.name,
        "verdict": check.verdict,
        "what": check.what,
        "why": check.why,
        "fix": check.fix,
        "exit_code": None if check.code is None else int(check.code),
        "exit_word": None if check.code is None else check.code.word,
    }


def _unfinished_fields(one: Unfinished) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "slot": one.slot,
        "provider": one.provider,
        "instance_id": one.instance_id,
        "mark": one.mark,
        "since": moment_text(one.since),
        "usd_per_hour": f"{one.usd_per_hour:f}",
        "usd": f"{one.usd:f}",
        "detail": one.detail,
        "exit_code": None if one.code is None else int(one.code),
    }

"""``providers check`` and ``providers matrix`` for people and for programs. Safe to print (I22)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.published import ascii_json, moment_text
from reconciler.model.quantity import format_duration
from reconciler.reporting.columns import Column, cell, table
from reconciler.reporting.doctor_text import check_fields, check_lines

if TYPE_CHECKING:
    from reconciler.model.capability_matrix import CapabilityMatrix, Fact
    from reconciler.model.health import ProviderHealth, ProvidersReport
    from reconciler.reporting.palette import Palette

FORMAT_VERSION = 1
_UNSAFE_IN_CELLS = str.maketrans({"|": "\\|", "<": "&lt;", "`": "'"})


def providers_text(report: ProvidersReport, palette: Palette) -> str:
    """A heading for each provider, and below it one line for each check."""
    lines = []
    for one in report.providers:
        named = "" if one.type == one.provider else f" ({cell(one.type)})"
        lines.append(palette.strong(f"{cell(one.provider)}{named}"))
        lines += [line for check in one.checks for line in check_lines(check, palette)]
    wrong = sum(1 for one in report.providers for check in one.checks if check.verdict == "failed")
    lines.append(palette.strong(f"{len(report.providers)} provider(s), {wrong} check(s) failed."))
    return "\n".join(lines)


def providers_json(report: ProvidersReport) -> str:
    """The same as one document; texts as they came, every control character escaped."""
    return ascii_json(
        {
            "format_version": FORMAT_VERSION,
            "now": moment_text(report.now),
            "providers": [_provider_fields(one) for one in report.providers],
            "exit_code": int(report.code),
            "exit_word": report.code.word,
        },
        indent=2,
    )


def _provider_fields(one: ProviderHealth) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "type": one.type,
        "account": one.account,
        "balance_usd": None if one.balance_usd is None else f"{one.balance_usd:f}",
        "checks": [check_fields(check) for check in one.checks],
    }


def matrix_text(matrix: CapabilityMatrix, palette: Palette) -> str:
    """A block for each provider, within 80 columns: side by side they fit no terminal."""
    blocks = []
    for at, name in enumerate(matrix.providers):
        rows = []
        for row in matrix.rows:
            first, *more = _parts(row.facts[at])
            rows += [[row.meaning, first], *(["", part] for part in more)]
        _, *lines = table((Column("FACT", shrink_to=20), Column("")), rows, indent=2)
        blocks.append("\n".join([palette.strong(cell(name)), *lines]))
    return "\n\n".join(blocks)


def matrix_markdown(matrix: CapabilityMatrix) -> str:
    """A table for a page: one column for each provider."""
    head = ["", *(f"`{_safe(name)}`" for name in matrix.providers)]
    lines = [head, ["--"] * len(head)]
    for row in matrix.rows:
        facts = ["<br>".join(_safe(part) for part in _parts(fact)) for fact in row.facts]
        lines.append([_safe(row.meaning), *facts])
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def matrix_json(matrix: CapabilityMatrix) -> str:
    """Facts by provider and key; durations in seconds."""
    providers = {
        name: {row.key: _plain(row.facts[at]) for row in matrix.rows}
        for at, name in enumerate(matrix.providers)
    }
    return ascii_json({"format_version": FORMAT_VERSION, "providers": providers}, indent=2)


def _parts(fact: Fact) -> tuple[str, ...]:
    match fact:
        case bool():
            return ("yes" if fact else "no",)
        case int():
            return (str(fact),)
        case timedelta():
            return (format_duration(fact) if fact else "no limit",)
        case str():
            return (fact,)
    return fact or ("as fast as it answers",)


def _plain(fact: Fact) -> bool | int | float | str | list[str]:
    if isinstance(fact, timedelta):
        return fact.total_seconds()
    return list(fact) if isinstance(fact, tuple) else fact


def _safe(text: str) -> str:
    return cell(text).translate(_UNSAFE_IN_CELLS)

"""What a campaign came to, as text."""

from __future__ import annotations

from collections import Counter, defaultdict

from tests.simulation.simulator.campaign import Campaign


def coverage_table(found: Campaign) -> str:
    """Fault by outcome: how often a command that met the fault ended with each exit code."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for (number, word), count in found.met.items():
        rows[number][word] += count
    words = sorted(
        {word for _, word in found.met}, key=lambda word: (not word.isdigit(), len(word), word)
    )
    head = f"{'fault':<8}" + "".join(f"{word:>9}" for word in words)
    lines = [
        f"{number:<8}" + "".join(f"{rows[number][word] or '.':>9}" for word in words)
        for number in sorted(rows, key=_order)
    ]
    never = [f"{number:<8} never drawn" for number in found.never_drawn()]
    return "\n".join([head, *lines, *never])


def figures(found: Campaign, seconds: float, cpu_seconds: float) -> str:
    """Runs, commands, checks by invariant, and how fast it went: rows for docs/reliability.md."""
    checks = ", ".join(f"{name} {count}" for name, count in sorted(found.checked.items()))
    rows = (
        ("schedules, commands", f"{found.runs}, {found.commands}"),
        ("promises broken", f"{found.broken}"),
        ("faults that no command met", ", ".join(found.never_drawn()) or "none"),
        ("checks", checks),
        ("destroys", f"{found.kills}"),
        (
            "schedules a second",
            f"{found.runs / max(seconds, 1e-9):.1f}, and of a core's time "
            f"{found.runs / max(cpu_seconds, 1e-9):.1f}",
        ),
    )
    return "\n".join(["| | |", "|--|--|", *(f"| {name} | {said} |" for name, said in rows)])


def _order(number: str) -> tuple[str, int, int]:
    group, _, rest = number[1:].partition(".")
    return number[0], int(group), int(rest or 0)

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


def figures(found: Campaign, seconds: float) -> str:
    """Runs, commands, checks by invariant, and how fast it went."""
    checks = ", ".join(f"{name} {count}" for name, count in sorted(found.checked.items()))
    return (
        f"{found.runs} schedules, {found.commands} commands, {found.broken} broken\n"
        f"checks: {checks}\n"
        f"slowest kill: {found.slowest_kill:.1f} s after the pass began\n"
        f"{found.runs / seconds:.1f} schedules a second"
    )


def _order(number: str) -> tuple[str, int, int]:
    group, _, rest = number[1:].partition(".")
    return number[0], int(group), int(rest or 0)

"""The tables of docs/reliability.md, generated from the suites that they speak of.

`python -m tests.documentation.reliability_page` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tests.documentation.reference_pages import ROOT
from tests.mutants.catalogue import MUTANTS
from tests.simulation.simulator.catalogue import ACTIONS, STANDING
from tests.simulation.simulator.documents import SLIPS
from tests.simulation.simulator.elsewhere import (
    FAULTS_ELSEWHERE,
    JUDGED,
    NOT_COVERED,
    PROMISES,
    PROMISES_ELSEWHERE,
    PROMISES_NOT_COVERED,
    SIZES,
    THE_SAME_AS,
)
from tests.simulation.simulator.wire_faults import WIRE_FAULTS

PAGE = ROOT / "docs/reliability.md"
_JUDGE = "[the simulator](../tests/simulation/simulator/judge.py), at every step"


def drawn() -> set[str]:
    """The faults that the simulator itself commits."""
    slips = set[str]().union(*SLIPS.values())
    numbers = {*(action.number for action in ACTIONS), *WIRE_FAULTS, *STANDING, *slips}
    return {number for number in numbers if number.startswith("C")}


def every_fault() -> Iterator[str]:
    """The numbers of RELIABILITY.md, in its order."""
    for group, size in SIZES.items():
        yield from (f"{group}.{number}" for number in range(1, size + 1))


def promise_table() -> str:
    """Each invariant and where it is checked."""
    lines = ["| | promise | checked by |", "|--|--|--|"]
    for name, promise in PROMISES.items():
        places = [_JUDGE] if name in JUDGED else []
        if name in PROMISES_ELSEWHERE:
            places.append(_link(PROMISES_ELSEWHERE[name]))
        if name in PROMISES_NOT_COVERED:
            places.append(f"**not covered**: {PROMISES_NOT_COVERED[name]}")
        lines.append(f"| {name} | {promise} | {'; '.join(places)} |")
    return "\n".join(lines)


def fault_table() -> str:
    """Each fault that is tested, and how."""
    lines = ["| fault | tested by |", "|--|--|"]
    simulated = [number for number in every_fault() if number in drawn()]
    lines.append(f"| {', '.join(simulated)} | the simulator |")
    for number in every_fault():
        if number in FAULTS_ELSEWHERE and number not in drawn():
            lines.append(f"| {number} | {_link(FAULTS_ELSEWHERE[number])} |")
        elif number in THE_SAME_AS and number not in drawn():
            lines.append(f"| {number} | as {THE_SAME_AS[number]}: both look alike from here |")
    return "\n".join(lines)


def uncovered_table() -> str:
    """Each fault that no test commits."""
    lines = ["| not covered | faults |", "|--|--|"]
    lines += [f"| {why} | {', '.join(numbers)} |" for why, numbers in NOT_COVERED.items()]
    return "\n".join(lines)


def mutant_table() -> str:
    """Each mutant and its killer."""
    lines = ["| | mutant | killed by |", "|--|--|--|"]
    for one in MUTANTS:
        quick = " (with every test run)" if one.quick else ""
        lines.append(f"| M{one.number} | {one.what} | {_link(one.killer)}{quick} |")
    return "\n".join(lines)


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name or file.rpartition('/')[2]}](../{file})"


SECTIONS: Mapping[str, Callable[[], str]] = {
    "promises": promise_table,
    "faults": fault_table,
    "uncovered": uncovered_table,
    "mutants": mutant_table,
}


def page(text: str) -> str:
    """``text`` with every section written anew between its two comments."""
    for name, table in SECTIONS.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        assert found, f"the page has no section {name}"
        assert closed, f"the section {name} has no end"
        text = f"{before}{begin}\n{table()}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

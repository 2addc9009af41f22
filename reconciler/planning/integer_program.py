"""Integer programs: whole numbers of nodes under limits, the best by several aims in turn.

The one door to HiGHS. One thread, a fixed seed and limits that count steps instead of seconds: the
same program gets the same answer on a slow machine.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STEPS_MAX = 2_000
"""Branches that are looked into for one aim; no plan should take a minute."""
_FAR = 1e30
_NEARLY_WHOLE = 1e-6
_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 1,
    "presolve": "off",  # takes longer here than what it saves
    "mip_heuristic_run_feasibility_jump": False,
    "mip_max_nodes": STEPS_MAX,
    "mip_max_stall_nodes": STEPS_MAX,
    "simplex_iteration_limit": 2_000_000,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 0.5,  # every aim is a whole number
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
}


@dataclass(frozen=True, slots=True)
class Row:
    """``lower <= sum of factor x column <= upper``; None: no limit on that side."""

    factors: Mapping[int, int]
    lower: int | None = None
    upper: int | None = None


@dataclass(slots=True)
class IntegerProgram:
    """``uppers``: the most that each column may be; the least is 0. ``start``: values that are
    allowed, if any are known. ``is_flow``: its corners are whole numbers by themselves, as when
    nodes are only moved between fleets (two laminar families of rows, all factors 1).
    """

    uppers: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    start: tuple[int, ...] = ()
    is_flow: bool = False

    def column(self, upper: int) -> int:
        """The number of a new column."""
        self.uppers.append(upper)
        return len(self.uppers) - 1

    def allows(self, values: Sequence[int]) -> bool:
        """Checked in whole numbers, unlike the search."""
        inside = all(0 <= value <= upper for value, upper in zip(values, self.uppers, strict=True))
        return inside and all(_holds(row, values) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Answer:
    """``values`` of the columns; ``proven``: nothing that is allowed is better."""

    values: tuple[int, ...]
    proven: bool


def minimised(
    program: IntegerProgram, aims: Iterable[Mapping[int, int]], ties: Mapping[int, int]
) -> Answer | None:
    """The allowed values that make the first aim least, among those the second, and so on.

    ``ties`` is one more aim, which needs no proof. None when the search ended without anything
    that is allowed.
    """
    best: tuple[int, ...] | None = program.start or None
    proven, solver = True, None
    for aim in [aim for aim in (*aims, ties) if aim]:
        solver = solver or _solver(program)
        found, optimal = _search(solver, program, aim, best or ())
        better = found is not None and program.allows(found)
        if better:
            best = found
        if aim is not ties:
            proven = proven and optimal and better
        if best is None or not better:
            break
        program.rows.append(Row(aim, upper=_worth(aim, best)))
        _add_row(solver, program.rows[-1])
    if solver is None:
        nothing = (0,) * len(program.uppers)
        best = best or (nothing if program.allows(nothing) else None)
    return Answer(best, proven) if best is not None else None


def _holds(row: Row, values: Sequence[int]) -> bool:
    total = _worth(row.factors, values)
    above = row.lower is None or total >= row.lower
    return above and (row.upper is None or total <= row.upper)


def _worth(factors: Mapping[int, int], values: Sequence[int]) -> int:
    return sum(factor * values[column] for column, factor in factors.items())


def _solver(program: IntegerProgram) -> Any:
    import highspy  # 0.2 s: only where fleets stand in one another's way

    make: Any = highspy.Highs  # ships no types
    solver = make()
    for name, value in _OPTIONS.items():
        solver.setOptionValue(name, value)
    count = len(program.uppers)
    solver.addVars(count, [0.0] * count, list(map(float, program.uppers)))
    for row in program.rows:
        _add_row(solver, row)
    if not program.is_flow:
        _ask_for_whole_numbers(solver, count)
    return solver


def _ask_for_whole_numbers(solver: Any, count: int) -> None:
    import highspy

    solver.changeColsIntegrality(count, list(range(count)), [highspy.HighsVarType.kInteger] * count)


def _add_row(solver: Any, row: Row) -> None:
    lower = -_FAR if row.lower is None else float(row.lower)
    upper = _FAR if row.upper is None else float(row.upper)
    factors = list(map(float, row.factors.values()))
    solver.addRow(lower, upper, len(factors), list(row.factors), factors)


def _search(
    solver: Any, program: IntegerProgram, aim: Mapping[int, int], start: tuple[int, ...]
) -> tuple[tuple[int, ...] | None, bool]:
    import highspy

    count = len(program.uppers)
    costs = [float(aim.get(column, 0)) for column in range(count)]
    solver.changeColsCost(count, list(range(count)), costs)
    if start and not program.is_flow:
        known = highspy.HighsSolution()
        known.col_value = list(map(float, start))
        solver.setSolution(known)
    solver.run()
    values = solver.getSolution().col_value
    optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    if program.is_flow and any(abs(value - round(value)) > _NEARLY_WHOLE for value in values):
        # The rows that earlier aims left behind have broken the flow.
        program.is_flow = False
        _ask_for_whole_numbers(solver, count)
        return _search(solver, program, aim, start)
    if solver.getInfo().primal_solution_status != int(highspy.kSolutionStatusFeasible):
        return None, False
    return tuple(round(value) for value in values), optimal

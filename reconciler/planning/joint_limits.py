"""The limits of fleets that choose together, as rows and aims of the integer program."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from reconciler.planning.integer_program import Row
from reconciler.planning.joint_parties import columns_of
from reconciler.planning.limits import LEVELS, cells_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.planning.integer_program import IntegerProgram
    from reconciler.planning.joint_parties import Party
    from reconciler.planning.limits import Cell, Limits


def limit_rows(party: Party) -> Iterator[Row]:
    """How many nodes of ``party``, which is one fleet, may be spot, and at each provider."""
    limits = party.limits
    if limits is None:
        return
    columns = list(columns_of(party))
    spot = [column for column, entry in columns if entry.offer.spot]
    if spot and limits.spot_most is not None:
        yield Row(dict.fromkeys(spot, 1), upper=limits.spot_most)
    for provider in sorted({entry.offer.provider for _, entry in columns}):
        here = [column for column, entry in columns if entry.offer.provider == provider]
        most = limits.left_at(provider)
        if most is not None:
            yield Row(dict.fromkeys(here, 1), upper=most)


def evenness_aims(program: IntegerProgram, parties: Sequence[Party]) -> list[dict[int, int]]:
    """The sum of the squares of the nodes in each cell, level by level; nothing where no fleet is
    spread out. Columns and rows for it are added to ``program``.
    """
    uneven = [party for party in parties if party.limits is not None and party.limits.even]
    if not uneven:
        return []
    aims: list[dict[int, int]] = [{} for _ in range(LEVELS)]
    for party in uneven:
        assert party.limits is not None
        _add_squares(program, party, party.limits, aims)
    return aims


def _add_squares(
    program: IntegerProgram, party: Party, limits: Limits, aims: Sequence[dict[int, int]]
) -> None:
    """The node that comes after ``n`` others in its cell adds ``2n + 1`` to the square."""
    cells: dict[Cell, list[int]] = defaultdict(list)
    for column, entry in columns_of(party):
        for cell in cells_of(entry.offer):
            cells[cell].append(column)
    counts: Counter[Cell] = limits.counts
    for cell, columns in sorted(cells.items()):
        aim, before = aims[len(cell) - 1], counts[cell]
        most = min(party.size, sum(program.uppers[column] for column in columns))
        if most == 1 and len(columns) == 1:
            aim[columns[0]] = 2 * before + 1
            continue
        steps = [program.column(1) for _ in range(most)]
        aim.update({step: 2 * (before + n) + 1 for n, step in enumerate(steps)})
        together = {**dict.fromkeys(columns, 1), **dict.fromkeys(steps, -1)}
        program.rows.append(Row(together, lower=0, upper=0))

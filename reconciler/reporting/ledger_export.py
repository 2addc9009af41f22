"""``ledger export``: charges in the columns of FOCUS 1.0, and ``ledger check`` in words."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.cost import ZERO, format_usd, shared_usd
from reconciler.model.ledger import COST_KINDS, MICRO
from reconciler.model.text import printable
from reconciler.reporting.columns import Column, table
from reconciler.reporting.csv_text import csv_lines
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.costs import BillCheck, BillRow, Charge
    from reconciler.model.ledger import CostKind
    from reconciler.reporting.palette import Palette

FOCUS_COLUMNS = (
    "BilledCost",
    "BillingCurrency",
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ConsumedQuantity",
    "ConsumedUnit",
    "EffectiveCost",
    "ProviderName",
    "ResourceId",
    "ResourceName",
    "ServiceCategory",
    "SkuId",
    "SubAccountName",
    "Tags",
    "x_UnknownCost",
)
_ROWS_SHOWN = 40
_PLACES = 4
_ROW = (
    Column("MACHINE", shrink_to=16),
    Column("SLOT", shrink_to=16),
    Column("OURS", right=True),
    Column("BILL", right=True),
    Column("DIFFERENCE", right=True),
)


def focus_rows(charges: Iterable[Charge], workspace: str) -> Iterator[dict[str, Any]]:
    """One for each kind of cost of each charge; they add up to what ``costs`` says, exactly.

    Machines that are gone stand together by account; ``ResourceId`` is empty there.
    """
    for charge in charges:
        for kind in COST_KINDS:
            if charge.amounts.of(kind):
                yield _focus_row(charge, kind, workspace)


def _focus_row(charge: Charge, kind: CostKind, workspace: str) -> dict[str, Any]:
    account, machine, amounts = charge.account, charge.machine, charge.amounts
    usd = f"{amounts.of(kind) * MICRO:f}"
    unknown = Decimal(amounts.unknown * amounts.of(kind)) / amounts.micro_usd
    tags = {"workspace": workspace, "fleet": account.fleet, "owner": account.owner or ""}
    tags |= dict(account.labels)
    safe = {printable(key, 200): printable(value, 200) for key, value in sorted(tags.items())}
    values = (
        usd,
        "USD",
        "Usage",
        kind,
        "Usage-Based",
        iso(charge.since),
        iso(charge.until),
        f"{Decimal(amounts.seconds) / 3600:.6f}" if kind != "disk" else "0",
        "Hours",
        usd,
        printable(account.provider, 200),
        printable(machine.instance_id, 200) if machine else "",
        printable(machine.slot, 200) if machine else "",
        "Compute" if kind != "disk" else "Storage",
        printable(account.gpu, 200),
        printable(account.team or "", 200),
        safe,
        f"{unknown.to_integral_value() * MICRO:f}",
    )
    return dict(zip(FOCUS_COLUMNS, values, strict=True))


def focus_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The same as CSV, with a heading."""
    yield from csv_lines([FOCUS_COLUMNS])
    for row in rows:
        yield from csv_lines(
            [[json.dumps(cell) if isinstance(cell, dict) else cell for cell in row.values()]]
        )


def bill_text(check: BillCheck, palette: Palette = PLAIN) -> str:
    """The largest differences first; the totals stand on the last line."""
    rows = (*check.unknown, *check.missing, *check.matched)
    shown = {row.instance_id: cells for row, cells in zip(rows, _amounts(rows, check), strict=True)}
    lines = []
    for title, part, paint in (
        ("On the bill, and not in the ledger", check.unknown, palette.alarm),
        ("In the ledger, and not on the bill", check.missing, palette.change),
        ("In both", check.matched, palette.strong),
    ):
        if part:
            lines.append(paint(f"{title}: {counted(len(part), 'machine')}"))
            lines += [*_bill_rows(part, shown), ""]
    ours, theirs = (format_usd(one, _PLACES) for one in (check.ours_usd, check.theirs_usd))
    total = f"Total: ours {ours}, the bill {theirs}; error {check.error_percent:.3f} %."
    return "\n".join([*lines, palette.strong(total)])


def _amounts(rows: Sequence[BillRow], check: BillCheck) -> Iterator[list[str]]:
    """Ours, theirs and the difference of each as they are shown: they add up, across and down."""
    ours = shared_usd([row.ours_usd or ZERO for row in rows], check.ours_usd, _PLACES)
    theirs = shared_usd([row.theirs_usd or ZERO for row in rows], check.theirs_usd, _PLACES)
    for row, mine, bill in zip(rows, ours, theirs, strict=True):
        yield [
            "" if row.ours_usd is None else format_usd(mine, _PLACES),
            "" if row.theirs_usd is None else format_usd(bill, _PLACES),
            format_usd(bill - mine, _PLACES),
        ]


def _bill_rows(rows: Iterable[BillRow], shown: Mapping[str, list[str]]) -> list[str]:
    ranked = sorted(rows, key=lambda one: (-abs(one.difference_usd), one.instance_id))
    cells = [[one.instance_id, one.slot, *shown[one.instance_id]] for one in ranked[:_ROWS_SHOWN]]
    more = [f"... and {len(ranked) - _ROWS_SHOWN} more"] if len(ranked) > _ROWS_SHOWN else []
    return [*table(_ROW, cells), *more]


def bill_json(check: BillCheck) -> dict[str, Any]:
    """All rows; dollars as text."""
    return {
        "matched": [_bill_row(one) for one in check.matched],
        "unknown": [_bill_row(one) for one in check.unknown],
        "missing": [_bill_row(one) for one in check.missing],
        "ours_usd": f"{check.ours_usd:f}",
        "bill_usd": f"{check.theirs_usd:f}",
        "error_percent": f"{check.error_percent:.6f}",
    }


def _bill_row(row: BillRow) -> dict[str, Any]:
    return {
        "id": printable(row.instance_id, 200),
        "slot": printable(row.slot, 200),
        "ours_usd": None if row.ours_usd is None else f"{row.ours_usd:f}",
        "bill_usd": None if row.theirs_usd is None else f"{row.theirs_usd:f}",
        "difference_usd": f"{row.difference_usd:f}",
    }

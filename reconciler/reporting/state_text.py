"""``state list`` and ``state show``: what is recorded, without asking any provider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.cost import format_rate
from reconciler.model.quantity import format_duration, format_size
from reconciler.reporting.columns import Column, cell, display_width, table, wrap
from reconciler.reporting.palette import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from reconciler.model.address import Address
    from reconciler.model.record import InstanceRecord, PendingCreate, RecordedState
    from reconciler.reporting.palette import Palette

_COLUMNS = (
    Column("SLOT", shrink_to=16),
    Column("PROVIDER", shrink_to=8),
    Column("ID", shrink_to=12, whole=True),
    Column("$/H", right=True),
    Column("STATUS", shrink_to=16),
)


def state_list(state: RecordedState, palette: Palette = PLAIN) -> str:
    """One line for each machine and each unresolved create, in slot order; never cut short."""
    rows = [(record.slot, record.mark, _record_row(record)) for record in state.instances.values()]
    rows += [(intent.slot, intent.mark, _intent_row(intent)) for intent in state.intents.values()]
    rows.sort(key=lambda row: row[:2])
    lines = table(_COLUMNS, [row for _, _, row in rows])
    if not lines:
        return "The state holds no machine and no unresolved create."
    return "\n".join([palette.strong(lines[0]), *lines[1:]])


def _record_row(record: InstanceRecord) -> list[str]:
    if record.doom is not None:
        status = f"doomed ({record.doom.reason}), {record.doom.attempts} attempts"
    elif record.absence is not None:
        status = "missing, not proven gone"
    else:
        status = "ready" if record.ready_at else "not ready yet"
    return [
        str(record.slot),
        record.provider,
        record.instance_id,
        format_rate(record.usd_per_hour).removesuffix("/h"),
        status,
    ]


def _intent_row(intent: PendingCreate) -> list[str]:
    blocked = "create unresolved" if intent.blocks_slot else "proven absent, watched"
    rate = format_rate(intent.usd_per_hour).removesuffix("/h")
    return [str(intent.slot), intent.provider, "(no id)", rate, blocked]


def state_show(state: RecordedState, address: Address, palette: Palette = PLAIN) -> str:
    """Every recorded field of the machines and creates under ``address``, and of its lease.

    Empty when nothing is recorded there. Values of the environment are not shown.
    """
    recorded: list[InstanceRecord | PendingCreate] = [*state.instances.values()]
    recorded += state.intents.values()
    mine = [one for one in recorded if address.covers(one.fleet, one.index)]
    mine.sort(key=lambda one: (one.slot, one.mark))
    blocks = [_block(f"{one.slot} {_kind(one)}", one, palette) for one in mine]
    lease = state.leases.get(address.fleet)
    if lease is not None:
        blocks.append(_block(f"fleet.{address.fleet} lease", lease, palette))
    return "\n\n".join(blocks)


def _kind(one: InstanceRecord | PendingCreate) -> str:
    return "machine" if hasattr(one, "instance_id") else "unresolved create"


def _block(title: str, value: BaseModel, palette: Palette) -> str:
    fields = list(_fields("", dict(value)))
    size = max(display_width(name) for name, _ in fields)
    lines = [palette.strong(title)]
    for name, text in fields:
        lines += wrap(f"{name:<{size}}  {text}", indent=2, hang=size + 2)
    return "\n".join(lines)


def _fields(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        full = f"{prefix}{name}"
        if name == "env":
            yield full, ", ".join(cell(key) for key in sorted(value)) or "(none)"
        elif hasattr(value, "model_fields_set"):
            yield from _fields(f"{full}.", dict(value))
        else:
            yield full, _value_text(name, value)


def _value_text(name: str, value: object) -> str:
    if value is None or value == {}:
        return "(none)"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, int) and name.endswith("_bytes"):
        return format_size(value)
    if isinstance(value, dict):
        return ", ".join(f"{cell(str(key))}={cell(str(one))}" for key, one in sorted(value.items()))
    return cell(str(value), 200)

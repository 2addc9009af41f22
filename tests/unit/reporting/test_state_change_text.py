"""What the commands that mend a state say: clean, narrow, and naming every machine."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from reconciler.model.address import Address, Slot
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.plan import Stranger
from reconciler.model.quantity import NEVER
from reconciler.model.state_change import (
    Backup,
    LeftOut,
    LettingGo,
    Moved,
    Rebuilding,
    Recovered,
    Resolution,
    Restoration,
    Restoring,
)
from reconciler.reporting.state_change_text import (
    found_text,
    history_table,
    letting_go_text,
    moved_text,
    recovered_text,
    resolution_text,
    restoring_text,
)
from tests.unit.reporting.hostile import HOSTILE, assert_clean
from tests.unit.statefile.states import NOW, instance, lease, state

END = NOW + timedelta(hours=2)


def _resolution(**changes: object) -> Resolution:
    fields: dict[str, object] = {
        "slot": Slot("train", 0),
        "provider": HOSTILE,
        "kind": "create",
        "usd_per_hour": Decimal("1.5"),
        "until": END,
        "unasked": "",
    }
    return Resolution(**{**fields, **changes})  # type: ignore[arg-type]


def test_I22_ids_names_and_operations_from_outside_stay_inert() -> None:
    record = instance(provider=HOSTILE, instance_id=HOSTILE)
    found = Instance(
        HOSTILE, HOSTILE, HOSTILE, InstanceStatus.RUNNING, HOSTILE, None, HOSTILE, 1, HOSTILE
    )
    version = state(saved_by=HOSTILE, instances={"m-0": record})
    rebuilding = Rebuilding(
        (record,), (lease(),), (LeftOut(Stranger("orphaned", found, END), "it is taken"),)
    )
    for text in (
        history_table(
            version, [Backup("x", version), Backup("state/demo.json.backup", None, "bad")]
        ),
        letting_go_text(LettingGo(((record, END),), Decimal(2))),
        restoring_text(Restoring(version, Restoration(version, (record,), (record,)), "damaged")),
        recovered_text(Recovered(rebuilding, fresh=True, backup=version)),
        resolution_text(_resolution(unasked="no answer"), NOW),
        found_text(_resolution(instance_id=HOSTILE)),
    ):
        assert_clean(text)


def test_the_money_at_risk_is_named_with_its_date() -> None:
    text = " ".join(resolution_text(_resolution(), NOW).split())
    assert "it costs $1.500/h, at most $3.00 until 2026-03-01 14:00:00 UTC" in text
    endless = resolution_text(_resolution(until=NEVER), NOW)
    assert "without an end" in endless


def test_a_move_says_what_the_documents_still_have_to_say() -> None:
    source, target = Address("dev"), Address("lab")
    assert "do not declare fleet.lab" in moved_text(Moved(1, False, END), source, target)
    for declared in (True, None):
        assert "declare" not in moved_text(Moved(2, declared, None), source, target)


def test_many_machines_are_counted_and_not_all_named() -> None:
    many = tuple(instance(number) for number in range(30))
    text = restoring_text(Restoring(state(), Restoration(state(), many, ()), ""))
    assert "and 22 more" in " ".join(text.split())

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.providers.tensordock.instances import as_instance, has_ended
from reconciler.providers.tensordock.wire import InstanceRow, UnknownShape, as_row, listed
from tests.unit.providers.tensordock.rows import ID, INSTANCE, SHORT, as_received

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(**changes: Any) -> InstanceRow:
    return InstanceRow.model_validate(as_row(as_received(INSTANCE, **changes)))


def instance(ordered_at: datetime | None = None, **changes: Any) -> Instance:
    return as_instance("tensordock", row(**changes), NOW, ordered_at)


def test_a_row_in_our_words() -> None:
    assert instance() == Instance(
        provider="tensordock",
        id=ID,
        label="gs1-train-0-k3v9",
        status=InstanceStatus.RUNNING,
        status_text="running",
        usd_per_hour=Decimal("0.446600"),
        gpu="RTX4090",
        gpu_count=1,
        region=None,
        ssh=SshEndpoint("203.0.113.71", 20456, "root"),
        created_at=None,
    )


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("creating", InstanceStatus.CREATED),
        ("queued", InstanceStatus.PLACED),
        ("pending", InstanceStatus.PLACED),
        ("provisioning", InstanceStatus.CREATED),
        ("starting", InstanceStatus.BOOTING),
        ("relocating", InstanceStatus.BOOTING),
        ("Running", InstanceStatus.RUNNING),
        ("online", InstanceStatus.RUNNING),
        ("active", InstanceStatus.RUNNING),
        ("stopping", InstanceStatus.STOPPED),
        ("STOPPED", InstanceStatus.STOPPED),
        ("Outbid", InstanceStatus.STOPPED),
        ("error", InstanceStatus.FAILED),
        ("failed", InstanceStatus.FAILED),
        ("deleting", InstanceStatus.DESTROYING),
        ("Stopped_Disassociated", InstanceStatus.UNKNOWN),
        ("zombified", InstanceStatus.UNKNOWN),
        ("", InstanceStatus.UNKNOWN),
        (None, InstanceStatus.UNKNOWN),
        (7, InstanceStatus.UNKNOWN),
        (["running"], InstanceStatus.UNKNOWN),
        (..., InstanceStatus.UNKNOWN),
    ],
    ids=str,
)
def test_I13_I32_every_status_has_a_meaning(status: Any, meaning: InstanceStatus) -> None:
    assert not has_ended(row(status=status))
    assert instance(status=status).status is meaning


@pytest.mark.parametrize("status", ["Terminated", "deleted"])
def test_only_their_own_two_words_say_that_it_is_no_more(status: str) -> None:
    assert has_ended(row(status=status))


@pytest.mark.parametrize(
    ("age", "meaning"),
    [(MINUTE, InstanceStatus.BOOTING), (21 * MINUTE, InstanceStatus.STOPPED)],
)
def test_released_is_a_boot_at_first_and_a_loss_later(
    age: timedelta, meaning: InstanceStatus
) -> None:
    assert instance(NOW - age, status="stoppeddisassociated").status is meaning
    told = (NOW - age).isoformat()
    assert instance(status="StoppedDisassociated", created_at=told).status is meaning


@pytest.mark.parametrize("rate", [None, "0.4", 0, -1, float("nan"), True, 1e300, ...])
def test_a_doubtful_rate_is_none(rate: Any) -> None:
    assert instance(rateHourly=rate).usd_per_hour is None


def test_other_names_of_fields() -> None:
    found = instance(ipAddress=..., ip_address="203.0.113.9", rateHourly=..., price_per_hour=0.5,
                     portForwards=..., port_forwards=[])  # fmt: skip
    assert found.ssh == SshEndpoint("203.0.113.9", 22, "root")
    assert found.usd_per_hour == Decimal("0.5")


@pytest.mark.parametrize(
    ("changes", "endpoint"),
    [
        ({"portForwards": []}, SshEndpoint("203.0.113.71", 22, "root")),
        ({"portForwards": None}, SshEndpoint("203.0.113.71", 22, "root")),
        ({"portForwards": [{"internal_port": 80, "external_port": 20456}]}, None),
        ({"portForwards": [{"internal_port": 22, "external_port": "20456 -oX"}]}, None),
        ({"portForwards": [{"internal_port": 22, "external_port": 70_000}]}, None),
        ({"ipAddress": None}, None),
        ({"ipAddress": "-oProxyCommand=reboot"}, None),
        ({"ipAddress": "fe80::1%eth0"}, None),
        ({"ipAddress": "a.b\nHost *"}, None),
        ({"status": "starting"}, None),
    ],
)
def test_where_to_log_in_is_a_plain_address_and_port_or_nothing(
    changes: dict[str, Any], endpoint: SshEndpoint | None
) -> None:
    assert instance(**changes).ssh == endpoint


def test_forwarded_ports_are_said_and_of_a_machine_where_all_are_open_none() -> None:
    def to(inside: Any, outside: Any) -> dict[str, Any]:
        return {"internal_port": inside, "external_port": outside}

    forwards = [to(22, 20456), to(8000, 20457), to(80, "x"), to(81, 70_000), to(0, 5), None]
    assert instance(portForwards=forwards).ports == ((8000, 20457),)
    assert instance(portForwards=[]).ports == ()
    assert instance(portForwards=forwards, status="starting").ports == ()


@pytest.mark.parametrize(
    "resources",
    [None, 7, {}, {"gpus": []}, {"gpus": {}}, {"gpus": {"a": 1, "b": 2}}, {"gpus": {"x": None}}],
)
def test_C7_4_resources_in_another_shape_leave_the_machine(resources: Any) -> None:
    found = instance(resources=resources)
    assert (found.id, found.gpu) == (ID, None)


@pytest.mark.parametrize("changes", [{"id": 7}, {"id": "../x"}, {"id": ...}, {"name": 7},
                                     {"name": ...}, {"attributes": 7}])  # fmt: skip
def test_a_row_whose_name_or_id_cannot_be_read_is_no_row(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"name|id|attributes"):
        row(**changes)


SHAPES: list[Any] = [
    {"data": [INSTANCE]},
    {"data": {"instances": [SHORT]}},
    {"data": {"type": "list", "id": "instances", "attributes": {"instances": [SHORT]}}},
]


@pytest.mark.parametrize("value", SHAPES)
def test_a_list_comes_in_three_shapes(value: Any) -> None:
    (found,) = listed(value, "instances")
    assert InstanceRow.model_validate(as_row(found)).name == "gs1-train-0-k3v9"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [INSTANCE],
        {},
        {"instances": [INSTANCE]},
        {"data": None},
        {"data": {}},
        {"data": {"instances": None}},
        {"data": {"instances": {}}},
        {"data": {"virtualmachines": []}},
        {"data": {"attributes": {}}},
        {"data": {"attributes": {"instances": None}}},
        {"data": "[]"},
    ],
)
def test_M1_a_shape_that_nobody_knows_is_no_empty_list(value: Any) -> None:
    with pytest.raises(UnknownShape):
        listed(value, "instances")

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.mark import Mark
from reconciler.providers.lambda_cloud.instances import as_instance, has_ended
from reconciler.providers.lambda_cloud.wire import InstanceRow
from tests.unit.providers.lambda_cloud.rows import ID, INSTANCE, TYPE, as_received

MARK = str(Mark("0123456789", "train", 0, datetime(2026, 7, 1, tzinfo=UTC), "abcdefgh"))
OTHER = str(Mark("0123456789", "train", 1, datetime(2026, 7, 1, tzinfo=UTC), "hgfedcba"))


def instance(**changes: Any) -> Instance:
    return as_instance("lambda", InstanceRow.model_validate(as_received(INSTANCE, **changes)))


def test_a_row_in_our_words() -> None:
    assert instance() == Instance(
        provider="lambda",
        id=ID,
        label="gs-fleet1-a1-7f3c9e",
        status=InstanceStatus.RUNNING,
        status_text="active",
        usd_per_hour=Decimal("0.75"),
        gpu="A10",
        gpu_count=1,
        region="us-west-1",
        ssh=SshEndpoint("198.51.100.2", 22, "ubuntu"),
        created_at=datetime(2026, 7, 1, 11, 59, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("booting", InstanceStatus.BOOTING),
        ("active", InstanceStatus.RUNNING),
        ("unhealthy", InstanceStatus.UNKNOWN),
        ("terminating", InstanceStatus.DESTROYING),
        ("zombified", InstanceStatus.UNKNOWN),
        ("", InstanceStatus.UNKNOWN),
        (None, InstanceStatus.UNKNOWN),
        (7, InstanceStatus.UNKNOWN),
        (["active"], InstanceStatus.UNKNOWN),
        ({"status": "terminated"}, InstanceStatus.UNKNOWN),
        ("Terminated", InstanceStatus.UNKNOWN),
        (..., InstanceStatus.UNKNOWN),
    ],
    ids=str,
)
def test_I13_I32_every_status_has_a_meaning(status: Any, meaning: InstanceStatus) -> None:
    row = InstanceRow.model_validate(as_received(INSTANCE, status=status))
    assert not has_ended(row)
    assert as_instance("lambda", row).status is meaning


@pytest.mark.parametrize("status", ["terminated", "preempted"])
def test_only_their_own_two_words_say_that_it_is_no_more(status: str) -> None:
    assert has_ended(InstanceRow.model_validate(as_received(INSTANCE, status=status)))


@pytest.mark.parametrize("price", [None, "75", 0.75, float("nan"), -1, True])
def test_a_doubtful_price_is_none_and_the_machine_is_there_all_the_same(price: Any) -> None:
    found = instance(instance_type={**TYPE, "price_cents_per_hour": price})
    assert (found.id, found.usd_per_hour) == (ID, None)
    assert instance(instance_type=None, region=None).id == ID


@pytest.mark.parametrize(
    ("name", "tag", "seen"),
    [
        (MARK, MARK, MARK),
        (MARK, None, MARK),
        ("renamed by a person", MARK, MARK),
        (..., MARK, MARK),
        (None, MARK, MARK),
        (OTHER, MARK, OTHER),
        ("mine", "not a mark", "mine"),
        (..., None, None),
        ("\ud800", None, "\\ud800"),
    ],
)
def test_C2_11_the_mark_is_read_from_the_name_and_else_from_our_tag(
    name: Any, tag: str | None, seen: str | None
) -> None:
    tags = [{"key": "team", "value": "x"}, {"key": "gs-node", "value": tag}]
    assert instance(name=name, tags=tags).label == seen


@pytest.mark.parametrize("changes", [{"name": 7}, {"name": ["gs1"]}, {"tags": "gs-node"},
                                     {"tags": {}}, {"id": 7}, {"id": ""}, {"id": "../x"},
                                     {"id": ...}])  # fmt: skip
def test_a_row_whose_mark_or_id_cannot_be_read_is_no_row(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        instance(**changes)


@pytest.mark.parametrize("tags", [None, ..., [], [7, None, {"key": "a"}, {"key": 1, "value": 2}]])
def test_C7_4_tags_in_part_or_not_at_all(tags: Any) -> None:
    assert instance(tags=tags).label == "gs-fleet1-a1-7f3c9e"


@pytest.mark.parametrize("ip", [None, ..., "", "-oProxyCommand=reboot", "a.b;reboot", "fe80::1%e",
                                "198.51.100.2\nHost *", 7])  # fmt: skip
def test_where_to_log_in_is_a_plain_address_or_nothing(ip: Any) -> None:
    assert instance(ip=ip).ssh is None


def test_nobody_logs_in_before_it_is_active() -> None:
    assert instance(status="booting").ssh is None


@pytest.mark.parametrize("text", ["", "yesterday", "20260732t000000z", "9" * 40, "2026-07-01"])
def test_C7_12_a_date_that_is_none_is_left_out(text: str) -> None:
    assert instance(tags=[{"key": "gs-created", "value": text}]).created_at is None

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.providers.runpod.listing import read_listing
from reconciler.providers.runpod.pods import DISK_USD_PER_GB_HOUR, as_instance
from reconciler.providers.runpod.wire import PodRow
from tests.unit.providers.runpod.rows import MARK, POD, as_received

OTHER = MARK.replace("abcdefgh", "hgfedcba")
DISK = 50 * DISK_USD_PER_GB_HOUR


def instance(**changes: Any) -> Instance:
    return as_instance("runpod", PodRow.model_validate(as_received(POD, **changes)))


def test_a_pod_in_our_words() -> None:
    assert instance() == Instance(
        provider="runpod",
        id="7h9k2m4n6p",
        label=MARK,
        status=InstanceStatus.RUNNING,
        status_text="RUNNING",
        usd_per_hour=Decimal("0.69") + DISK,
        gpu="RTX4090",
        gpu_count=1,
        region="US-KS-2",
        ssh=SshEndpoint("203.0.113.10", 34446, "root"),
        created_at=datetime(2026, 6, 1, 12, tzinfo=UTC),
    )


def test_a_port_is_reached_at_another_number_of_the_same_address() -> None:
    def at(inside: Any, public: Any, kind: str = "tcp", ip: str = "203.0.113.10") -> dict[str, Any]:
        return {"private": inside, "public": public, "type": kind, "ip": ip}

    ports = [
        at(22, 34446), at(8000, 34447), at(8888, 443, "http"), at(9000, 34448, ip="198.51.100.1"),
        at(7000, 0), at(None, 34449), at(443, 34450), None,
    ]  # fmt: skip
    assert instance(runtime={"ports": ports}).ports == ((443, 34450), (8000, 34447))
    assert instance(runtime={"ports": ports}, status="EXITED").ports == ()
    assert instance(runtime={"ports": {}}).ports == ()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PROVISIONING", InstanceStatus.PLACED),
        ("STARTING", InstanceStatus.BOOTING),
        ("RUNNING", InstanceStatus.RUNNING),
        ("EXITED", InstanceStatus.STOPPED),
        ("ERROR", InstanceStatus.FAILED),
        ("running", InstanceStatus.UNKNOWN),
        ("PAUSED", InstanceStatus.UNKNOWN),
        ("DEAD", InstanceStatus.UNKNOWN),
        ("", InstanceStatus.UNKNOWN),
        (None, InstanceStatus.UNKNOWN),
        (7, InstanceStatus.UNKNOWN),
        (["RUNNING"], InstanceStatus.UNKNOWN),
        (..., InstanceStatus.UNKNOWN),
    ],
    ids=str,
)
def test_I13_I32_every_status_has_a_meaning_and_unknown_ones_are_billed(
    word: Any, status: InstanceStatus
) -> None:
    found = instance(status=word)
    assert found.status is status
    assert (found.ssh is not None) == (status is InstanceStatus.RUNNING)


def test_only_their_word_for_it_says_that_a_pod_is_gone() -> None:
    rows = [{**POD, "id": word.lower(), "status": word} for word in ("TERMINATED", "EXITED", "X")]
    found, missing = read_listing("runpod", as_received({"pods": rows}))
    assert [one.id for one in found] == ["exited", "x"]
    assert missing == ""


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({"cost": 0.43000000000000005}, Decimal("0.43") + DISK),
        ({"cost": 0.0}, None),  # nothing that runs is free
        ({"cost": None}, None),
        ({"cost": "0.69"}, None),
        ({"cost": float("nan")}, None),
        ({"cost": -1}, None),
        ({"disk": None}, None),
        ({"status": "EXITED", "cost": 0.0}, DISK),
        ({"status": "EXITED", "cost": 0.0, "mounts": {"persistent": {"size": 50}}}, 3 * DISK),
        ({"mounts": {"persistent": {"size": 50, "path": "/w"}}}, Decimal("0.69") + 2 * DISK),
        ({"mounts": {"persistent": {"size": "50"}}}, Decimal("0.69") + DISK),
        ({"mounts": None}, Decimal("0.69") + DISK),
        ({"status": "EXITED", "cost": None}, None),
        ({"status": "ZOMBIE", "cost": 0}, None),
    ],
    ids=str,
)
def test_C5_a_rate_holds_the_disk_and_is_never_nothing(
    changes: dict[str, Any], rate: Decimal | None
) -> None:
    assert instance(**changes).usd_per_hour == rate


@pytest.mark.parametrize(
    ("name", "env", "label"),
    [
        (MARK, {"GPU_SHOPPER_NODE": OTHER}, MARK),
        ("renamed", {"GPU_SHOPPER_NODE": OTHER}, OTHER),
        ("", {"GPU_SHOPPER_NODE": OTHER}, OTHER),
        ("renamed", {"GPU_SHOPPER_NODE": "no mark"}, "renamed"),
        ("renamed", {"GPU_SHOPPER_NODE": 7}, "renamed"),
        ("renamed", {}, "renamed"),
        ("renamed", None, "renamed"),
        ("renamed", [1], "renamed"),
        ("\ud800", {}, "\\ud800"),
    ],
)
def test_C2_11_the_mark_is_read_from_the_name_and_else_from_our_variable(
    name: str, env: Any, label: str
) -> None:
    assert instance(name=name, env=env).label == label


@pytest.mark.parametrize("name", [..., None, 7, True, ["gs1"], {}])
def test_a_pod_whose_name_cannot_be_read_is_no_row(name: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        instance(name=name)


@pytest.mark.parametrize("pod_id", [..., None, 7, "", "../x", "a b", "-x", "x" * 65, "ä", "a\n"])
def test_a_pod_whose_id_cannot_be_read_is_no_row(pod_id: Any) -> None:
    with pytest.raises(ValueError, match="id"):
        instance(id=pod_id)


def direct(host: Any, port: Any) -> dict[str, Any]:
    return {"proxy": POD["ssh"]["proxy"], "direct": {"host": host, "port": port}}


@pytest.mark.parametrize(
    ("changes", "endpoint"),
    [
        ({}, SshEndpoint("203.0.113.10", 34446, "root")),
        ({"ssh": direct("2001:db8::1", 7)}, SshEndpoint("2001:db8::1", 7, "root")),
        ({"ssh": direct(None, 7)}, SshEndpoint("203.0.113.10", 34446, "root")),
        ({"ssh": None}, SshEndpoint("203.0.113.10", 34446, "root")),
        # the proxy carries no files: it is never handed out
        ({"ssh": direct(None, 7), "runtime": None}, None),
        ({"ssh": direct("-oProxyCommand=reboot", 22), "runtime": None}, None),
        ({"ssh": direct("a.b;reboot", 22), "runtime": None}, None),
        ({"ssh": direct("fe80::1%eth0", 22), "runtime": None}, None),
        ({"ssh": direct("203.0.113.10", 0), "runtime": None}, None),
        ({"ssh": direct("203.0.113.10", 70_000), "runtime": None}, None),
        ({"ssh": direct("203.0.113.10", "22"), "runtime": None}, None),
        ({"ssh": None, "runtime": {"ports": [7, None, {"private": 8888}]}}, None),
        ({"ssh": None, "runtime": {"ports": {"22": 1}}}, None),
    ],
)
def test_where_to_log_in_is_a_plain_address_and_port_or_nothing(
    changes: dict[str, Any], endpoint: SshEndpoint | None
) -> None:
    assert instance(**changes).ssh == endpoint


@pytest.mark.parametrize(
    "moment",
    [None, "", "yesterday", "2026-06-01T12:00:00", 7, "9" * 50, "0001-01-01T00:00:00+23:59"],
)
def test_C7_12_a_date_that_is_none_is_left_out(moment: Any) -> None:
    assert instance(createdAt=moment).created_at is None


def test_a_pod_without_a_gpu_is_there_all_the_same() -> None:
    found = instance(gpu=..., cpu={"id": "cpu3c", "vcpuCount": 4, "memory": 8})
    assert (found.gpu, found.gpu_count) == (None, None)

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.mark import Mark
from reconciler.providers.vastai.instances import as_instance
from reconciler.providers.vastai.wire import InstanceRow
from tests.unit.providers.vastai.rows import INSTANCE, as_received

MARK = str(Mark("0123456789", "train", 0, datetime(2026, 7, 1, tzinfo=UTC), "abcdefgh"))
OTHER = str(Mark("0123456789", "train", 1, datetime(2026, 7, 1, tzinfo=UTC), "hgfedcba"))


def instance(**changes: Any) -> Instance:
    return as_instance("vastai", InstanceRow.model_validate(as_received(INSTANCE, **changes)))


def test_a_row_in_our_words() -> None:
    assert instance() == Instance(
        provider="vastai",
        id="12345678",
        label="gs1-train-0-k3v9",
        status=InstanceStatus.RUNNING,
        status_text="running",
        usd_per_hour=Decimal("0.322500"),
        gpu="RTX4090",
        gpu_count=1,
        region="Texas, US",
        ssh=SshEndpoint("203.0.113.10", 41022, "root"),
        created_at=datetime.fromtimestamp(1790000000, UTC),
    )


def test_where_a_port_is_reached_is_the_hosts_own_number() -> None:
    def at(port: Any) -> list[dict[str, Any]]:
        return [{"HostIp": "0.0.0.0", "HostPort": port}]

    ports = {
        "22/tcp": at("41022"), "8000/tcp": at("41077"), "443/tcp": at("41001"), "9/udp": at("5"),
        "80/tcp": at(80), "81/tcp": at("0"), "82/tcp": None, "70000/tcp": at("7"), "x/tcp": at("8"),
    }  # fmt: skip
    assert instance(ports=ports).ports == ((443, 41001), (8000, 41077))
    behind_a_proxy = {name: one for name, one in ports.items() if name != "22/tcp"}
    assert instance(ports=behind_a_proxy).ports == (), "the proxy has none of them"
    assert instance(ports=ports, actual_status="loading").ports == ()
    assert instance(ports=[8000]).ports == ()


PARKED = {"intended_status": "stopped", "cur_state": "stopped", "next_state": "stopped"}
STATUSES: list[tuple[dict[str, Any], InstanceStatus]] = [
    ({"actual_status": None}, InstanceStatus.PLACED),
    ({"actual_status": None, **PARKED}, InstanceStatus.STOPPED),
    ({"actual_status": "created"}, InstanceStatus.CREATED),
    ({"actual_status": "created", **PARKED}, InstanceStatus.STOPPED),
    (
        {"actual_status": "created", "status_msg": "Error: OCI runtime create failed: x"},
        InstanceStatus.FAILED,
    ),
    ({"actual_status": "loading"}, InstanceStatus.BOOTING),
    ({"actual_status": "loading", "status_msg": "pull access denied for x"}, InstanceStatus.FAILED),
    ({"actual_status": "loading", "status_msg": "manifest unknown"}, InstanceStatus.FAILED),
    ({"actual_status": "scheduling"}, InstanceStatus.BOOTING),
    ({"actual_status": "connecting"}, InstanceStatus.BOOTING),
    ({"actual_status": "rebooting"}, InstanceStatus.BOOTING),
    ({"actual_status": "restarting"}, InstanceStatus.BOOTING),
    ({"actual_status": "running"}, InstanceStatus.RUNNING),
    ({"actual_status": "stopped"}, InstanceStatus.STOPPED),
    ({"actual_status": "stopped", "is_bid": True}, InstanceStatus.STOPPED),
    ({"actual_status": "exited"}, InstanceStatus.FAILED),
    ({"actual_status": "exited", "intended_status": "stopped"}, InstanceStatus.STOPPED),
    ({"actual_status": "frozen"}, InstanceStatus.UNKNOWN),
    ({"actual_status": "unknown"}, InstanceStatus.UNKNOWN),
    ({"actual_status": "offline"}, InstanceStatus.UNKNOWN),
    ({"actual_status": "zombified"}, InstanceStatus.UNKNOWN),
    ({"actual_status": ""}, InstanceStatus.UNKNOWN),
    ({"actual_status": 7}, InstanceStatus.UNKNOWN),
    ({"actual_status": ["running"]}, InstanceStatus.UNKNOWN),
    ({"actual_status": ...}, InstanceStatus.UNKNOWN),
]


@pytest.mark.parametrize(("changes", "status"), STATUSES, ids=str)
def test_I13_I32_every_status_has_a_meaning_and_none_means_gone(
    changes: dict[str, Any], status: InstanceStatus
) -> None:
    assert instance(**changes).status is status


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({}, "0.322500"),
        # while it starts the row counts the disk alone
        ({"actual_status": "loading", "instance": {"totalHour": 0.0125}}, "0.322500"),
        ({"actual_status": "stopped", "instance": {"totalHour": 0.0125}}, "0.012500"),
        ({"actual_status": "stopped", "instance": None}, "0.322500"),
        ({"actual_status": "offline", "instance": {"totalHour": 0.0}}, "0.322500"),
        ({"instance": {"totalHour": 0.4}}, "0.400000"),
        ({"instance": None}, "0.322500"),
        ({"dph_total": None}, None),
        ({"dph_total": "0.3", "instance": {"totalHour": "0.3"}}, None),
        ({"dph_total": float("nan"), "instance": {"totalHour": -1}}, None),
    ],
)
def test_the_rate_is_what_it_will_cost_and_a_doubtful_one_is_none(
    changes: dict[str, Any], rate: str | None
) -> None:
    assert instance(**changes).usd_per_hour == (None if rate is None else Decimal(rate))


@pytest.mark.parametrize(
    ("label", "variable", "seen"),
    [
        (MARK, MARK, MARK),
        (MARK, None, MARK),
        ("renamed by a person", MARK, MARK),
        (None, MARK, MARK),
        (OTHER, MARK, OTHER),
        ("mine", "not a mark", "mine"),
        (None, None, None),
        ("\ud800", None, "\\ud800"),
    ],
)
def test_C2_11_the_mark_is_read_from_the_label_and_else_from_our_variable(
    label: str | None, variable: str | None, seen: str | None
) -> None:
    pairs = [["OTHER", "x"], ["GPU_SHOPPER_NODE", variable]]
    assert instance(label=label, extra_env=pairs).label == seen
    old_form = {"OTHER": "x", "GPU_SHOPPER_NODE": variable}
    assert instance(label=label, extra_env=old_form).label == seen


@pytest.mark.parametrize("pairs", [None, 7, "text", [1, [2], ["a"], {}], {"a": 1}])
def test_C7_4_an_environment_in_another_shape_is_none(pairs: Any) -> None:
    assert instance(label="x", extra_env=pairs).label == "x"


@pytest.mark.parametrize("label", [..., 7, True, ["gs1"], {}])
def test_a_row_whose_label_cannot_be_read_is_no_row(label: Any) -> None:
    with pytest.raises(ValueError, match="label"):
        instance(label=label)


PROXY = SshEndpoint("ssh5.vast.ai", 12344, "root")


@pytest.mark.parametrize(
    ("changes", "endpoint"),
    [
        ({}, SshEndpoint("203.0.113.10", 41022, "root")),
        ({"public_ipaddr": "2001:db8::1"}, SshEndpoint("2001:db8::1", 41022, "root")),
        ({"ports": None}, PROXY),
        ({"ports": [22, 8000]}, PROXY),
        ({"ports": {"22/tcp": []}}, PROXY),
        ({"ports": {"22/tcp": [{"HostPort": "0"}]}}, PROXY),
        ({"ports": {"22/tcp": [{"HostPort": "65536"}]}}, PROXY),
        ({"ports": {"22/tcp": [{"HostPort": "41022 -oX"}]}}, PROXY),
        ({"public_ipaddr": "-oProxyCommand=reboot"}, PROXY),
        ({"public_ipaddr": "fe80::1%eth0"}, PROXY),
        ({"public_ipaddr": None}, PROXY),
        (
            {"ports": None, "image_runtype": "jupyter_direc ssh_proxy"},
            SshEndpoint("ssh5.vast.ai", 12345, "root"),
        ),
        ({"ports": None, "ssh_host": "-oProxyCommand=reboot"}, None),
        ({"ports": None, "ssh_host": "a.b;reboot"}, None),
        ({"ports": None, "ssh_host": "a.b\nHost *"}, None),
        ({"ports": None, "ssh_host": None}, None),
        ({"ports": None, "ssh_port": 70000}, None),
        ({"ports": None, "ssh_port": "22"}, None),
        ({"actual_status": "loading"}, None),
        ({"actual_status": "offline"}, None),
    ],
)
def test_where_to_log_in_is_a_plain_host_and_port_or_nothing(
    changes: dict[str, Any], endpoint: SshEndpoint | None
) -> None:
    assert instance(**changes).ssh == endpoint


@pytest.mark.parametrize("seconds", [None, 0, -1, 10**15, "1790000000", float("nan")])
def test_C7_12_a_date_that_is_none_is_left_out(seconds: Any) -> None:
    assert instance(start_date=seconds).created_at is None

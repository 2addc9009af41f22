"""TensorDock's face by itself: what its vendor's pages and people say, asked in plain HTTP."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.market.errors import MarketError
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.tensordock import TensorDockFace, key_of
from reconciler.market.faces.tensordock_rows import instance_id
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.units import usd
from reconciler.market.world import World
from tests.markets import GIB, START, market_offer, small_world

MINUTE = timedelta(minutes=1)
V0 = "geforcertx4090-pcie-24gb"


class Renter:
    """Somebody with the token, whose calls are far enough apart."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.face = TensorDockFace()
        self.now: datetime = START
        self.authorization = f"Bearer {key_of(world)}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> FaceAnswer:
        self.now += MINUTE
        return self.ask_again(method, path, body, **headers)

    def ask_again(self, method: str, path: str, body: Any = None, **headers: str) -> FaceAnswer:
        """At the same moment as the call before."""
        content = b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": self.authorization, **headers}
        request = FaceRequest.of(method, f"/api/v2/{path}", named, content)
        return self.face.handle_at(self.world, request, self.now)

    def told(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def hosts(self) -> list[dict[str, Any]]:
        found = self.told("GET", "hostnodes")["data"]["hostnodes"]
        assert isinstance(found, list)
        return found

    def order(self, **changes: Any) -> dict[str, Any]:
        """For the first host; ``...`` takes a field away."""
        resources = {"vcpu_count": 8, "ram_gb": 32, "storage_gb": 100, "gpus": {V0: {"count": 1}}}
        asked = {
            "name": "mine",
            "type": "virtualmachine",
            "image": "ubuntu2404",
            "hostnode_id": self.hosts()[0]["id"],
            "resources": resources,
            "useDedicatedIp": True,
            "ssh_key": "ssh-ed25519 AAAA",
            **changes,
        }
        kept = {name: value for name, value in asked.items() if value is not ...}
        return {"data": {"type": "virtualmachine", "attributes": copy.deepcopy(kept)}}

    def create(self, **changes: Any) -> FaceAnswer:
        return self.ask("POST", "instances", self.order(**changes))


@contextmanager
def renter(*offers: Any) -> Iterator[Renter]:
    # "a1" is the id of a host that has public addresses
    with small_world(*(offers or (market_offer("a1"),))) as world:
        yield Renter(world)


def said(answer: FaceAnswer) -> tuple[int, Any]:
    """The status that the body names where it names one, and the text of the error."""
    body = json.loads(answer.body)
    return body.get("status", answer.status), body["error"]


def test_a_token_that_is_none_is_401_and_places_need_none() -> None:
    with renter() as me:
        for given in ("", "Bearer wrong", "Basic x"):
            answer = me.ask("GET", "instances", Authorization=given)
            assert (answer.status, said(answer)[1]) == (401, "Invalid API credentials")
        assert me.ask("GET", "locations", Authorization="").status == 200


def test_places_list_what_is_sold_out_and_hosts_do_not() -> None:
    with renter() as me:
        assert me.create().status == 200
        (place,) = me.told("GET", "locations")["data"]["locations"]
        assert place["gpus"][0]["max_count"] == 1
        assert me.hosts() == []


def test_a_machine_costs_the_sum_of_its_parts() -> None:
    with renter() as me:
        (host,) = me.hosts()
        gpu = host["available_resources"]["gpus"][0]
        assert (gpu["v0Name"], gpu["availableCount"]) == (V0, 1)
        made = json.loads(me.create().body)["data"]
        assert set(made) == {"type", "id", "name", "status"}
        (machine,) = living(me.world, me.now)
        parts = host["pricing"]
        total = gpu["price_per_hr"] + 8 * parts["per_vcpu_hr"] + 32 * parts["per_gb_ram_hr"]
        total += 100 * parts["per_gb_storage_hr"]
        assert float(usd(machine.microusd_per_hour)) == pytest.approx(total)
        assert machine.disk_bytes == 100 * GIB
        assert me.told("GET", f"instances/{made['id']}")["rateHourly"] == pytest.approx(total)


def test_a_machine_says_stopped_at_first_and_has_its_address_late() -> None:
    with renter() as me:
        number = json.loads(me.create().body)["data"]["id"]
        path = f"instances/{number}"
        row = json.loads(me.ask_again("GET", path).body)
        assert (row["status"], "ipAddress" in row) == ("stoppeddisassociated", False)
        me.now += 10 * MINUTE
        row = json.loads(me.ask_again("GET", path).body)
        assert (row["status"], row["portForwards"]) == ("Running", [])
        assert row["ipAddress"]


def test_a_list_comes_in_three_shapes_in_turn() -> None:
    with renter() as me:
        me.world.place_foreign(START, "m")
        shapes = [me.told("GET", "instances")["data"] for _ in range(3)]
    assert shapes[0][0]["name"] == "m"
    assert set(shapes[1]["instances"][0]["attributes"]) == {"name", "status"}
    assert shapes[2]["attributes"]["instances"][0]["attributes"]["name"] == "m"


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"ssh_key_id": "x"}, 400, "Exactly one of ssh_key and ssh_key_id is required"),
        ({"ssh_key": ...}, 400, "Exactly one of ssh_key and ssh_key_id is required"),
        ({"useDedicatedIp": False}, 400, "SSH port (22) must be forwarded for Ubuntu VMs"),
        ({"location_id": "x"}, 400, "Exactly one of location_id and hostnode_id is required"),
        ({"hostnode_id": "nowhere"}, 400, "No available nodes found"),
    ],
)
def test_an_error_in_a_200(changes: Any, status: int, text: str) -> None:
    with renter() as me:
        answer = me.create(**changes)
        assert answer.status == 200
        assert said(answer) == (status, text)
        assert living(me.world, me.now) == ()


@pytest.mark.parametrize(
    ("resources", "text"),
    [
        ({"storage_gb": 99}, "Storage must be at least 100GB"),
        ({"gpus": {V0: {"count": 2}}}, "No available nodes found"),
        ({"vcpu_count": 14}, "No available nodes found"),
    ],
)
def test_resources_that_are_not_sold(resources: Any, text: str) -> None:
    whole = {"vcpu_count": 8, "ram_gb": 32, "storage_gb": 100, "gpus": {V0: {"count": 1}}}
    with renter() as me:
        assert said(me.create(resources={**whole, **resources})) == (400, text)
        assert living(me.world, me.now) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 61},
        {"name": None},
        {"image": 7},
        {"resources": {"gpus": [V0]}},
        {"resources": {"vcpu_count": 7, "ram_gb": 32, "storage_gb": 100, "gpus": {}}},
        {"resources": {"vcpu_count": 8, "ram_gb": 33, "storage_gb": 100, "gpus": {}}},
        {"resources": {"vcpu_count": 8, "ram_gb": 32, "storage_gb": 100, "gpus": {}}},
        {"cloud_init": {"write_files": [{"path": "/x", "content": "", "encoding": "b64"}]}},
    ],
)
def test_a_request_of_the_wrong_form_is_a_list_of_problems(changes: Any) -> None:
    with renter() as me:
        answer = me.create(**changes)
        assert answer.status == 400
        assert isinstance(json.loads(answer.body), list)
        assert living(me.world, me.now) == ()


def test_most_creates_by_place_fail_although_the_place_is_listed() -> None:
    many = [market_offer(f"a{n}") for n in range(1, 13)]
    with renter(*many) as me:
        (place,) = me.told("GET", "locations")["data"]["locations"]
        answers = [me.create(hostnode_id=..., location_id=place["id"]) for _ in range(10)]
        failed = [answer for answer in answers if "error" in json.loads(answer.body)]
        assert len(failed) >= 7
        assert len(living(me.world, me.now)) == 10 - len(failed)


def test_a_host_without_an_address_says_so_and_refuses() -> None:
    many = [market_offer(f"a{n}", base_microusd=400_000 + n) for n in range(40)]
    with renter(*many) as me:
        without = [
            one for one in me.hosts() if not one["available_resources"]["has_public_ip_available"]
        ]
        assert 0 < len(without) < 20
        answer = me.create(hostnode_id=without[0]["id"])
        assert said(answer) == (400, "No available public IPs on hostnode")


def test_a_machine_that_is_deleted_is_denied_afterwards() -> None:
    with renter() as me:
        number = instance_id(me.world.place_foreign(START, "m").id)
        assert me.told("DELETE", f"instances/{number}")["data"]["type"] == "success"
        for method in ("GET", "DELETE"):
            answer = me.ask(method, f"instances/{number}")
            assert (answer.status, said(answer)[1]) == (404, "Instance not found")
        assert living(me.world, me.now) == ()


def test_a_hundred_calls_a_minute() -> None:
    with renter() as me:
        me.told("GET", "secrets")
        statuses = [me.ask_again("GET", "secrets").status for _ in range(100)]
        assert statuses == [200] * 99 + [429]
        assert me.ask("GET", "secrets").status == 200


def test_a_fault_of_the_market_is_answered_in_their_words() -> None:
    with renter() as me:
        fault = Fault(error="unavailable", done=True, carries_id=True)
        me.world.script_fault(fault, "create_instance", times=1)
        answer = me.create()
        (machine,) = living(me.world, me.now)
        assert answer.status == 500
        assert json.loads(answer.body)["data"]["id"] == instance_id(machine.id)
        slow = Fault(error="rate-limited", delay=timedelta(seconds=60))
        me.world.script_fault(slow, "destroy_instance", times=1, instance_id=machine.id)
        late = me.ask("DELETE", f"instances/{instance_id(machine.id)}")
        assert (late.status, late.headers["Retry-After"]) == (429, "60")
        assert len(living(me.world, me.now)) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "instances/7/stop"),
        ("PUT", "instances/7/modify"),
        ("GET", "instances/../secrets"),
    ],
)
def test_what_is_not_simulated_is_404(method: str, path: str) -> None:
    with renter() as me:
        answer = me.ask(method, path)
        assert (answer.status, said(answer)[1]) == (404, "Not found")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"data": 7}'])
def test_a_body_that_cannot_be_read_is_400(body: bytes) -> None:
    with renter() as me:
        headers = {"Authorization": me.authorization}
        request = FaceRequest.of("POST", "/api/v2/instances", headers, body)
        assert me.face.handle_at(me.world, request, me.now).status == 400
        assert living(me.world, me.now) == ()


def test_a_market_that_breaks_is_500(monkeypatch: pytest.MonkeyPatch) -> None:
    with renter() as me:

        def broken(*_: object) -> None:
            raise MarketError("the disk is full")

        monkeypatch.setattr(me.world, "list_machines", broken)
        assert me.ask("GET", "instances").status == 500

"""RunPod's face by itself: what the vendor publishes and people report, asked in plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.market.errors import MarketError
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.runpod import RunpodFace, key_of
from reconciler.market.faces.runpod_names import gpu_id, machine_id, pod_id
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.price_levels import PRICE_LEVELS
from reconciler.market.world import World
from reconciler.model.gpu import resolve_offered
from tests.markets import START, market_offer, small_world

MINUTE = timedelta(minutes=1)
GPU = "NVIDIA GeForce RTX 4090"
ORDER: dict[str, Any] = {
    "name": "mine", "image": "pytorch/pytorch", "gpu": {"id": GPU}, "disk": 20, "ports": ["22/tcp"],
    "env": {"A": "b"}, "startSsh": True,
}  # fmt: skip
STOCK = "/v2/catalog/gpus?include=AVAILABILITY&product=POD"


class Renter:
    """Somebody with the key, whose calls are far enough apart."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.face = RunpodFace()
        self.now: datetime = START
        self.key = key_of(world)

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> FaceAnswer:
        self.now += MINUTE
        return self.ask_again(method, target, body, **headers)

    def ask_again(self, method: str, target: str, body: Any = None, **headers: str) -> FaceAnswer:
        """At the same moment as the call before."""
        named = {"Authorization": f"Bearer {self.key}", **headers}
        content = b"" if body is None else json.dumps(body).encode()
        request = FaceRequest.of(method, target, named, content)
        return self.face.handle_at(self.world, request, self.now)

    def told(self, method: str, target: str, body: Any = None) -> Any:
        answer = self.ask(method, target, body)
        assert answer.status in (200, 201), answer
        return json.loads(answer.body)

    def gpus(self, more: str = "") -> list[dict[str, Any]]:
        found = self.told("GET", STOCK + more)["gpus"]
        assert isinstance(found, list)
        return found

    def rent(self, **changes: Any) -> FaceAnswer:
        made = {**ORDER, **changes}
        return self.ask("POST", "/v2/pods", {n: v for n, v in made.items() if v is not ...})

    def graph(self, query: str, **variables: Any) -> Any:
        """What GraphQL says, with 200 as always."""
        answer = self.ask("POST", "/graphql", {"query": query, "variables": variables})
        assert answer.status == 200, answer
        return json.loads(answer.body)

    @property
    def alive(self) -> int:
        return len(living(self.world, self.now))


@contextmanager
def renter(*offers: Any) -> Iterator[Renter]:
    with small_world(*offers) as world:
        yield Renter(world)


def said(answer: FaceAnswer) -> tuple[int, str]:
    value = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert value["status"] == answer.status
    return answer.status, value["detail"]


def test_a_key_is_asked_for_and_401_is_not_404() -> None:
    with renter() as me:
        assert said(me.ask("GET", "/v2/pods", Authorization="")) == (401, "missing bearer token")
        wrong = me.ask("GET", "/v2/pods", Authorization="Bearer rpa_F")
        assert said(wrong) == (401, "invalid bearer token")
        assert "RateLimit" not in wrong.headers
        assert me.ask("POST", "/graphql", {"query": "{myself{id}}"}, Authorization="").status == 401


def test_the_catalog_is_a_price_list_with_levels_of_stock() -> None:
    kinds = (
        market_offer("a", base_microusd=400_000),
        market_offer("b", base_microusd=430_000),
        market_offer(
            "c", base_microusd=300_000, hosting="community", region="us-ohio", country="US"
        ),
        market_offer(
            "d", base_microusd=1_000_000, gpu_count=4, stock=9, region="fr-x", country="FR"
        ),
    )
    with renter(*kinds) as me:
        (row,) = me.gpus()
        assert row["price"] == {"secure": 0.43, "community": 0.3}  # of one GPU, for all of a kind
        assert row["maxCount"] == {"secure": 4, "community": 1}
        assert row["availability"] == "MEDIUM"
        assert row["dataCenters"] == [
            {"id": "EU-NL-1", "name": "Eu Nl 1", "availability": "MEDIUM"}
        ]
        assert row["cudaVersions"] == [{"version": "12.4", "available": True}]
        (four,) = me.gpus("&count=4")
        assert [one["id"] for one in four["dataCenters"]] == ["EU-FR-1"]
        assert four["availability"] == "HIGH"
        (community,) = me.gpus("&cloud=COMMUNITY")
        assert [one["id"] for one in community["dataCenters"]] == ["US-OH-1"]
        assert "dataCenters" not in me.gpus("&count=3")[0]
        assert me.gpus("&countryCodes=JP") == []
        (plain,) = me.told("GET", "/v2/catalog/gpus")["gpus"]
        assert "availability" not in plain


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?include=AVAILABILITY", 400),
        ("?product=POD", 400),
        ("?count=2", 400),
        ("?include=PRICES&product=POD", 422),
        ("?include=AVAILABILITY&product=PODS", 422),
        ("?include=AVAILABILITY&product=POD&count=0", 422),
        ("?include=AVAILABILITY&product=POD&cloud=ALL", 422),
        ("?include=AVAILABILITY&product=POD&countryCodes=fr", 422),
        ("?include=AVAILABILITY&product=POD&minCudaVersion=x", 422),
        ("?include=AVAILABILITY&product=POD&minCudaVersion=12&cudaVersions=12.8", 400),
    ],
)
def test_the_published_rules_of_the_catalog(query: str, status: int) -> None:
    with renter() as me:
        assert said(me.ask("GET", "/v2/catalog/gpus" + query))[0] == status


def test_data_centers_name_what_they_have() -> None:
    with renter() as me:
        (center,) = me.told("GET", "/v2/catalog/datacenters?include=GPU_AVAILABILITY")[
            "dataCenters"
        ]
        assert (center["id"], center["region"]) == ("EU-NL-1", "EUROPE")
        assert center["gpuAvailability"] == [{"id": GPU, "name": "RTX 4090", "availability": "LOW"}]
        (plain,) = me.told("GET", "/v2/catalog/datacenters")["dataCenters"]
        assert "gpuAvailability" not in plain


def test_a_pod_is_billed_at_the_list_price_and_its_disk_beside_it() -> None:
    with renter(
        market_offer("a", base_microusd=400_000), market_offer("b", base_microusd=500_000)
    ) as me:
        answer = me.rent()
        pod = json.loads(answer.body)
        (machine,) = living(me.world, me.now)
        assert answer.status == 201
        assert (pod["id"], pod["status"], pod["cost"]) == (pod_id(machine.id), "PROVISIONING", 0.5)
        assert (machine.gpu_microusd, machine.disk_microusd) == (500_000, 20 * 138)
        assert (pod["env"], pod["ports"], pod["ssh"]["direct"]) == ({"A": "b"}, ["22/tcp"], None)


def test_a_pod_becomes_reachable_a_little_after_it_runs() -> None:
    with renter() as me:
        pod = json.loads(me.rent().body)
        (machine,) = living(me.world, me.now)
        me.now = machine.running_at
        early = json.loads(me.ask_again("GET", f"/v2/pods/{pod['id']}").body)
        assert (early["status"], early["runtime"]["ports"]) == ("RUNNING", [])
        assert early["ssh"]["direct"] is None
        later = me.told("GET", f"/v2/pods/{pod['id']}")
        assert later["ssh"]["direct"]["host"] == machine.ssh_host
        assert later["runtime"]["ports"][0]["public"] == later["ssh"]["direct"]["port"]


def test_without_port_22_there_is_no_direct_way_in() -> None:
    with renter() as me:
        pod = json.loads(me.rent(ports=...).body)
        me.now += 10 * MINUTE
        seen = me.told("GET", f"/v2/pods/{pod['id']}")
        assert (seen["status"], seen["ssh"]["direct"]) == ("RUNNING", None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": ...}, 422),
        ({"name": ""}, 422),
        ({"image": ...}, 422),
        ({"bogus": 1}, 422),
        ({"gpu": {"id": GPU, "minVcpuCountPerGpu": 8}}, 422),
        ({"gpu": {"count": 1}}, 422),
        ({"gpu": {"id": GPU, "count": 0}}, 422),
        ({"gpu": ...}, 400),
        ({"cpu": {}}, 400),
        ({"gpu": {"id": "NVIDIA Voodoo"}}, 400),
        ({"gpu": {"id": GPU, "count": 16}}, 400),
        ({"gpu": {"id": GPU, "minCudaVersion": "13.0"}}, 400),
        ({"gpu": {"id": GPU, "minCudaVersion": "12.1", "allowedCudaVersions": ["12.4"]}}, 400),
        ({"disk": 0}, 422),
        ({"disk": "20"}, 422),
        ({"disk": 10**6}, 400),
        ({"cloud": "ALL"}, 422),
        ({"cloud": "COMMUNITY"}, 400),
        ({"dataCenterIds": ["US-KS-2"]}, 400),
        ({"dataCenterIds": "EU-NL-1"}, 422),
        ({"env": {"A": 1}}, 422),
        ({"ports": ["22"]}, 422),
        ({"templateId": "x"}, 404),
        ({"name": "x" * 192}, 400),
        ({"mounts": {"persistent": {"size": 20, "path": "/w"}}}, 400),
    ],
    ids=str,
)
def test_the_published_rules_of_a_create(changes: dict[str, Any], status: int) -> None:
    with renter() as me:
        assert said(me.rent(**changes))[0] == status
        assert me.alive == 0


def test_sold_out_has_no_code_of_its_own() -> None:
    with renter() as me:
        assert me.rent().status == 201
        status, detail = said(me.rent())
        assert (status, "no longer any instances" in detail) == (400, True)
        assert me.alive == 1


def test_what_costs_more_than_the_balance_is_402() -> None:
    with renter(market_offer(base_microusd=700_000_000)) as me:
        assert said(me.rent()) == (402, "insufficient balance")


def test_two_pods_may_have_one_name_and_a_listing_has_no_pages() -> None:
    with renter(*[market_offer(f"o{n:03}") for n in range(40)]) as me:
        for n in range(40):
            me.world.place_foreign(START, "twin", offer_id=f"o{n:03}")
        rows = me.told("GET", "/v2/pods")["pods"]
        assert [row["name"] for row in rows] == ["twin"] * 40


def test_a_pod_that_is_gone_is_404_and_a_destroy_answers_nothing() -> None:
    with renter() as me:
        pod = json.loads(me.rent().body)["id"]
        answer = me.ask("DELETE", f"/v2/pods/{pod}")
        assert (answer.status, answer.body) == (204, b"")
        for method in ("GET", "DELETE"):
            assert said(me.ask(method, f"/v2/pods/{pod}")) == (404, "pod not found")
        assert me.alive == 0
        assert me.ask("GET", "/v2/pods/1000001").status == 404


def test_a_stopped_pod_costs_nothing_by_its_row_and_its_disk_by_the_bill() -> None:
    with renter() as me:
        pod = json.loads(me.rent().body)["id"]
        me.now += 10 * MINUTE
        stopped = me.told("POST", f"/v2/pods/{pod}/action", {"action": "stop"})
        assert (stopped["status"], stopped["cost"]) == ("EXITED", 0.0)
        assert stopped["actions"] == ["start", "terminate"]
        (machine,) = living(me.world, me.now)
        assert machine.billed_microusd_at(me.now) == 20 * 138
        assert me.ask("POST", f"/v2/pods/{pod}/action", {"action": "stop"}).status == 409
        assert me.ask("POST", f"/v2/pods/{pod}/action", {"action": "start"}).status == 400
        assert me.ask("POST", f"/v2/pods/{pod}/action", {"action": "dance"}).status == 422
        assert me.ask("POST", f"/v2/pods/{pod}/action", {"action": "terminate"}).status == 204


def test_a_person_may_rename_a_pod() -> None:
    with renter() as me:
        pod = json.loads(me.rent().body)["id"]
        assert me.told("PATCH", f"/v2/pods/{pod}", {"name": "other"})["name"] == "other"
        assert me.ask("PATCH", f"/v2/pods/{pod}", {"disk": 7}).status == 400


def test_sixty_calls_a_minute_over_all_endpoints() -> None:
    with renter() as me:
        first = me.ask("GET", "/v2/pods")
        assert '"minute";r=59;t=60' in first.headers["RateLimit"]
        assert '"day";q=50000;w=86400' in first.headers["RateLimit-Policy"]
        for _ in range(59):
            assert me.ask_again("GET", STOCK).status == 200
        me.now += timedelta(seconds=40)
        late = me.ask_again("DELETE", "/v2/pods/x")
        assert said(late) == (429, "rate limit exceeded for the minute window")
        assert late.headers["Retry-After"] == "20"
        me.now += timedelta(seconds=20)
        assert me.ask_again("GET", "/v2/pods").status == 200


# --- GraphQL ------------------------------------------------------------------------------------


def test_the_account_has_an_id_and_a_balance() -> None:
    with renter() as me:
        me.rent()
        asked = "query Me { myself { id clientBalance currentSpendPerHr spendLimit } }"
        found = me.graph(asked)["data"]["myself"]
        assert found["id"].startswith("user_")
        assert found["clientBalance"] > 0
        assert found["currentSpendPerHr"] == 0.40276


DEPLOY = "mutation D($input: X!) { %s(input: $input) { id name desiredStatus costPerHr podType } }"


def test_spot_is_rented_by_a_bid_and_only_there() -> None:
    both = (
        market_offer("od", capacity_key="h"),
        market_offer("spot", capacity_key="h", spot=True, base_microusd=150_000),
    )
    query = (
        "query Q($gpu: X!, $place: X!) { gpuTypes(input: {id: $gpu}) { id securePrice "
        "lowestPrice(input: $place) { minimumBidPrice uninterruptablePrice stockStatus } } }"
    )
    place = {"gpuCount": 1, "secureCloud": True, "dataCenterId": "EU-NL-1"}
    wanted = {"name": "mine", "imageName": "x", "gpuTypeId": GPU, "gpuCount": 1}
    with renter(*both) as me:
        (row,) = me.graph(query, gpu=GPU, place=place)["data"]["gpuTypes"]
        assert row["lowestPrice"] == {
            "minimumBidPrice": 0.15, "uninterruptablePrice": 0.4, "stockStatus": "Low",
        }  # fmt: skip
        spot = DEPLOY % "podRentInterruptable"
        low = me.graph(spot, input={**wanted, "bidPerGpu": 0.1})
        assert "no longer any instances" in low["errors"][0]["message"]
        assert low["data"] == {"podRentInterruptable": None}
        made = me.graph(spot, input={**wanted, "bidPerGpu": 0.15})["data"]["podRentInterruptable"]
        assert (made["podType"], made["costPerHr"], made["desiredStatus"]) == (
            "INTERRUPTABLE", 0.15, "RUNNING",
        )  # fmt: skip
        (machine,) = living(me.world, me.now)
        assert (machine.offer_id, machine.gpu_microusd) == ("spot", 150_000)


def test_a_pod_that_is_gone_is_null_and_cannot_be_terminated() -> None:
    with renter() as me:
        wanted = {
            "name": "m",
            "imageName": "x",
            "gpuTypeId": GPU,
            "env": [{"key": "A", "value": "b"}],
        }
        pod = me.graph(DEPLOY % "podFindAndDeployOnDemand", input=wanted)
        found = pod["data"]["podFindAndDeployOnDemand"]["id"]
        one = "query Q($id: X!) { pod(input: {podId: $id}) { env runtime { ports { ip } } } }"
        assert me.graph(one, id=found)["data"]["pod"]["env"] == ["A=b"]
        end = "mutation M($id: X!) { podTerminate(input: {podId: $id}) }"
        assert me.graph(end, id=found) == {"data": {"podTerminate": None}}
        assert me.graph(one, id=found)["data"] == {"pod": None}
        assert me.alive == 0
        assert me.graph(end, id=found)["errors"][0]["message"] == "pod not found to terminate"


@pytest.mark.parametrize(
    "query",
    [
        "", "{", "{ nothing }", "{ myself { nothing } }", "{ myself }", "{ myself { id } ",
        "{ myself { id } pod { id } }", "{ myself(input: }", "{ myself { id } } }", "\x00",
        '{ a("b) }', 7, None, "{" * 50, "{ pod(input: " + "[" * 50,
    ],
)  # fmt: skip
def test_a_question_that_is_none_is_an_error(query: Any) -> None:
    with renter() as me:
        answer = me.ask("POST", "/graphql", {"query": query})
        assert "errors" in json.loads(answer.body)


# --- faults -------------------------------------------------------------------------------------


def test_a_fault_of_the_market_is_answered_in_their_words() -> None:
    with renter() as me:
        fault = Fault(error="unavailable", done=True, carries_id=True)
        me.world.script_fault(fault, "create_instance", times=1)
        answer = me.rent()
        (machine,) = living(me.world, me.now)
        assert (answer.status, json.loads(answer.body)["id"]) == (500, pod_id(machine.id))
        slow = Fault(error="rate-limited", delay=timedelta(seconds=60))
        me.world.script_fault(slow, "destroy_instance", times=1, instance_id=machine.id)
        late = me.ask("DELETE", f"/v2/pods/{pod_id(machine.id)}")
        assert (late.status, late.headers["Retry-After"]) == (429, "60")
        assert me.alive == 1


@pytest.mark.parametrize("word", ["unavailable", "auth-refused", "no-capacity", "rate-limited"])
def test_graphql_meets_the_faults_of_a_create_too(word: Any) -> None:
    with renter() as me:
        me.world.script_fault(Fault(error=word), "create_instance", times=1)
        wanted = {"name": "m", "imageName": "x", "gpuTypeId": GPU}
        body = {"query": DEPLOY % "podFindAndDeployOnDemand", "variables": {"input": wanted}}
        answer = me.ask("POST", "/graphql", body)
        assert "errors" in json.loads(answer.body)
        assert me.alive == 0


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("PUT", "/v2/pods"),
        ("GET", "/v2/pods/../account/ssh-keys"),
        ("GET", "/v1/pods"),
        ("GET", "/graphql"),
    ],
)
def test_what_is_not_simulated_is_a_404_that_is_no_problem_document(
    method: str, target: str
) -> None:
    with renter() as me:
        answer = me.ask(method, target)
        assert (answer.status, answer.body) == (404, b"404 page not found")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"disk": NaN}'])
def test_a_body_that_cannot_be_read_creates_nothing(body: bytes) -> None:
    with renter() as me:
        headers = {"Authorization": f"Bearer {me.key}"}
        for target in ("/v2/pods", "/graphql"):
            request = FaceRequest.of("POST", target, headers, body)
            assert me.face.handle_at(me.world, request, me.now).status in (400, 422)
        assert me.alive == 0


def test_a_market_that_breaks_is_500(monkeypatch: pytest.MonkeyPatch) -> None:
    with renter() as me:

        def broken(*_: object) -> None:
            raise MarketError("the disk is full")

        monkeypatch.setattr(me.world, "list_machines", broken)
        assert me.ask("GET", "/v2/pods").status == 500
        assert me.ask("POST", "/graphql", {"query": "{myself{id}}"}).status == 500


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("canonical", sorted(PRICE_LEVELS))
def test_every_gpu_of_the_market_has_a_name_there_that_means_it(canonical: str) -> None:
    found = resolve_offered("runpod", gpu_id(canonical), None)
    assert found is not None
    assert found.name == canonical


def test_ids_of_pods_are_letters_and_digits_and_nobody_elses() -> None:
    assert machine_id(pod_id("1000001")) == "1000001"
    assert not pod_id("1000001").isdigit()
    for other in ("", "q7", "1000001", "0lfls1q7", "LFLS1q7", "../q7", "é"):
        assert machine_id(other) is None

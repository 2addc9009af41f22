"""What each answer of RunPod means: what exists, what is gone, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest

from reconciler.clock import LoopClock
from reconciler.model.errors import (
    AnotherInstance,
    AuthenticationFailed,
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from reconciler.model.instance import InstanceStatus
from reconciler.model.observation import Complete, Partial
from reconciler.model.offer import OfferListing
from reconciler.providers.base import Created, CreateRequest, OfferQuery
from reconciler.providers.runpod import api
from reconciler.providers.runpod.api import RunpodApi
from reconciler.providers.runpod.pods import DISK_USD_PER_GB_HOUR
from reconciler.providers.runpod.provider import RunpodProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.builders import offer
from tests.markets import START
from tests.unit.providers.runpod.rows import GPU, MARK, POD
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
KEY = "rpa_0123456789ABCDEF0123456789ABCDEF"
WHO = {"data": {"myself": {"id": "user_2abc", "clientBalance": 41.27}}}
SECRET = "hf_0123456789"
OFFER_ID = "NVIDIA++RTX+A4500/US-KS-2/SECURE/2"
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILXGDN"
Said = tuple[int, Any]


class Script(httpx.AsyncBaseTransport):
    """Says what it is told, the last thing for ever. GraphQL says ``who``, counted apart."""

    def __init__(self, *said: Said, who: Said = (200, WHO)) -> None:
        self.said = list(said)
        self.who = who
        self.asked: list[httpx.Request] = []
        self.asked_graph: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/graphql":
            self.asked_graph.append(request)
            return _response(*self.who)
        self.asked.append(request)
        return _response(*self.said[min(len(self.asked), len(self.said)) - 1])


def _response(status: int, body: Any) -> httpx.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return httpx.Response(status, stream=httpx.ByteStream(text.encode(errors="replace")))


def ask(
    question: Callable[[RunpodProvider], Awaitable[Result]], *said: Said
) -> tuple[Result, Script]:
    script = Script(*said)
    return ask_over(script, question), script


def ask_over(script: Script, question: Callable[[RunpodProvider], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        clock = LoopClock(START)
        rest, graph = (
            JsonApi(parse_api_base(url), KEY, clock, lambda: 0.5, transport=script)
            for url in ("https://api.runpod.io", "https://api.runpod.io/graphql")
        )
        provider = RunpodProvider("runpod", RunpodApi(rest, graph), clock)
        try:
            return await question(provider)
        finally:
            await provider.close()

    return run_virtual(run)


def refused(
    kind: type[ProviderError],
    question: Callable[[RunpodProvider], Awaitable[Any]],
    *said: Said,
    who: Said = (200, WHO),
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask_over(Script(*said, who=who), question)
    assert type(caught.value) is kind, caught.value.lines()
    everything = " ".join(caught.value.lines())
    assert KEY not in everything
    assert SECRET not in everything
    return caught.value


def request(**changes: Any) -> CreateRequest:
    fields: dict[str, Any] = {
        "mark": MARK,
        "offer": offer(OFFER_ID, provider="runpod"),
        "disk_bytes": 50 * 2**30,
        "image": None,
        "env": {"TOKEN": SECRET},
        "ends_at": START + timedelta(hours=4),
    }
    return CreateRequest(**{**fields, **changes})


def create(provider: RunpodProvider) -> Awaitable[Created]:
    return provider.create_instance(request())


_TITLES = {
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
    404: "Not Found", 409: "Conflict", 422: "Unprocessable Entity", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


def problem(status: int, detail: str = "because", **more: Any) -> Said:
    return status, {"title": _TITLES[status], "status": status, "detail": detail, **more}


FULL = "There are no longer any instances available with the requested specifications."
MADE = (201, {**POD, "status": "PROVISIONING"})

# --- create -------------------------------------------------------------------------------------


def test_a_create_is_sent_as_the_vendor_wants_it() -> None:
    made, script = ask(create, MADE)
    assert made == Created("7h9k2m4n6p", Decimal("0.69") + 50 * DISK_USD_PER_GB_HOUR)
    (sent,) = script.asked
    assert (sent.method, sent.url.path) == ("POST", "/v2/pods")
    assert json.loads(sent.content) == {
        "name": MARK,
        "image": "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404",
        "gpu": {"id": "NVIDIA  RTX A4500", "count": 2},
        "cloud": "SECURE",
        "dataCenterIds": ["US-KS-2"],
        "disk": 50,
        "ports": ["22/tcp"],
        "env": {"TOKEN": SECRET, "GPU_SHOPPER_NODE": MARK},
        "startSsh": True,
    }


def sent_for(**changes: Any) -> dict[str, Any]:
    _, script = ask(lambda provider: provider.create_instance(request(**changes)), MADE)
    body = json.loads(script.asked[0].content)
    assert isinstance(body, dict)
    return body


def test_keys_of_the_fleet_go_where_their_images_look_for_them() -> None:
    sent = sent_for(ssh_public_keys=(PUBLIC, f"{PUBLIC}2"))
    assert sent["env"]["PUBLIC_KEY"] == f"{PUBLIC}\n{PUBLIC}2"
    assert sent["startSsh"] is True
    own = sent_for(env={"PUBLIC_KEY": "ssh-rsa AAAA me\n"}, ssh_public_keys=(PUBLIC,))
    assert own["env"]["PUBLIC_KEY"] == f"ssh-rsa AAAA me\n{PUBLIC}"


def test_ports_are_asked_for_beside_the_one_of_ssh() -> None:
    assert sent_for(ports=(8888, 22))["ports"] == ["22/tcp", "8888/tcp"]


def test_an_offer_of_no_place_names_none() -> None:
    sent = sent_for(offer=offer("NVIDIA+L4/anywhere/COMMUNITY/1", provider="runpod"))
    assert "dataCenterIds" not in sent
    assert (sent["gpu"], sent["cloud"]) == ({"id": "NVIDIA L4", "count": 1}, "COMMUNITY")


@pytest.mark.parametrize(("gib", "disk"), [(50, 50), (0, 1), (20.5, 21)])
def test_a_disk_is_ordered_in_whole_gigabytes_and_never_smaller(gib: float, disk: int) -> None:
    assert sent_for(disk_bytes=int(gib * 2**30))["disk"] == disk


@pytest.mark.parametrize(
    "said",
    [
        (200, POD),
        (202, {"id": "7h9k2m4n6p"}),
        (problem(400, FULL, id="7h9k2m4n6p")),
        (problem(422, id="7h9k2m4n6p")),
        (problem(500, id="7h9k2m4n6p")),
        (problem(401, id="7h9k2m4n6p")),
        (problem(429, id="7h9k2m4n6p")),
    ],
    ids=str,
)
def test_C1_4_an_answer_with_an_id_made_a_machine_whatever_else_it_says(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, create, said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id == "7h9k2m4n6p"


@pytest.mark.parametrize("body", [{"id": "7h9k2m4n6p"}, {**POD, "cost": "0.69"}])
def test_a_pod_that_says_nothing_else_is_made_all_the_same(body: Any) -> None:
    assert ask(create, (201, body))[0] == Created("7h9k2m4n6p", None)


@pytest.mark.parametrize(
    "said",
    [
        (201, {}),
        (201, {**POD, "id": None}),
        (201, {**POD, "id": 7}),
        (201, {**POD, "id": "../x"}),
        (201, ""),
        (201, '{"id": "7h9k'),
        (201, [POD]),
        (200, "<html>"),
        (204, ""),
        (400, ""),
        (400, "<html>Bad Request</html>"),
        (400, {"title": "Bad Request", "status": 500, "detail": FULL}),
        (400, {"title": "Forbidden", "status": 400, "detail": FULL}),
        (400, {"title": "Bad Request", "detail": FULL}),
        (400, {"title": "Bad Request", "status": 400}),
        (problem(400, FULL, id=None)),
        (401, ""),
        (problem(401)),
        (402, ""),
        (403, "<html>blocked</html>"),
        (problem(404, "template not found")),
        (problem(409)),
        (422, {"errors": []}),
        (429, "slow down"),
        (problem(500)),
        (502, "<html>Bad Gateway</html>"),
        (problem(503)),
    ],
    ids=str,
)
def test_I11_what_does_not_say_that_nothing_was_made_may_have_made_it(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, create, said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (problem(400, FULL), InsufficientCapacity),
        (problem(400, "a rule is broken"), InsufficientCapacity),
        (problem(402, "insufficient balance"), CreateRefused),
        (problem(403, "access denied"), OfferGone),
        (problem(422, errors=["$: additional properties 'x' not allowed"]), CreateRefused),
        (problem(429), CreateRefused),
    ],
    ids=str,
)
def test_words_that_say_that_nothing_was_made(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, create, said)


@pytest.mark.parametrize("status", [200, 201, 400, 404, 429, 500, 503])
def test_I26_whatever_is_answered_a_create_is_sent_once(status: int) -> None:
    script = Script((status, {}))
    with pytest.raises(ProviderError):
        ask_over(script, create)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"image": "x" * 1025}, CreateRefused),
        ({"env": {"A B": "1"}}, CreateRefused),
        ({"env": {"A": "x" * 33_000}}, CreateRefused),
        ({"offer": offer("vanished", provider="runpod")}, OfferGone),
    ],
    ids=str,
)
def test_an_order_that_cannot_be_carried_out_is_not_sent(
    changes: dict[str, Any], kind: type[ProviderError]
) -> None:
    script = Script(MADE)
    with pytest.raises(kind):
        ask_over(script, lambda provider: provider.create_instance(request(**changes)))
    assert script.asked == []


def test_I10_a_secret_that_an_error_repeats_is_cut_out() -> None:
    said = problem(422, f"bad value TOKEN={SECRET} for key {KEY}")
    assert "[redacted]" in refused(CreateRefused, create, said).what


def test_I10_nothing_of_a_broken_listing_is_repeated_because_pods_carry_their_environment() -> None:
    body = json.dumps({"pods": [{"env": {"TOKEN": SECRET}}]})
    for said in ((200, body[:-1]), (418, body), (200, f'["{SECRET}"]')):
        refused(UnexpectedResponse, lambda provider: provider.list_instances(), said)


# --- destroy ------------------------------------------------------------------------------------


def destroy(provider: RunpodProvider) -> Awaitable[None]:
    return provider.destroy_instance("7h9k2m4n6p")


def test_a_destroy_is_accepted_only_where_it_says_so() -> None:
    _, script = ask(destroy, (204, ""))
    (sent,) = script.asked
    assert (sent.method, sent.url.path) == ("DELETE", "/v2/pods/7h9k2m4n6p")


NOT_THERE: list[tuple[Said, type[ProviderError]]] = [
    (problem(401, "invalid bearer token"), AuthenticationFailed),
    (problem(403, "access denied"), AuthenticationFailed),
    ((401, ""), AuthenticationFailed),
    ((404, ""), UnexpectedResponse),
    ((404, "404 page not found"), UnexpectedResponse),
    ((404, {"detail": "pod not found"}), UnexpectedResponse),
    ((404, {"title": "Not Found", "status": 200, "detail": "pod not found"}), UnexpectedResponse),
    ((404, {"title": "Oops", "status": 404, "detail": "pod not found"}), UnexpectedResponse),
    (problem(404, "no such route"), UnexpectedResponse),
    (problem(404, "route not found"), UnexpectedResponse),
    (problem(404, "podsy not found"), UnexpectedResponse),
    ((410, ""), UnexpectedResponse),
    ((200, ""), UnexpectedResponse),
    ((200, "<html>"), UnexpectedResponse),
    ((200, []), UnexpectedResponse),
    (problem(409, "pod belongs to a cluster"), UnexpectedResponse),
    (problem(422), UnexpectedResponse),
    (problem(429), RateLimited),
    (problem(500, "pod not found"), ProviderUnavailable),
    ((503, "<html>"), ProviderUnavailable),
]


@pytest.mark.parametrize(
    ("said", "kind"),
    [*NOT_THERE, ((200, {}), UnexpectedResponse), ((202, ""), UnexpectedResponse)],
    ids=str,
)
def test_M3_M4_nothing_else_means_accepted_or_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, destroy, said)


@pytest.mark.parametrize("detail", ["pod not found", "resource not found", "Pod x7 was not found."])
def test_C4_9_their_words_for_a_pod_that_is_gone(detail: str) -> None:
    refused(InstanceNotFound, destroy, problem(404, detail))
    refused(InstanceNotFound, read, problem(404, detail))


@pytest.mark.parametrize("bad", ["../account", "12\r\nX: y", "", "a b", "٣", "9" * 70, "-x"])
def test_bad_input_51_nothing_is_sent_with_an_id_that_no_pod_has(bad: str) -> None:
    script = Script((204, ""))
    with pytest.raises(InstanceNotFound):
        ask_over(script, lambda provider: provider.destroy_instance(bad))
    assert script.asked == []


# --- read ---------------------------------------------------------------------------------------


def read(provider: RunpodProvider) -> Awaitable[Any]:
    return provider.get_instance("7h9k2m4n6p")


def test_a_machine_is_read() -> None:
    found, _ = ask(read, (200, POD))
    assert (found.id, found.status) == ("7h9k2m4n6p", InstanceStatus.RUNNING)


def test_their_word_for_a_deleted_pod_denies_it() -> None:
    refused(InstanceNotFound, read, (200, {**POD, "status": "TERMINATED"}))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        *NOT_THERE,
        ((200, {}), UnexpectedResponse),
        ((200, None), UnexpectedResponse),
        ((200, {**POD, "id": "another"}), AnotherInstance),
        ((200, {**POD, "id": "another", "status": "TERMINATED"}), AnotherInstance),
        ((200, {**POD, "name": None}), UnexpectedResponse),
        ((204, ""), UnexpectedResponse),
    ],
    ids=str,
)
def test_nothing_else_means_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, read, said)


# --- list ---------------------------------------------------------------------------------------


def pods(*ids: str, **changes: Any) -> Said:
    return 200, {"pods": [{**POD, "id": one, **changes} for one in ids]}


def listing(provider: RunpodProvider) -> Awaitable[Complete | Partial]:
    return provider.list_instances()


def test_all_pods_come_at_once_those_of_clusters_too() -> None:
    found, script = ask(listing, pods("a1", "b2", "a1"))
    assert isinstance(found, Complete)
    assert found.account == "user_2abc"
    assert [one.id for one in found.instances] == ["a1", "b2"]
    (sent,) = script.asked
    assert dict(sent.url.params) == {"includeClusterPods": "true"}
    (who,) = script.asked_graph
    assert json.loads(who.content) == {"query": "query { myself { id clientBalance } }"}
    assert KEY not in str(who.url)


@pytest.mark.parametrize("row", [None, 7, {}, {**POD, "id": 7}, {**POD, "name": None}], ids=str)
def test_M1_M2_a_listing_with_a_row_that_cannot_be_read_is_partial(row: Any) -> None:
    found, _ = ask(listing, (200, {"pods": [POD, row]}))
    assert isinstance(found, Partial)
    assert (len(found.instances), found.why) == (1, "1 row(s) could not be read")


@pytest.mark.parametrize("name", ["next", "nextCursor", "hasMore"])
def test_M1_a_listing_that_names_a_next_page_is_partial(name: str) -> None:
    found, _ = ask(listing, (200, {"pods": [POD], name: "x"}))
    assert isinstance(found, Partial)
    assert found.why == "it says that more follow"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        *[(said, kind) for said, kind in NOT_THERE if said[1] != []],
        (problem(404, "pod not found"), UnexpectedResponse),
        ((200, []), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, {"pods": None}), UnexpectedResponse),
        ((200, {"pods": {}}), UnexpectedResponse),
        ((201, {"pods": []}), UnexpectedResponse),
        ((204, ""), UnexpectedResponse),
    ],
    ids=str,
)
def test_M1_a_listing_that_failed_is_never_an_empty_one(
    said: Said, kind: type[ProviderError]
) -> None:
    refused(kind, listing, said)


def graph_error(message: str, **extensions: Any) -> Said:
    return 200, {"errors": [{"message": message, "extensions": extensions}], **WHO}


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        ((401, {"errors": [{"message": "Unauthorized"}]}), AuthenticationFailed),
        ((403, ""), AuthenticationFailed),
        (graph_error("no", code="UNAUTHENTICATED"), AuthenticationFailed),
        (graph_error("no", code="FORBIDDEN"), AuthenticationFailed),
        (graph_error("something went wrong"), UnexpectedResponse),
        ((200, {"errors": "no", **WHO}), UnexpectedResponse),
        ((200, {"data": None}), UnexpectedResponse),
        ((200, {"data": {"myself": None}}), UnexpectedResponse),
        ((200, {"data": {"myself": {"id": 7}}}), UnexpectedResponse),
        ((200, {"data": {"myself": {"id": ""}}}), UnexpectedResponse),
        ((200, {"data": [WHO]}), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((400, WHO), UnexpectedResponse),
        ((429, ""), RateLimited),
        ((500, WHO), ProviderUnavailable),
    ],
    ids=str,
)
def test_an_error_inside_200_is_an_error_and_without_an_account_nothing_is_listed(
    who: Said, kind: type[ProviderError]
) -> None:
    refused(kind, listing, pods("a1"), who=who)


@pytest.mark.parametrize(
    ("said", "dollars"), [(41.27, "41.270000"), (-3, "-3.000000"), (0, "0.000000")]
)
def test_the_balance_is_told_below_zero_too(said: Any, dollars: str) -> None:
    who = (200, {"data": {"myself": {"id": "user_2abc", "clientBalance": said}}})
    script = Script(who=who)
    assert ask_over(script, lambda provider: provider.balance()) == Decimal(dollars)
    assert script.asked == []


@pytest.mark.parametrize("said", [None, "41.27", float("nan"), True, []])
def test_a_balance_that_is_none_is_an_error_and_the_account_is_known_all_the_same(
    said: Any,
) -> None:
    who = (200, {"data": {"myself": {"id": "user_2abc", "clientBalance": said}}})
    refused(UnexpectedResponse, lambda provider: provider.balance(), who=who)
    found = ask_over(Script(pods("a1"), who=who), listing)
    assert found.account == "user_2abc"


# --- offers -------------------------------------------------------------------------------------


def offers_of(query: OfferQuery) -> tuple[Any, Script]:
    return ask(lambda provider: provider.list_offers(query), (200, {"gpus": [GPU]}))


def test_offers_are_asked_for_by_cloud_and_number_of_gpus() -> None:
    found, script = offers_of(OfferQuery(gpu_counts=frozenset({3})))
    asked = [dict(one.url.params) for one in script.asked]
    common = {"include": "AVAILABILITY", "product": "POD", "count": "3"}
    assert asked == [{**common, "cloud": "SECURE"}, {**common, "cloud": "COMMUNITY"}]
    assert len(found.offers) == 4
    assert len(offers_of(OfferQuery())[1].asked) == 8


SPOT = {
    "id": "NVIDIA GeForce RTX 4090",
    "memoryInGb": 24,
    "lowestPrice": {"minimumBidPrice": 0.21, "stockStatus": "High"},
}
ONLY_SPOT = OfferQuery(kinds=frozenset({True}), gpu_counts=frozenset({2}))


def spot_offers(who: Said) -> OfferListing:
    return ask_over(Script((500, ""), who=who), lambda provider: provider.list_offers(ONLY_SPOT))


def test_spot_is_offered_at_the_lowest_bid_of_each_cloud() -> None:
    secure, community = spot_offers((200, {"data": {"gpuTypes": [SPOT]}})).offers
    assert secure.id == "NVIDIA+GeForce+RTX+4090/anywhere/SECURE/2/spot"
    assert (secure.spot, secure.usd_per_hour, secure.stock) == (True, Decimal("0.42"), 64)
    assert (community.hosting, community.gpu_count) == ("community", 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lowestPrice": {"minimumBidPrice": None, "stockStatus": "High"}}, None),
        ({"lowestPrice": {"minimumBidPrice": "0.2", "stockStatus": "High"}}, None),
        ({"lowestPrice": {"minimumBidPrice": 0.2, "stockStatus": None}}, None),
        ({"lowestPrice": None}, None),
        ({"lowestPrice": {"minimumBidPrice": 0.2, "stockStatus": "Lots"}}, "an unknown level of"),
        ({"id": "NVIDIA Voodoo 2"}, "unknown GPU NVIDIA Voodoo 2"),
        ({"id": 7}, "no usable id"),
        ({"memoryInGb": "24"}, "no usable memoryInGb"),
    ],
    ids=str,
)
def test_what_nobody_can_bid_for_is_no_offer(changes: dict[str, Any], reason: str | None) -> None:
    found = spot_offers((200, {"data": {"gpuTypes": [{**SPOT, **changes}]}}))
    assert found.offers == ()
    assert [one.startswith(reason or "-") for one in found.unusable] == [True] * bool(reason)


@pytest.mark.parametrize(
    "who", [(500, ""), (200, {"data": {"gpuTypes": None}}), (200, {"errors": [{}], "data": {}})]
)
def test_spot_prices_that_cannot_be_read_leave_what_is_on_demand(who: Said) -> None:
    script = Script((200, {"gpus": [GPU]}), who=who)
    query = OfferQuery(gpu_counts=frozenset({1}))
    found = ask_over(script, lambda provider: provider.list_offers(query))
    assert len(found.offers) == 4
    (reason,) = found.unusable
    assert reason.startswith("spot prices could not be read")


def test_a_key_that_is_refused_is_said_also_where_only_spot_asked() -> None:
    question = ONLY_SPOT
    refused(AuthenticationFailed, lambda p: p.list_offers(question), who=(401, ""))


# --- bids ---------------------------------------------------------------------------------------

BID = offer("NVIDIA+L4/anywhere/SECURE/2/spot", "0.42", spot=True, provider="runpod")


def bid(provider: RunpodProvider) -> Awaitable[Created]:
    return provider.create_instance(request(offer=BID))


def placed(pod: Any, *errors: Any, status: int = 200) -> Said:
    told = {"data": {"podRentInterruptable": pod}}
    return status, {**told, "errors": list(errors)} if errors else told


def test_a_bid_goes_through_graphql_once_with_its_price_for_one_gpu() -> None:
    script = Script((500, ""), who=placed({"id": "7h9k2m4n6p", "costPerHr": 0.42}))
    assert ask_over(script, bid) == Created("7h9k2m4n6p", None)
    assert script.asked == []
    (sent,) = script.asked_graph
    body = json.loads(sent.content)
    assert "podRentInterruptable" in body["query"]
    given = body["variables"]["input"]
    assert (given["gpuTypeId"], given["gpuCount"], given["bidPerGpu"]) == ("NVIDIA L4", 2, 0.21)
    assert {"key": "GPU_SHOPPER_NODE", "value": MARK} in given["env"]
    assert (given["name"], given["cloudType"], given["ports"]) == (MARK, "SECURE", "22/tcp")


@pytest.mark.parametrize(
    "said",
    [
        placed({"id": "7h9k2m4n6p"}, {"message": FULL}),
        placed({"id": "7h9k2m4n6p"}, status=500),
        placed({"id": "7h9k2m4n6p"}, status=201),
    ],
    ids=str,
)
def test_C1_4_a_bid_that_is_answered_with_an_id_made_a_pod(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, bid, who=said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id == "7h9k2m4n6p"


NOT_RUN = {"message": "x", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (placed(None, {"message": FULL}), InsufficientCapacity),
        ((200, {"errors": [{"message": FULL}]}), InsufficientCapacity),
        ((400, {"errors": [NOT_RUN]}), CreateRefused),
        (placed(None), CreateOutcomeUnknown),
        (placed(None, {"message": "internal error"}), CreateOutcomeUnknown),
        (
            placed(None, {"message": "x"}, NOT_RUN, {"extensions": {"code": "E"}}),
            CreateOutcomeUnknown,
        ),
        (placed({"name": MARK}, {"message": FULL}), CreateOutcomeUnknown),
        (placed({"id": 7}, {"message": FULL}), CreateOutcomeUnknown),
        (placed({"id": 7}), CreateOutcomeUnknown),
        (placed(None, {"message": FULL}, status=500), CreateOutcomeUnknown),
        ((401, {"errors": [NOT_RUN]}), CreateOutcomeUnknown),
        ((200, "<html>"), CreateOutcomeUnknown),
        ((200, []), CreateOutcomeUnknown),
        ((429, ""), CreateOutcomeUnknown),
    ],
    ids=str,
)
def test_I11_what_a_bid_may_have_made_unless_it_says_that_it_did_not(
    said: Said, kind: type[ProviderError]
) -> None:
    script = Script(who=said)
    with pytest.raises(kind) as caught:
        ask_over(script, bid)
    assert type(caught.value) is kind
    assert len(script.asked_graph) == 1


@pytest.mark.parametrize(
    "said", [(200, {}), (200, {"gpus": None}), (200, {"gpus": {}}), (200, []), (200, "<html>")]
)
def test_a_catalog_without_a_list_is_no_market_without_offers(said: Said) -> None:
    refused(UnexpectedResponse, lambda provider: provider.list_offers(OfferQuery()), said)


def test_calls_of_a_minute_stay_below_sixty_whatever_is_asked() -> None:
    others = (api.CATALOG, api.LIST, api.READ, api.DESTROY)
    assert {one.shared for one in others} == {api.ALL_BUT_CREATES}
    assert api.CREATE.shared is None
    paces = (api.ALL_BUT_CREATES, api.CREATE.pace)
    assert sum(pace.calls * 60 / pace.seconds for pace in paces) < 60
    assert all(one.pace.calls < api.ALL_BUT_CREATES.calls for one in others)

"""What each answer of TensorDock means: what exists, what is gone, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import anyio
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
from reconciler.planning.offer_matching import match_offers
from reconciler.providers.base import Created, CreateRequest, OfferQuery
from reconciler.providers.tensordock.api import TensorDockApi
from reconciler.providers.tensordock.opening import account_of
from reconciler.providers.tensordock.provider import DETAILS_MAX, TensorDockProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.builders import fleet, offer
from tests.markets import START
from tests.unit.providers.scripted import Said, Script
from tests.unit.providers.tensordock.rows import (
    HOST,
    ID,
    INSTANCE,
    KEY,
    SECRETS,
    SHORT,
    V0,
    error,
)
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "hf_0123456789"
MARK = "gs1-0123456789-train-0-0thsbkw-abcdefgh"
OFFER = f"{HOST['id']}:{V0}:1:8:32"
ALWAYS = {"/api/v2/secrets": SECRETS}


def ask(
    question: Callable[[TensorDockProvider], Awaitable[Result]], *said: Said
) -> tuple[Result, Script]:
    script = Script(*said, always=ALWAYS)
    return ask_over(script, question), script


def ask_over(script: Script, question: Callable[[TensorDockProvider], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        clock = LoopClock(START)
        base = parse_api_base("https://dashboard.tensordock.com/api/v2")
        door = JsonApi(base, TOKEN, clock, lambda: 0.5, transport=script)
        account = account_of(TOKEN)
        provider = TensorDockProvider("tensordock", TensorDockApi(door), clock, account)
        try:
            return await question(provider)
        finally:
            await provider.close()

    return run_virtual(run)


def refused(
    kind: type[ProviderError],
    question: Callable[[TensorDockProvider], Awaitable[Any]],
    *said: Said,
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(question, *said)
    assert type(caught.value) is kind, caught.value.lines()
    everything = " ".join(caught.value.lines())
    assert TOKEN not in everything
    assert SECRET not in everything
    return caught.value


def request(**changes: Any) -> CreateRequest:
    fields: dict[str, Any] = {
        "mark": MARK,
        "offer": offer(OFFER, provider="tensordock"),
        "disk_bytes": 50 * 2**30,
        "image": None,
        "env": {"TOKEN": SECRET},
        "ends_at": START + timedelta(hours=4),
    }
    return CreateRequest(**{**fields, **changes})


def create(provider: TensorDockProvider) -> Awaitable[Created]:
    return provider.create_instance(request())


ROW = {"type": "virtualmachine", "id": ID, "name": MARK, "status": "running"}
MADE = (200, {"data": ROW})
BAD_KEY = error("Invalid API credentials")
NO_NODES = "No available nodes found"
INVALID = [{"code": "invalid_type", "message": "Required", "path": ["data"]}]

# --- create -------------------------------------------------------------------------------------


def test_a_create_is_sent_as_the_vendor_wants_it() -> None:
    made, script = ask(create, MADE)
    assert made == Created(ID, None)
    (sent,) = script.asked
    assert (sent.method, sent.url.path) == ("POST", "/api/v2/instances")
    body = json.loads(sent.content)
    asked = body["data"].pop("attributes")
    cloud_init = asked.pop("cloud_init")
    assert body == {"data": {"type": "virtualmachine"}}
    assert asked == {
        "name": MARK,
        "type": "virtualmachine",
        "image": "ubuntu2404_ml_everything",
        "hostnode_id": HOST["id"],
        "resources": {
            "vcpu_count": 8,
            "ram_gb": 32,
            "storage_gb": 100,
            "gpus": {V0: {"count": 1}},
        },
        "useDedicatedIp": True,
        "ssh_key": KEY,
    }
    (file,) = cloud_init["write_files"]
    assert "encoding" not in file
    assert file["content"] == f"\nTOKEN={SECRET}\nGPU_SHOPPER_NODE={MARK}\n"
    root, user, environment = cloud_init["runcmd"]
    assert f"'{KEY}' >> /root/.ssh/authorized_keys" in root
    assert f"'{KEY}' >> /home/user/.ssh/authorized_keys" in user
    assert "chown -R user:user /home/user/.ssh" in user
    assert environment == f"cat {file['path']} >> /etc/environment"


def test_keys_of_the_order_take_the_place_of_the_accounts() -> None:
    keys = ("ssh-ed25519 AAAA1", "ssh-ed25519 AAAA2")
    wanted = request(ssh_public_keys=keys, setup="make it so", vm_image="debian12")
    _, script = ask(lambda provider: provider.create_instance(wanted), MADE)
    asked = json.loads(script.asked[0].content)["data"]["attributes"]
    assert (asked["ssh_key"], asked["image"]) == (keys[0], "debian12")
    commands = asked["cloud_init"]["runcmd"]
    assert all(f"'{key}'" in commands[0] for key in keys)
    setup = asked["cloud_init"]["write_files"][1]
    assert commands[-1] == f"sh {setup['path']}"
    assert setup["content"].endswith("\nmake it so\n")


@pytest.mark.parametrize(("gib", "gb"), [(20, 100), (100, 100), (101, 150), (150.5, 200)])
def test_a_disk_is_ordered_in_steps_and_never_smaller(gib: float, gb: int) -> None:
    wanted = request(disk_bytes=int(gib * 2**30))
    _, script = ask(lambda provider: provider.create_instance(wanted), MADE)
    resources = json.loads(script.asked[0].content)["data"]["attributes"]["resources"]
    assert resources["storage_gb"] == gb


@pytest.mark.parametrize(
    "said",
    [
        (200, {"status": 400, "error": NO_NODES, "data": {"id": ID}}),
        (400, {"error": NO_NODES, "data": ROW}),
        (401, {**BAD_KEY, "data": ROW}),
        (202, {"data": ROW}),
        (500, {"error": "x", "data": ROW}),
    ],
    ids=str,
)
def test_C1_4_an_answer_with_an_id_made_a_machine_whatever_else_it_says(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, create, said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id == ID


@pytest.mark.parametrize(
    "said",
    [
        (200, {}),
        (200, {"data": None}),
        (200, {"data": {}}),
        (200, {"data": {"id": ""}}),
        (200, {"data": {"id": 7}}),
        (200, {"data": {"id": "../x"}}),
        (200, {"data": [ROW]}),
        (200, "<html>"),
        (200, '{"data": {"id": "0fb9'),
        (200, "null"),
        (200, []),
        (200, error("something new", 400)),
        (200, error("unexpected error during deployment", 400)),
        (200, error("Load balancer timed out", 400)),
        (200, error("could not write ssh_key to the machine", 400)),
        (200, error("insufficient time to confirm the deployment", 400)),
        (200, error(NO_NODES, 500)),
        (200, {**error(NO_NODES, 400), "data": None}),
        (400, error("something new")),
        (400, {"error": {"text": NO_NODES}}),
        (400, ""),
        (400, NO_NODES),
        (401, BAD_KEY),
        (403, error("Access denied")),
        (404, ""),
        (404, error("Instance not found")),
        (409, error("conflict")),
        (429, "<html>"),
        (500, error(NO_NODES)),
        (502, "<html>Bad Gateway</html>"),
        (504, ""),
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
        ((200, error(NO_NODES, 400)), InsufficientCapacity),
        ((400, error(NO_NODES)), InsufficientCapacity),
        ((200, error("Insufficient capacity", 400)), InsufficientCapacity),
        ((200, error("No available public IPs on hostnode", 400)), InsufficientCapacity),
        ((200, error("Hostnode unavailable", 400)), InsufficientCapacity),
        ((200, error("GPU is out of stock", 400)), InsufficientCapacity),
        ((200, error("You need at least $1 to deploy", 400)), CreateRefused),
        ((200, error("Insufficient funds", 400)), CreateRefused),
        ((200, error("ssh_key is required", 400)), CreateRefused),
        ((200, error("Your balance is too low", 402)), CreateRefused),
        ((200, error("SSH port (22) must be forwarded for Ubuntu VMs", 400)), CreateRefused),
        ((400, INVALID), CreateRefused),
        ((422, INVALID), CreateRefused),
        ((429, error("Rate limit exceeded. Please try again later.")), CreateRefused),
        ((400, {"errors": [{"status": "400", "title": "x", "detail": NO_NODES}]}),
         InsufficientCapacity),
    ],
    ids=str,
)  # fmt: skip
def test_words_that_say_that_nothing_was_made(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, create, said)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
def test_I26_whatever_is_answered_a_create_is_sent_once(status: int) -> None:
    script = Script((status, {}), always=ALWAYS)
    with pytest.raises(ProviderError):
        ask_over(script, create)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"image": "pytorch/pytorch"}, CreateRefused),
        ({"vm_image": "UP x"}, CreateRefused),
        ({"env": {"A B": "1"}}, CreateRefused),
        ({"env": {"A": "two\nlines"}}, CreateRefused),
        ({"setup": "x" * 600_000}, CreateRefused),
        ({"offer": offer("vanished")}, OfferGone),
    ],
    ids=str,
)
def test_an_order_that_cannot_be_carried_out_is_not_sent(
    changes: dict[str, Any], kind: type[ProviderError]
) -> None:
    script = Script(MADE, always=ALWAYS)
    with pytest.raises(kind):
        ask_over(script, lambda provider: provider.create_instance(request(**changes)))
    assert script.asked == []


@pytest.mark.parametrize(
    "secrets",
    [
        (200, {"data": {"secrets": []}}),
        (200, {"data": {"secrets": SECRETS["data"]["secrets"][:1]}}),
        (200, {"data": None}),
        (200, {"data": {"secrets": [7]}}),
        (200, {"data": [{"secret_type": "SSHKEY", "value": "-----BEGIN PRIVATE KEY-----"}]}),
        (401, BAD_KEY),
        (503, ""),
    ],
    ids=str,
)
def test_without_a_key_nothing_is_ordered_and_surely_nothing_exists(secrets: Said) -> None:
    script = Script(secrets)
    with pytest.raises(CreateRefused):
        ask_over(script, create)
    assert {one.method for one in script.asked} == {"GET"}


def test_I10_a_secret_that_an_error_repeats_is_cut_out() -> None:
    found = refused(
        CreateRefused, create, (200, error(f"balance of {TOKEN} with TOKEN={SECRET}", 400))
    )
    assert "[redacted]" in found.what


# --- delete -------------------------------------------------------------------------------------


def destroy(provider: TensorDockProvider) -> Awaitable[None]:
    return provider.destroy_instance(ID)


DELETED = {"data": {"type": "success", "attributes": {"message": "Instance deleted successfully"}}}


@pytest.mark.parametrize("said", [(200, DELETED), (200, {"success": True}), (204, "")])
def test_a_destroy_is_accepted_only_where_it_says_so(said: Said) -> None:
    _, script = ask(destroy, said)
    (sent,) = script.asked
    assert (sent.method, sent.url.path) == ("DELETE", f"/api/v2/instances/{ID}")


@pytest.mark.parametrize(
    "said", [(404, error("Instance not found")), (200, error("instance not found.", 404))]
)
def test_C4_9_their_words_for_a_machine_that_is_gone(said: Said) -> None:
    refused(InstanceNotFound, destroy, said)
    refused(InstanceNotFound, read, said)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((401, BAD_KEY), AuthenticationFailed),
        ((401, ""), AuthenticationFailed),
        ((403, error("Access denied")), AuthenticationFailed),
        ((404, BAD_KEY), AuthenticationFailed),
        ((403, ""), UnexpectedResponse),
        ((404, ""), UnexpectedResponse),
        ((404, "Instance not found"), UnexpectedResponse),
        ((404, error("Not found")), UnexpectedResponse),
        ((404, error("Secret not found")), UnexpectedResponse),
        ((410, error("Instance not found")), UnexpectedResponse),
        ((400, error("Instance not found")), UnexpectedResponse),
        ((200, error("Instance not found")), UnexpectedResponse),
        ((200, error("x", 400)), UnexpectedResponse),
        ((200, ""), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, {"success": "true"}), UnexpectedResponse),
        ((200, {"data": {"type": "error"}}), UnexpectedResponse),
        ((200, INVALID), UnexpectedResponse),
        ((429, error("Rate limit exceeded. Please try again later.")), RateLimited),
        ((429, "<html>"), RateLimited),
        ((500, error("Instance not found")), ProviderUnavailable),
        ((200, error("Unexpected error", 500)), ProviderUnavailable),
        ((503, "<html>"), ProviderUnavailable),
    ],
    ids=str,
)
def test_M3_M4_nothing_else_means_accepted_or_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, destroy, said)


@pytest.mark.parametrize("bad", ["../secrets", "12\r\nX: y", "", "a b", "٣", "9" * 70])
def test_bad_input_51_nothing_is_sent_with_what_is_no_id(bad: str) -> None:
    script = Script((200, DELETED), always=ALWAYS)
    with pytest.raises(InstanceNotFound):
        ask_over(script, lambda provider: provider.destroy_instance(bad))
    assert script.asked == []


# --- read ---------------------------------------------------------------------------------------


def read(provider: TensorDockProvider) -> Awaitable[Any]:
    return provider.get_instance(ID)


@pytest.mark.parametrize(
    "body",
    [
        INSTANCE,
        {"data": INSTANCE},
        {"data": {"id": ID, "type": "virtualmachine", "attributes": INSTANCE}},
    ],
    ids=["flat", "in data", "in attributes"],
)
def test_a_machine_is_read_in_each_of_its_shapes(body: Any) -> None:
    found, _ = ask(read, (200, body))
    assert (found.id, found.status) == (ID, InstanceStatus.RUNNING)


def test_C2_16_a_machine_that_says_that_it_is_no_more_is_denied() -> None:
    refused(InstanceNotFound, read, (200, {**INSTANCE, "status": "Terminated"}))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((404, ""), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, {"data": None}), UnexpectedResponse),
        ((200, {"data": []}), UnexpectedResponse),
        ((200, []), UnexpectedResponse),
        ((200, {**INSTANCE, "id": "other", "status": "deleted"}), AnotherInstance),
        ((200, {**INSTANCE, "name": 7}), UnexpectedResponse),
        ((200, error("x", 404)), UnexpectedResponse),
        ((500, error("Instance not found")), ProviderUnavailable),
    ],
    ids=str,
)
def test_nothing_else_means_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, read, said)


# --- list ---------------------------------------------------------------------------------------


def rows(*ids: str, **changes: Any) -> list[dict[str, Any]]:
    return [{**INSTANCE, "id": one, **changes} for one in ids]


def listing(*said: Said) -> tuple[Complete | Partial, Script]:
    return ask(lambda provider: provider.list_instances(), *said)


def test_a_list_is_whole_and_belongs_to_the_token() -> None:
    found, script = listing((200, {"data": rows("a", "b", "b")}))
    assert isinstance(found, Complete)
    assert found.account == account_of(TOKEN) != account_of(TOKEN[::-1])
    assert TOKEN not in found.account
    assert [one.id for one in found.instances] == ["a", "b"]
    assert len(script.asked) == 1


def test_what_has_ended_is_not_listed_any_more() -> None:
    both = [*rows("a"), *rows("b", status="Terminated")]
    found, _ = listing((200, {"data": both}))
    assert isinstance(found, Complete)
    assert [one.id for one in found.instances] == ["a"]


def test_a_row_without_a_price_is_read_once_by_itself() -> None:
    async def twice(provider: TensorDockProvider) -> Complete | Partial:
        await provider.list_instances()
        return await provider.list_instances()

    short = (200, {"data": {"instances": [SHORT]}})
    found, script = ask(twice, short, (200, INSTANCE), short)
    assert isinstance(found, Complete)
    assert str(found.instances[0].usd_per_hour) == "0.446600"
    assert [one.url.path[-9:] for one in script.asked] == ["instances", ID[-9:], "instances"]


def test_a_short_row_has_the_address_that_was_read_by_itself() -> None:
    found, _ = listing((200, {"data": {"instances": [SHORT]}}), (200, INSTANCE))
    ssh = found.instances[0].ssh
    assert ssh is not None
    assert (ssh.host, ssh.port) == ("203.0.113.71", 20456)


def test_a_machine_without_an_address_yet_is_read_again() -> None:
    async def twice(provider: TensorDockProvider) -> Complete | Partial:
        await provider.list_instances()
        return await provider.list_instances()

    short = (200, {"data": {"instances": [SHORT]}})
    young = {**INSTANCE, "ipAddress": None, "portForwards": []}
    found, _ = ask(twice, short, (200, young), short, (200, INSTANCE))
    assert found.instances[0].ssh is not None


def test_a_price_that_cannot_be_read_is_none_and_the_list_is_whole() -> None:
    found, _ = listing((200, {"data": {"instances": [SHORT]}}), (500, ""))
    assert isinstance(found, Complete)
    assert found.instances[0].usd_per_hour is None


def test_not_more_than_some_rows_are_read_by_themselves() -> None:
    many = [{**SHORT, "id": f"m{n}"} for n in range(100)]
    said = [(200, {"data": many}), *((200, {**INSTANCE, "id": f"m{n}"}) for n in range(100))]
    found, script = listing(*said)
    assert len(found.instances) == 100
    assert len(script.asked) == 1 + DETAILS_MAX


class SlowScript(Script):
    """Each answer takes seven seconds, and is for the id that was asked for."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await LoopClock(START).sleep(7)
        name = request.url.path.rpartition("/")[2]
        if name != "instances":
            self.said = [(200, {**INSTANCE, "id": name})]
        return await super().handle_async_request(request)


def test_I9_rows_that_are_short_are_read_several_at_a_time() -> None:
    """What has ended is destroyed only after the listing: eight rows took a minute."""
    script = SlowScript((200, {"data": [{**SHORT, "id": f"m{n}"} for n in range(8)]}))

    async def timed(provider: TensorDockProvider) -> float:
        begun = anyio.current_time()
        found = await provider.list_instances()
        assert len([one for one in found.instances if one.usd_per_hour]) == 8
        return anyio.current_time() - begun

    assert ask_over(script, timed) < 4 * 7
    assert len(script.asked) == 9


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"data": rows("a"), "links": {"next": "x"}}, "more follow"),
        ({"data": {"instances": rows("a"), "next_page": 2}}, "more follow"),
        ({"data": rows("a"), "meta": {"total": 2}}, "1 of 2"),
        ({"data": [*rows("a"), None]}, "1 row(s)"),
        ({"data": [*rows("a"), {"id": "../x", "name": "x"}]}, "1 row(s)"),
        ({"data": rows("a", name=7)}, "1 row(s)"),
        ({"data": rows("a", attributes=[])}, "1 row(s)"),
    ],
    ids=str,
)
def test_M1_M2_a_listing_that_may_miss_something_is_partial(body: Any, why: str) -> None:
    found, _ = listing((200, body))
    assert isinstance(found, Partial)
    assert why in found.why


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((401, BAD_KEY), AuthenticationFailed),
        ((404, ""), UnexpectedResponse),
        ((404, error("Instance not found")), UnexpectedResponse),
        ((200, []), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, {"data": None}), UnexpectedResponse),
        ((200, {"data": {}}), UnexpectedResponse),
        ((200, {"data": {"virtualmachines": []}}), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((200, {"data": [], **error("Unexpected error", 400)}), UnexpectedResponse),
        ((200, {"data": [], **error("Unexpected error", 503)}), ProviderUnavailable),
        ((503, {"data": []}), ProviderUnavailable),
        ((429, error("Rate limit exceeded. Please try again later.")), RateLimited),
    ],
    ids=str,
)
def test_M1_a_listing_that_failed_is_never_an_empty_one(
    said: Said, kind: type[ProviderError]
) -> None:
    refused(kind, lambda provider: provider.list_instances(), said)


# --- offers -------------------------------------------------------------------------------------


def test_offers_are_those_of_the_models_that_are_wanted() -> None:
    said = (200, {"data": {"hostnodes": [HOST, {"id": "x"}]}})
    query = OfferQuery(frozenset({"RTX4090"}), gpu_counts=frozenset({1}))
    found, _ = ask(lambda provider: provider.list_offers(query), said)
    assert len(found.offers) == 3
    assert sum(found.unusable.values()) == 1
    other = OfferQuery(frozenset({"H100-SXM"}))
    assert ask(lambda provider: provider.list_offers(other), said)[0].offers == ()


def test_a_fleet_that_wants_spot_hears_that_there_is_none() -> None:
    said = (200, {"data": {"hostnodes": [HOST]}})
    query = OfferQuery(frozenset({"RTX4090"}), kinds=frozenset({True}))
    found, _ = ask(lambda provider: provider.list_offers(query), said)
    match = match_offers(fleet(gpu="RTX4090", spot=True), found.offers)
    assert match.rejections["rents no spot machines"] > 0


@pytest.mark.parametrize(
    "said", [(200, {}), (200, {"data": None}), (200, {"data": {}}), (200, []), (200, "<html>")]
)
def test_an_answer_without_hosts_is_no_market_without_offers(said: Said) -> None:
    refused(UnexpectedResponse, lambda provider: provider.list_offers(OfferQuery()), said)

"""What each provider's face may answer instead of the truth: broken answers, rows that lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from tests.faces import Change
from tests.simulation.face_shop import FaceShop
from tests.simulation.lambda_shop import LambdaShop
from tests.simulation.runpod_shop import RunpodShop
from tests.simulation.survival import (
    BROKEN_ANSWERS,
    only,
    page_changed,
    replaced,
    rows_changed,
)
from tests.simulation.tensordock_shop import TensorDockShop
from tests.simulation.vast_shop import VastShop


@dataclass(frozen=True, slots=True)
class Face:
    """A provider as it can fail. What an answer means is told in tests/unit/providers.

    ``broken``: answers that its create may give, ``everywhere`` those that each of its
    ``endpoints`` may. ``rows``: lies of its ``listing``.
    """

    name: str
    shop: type[FaceShop]
    endpoints: Mapping[str, tuple[str, str]]
    listing: tuple[str, str]
    broken: Mapping[str, Change]
    everywhere: tuple[str, ...]
    rows: Mapping[str, Change]

    def answers(self) -> list[tuple[str, str]]:
        """Some for each endpoint, all for the create."""
        return [
            (broken, endpoint)
            for endpoint in self.endpoints
            for broken in (self.broken if endpoint == "create" else self.everywhere)
        ]

    def answering(self, broken: str, endpoint: str) -> Change:
        return only(self.broken[broken], *self.endpoints[endpoint])

    def lying(self, lie: str) -> Change:
        return only(self.rows[lie], *self.listing)


EVERYWHERE = ("truncated JSON", "HTML with 200", "429 storm", "502 of a proxy")
"""Beside what a provider says in words of its own."""

# --- lambda ---

_BAD_KEY = b'{"error": {"code": "global/invalid-api-key", "message": "API key was invalid"}}'
_NO_SUCH_CALL = b'{"error": {"code": "global/not-found", "message": "not found"}}'
_NO_TYPE = {"name": "gpu_1x_x", "price_cents_per_hour": "41", "specs": {"gpus": 1}}
LAMBDA = Face(
    name="lambda",
    shop=LambdaShop,
    endpoints={
        "search": ("GET", "v1/instance-types"),
        "keys": ("GET", "v1/ssh-keys"),
        "account": ("GET", "v1/audit-events"),
        "create": ("POST", "instance-operations/launch"),
        "list": ("GET", "v1/instances"),
        "read": ("GET", "v1/instances/"),
        "destroy": ("POST", "instance-operations/terminate"),
    },
    listing=("GET", "v1/instances"),
    broken={
        **BROKEN_ANSWERS,
        "401 about the key": replaced(401, _BAD_KEY),
        "404 about the path": replaced(404, _NO_SUCH_CALL),
        "data is null": replaced(200, b'{"data": null}'),
        "error with 200": replaced(200, _BAD_KEY),
        "launch of nothing": replaced(200, b'{"data": {"instance_ids": []}}'),
    },
    everywhere=(*EVERYWHERE, "401 about the key", "404 about the path"),
    rows={
        "unknown status": rows_changed("data", status="zombified"),
        "no status": rows_changed("data", status=...),
        "status is a number": rows_changed("data", status=7),
        "status is null": rows_changed("data", status=None),
        "everything is unhealthy": rows_changed("data", status="unhealthy"),
        "everything is terminated": rows_changed("data", status="terminated"),
        "no name": rows_changed("data", name=...),
        "name is a number": rows_changed("data", name=7),
        "name is a lone surrogate": rows_changed("data", name="\ud800"),
        "name and tags are gone": rows_changed("data", name=..., tags=...),
        "tags are text": rows_changed("data", tags="gs-node"),
        "id is a number": rows_changed("data", id=7),
        "id leads elsewhere": rows_changed("data", id="../ssh-keys"),
        "type is null": rows_changed("data", instance_type=None),
        "price is text": rows_changed("data", instance_type=_NO_TYPE),
        "price is null": rows_changed(
            "data", instance_type={**_NO_TYPE, "price_cents_per_hour": None}
        ),
        "address is hostile": rows_changed("data", ip="-oProxyCommand=x"),
        "list is null": page_changed(data=None),
        "list is missing": page_changed(data=...),
        "list is empty": page_changed(data=[]),
        "more follows": page_changed(page_token="again"),
    },
)

# --- runpod ---


def _pods_changed(**fields: Any) -> Change:
    """Every pod of every answer with other fields; ``...`` takes a field away."""

    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        value = json.loads(answer.body)
        for row in value.get("pods", [value]):
            row.update(fields)
            for name in [name for name, text in fields.items() if text is ...]:
                del row[name]
        return replace(answer, body=json.dumps(value).encode())

    return change


def _problem(status: int, title: str, detail: str) -> Change:
    body = {"title": title, "status": status, "detail": detail}
    return replaced(status, json.dumps(body).encode())


RUNPOD = Face(
    name="runpod",
    shop=RunpodShop,
    endpoints={
        "catalog": ("GET", "catalog/gpus"),
        "create": ("POST", "v2/pods"),
        "list": ("GET", "v2/pods"),
        "read": ("GET", "v2/pods/"),
        "destroy": ("DELETE", "v2/pods/"),
        "account": ("POST", "graphql"),
    },
    listing=("GET", "v2/pods"),
    broken={
        **BROKEN_ANSWERS,
        "401 of theirs": _problem(401, "Unauthorized", "invalid bearer token"),
        "404 of theirs": _problem(404, "Not Found", "pod not found"),
        "404 without a pod": _problem(404, "Not Found", "page is missing"),
        "500 of theirs": _problem(500, "Internal Server Error", "internal server error"),
        "a problem that says another status": replaced(
            404, b'{"title": "Not Found", "status": 500, "detail": "pod not found"}'
        ),
        "an error inside 200": replaced(200, b'{"errors": [{"message": "no"}], "data": null}'),
        "200 and no id": replaced(200, b'{"name": "x", "status": "RUNNING"}'),
        "204": replaced(204, b""),
    },
    everywhere=(*EVERYWHERE, "401 of theirs", "404 of theirs", "an error inside 200"),
    rows={
        "unknown status": _pods_changed(status="ZOMBIFIED"),
        "no status": _pods_changed(status=...),
        "status is a number": _pods_changed(status=7),
        "status is null": _pods_changed(status=None),
        "everything has exited": _pods_changed(status="EXITED", cost=0.0),
        "no name": _pods_changed(name=...),
        "name is null": _pods_changed(name=None),
        "name is empty": _pods_changed(name=""),
        "name is a lone surrogate": _pods_changed(name="\ud800"),
        "name and variable are gone": _pods_changed(name="", env={}),
        "id is a number": _pods_changed(id=7),
        "id leads elsewhere": _pods_changed(id="../account/ssh-keys"),
        "cost is null": _pods_changed(cost=None),
        "cost is text": _pods_changed(cost="0.2"),
        "cost is not a number": _pods_changed(cost=float("nan")),
        "cost is nothing": _pods_changed(cost=0),
        "disk is text": _pods_changed(disk="50"),
        "address is hostile": _pods_changed(
            ssh={"direct": {"host": "-oProxyCommand=x", "port": 22}}
        ),
        "list is null": page_changed(pods=None),
        "list is missing": page_changed(pods=...),
        "list is empty": page_changed(pods=[]),
    },
)

# --- tensordock ---


def _machines_changed(**fields: object) -> Change:
    """Every machine of every answer, in whatever shape, with other fields; ``...`` takes away."""

    def changed(value: object) -> object:
        if isinstance(value, list):
            return [changed(one) for one in value]
        if not isinstance(value, dict):
            return value
        made = {name: changed(one) for name, one in value.items()}
        if "status" in made and ("name" in made or "rateHourly" in made):
            made.update(fields)
        return {name: one for name, one in made.items() if one is not ...}

    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        return replace(answer, body=json.dumps(changed(json.loads(answer.body))).encode())

    return change


TENSORDOCK = Face(
    name="tensordock",
    shop=TensorDockShop,
    endpoints={
        "search": ("GET", "v2/hostnodes"),
        "keys": ("GET", "v2/secrets"),
        "create": ("POST", "v2/instances"),
        "list": ("GET", "v2/instances"),
        "destroy": ("DELETE", "v2/instances/"),
    },
    listing=("GET", "v2/instances"),
    broken={
        **BROKEN_ANSWERS,
        "401 about the key": replaced(401, b'{"error": "Invalid API credentials"}'),
        "error in a 200": replaced(200, b'{"status": 500, "error": "Unexpected error"}'),
        "404 in a 200": replaced(200, b'{"status": 404, "error": "Not found"}'),
        "data is null": replaced(200, b'{"data": null}'),
        "an empty id": replaced(200, b'{"data": {"id": "", "status": "running"}}'),
        "an unexpected error during deployment": replaced(
            200, b'{"status": 400, "error": "unexpected error during deployment"}'
        ),
    },
    everywhere=(*EVERYWHERE, "401 about the key", "error in a 200"),
    rows={
        "unknown status": _machines_changed(status="zombified"),
        "no status": _machines_changed(status=...),
        "status is a number": _machines_changed(status=7),
        "everything is released": _machines_changed(status="StoppedDisassociated"),
        "everything is terminated": _machines_changed(status="Terminated"),
        "no name": _machines_changed(name=...),
        "name is null": _machines_changed(name=None),
        "name is a number": _machines_changed(name=7),
        "price is null": _machines_changed(rateHourly=None),
        "price is text": _machines_changed(rateHourly="0.4"),
        "price is not a number": _machines_changed(rateHourly=float("nan")),
        "address is hostile": _machines_changed(ipAddress="-oProxyCommand=x"),
        "forwards are hostile": _machines_changed(
            portForwards=[{"internal_port": 22, "external_port": "22 -oX"}]
        ),
        "list is null": page_changed(data=None),
        "list is missing": page_changed(data=...),
        "list is an object": page_changed(data={"virtualmachines": []}),
        "list is empty": page_changed(data={"instances": []}),
        "more follows": page_changed(links={"next": "x"}),
    },
)

# --- vastai ---

VAST = Face(
    name="vastai",
    shop=VastShop,
    endpoints={
        "search": ("POST", "bundles"),
        "create": ("PUT", "asks"),
        "list": ("GET", "v1/instances"),
        "read": ("GET", "v0/instances/"),
        "destroy": ("DELETE", "v0/instances/"),
    },
    listing=("GET", "instances"),
    broken={
        **BROKEN_ANSWERS,
        "success without anything": replaced(200, b'{"success": true}'),
        "no success": replaced(200, b'{"success": false}'),
        "404 about the key": replaced(
            404, b'{"success": false, "error": "auth_error", "msg": "Invalid user key"}'
        ),
        "429 storm": replaced(429, b"API requests too frequent: endpoint threshold=3.0"),
    },
    everywhere=(*EVERYWHERE, "404 about the key"),
    rows={
        "unknown status": rows_changed("instances", actual_status="zombified"),
        "no status": rows_changed("instances", actual_status=...),
        "status is a number": rows_changed("instances", actual_status=7),
        "status is null": rows_changed("instances", actual_status=None),
        "everything is offline": rows_changed("instances", actual_status="offline"),
        "no label": rows_changed("instances", label=...),
        "label is null": rows_changed("instances", label=None),
        "label is a number": rows_changed("instances", label=7),
        "label is a lone surrogate": rows_changed("instances", label="\ud800"),
        "label and variable are gone": rows_changed("instances", label=None, extra_env=None),
        "id is negative": rows_changed("instances", id=-1),
        "id leads elsewhere": rows_changed("instances", id="../users/1"),
        "price is null": rows_changed("instances", dph_total=None, instance=None),
        "price is text": rows_changed("instances", dph_total="0.2", instance={"totalHour": "0.2"}),
        "price is not a number": rows_changed("instances", dph_total=float("nan")),
        "address is hostile": rows_changed(
            "instances", public_ipaddr="-oProxyCommand=x", ssh_host="a b;c"
        ),
        "list is null": page_changed(instances=None),
        "list is missing": page_changed(instances=...),
        "list is empty": page_changed(instances=[], total_instances=0),
        "one row of three": page_changed(total_instances=99),
        "token goes in a circle": page_changed(next_token="again"),
        "token is missing": page_changed(next_token=...),
    },
)

FACES = (VAST, LAMBDA, RUNPOD, TENSORDOCK)

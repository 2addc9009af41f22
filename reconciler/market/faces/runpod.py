"""The face of RunPod: its REST v2 and its GraphQL over the simulated market.

From the published document and what people report of it: a price list instead of machines, names
that two pods may share, no machine-readable code for "sold out", listings without pages, a rate
limit over all calls together, and errors inside a 200 where GraphQL answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.errors import MarketError
from reconciler.market.faces import runpod_calls as calls
from reconciler.market.faces import runpod_problems as problems
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json, as_text
from reconciler.market.faces.runpod_graphql import OPEN_TO_ALL, RESOLVERS, operation_of, resolve
from reconciler.market.faces.runpod_limits import Limits
from reconciler.market.faces.runpod_names import machine_id
from reconciler.market.faces.runpod_problems import Rejected
from reconciler.market.faults import HEALTHY, Fault, Operation
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faces.graphql_text import Field
    from reconciler.market.world import World


FACE = "runpod"
"""What faults for this face alone are named by."""


def key_of(world: World) -> str:
    """The API key of the market's account, always the same for one market."""
    digits = hashlib.sha256(f"runpod key of {world.account}".encode()).hexdigest()
    return f"rpa_{digits[:42].upper()}"


@dataclass(frozen=True, slots=True)
class _Call:
    """A request that found its endpoint. ``id`` is the one in its path, as text."""

    operation: Operation | None
    handle: Callable[[World, FaceRequest, str, datetime, Fault], FaceAnswer]
    id: str = ""


class RunpodFace:
    """Remembers how often it was called; everything else is in the world that is passed in."""

    def __init__(self) -> None:
        self._limits: dict[str, Limits] = {}
        self._broken = 0

    def handle(self, world: World, request: FaceRequest) -> FaceAnswer:
        """One request, now. Never raises."""
        return self.handle_at(world, request, world.clock().now())

    def handle_at(self, world: World, request: FaceRequest, now: datetime) -> FaceAnswer:
        """As ``handle``, for those who keep the time themselves."""
        world.served_as = FACE
        if request.segments == ("graphql",) and request.method == "POST":
            return self._graphql(world, request, now)
        call = _route(request)
        if call is None:
            return as_text(404, "404 page not found")
        key = _key_in(request)
        if key is None:
            return problems.problem(401, "missing bearer token")
        if key != key_of(world):
            return problems.problem(401, "invalid bearer token")
        limits = self._limits.setdefault(key, Limits())
        refused = limits.refusal(now)
        return limits.counted(refused or self._rest(world, request, call, now), now)

    def _rest(self, world: World, request: FaceRequest, call: _Call, now: datetime) -> FaceAnswer:
        try:
            fault = self._fault(world, request, call, now)
            answer = None
            if fault.has_effect or fault.error is None:
                answer = call.handle(world, request, call.id, now, fault)
            if fault.error is not None:
                answer = self._error(fault, answer)
            assert answer is not None
            return FaceAnswer(
                answer.status, answer.body, answer.headers, fault.hang or timedelta(0)
            )
        except Rejected as error:
            return problems.of_rejected(error)
        except MarketError as error:
            return problems.problem(500, error.what)

    def _fault(self, world: World, request: FaceRequest, call: _Call, now: datetime) -> Fault:
        if call.operation is None:
            return HEALTHY
        label = calls.object_of(request).get("name") if call.handle is calls.create else None
        return _begun(world, call.operation, now, call.id, label)

    def _error(self, fault: Fault, done: FaceAnswer | None) -> FaceAnswer:
        """The answer that a fault gives instead of ``done``."""
        if fault.error == "rate-limited":
            return Limits().too_often("minute", fault.delay or timedelta(seconds=12))
        if fault.error == "unreadable":
            self._broken += 1
            return problems.unreadable(self._broken, done)
        made = json.loads(done.body).get("id") if done and fault.carries_id else None
        return problems.scripted(fault.error or "unavailable", made)

    # --- GraphQL ----------------------------------------------------------------------------

    def _graphql(self, world: World, request: FaceRequest, now: datetime) -> FaceAnswer:
        try:
            body = calls.object_of(request)
            field = operation_of(body)
        except (Rejected, ValueError) as error:
            said = {"message": str(error), "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}
            return as_json(400, {"errors": [said]})
        if field.name not in OPEN_TO_ALL and _key_in(request) != key_of(world):
            return as_json(401, {"errors": [{"message": "Unauthorized"}]})
        return self._resolved(world, field, now)

    def _resolved(self, world: World, field: Field, now: datetime) -> FaceAnswer:
        operation = RESOLVERS[field.name][0]
        given: dict[str, Any] = field.arguments.get("input") or {}
        fault = HEALTHY
        if operation is not None:
            pod = str(given.get("podId") or "")
            fault = _begun(world, operation, now, pod, given.get("name"))
        try:
            value = resolve(world, field, now, fault) if fault.has_effect else None
        except Rejected as error:
            return problems.graphql_error(error.detail, _CODES.get(error.status, ""), field.name)
        except (ValueError, TypeError, KeyError) as error:
            return problems.graphql_error(str(error), "GRAPHQL_VALIDATION_FAILED")
        except MarketError as error:
            return as_json(500, {"errors": [{"message": error.what}]})
        return self._told(field, value, fault)

    def _told(self, field: Field, value: Any, fault: Fault) -> FaceAnswer:
        answer = as_json(200, {"data": {field.name: value}})
        if fault.error == "rate-limited":
            answer = as_json(429, {"errors": [{"message": "Too Many Requests"}]})
        elif fault.error == "unreadable":
            self._broken += 1
            answer = problems.unreadable(self._broken, answer)
        elif fault.error is not None:
            answer = problems.scripted_graphql(fault.error, field.name)
        return FaceAnswer(answer.status, answer.body, answer.headers, fault.hang or timedelta(0))


_CODES = {400: "SUPPLY_CONSTRAINT", 402: "INSUFFICIENT_FUNDS", 404: "NOT_FOUND"}


def _begun(world: World, operation: Operation, now: datetime, pod: str, label: Any) -> Fault:
    _, fault = world.begin_call(
        operation,
        now,
        instance_id=machine_id(pod),
        label=label if isinstance(label, str) else None,
    )
    return fault or HEALTHY


def _key_in(request: FaceRequest) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme == "Bearer" and key else None


def _route(request: FaceRequest) -> _Call | None:
    match request.method, request.segments:
        case "GET", ("v2", "catalog", "gpus"):
            return _Call("list_offers", calls.gpu_types)
        case "GET", ("v2", "catalog", "datacenters"):
            return _Call(None, calls.data_centers)
        case "GET", ("v2", "network-volumes"):
            return _Call(None, calls.list_volumes)
        case "GET", ("v2", "pods"):
            return _Call("list_instances", calls.list_pods)
        case "POST", ("v2", "pods"):
            return _Call("create_instance", calls.create)
        case "GET", ("v2", "pods", pod):
            return _Call("get_instance", calls.read, pod)
        case "DELETE", ("v2", "pods", pod):
            return _Call("destroy_instance", calls.destroy, pod)
        case "PATCH", ("v2", "pods", pod):
            return _Call(None, calls.change, pod)
        case "POST", ("v2", "pods", pod, "action"):
            return _Call(None, calls.act, pod)
    return None

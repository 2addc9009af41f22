"""The face of Vast.ai: its own protocol over the simulated market.

From the published renter API and what people report of it: ids that die with their ask, 64 offers
and 25 machines a page, refusals by a word in the body and not by the status, limits by endpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.market.errors import MarketError
from reconciler.market.faces import vast_calls as calls
from reconciler.market.faces import vast_errors as errors
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, unreadable
from reconciler.market.faces.vast_limits import Limits
from reconciler.market.faces.vast_nodes import may_act
from reconciler.market.faults import HEALTHY, Fault, Operation
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.world import World


FACE = "vastai"
"""What faults for this face alone are named by."""


def key_of(world: World) -> str:
    """The API key of the market's account: 64 hex digits, always the same for one market."""
    return hashlib.sha256(f"vast key of {world.account}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Call:
    """A request that found its endpoint. ``id`` is the one in its path, as text."""

    endpoint: str
    operation: Operation | None
    handle: Callable[[World, FaceRequest, str, datetime, Fault], FaceAnswer]
    id: str = ""


class VastFace:
    """Remembers how often it was called; everything else is in the world that is passed in."""

    def __init__(self) -> None:
        self._limits: dict[str, Limits] = {}
        self._broken = 0

    def handle(self, world: World, request: FaceRequest) -> FaceAnswer:
        """One request, now. Never raises."""
        now = world.clock().now()
        return self.handle_at(world, request, now)

    def handle_at(self, world: World, request: FaceRequest, now: datetime) -> FaceAnswer:
        """As ``handle``, for those who keep the time themselves."""
        world.served_as = FACE
        call = _route(request)
        if call is None:
            return errors.answer(404, "not_found", "there is no such endpoint")
        refused = self._refusal(world, request, call, now)
        if refused is not None:
            return refused
        try:
            return self._carry_out(world, request, call, now)
        except ValueError as error:
            return errors.answer(400, "invalid_args", str(error))
        except MarketError as error:
            return errors.answer(500, "internal_error", error.what)

    def _refusal(
        self, world: World, request: FaceRequest, call: _Call, now: datetime
    ) -> FaceAnswer | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            return errors.answer(403, "auth_error", "This action requires login.")
        if key != key_of(world) and not may_act(world, key, call.endpoint, call.id):
            return errors.INVALID_KEY
        return self._limits.setdefault(key, Limits()).refusal(call.endpoint, now)

    def _carry_out(
        self, world: World, request: FaceRequest, call: _Call, now: datetime
    ) -> FaceAnswer:
        fault = self._fault(world, request, call, now)
        answer = None
        if fault.has_effect or fault.error is None:
            answer = call.handle(world, request, call.id, now, fault)
        if fault.error is not None:
            answer = self._error(fault, answer, request)
        assert answer is not None
        late = fault.hang or timedelta(0)
        return FaceAnswer(answer.status, answer.body, answer.headers, late)

    def _fault(self, world: World, request: FaceRequest, call: _Call, now: datetime) -> Fault:
        if call.operation is None:
            return HEALTHY
        label = (
            calls.object_of(request).get("label") if call.operation == "create_instance" else None
        )
        _, fault = world.begin_call(
            call.operation,
            now,
            instance_id=call.id if call.endpoint.endswith("instance") else None,
            offer_id=call.id if call.operation == "create_instance" else None,
            label=label if isinstance(label, str) else None,
        )
        return fault or HEALTHY

    def _error(self, fault: Fault, done: FaceAnswer | None, request: FaceRequest) -> FaceAnswer:
        """The answer that a fault gives instead of ``done``."""
        if fault.error == "rate-limited":
            return Limits().too_often(3.0, fault.delay)
        if fault.error == "unreadable":
            self._broken += 1
            return unreadable(self._broken, done)
        made = json.loads(done.body).get("new_contract") if done and fault.carries_id else None
        return errors.scripted(fault.error or "unavailable", made)


def _route(request: FaceRequest) -> _Call | None:
    method = request.method
    match request.segments:
        case ("api", "v0", "bundles") if method == "POST":
            return _Call("POST bundles", "list_offers", calls.search)
        case ("api", "v0", "users", "current") if method == "GET":
            return _Call("GET user", None, calls.current_user)
        case ("api", "v0", "asks", ask) if method == "PUT":
            return _Call("PUT asks", "create_instance", calls.create, ask)
        case ("api", "v1", "instances") if method == "GET":
            return _Call("GET instances", "list_instances", calls.list_machines)
        case ("api", "v0", "instances", number) if method == "GET" and number != "filters":
            return _Call("GET instance", "get_instance", calls.read, number)
        case ("api", "v0", "instances", number) if method == "DELETE":
            return _Call("DELETE instance", "destroy_instance", calls.destroy, number)
        case ("api", "v0", "instances", number) if method == "PUT":
            return _Call("PUT instance", None, calls.change, number)
        case ("api", "v0", "volumes") if method == "GET":
            return _Call("GET volumes", None, calls.list_volumes)
    return None

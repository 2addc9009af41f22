"""The face of TensorDock: its API of version 2 over the simulated market."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from reconciler.market.errors import MarketError
from reconciler.market.faces import tensordock_calls as calls
from reconciler.market.faces import tensordock_errors as errors
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, unreadable
from reconciler.market.faces.tensordock_rows import machine_id
from reconciler.market.faults import HEALTHY, Fault, Operation
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.world import World

FACE = "tensordock"
"""What faults for this face alone call it."""
Handle = Callable[[datetime, Fault], FaceAnswer]


def key_of(world: World) -> str:
    """The API token of the market's account, always the same for one market."""
    return hashlib.sha256(f"tensordock token of {world.account}".encode()).hexdigest()[:48]


@dataclass(frozen=True, slots=True)
class _Call:
    """A request that found its endpoint. ``id`` is the one in its path, as text."""

    operation: Operation | None
    handle: Handle
    id: str = ""
    needs_key: bool = True


class TensorDockFace:
    """Remembers how often it was called; everything else is in the world that is passed in."""

    def __init__(self) -> None:
        self._limits: dict[str, errors.Limits] = {}
        self._broken = 0
        self._turns: dict[str, int] = {}

    def handle(self, world: World, request: FaceRequest) -> FaceAnswer:
        """One request, now. Never raises."""
        return self.handle_at(world, request, world.clock().now())

    def handle_at(self, world: World, request: FaceRequest, now: datetime) -> FaceAnswer:
        """As ``handle``, for those who keep the time themselves."""
        world.served_as = FACE
        call = self._route(world, request)
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if (call is None or call.needs_key) and (scheme != "Bearer" or key != key_of(world)):
            return errors.UNAUTHORIZED.answer()
        if call is None:
            return errors.NO_SUCH_CALL.answer()
        if not self._limits.setdefault(key, errors.Limits()).allow(now):
            return errors.TOO_OFTEN.answer()
        try:
            return self._carry_out(world, request, call, now)
        except errors.Refused as refused:
            return refused.answer
        except MarketError:
            return errors.INTERNAL.answer()

    def _carry_out(
        self, world: World, request: FaceRequest, call: _Call, now: datetime
    ) -> FaceAnswer:
        fault = _fault(world, request, call, now)
        answer = None
        if fault.has_effect or fault.error is None:
            answer = call.handle(now, fault)
        if fault.error is not None:
            answer = self._error(fault, answer)
        assert answer is not None
        late = fault.hang or timedelta(0)
        return FaceAnswer(answer.status, answer.body, answer.headers, late)

    def _error(self, fault: Fault, done: FaceAnswer | None) -> FaceAnswer:
        """The answer that a fault gives instead of ``done``."""
        if fault.error == "unreadable":
            self._broken += 1
            return unreadable(self._broken, done)
        made = json.loads(done.body)["data"]["id"] if done and fault.carries_id else None
        answer = errors.scripted(fault.error or "unavailable", made)
        return errors.with_delay(answer, fault.delay)

    def _route(self, world: World, request: FaceRequest) -> _Call | None:
        if request.segments[:2] != ("api", "v2"):
            return None
        match request.method, request.segments[2:]:
            case "GET", ("locations",):
                return _Call(
                    None, self._in_turn(calls.list_locations, world, request), needs_key=False
                )
            case "GET", ("hostnodes",):
                return _Call("list_offers", self._in_turn(calls.list_hostnodes, world, request))
            case "GET", ("secrets",):
                return _Call(None, self._in_turn(calls.secrets, world, request))
            case "POST", ("instances",):
                return _Call("create_instance", self._in_turn(calls.create, world, request))
            case "GET", ("instances",):
                return _Call("list_instances", self._in_turn(calls.instances, world, request))
            case "GET", ("instances", one):
                return _Call("get_instance", partial(calls.read, world, one), one)
            case "DELETE", ("instances", one):
                return _Call("destroy_instance", partial(calls.delete, world, one), one)
        return None

    def _in_turn(
        self,
        handle: Callable[[World, FaceRequest, int, datetime, Fault], FaceAnswer],
        world: World,
        request: FaceRequest,
    ) -> Handle:
        """``handle`` with how often that call was made before."""
        turn = self._turns.get(handle.__name__, 0)
        self._turns[handle.__name__] = turn + 1
        return partial(handle, world, request, turn)


def _fault(world: World, request: FaceRequest, call: _Call, now: datetime) -> Fault:
    if call.operation is None:
        return HEALTHY
    asked = calls.attributes_of(request) if call.operation == "create_instance" else {}
    place = asked.get("hostnode_id") or asked.get("location_id")
    _, fault = world.begin_call(
        call.operation,
        now,
        instance_id=machine_id(call.id) if call.id else None,
        offer_id=place if isinstance(place, str) else None,
        label=asked.get("name"),
    )
    return fault or HEALTHY

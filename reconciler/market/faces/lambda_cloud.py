"""The face of Lambda: its own protocol over the simulated market.

From the published API document and what people report of it: codes that are stable and texts that
are not, one call a second, a launch every twelve seconds, and an end that comes too early refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.market.errors import MarketError
from reconciler.market.faces import lambda_calls as calls
from reconciler.market.faces import lambda_errors as errors
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, unreadable
from reconciler.market.faces.lambda_limits import Limits
from reconciler.market.faces.lambda_rows import machine_id
from reconciler.market.faults import HEALTHY, Fault, Operation
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.world import World


FACE = "lambda"
"""What faults for this face alone are named by."""


def key_of(world: World) -> str:
    """The API key of the market's account, always the same for one market."""
    digest = hashlib.sha256(f"lambda key of {world.account}".encode()).hexdigest()
    return f"secret_rehearsal_{digest[:32]}.{digest[32:]}"


@dataclass(frozen=True, slots=True)
class _Call:
    """A request that found its endpoint. ``id`` is the one in its path, as text."""

    operation: Operation | None
    handle: Callable[[World, FaceRequest, str, datetime, Fault], FaceAnswer]
    id: str = ""


class LambdaFace:
    """Remembers when it was called; everything else is in the world that is passed in."""

    def __init__(self) -> None:
        self._limits: dict[str, Limits] = {}
        self._broken = 0
        self._refused = 0

    def handle(self, world: World, request: FaceRequest) -> FaceAnswer:
        """One request, now. Never raises."""
        return self.handle_at(world, request, world.clock().now())

    def handle_at(self, world: World, request: FaceRequest, now: datetime) -> FaceAnswer:
        """As ``handle``, for those who keep the time themselves."""
        world.served_as = FACE
        key = _key_in(request.headers.get("authorization", ""))
        if key != key_of(world):
            return errors.UNAUTHORIZED.answer()
        call = _route(request)
        if call is None:
            return errors.NO_SUCH_CALL.answer()
        launch = call.operation == "create_instance"
        if not self._limits.setdefault(key, Limits()).allow(now, launch=launch):
            return self._too_often(None)
        try:
            return self._carry_out(world, request, call, now)
        except MarketError:
            return errors.INTERNAL.answer()

    def _too_often(self, asked: timedelta | None) -> FaceAnswer:
        self._refused += 1
        return errors.too_often(
            self._refused, None if asked is None else int(asked.total_seconds())
        )

    def _carry_out(
        self, world: World, request: FaceRequest, call: _Call, now: datetime
    ) -> FaceAnswer:
        try:
            fault = _fault(world, request, call, now)
            answer = None
            if fault.has_effect or fault.error is None:
                answer = call.handle(world, request, call.id, now, fault)
        except errors.Refused as refused:
            return refused.refusal.answer()
        if fault.error is not None:
            answer = self._error(fault, answer)
        assert answer is not None
        return FaceAnswer(answer.status, answer.body, answer.headers, fault.hang or timedelta(0))

    def _error(self, fault: Fault, done: FaceAnswer | None) -> FaceAnswer:
        """The answer that a fault gives instead of ``done``."""
        if fault.error == "rate-limited":
            return self._too_often(fault.delay)
        if fault.error == "unreadable":
            self._broken += 1
            return unreadable(self._broken, done)
        made: tuple[str, ...] = ()
        if done is not None and fault.carries_id:
            made = tuple(json.loads(done.body)["data"].get("instance_ids", ()))
        return errors.scripted(fault.error or "unavailable", made)


def _fault(world: World, request: FaceRequest, call: _Call, now: datetime) -> Fault:
    if call.operation is None:
        return HEALTHY
    body = calls.object_of(request) if request.body else {}
    label, kind = body.get("name"), body.get("instance_type_name")
    ids = body.get("instance_ids")
    instance = ids[0] if isinstance(ids, list) and ids and isinstance(ids[0], str) else call.id
    _, fault = world.begin_call(
        call.operation,
        now,
        instance_id=machine_id(instance) if instance else None,
        offer_id=kind if isinstance(kind, str) else None,
        label=label if isinstance(label, str) else None,
    )
    return fault or HEALTHY


def _key_in(authorization: str) -> str:
    """Bearer, or Basic with the key as the user and no password."""
    scheme, _, given = authorization.partition(" ")
    if scheme == "Bearer":
        return given
    if scheme == "Basic":
        try:
            return base64.b64decode(given, validate=True).decode().removesuffix(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _route(request: FaceRequest) -> _Call | None:
    if request.segments[:2] != ("api", "v1"):
        return None
    match request.method, request.segments[2:]:
        case "GET", ("instance-types",):
            return _Call("list_offers", calls.instance_types)
        case "POST", ("instance-operations", "launch"):
            return _Call("create_instance", calls.launch)
        case "GET", ("instances",):
            return _Call("list_instances", calls.instances)
        case "GET", ("instances", instance):
            return _Call("get_instance", calls.read, instance)
        case "POST", ("instances", instance):
            return _Call(None, calls.rename, instance)
        case "POST", ("instance-operations", "terminate"):
            return _Call("destroy_instance", calls.terminate)
        case "GET", ("regions",):
            return _Call(None, calls.regions)
        case "GET", ("file-systems",):
            return _Call(None, calls.file_systems)
        case "GET", ("audit-events",):
            return _Call(None, calls.audit_events)
        case "GET", ("ssh-keys",):
            return _Call(None, calls.ssh_keys)
        case "POST", ("ssh-keys",):
            return _Call(None, calls.add_ssh_key)
        case "DELETE", ("ssh-keys", key):
            return _Call(None, calls.delete_ssh_key, key)
    return None

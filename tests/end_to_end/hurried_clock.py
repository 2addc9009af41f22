"""A machine whose clocks run faster, so that a real provider's pace takes a test less wall time.

The paces, the adapters and the sockets stay what they are: between two calls lies as much time as
ever, as this machine and the served market count it. Deadlines of calls stay wall time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import anyio

from reconciler import clock

SETTING = "HURRIED_CLOCK"
"""The environment variable that gives a command a clock; the command itself never sees it."""
_OVERSLEPT_SECONDS = 0.06
"""Wall time, more than what calls differ in on their way: what is kept apart here arrives so."""


@dataclass(frozen=True, slots=True)
class HurriedClock:
    """From the wall's ``origin`` on, ``speed`` times as fast, and ``ahead`` in seconds.

    ``wall_wrong``: what the wall clock alone shows too much.
    """

    origin: float
    boot_origin: float
    speed: float
    ahead: float = 0.0
    wall_wrong: float = 0.0

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> HurriedClock:
        return cls(**json.loads(text))

    def put_on(self) -> None:
        """In this process, for good."""
        real_wall, real_boot = clock.wall_now, clock._boot_seconds

        def hurried(now: float, origin: float) -> float:
            return origin + (now - origin) * self.speed + self.ahead

        def wall_now() -> datetime:
            right = hurried(real_wall().timestamp(), self.origin)
            return datetime.fromtimestamp(right + self.wall_wrong, UTC)

        async def sleep(_: clock.SystemClock, seconds: float) -> None:
            if seconds > 0:
                await anyio.sleep(seconds / self.speed + _OVERSLEPT_SECONDS)  # noqa: TID251

        for name, module in list(sys.modules.items()):
            if name.startswith("reconciler.") and getattr(module, "wall_now", None) is real_wall:
                module.wall_now = wall_now  # type: ignore[attr-defined]
        clock._boot_seconds = lambda: hurried(real_boot(), self.boot_origin)
        clock.SystemClock.sleep = sleep  # type: ignore[assignment,method-assign]
        _tell_the_markets_time()


def started_now(speed: float) -> HurriedClock:
    return HurriedClock(clock.wall_now().timestamp(), clock._boot_seconds(), speed)


def _tell_the_markets_time() -> None:
    """What is served is a provider in the hurried world: it shows the time there."""
    from reconciler.market.faces.server import FaceServer
    from reconciler.market.world import World

    def said(self: BaseHTTPRequestHandler, timestamp: float | None = None) -> str:
        assert isinstance(self.server, FaceServer)
        with World.open(self.server._path) as world:
            return format_datetime(world.clock().now(), usegmt=True)

    BaseHTTPRequestHandler.date_time_string = said  # type: ignore[method-assign]

"""Which faces are served, where each one begins, and what a shell has to export to reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from reconciler.market.faces import lambda_cloud, runpod, tensordock, vast
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.world import World
from reconciler.model.value import dataclass


class Face(Protocol):
    """One provider's protocol. Keeps in mind what a server would, beside the world."""

    def handle(self, world: World, request: FaceRequest) -> FaceAnswer:
        """One request, now. Never raises."""


@dataclass(frozen=True, slots=True)
class Mount:
    """``prefix`` is the first segment of every path, "" for none. ``exports`` is asked with the
    URL of the prefix.
    """

    prefix: str
    title: str
    opened: Callable[[], Face]
    exports: Callable[[str, World], Mapping[str, str]]


def _vast(url: str, world: World) -> Mapping[str, str]:
    return {"VAST_URL": url, "VAST_API_KEY": vast.key_of(world)}


def _lambda(url: str, world: World) -> Mapping[str, str]:
    return {"LAMBDA_API_URL": f"{url}/api/v1", "LAMBDA_API_KEY": lambda_cloud.key_of(world)}


def _runpod(url: str, world: World) -> Mapping[str, str]:
    addresses = {"RUNPOD_API_URL": url, "RUNPOD_GRAPHQL_URL": f"{url}/graphql"}
    return {**addresses, "RUNPOD_API_KEY": runpod.key_of(world)}


def _tensordock(url: str, world: World) -> Mapping[str, str]:
    token = tensordock.key_of(world)
    return {"TENSORDOCK_API_URL": f"{url}/api/v2", "TENSORDOCK_API_TOKEN": token}


MOUNTS = (
    Mount("", "Vast.ai", vast.VastFace, _vast),
    Mount("lambda", "Lambda", lambda_cloud.LambdaFace, _lambda),
    Mount("runpod", "RunPod", runpod.RunpodFace, _runpod),
    Mount("tensordock", "TensorDock", tensordock.TensorDockFace, _tensordock),
)


def export_lines(url: str, world: World) -> list[str]:
    """One line for each face of the server at ``url``, for a POSIX shell."""
    return [
        "export " + " ".join(f"{name}={value}" for name, value in found.items())
        for mount in MOUNTS
        for found in [mount.exports(f"{url}/{mount.prefix}".rstrip("/"), world)]
    ]


class AllFaces:
    """Every face of one market, each behind its prefix."""

    def __init__(self) -> None:
        self._faces = {mount.prefix: mount.opened() for mount in MOUNTS}

    def handle(self, world: World, request: FaceRequest) -> FaceAnswer:
        """What the face of the path's first segment says, without that segment."""
        prefix, *rest = request.segments
        if prefix not in self._faces or not prefix:
            return self._faces[""].handle(world, request)
        inner = FaceRequest(
            request.method, tuple(rest), request.query, request.headers, request.body
        )
        return self._faces[prefix].handle(world, inner)

"""Mutated listings of volumes: no traceback, and never "no volumes" by accident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given

from reconciler.clock import LoopClock
from reconciler.model.errors import InstanceNotFound, ProviderError
from reconciler.model.volume import Volume
from reconciler.providers.vastai.api import VastApi
from reconciler.providers.vastai.provider import VastProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.markets import START
from tests.unit.providers.lambda_cloud import test_provider as at_lambda
from tests.unit.providers.mutations import FUZZ, mutated
from tests.unit.providers.runpod import test_provider as at_runpod
from tests.unit.providers.scripted import Script
from tests.virtual_time import run_virtual

AT_VAST: Any = {
    "volumes": [
        {"id": 7, "disk_space": 40.0, "storage_total_cost": 0.008, "instances": [{"id": 1}]},
        {"id": 8, "disk_space": 10.0, "storage_total_cost": 0.002, "instances": []},
    ]
}
AT_LAMBDA: Any = {
    "data": [
        {"id": "3985", "name": "data", "is_in_use": True, "bytes_used": 5, "region": {"name": "x"}},
        {"id": "3986", "name": "more", "is_in_use": False, "region": {"name": "y"}},
    ]
}
AT_RUNPOD: Any = {
    "networkVolumes": [
        {"id": "v1", "name": "a", "size": 100, "dataCenter": "US-KS-2", "type": "STANDARD"},
        {"id": "v2", "name": "b", "size": 10, "dataCenter": "EU-RO-1", "type": "HIGH_PERFORMANCE"},
    ]
}
Said = tuple[int, Any]


def vast(said: Said) -> tuple[Volume, ...]:
    async def run() -> tuple[Volume, ...]:
        base = parse_api_base("https://console.vast.ai")
        door = JsonApi(base, "k" * 64, LoopClock(START), lambda: 0.5, transport=Script(said))
        provider = VastProvider("vastai", VastApi(door), LoopClock(START))
        try:
            return await provider.list_volumes()
        finally:
            await provider.close()

    return run_virtual(run)


def judge(said: Said, name: str, asked: Callable[[], tuple[Volume, ...]]) -> None:
    """A volume for each row of a good answer, or an error that is no "gone"."""
    try:
        found = asked()
    except InstanceNotFound:
        raise
    except ProviderError:
        return
    assert said[0] == 200
    assert {one.id for one in found} == {str(row["id"]) for row in said[1][name]}
    assert all(one.usd_per_hour is None or one.usd_per_hour >= 0 for one in found)


@FUZZ
@given(said=mutated(AT_VAST))
def test_at_vastai(said: Said) -> None:
    judge(said, "volumes", lambda: vast(said))


@FUZZ
@given(said=mutated(AT_LAMBDA))
def test_at_lambda(said: Said) -> None:
    judge(said, "data", lambda: at_lambda.ask(lambda one: one.list_volumes(), said)[0])


@FUZZ
@given(said=mutated(AT_RUNPOD))
def test_at_runpod(said: Said) -> None:
    pods: Said = (200, {"pods": []})
    judge(
        said, "networkVolumes", lambda: at_runpod.ask(lambda one: one.list_volumes(), said, pods)[0]
    )

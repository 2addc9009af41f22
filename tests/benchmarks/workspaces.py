"""Workspaces of any size: documents, a simulated market, and the machines of an apply.

The machines are bought by the installed command, so that state and market are what a user has.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import wall_now
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM
from reconciler.market.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 2**30
COMMAND = Path(sys.executable).parent / "gpu-shopper"
MARKET = Path("state/simulated-market.sqlite")
_MODELS = (
    ("RTX4090", 24, 400_000),
    ("RTX3090", 24, 200_000),
    ("A100-SXM-80GB", 80, 1_500_000),
    ("H100-SXM", 80, 2_500_000),
    ("L40S", 48, 900_000),
    ("RTXA6000", 48, 500_000),
    ("H200-SXM", 141, 3_200_000),
    ("V100-SXM2-32GB", 32, 150_000),
)
_REGIONS = (
    ("us-east", "US"),
    ("us-west", "US"),
    ("eu-west", "NL"),
    ("eu-north", "NO"),
    ("ap-south", "IN"),
    ("ca-central", "CA"),
)
_SETTLED = timedelta(minutes=5)


def market_offers(count: int, *, stock: int = 1) -> Iterator[MarketOffer]:
    """``count`` single-GPU offers over eight models and six regions, no two of one price."""
    for number in range(count):
        gpu, memory_gib, base = _MODELS[number % len(_MODELS)]
        region, country = _REGIONS[number // len(_MODELS) % len(_REGIONS)]
        yield MarketOffer(
            id=f"offer-{number:06d}",
            gpu=gpu,
            gpu_count=1,
            gpu_memory_bytes=memory_gib * GIB,
            base_microusd=base + number,
            disk_microusd_per_gib=137,
            vcpus=8 + number % 57,
            memory_bytes=(32 + number % 97) * GIB,
            disk_bytes_max=1_000 * GIB,
            cuda="12.8",
            region=region,
            country=country,
            host=f"host-{number:06d}",
            spot=0,
            reliability=f"0.{950 + number % 50}",
            verified=1,
            hosting="datacenter",
            stock=stock,
            capacity_key=f"host-{number:06d}",
        )


def fleet_block(name: str, number: int, nodes: int) -> str:
    """One fleet with a dozen settings, as people write them."""
    gpu, _, _ = _MODELS[number % len(_MODELS)]
    return f"""\
  {name}:
    nodes: {nodes}
    resources: {{gpu: {gpu}, cpu: 4.., memory: 16GB.., disk: {40 + number % 200}GB}}
    providers: [simulated]
    exclude_countries: [RU]
    max_gpu_hour_usd: 9.5
    ttl: 20d
    image: nvidia/cuda:12.4.1-devel-ubuntu22.04
    env: {{RUN: "run-{number}"}}
    team: team-{number % 20}
    owner: ada
    labels: {{tier: "{number % 3}"}}
"""


def declare(directory: Path, *, fleets: int, nodes_each: int, files: int = 1) -> None:
    """Write the documents: ``fleets`` like fleets, evenly over ``files`` files."""
    directory.mkdir(parents=True, exist_ok=True)
    each = -(-fleets // files)
    for file in range(files):
        numbers = range(file * each, min(fleets, (file + 1) * each))
        head = "version: 1\nworkspace: bench\nproviders: {simulated: {}}\n" if not file else ""
        blocks = "".join(fleet_block(f"f{n:05d}", n, nodes_each) for n in numbers)
        name = "fleets.yaml" if not file else f"part-{file:02d}.fleets.yaml"
        (directory / name).write_text(f"{head}fleets:\n{blocks}", encoding="utf-8")


def open_market(directory: Path, offers: int, *, stock: int = 1) -> None:
    """A calm market of ``offers`` offers in the place where the command looks for it."""
    path = directory / MARKET
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = wall_now()
    World.create(
        path,
        seed=1,
        started_at=now,
        wall_origin=now,
        offers=market_offers(offers, stock=stock),
        settings=CALM,
    ).close()


def running(directory: Path, *, fleets: int, nodes_each: int, files: int = 1) -> Path:
    """A converged workspace: everything declared runs, was seen, and is past its boot."""
    declare(directory, fleets=fleets, nodes_each=nodes_each, files=files)
    open_market(directory, 800, stock=fleets * nodes_each)
    command(directory, "apply", "-auto-approve", "-detach")
    with World.open(directory / MARKET) as world:
        world.advance(_SETTLED)
    command(directory, "reconcile", "--once")
    return directory


def buying(directory: Path, *, fleets: int, nodes_each: int, offers: int) -> Path:
    """A workspace that runs nothing yet."""
    declare(directory, fleets=fleets, nodes_each=nodes_each)
    open_market(directory, offers)
    return directory


def command(directory: Path, *arguments: str) -> None:
    """Run ``gpu-shopper`` there. Raises ``CalledProcessError`` when it fails."""
    subprocess.run([COMMAND, *arguments], cwd=directory, check=True, capture_output=True)

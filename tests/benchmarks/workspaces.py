"""Workspaces of any size: documents, a simulated market, and the machines of an apply."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import wall_now
from reconciler.documents.loader import load_documents
from reconciler.market.faults import HEALTHY
from reconciler.market.machine import Order
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.units import usd
from reconciler.market.world import World
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.observation import Complete, ObservedState
from reconciler.model.offer import OfferBook
from reconciler.model.pins import ProviderPin
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.record import InstanceRecord, RecordedState
from reconciler.planning.lease_transitions import lease_changed
from reconciler.planning.leases import planned_end
from reconciler.planning.planner import compute_plan
from reconciler.planning.transitions import in_turn
from reconciler.providers.simulated.provider import SimulatedProvider
from reconciler.providers.simulated.translation import as_listing
from reconciler.statefile.local_file import LocalFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model.fleet import DesiredState
    from reconciler.model.plan import Create
    from reconciler.model.record import LeaseRecord
    from reconciler.planning.transitions import Change

GIB = 2**30
COMMAND = Path(sys.executable).parent / "gpu-shopper"
MARKET = Path("state/simulated-market.sqlite")
MODELS = (
    ("RTX4090", 24, 400_000),
    ("RTX3090", 24, 200_000),
    ("A100-SXM-80GB", 80, 1_500_000),
    ("H100-SXM", 80, 2_500_000),
    ("L40S", 48, 900_000),
    ("RTXA6000", 48, 500_000),
    ("H200-SXM", 141, 3_200_000),
    ("V100-SXM2-32GB", 32, 150_000),
)
REGIONS = (
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
        gpu, memory_gib, base = MODELS[number % len(MODELS)]
        region, country = REGIONS[number // len(MODELS) % len(REGIONS)]
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
    gpu, _, _ = MODELS[number % len(MODELS)]
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


def profiled_block(name: str, number: int) -> str:
    """One fleet of one node that takes what all have in common from a profile."""
    gpu, _, _ = MODELS[number % len(MODELS)]
    return f"""\
  {name}:
    extends: base
    resources: {{gpu: {gpu}, disk: {40 + number % 200}GB}}
    team: team-{number % 20}
"""


_PROFILE = """\
profiles:
  base:
    max_gpu_hour_usd: 9.5
    ttl: 20d
    image: nvidia/cuda:12.4.1-devel-ubuntu22.04
    exclude_countries: [RU]
    owner: ada
"""


def declare(directory: Path, *, fleets: int, nodes_each: int, files: int = 1) -> None:
    """Write the documents: ``fleets`` like fleets, evenly over ``files`` files.

    Fleets of one node take their settings from a profile, as people with many fleets do.
    """
    directory.mkdir(parents=True, exist_ok=True)
    each = -(-fleets // files)
    for file in range(files):
        numbers = range(file * each, min(fleets, (file + 1) * each))
        head = "version: 1\nworkspace: bench\nproviders: {simulated: {}}\n" if not file else ""
        if nodes_each == 1:
            head += _PROFILE if not file else ""
            blocks = "".join(profiled_block(f"f{n:05d}", n) for n in numbers)
        else:
            blocks = "".join(fleet_block(f"f{n:05d}", n, nodes_each) for n in numbers)
        name = "fleets.yaml" if not file else f"part-{file:02d}.fleets.yaml"
        (directory / name).write_text(f"{head}fleets:\n{blocks}", encoding="utf-8")


INSTANT = replace(
    CALM,
    placed_stage=timedelta(0),
    created_stage=timedelta(0),
    booting_stage=timedelta(0),
    destroy_time=timedelta(0),
    list_lag=timedelta(0),
)
"""Whatever is asked of such a market has happened when it answers, and every listing shows it."""


def open_market(
    directory: Path, offers: Iterable[MarketOffer], settings: MarketSettings = CALM
) -> None:
    """A calm market of ``offers`` in the place where the command looks for it."""
    path = directory / MARKET
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = wall_now()
    World.create(
        path,
        seed=1,
        started_at=now,
        wall_origin=now,
        offers=offers,
        settings=settings,
    ).close()


def running(directory: Path, *, fleets: int, nodes_each: int, files: int = 1) -> Path:
    """A converged workspace: everything declared was bought, was seen, and is past its boot.

    The records are those that ``apply`` writes, made at once instead of one after the other.
    """
    declare(directory, fleets=fleets, nodes_each=nodes_each, files=files)
    open_market(directory, market_offers(800, stock=fleets * nodes_each))
    desired = load_documents(directory)
    with World.open(directory / MARKET) as world:
        now = world.clock().now()
        state = _bought(desired, world, now)
        backend = LocalFile(directory / "state/bench.json", "bench", lambda: now)
        backend.write(state, expected_serial=None)
        world.advance(_SETTLED)
    command(directory, "reconcile", "--once")
    return directory


def _bought(desired: DesiredState, world: World, now: datetime) -> RecordedState:
    """The state after an apply of ``desired``, its machines rented from ``world``."""
    state = RecordedState(workspace=desired.workspace, lineage="0" * 32)
    provider = SimulatedProvider("simulated", world, world.clock())
    seen = Complete(provider.name, world.account, now, ())
    book = OfferBook((as_listing(provider.name, world.list_offers(now), now, HEALTHY),))
    observed = ObservedState({provider.name: seen}, {}, {})
    plan = compute_plan(desired, state, observed, book, now, PlanRequest(Mode.APPLY))
    changes: list[Change] = [lease_changed(change) for change in plan.lease_changes]
    state = in_turn(changes)(state)
    leases = {name: one.with_(started_at=now) for name, one in state.leases.items()}
    records = [_rented(create, leases, state, world, now) for create in plan.creates]
    pin = ProviderPin(type="simulated", account=world.account)
    return state.with_(
        leases=leases,
        instances={record.mark: record for record in records},
        providers={provider.name: pin},
    )


def _rented(
    create: Create,
    leases: dict[str, LeaseRecord],
    state: RecordedState,
    world: World,
    now: datetime,
) -> InstanceRecord:
    slot, wanted = create.slot, create.specification
    part = workspace_part(state.workspace, state.lineage)
    nonce = f"{slot.fleet[1:]}{slot.index:03d}"
    mark = str(Mark(part, slot.fleet, slot.index, planned_end(leases[slot.fleet], now), nonce))
    machine = world.rent(Order(create.offer.id, mark, wanted.disk_bytes, wanted.image), now)
    return InstanceRecord(
        fleet=slot.fleet,
        index=slot.index,
        provider=create.offer.provider,
        instance_id=machine.id,
        mark=mark,
        specification=wanted,
        ceiling_usd_per_hour=create.ceiling_usd_per_hour,
        usd_per_hour=usd(machine.microusd_per_hour),
        created_at=now,
        ready_at=now,
    )


def buying(directory: Path, *, fleets: int, nodes_each: int, offers: int) -> Path:
    """A workspace that runs nothing yet."""
    declare(directory, fleets=fleets, nodes_each=nodes_each)
    open_market(directory, market_offers(offers))
    return directory


def instant(directory: Path, *, fleets: int, nodes_each: int) -> Path:
    """A workspace that runs nothing yet, on a market without latency, boot time or lag."""
    declare(directory, fleets=fleets, nodes_each=nodes_each)
    open_market(directory, market_offers(800, stock=fleets * nodes_each), INSTANT)
    return directory


def command(directory: Path, *arguments: str) -> None:
    """Run ``gpu-shopper`` there. Raises ``CalledProcessError`` when it fails."""
    subprocess.run([COMMAND, *arguments], cwd=directory, check=True, capture_output=True)

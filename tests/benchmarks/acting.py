"""What is written while a thousand machines are bought and destroyed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.documents.loader import load_documents
from reconciler.execution.interruption import Interruption
from reconciler.market.world import World
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.value import dataclass
from reconciler.operations.apply import apply_fleets
from reconciler.operations.run import RunOptions
from reconciler.operations.workspace import Workspace
from reconciler.providers.registry import OpenedProviders
from reconciler.providers.simulated.provider import SimulatedProvider
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.benchmarks.workspaces import MARKET

if TYPE_CHECKING:
    from reconciler.model.plan import Plan
    from reconciler.model.progress import SlotProgress


@dataclass(slots=True)
class Written:
    """``writes``: how often the state was replaced; the rest counts the lock's file too."""

    writes: int = 0
    syncs: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        return f"{self.writes} state writes, {self.syncs} fsyncs, {self.bytes / 1e6:.1f} MB"


class _CountedFiles(Files):
    def __init__(self, state: Path, written: Written) -> None:
        self._state = state
        self._written = written

    def write(self, descriptor: int, data: memoryview) -> int:
        self._written.bytes += len(data)
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._written.syncs += 1
        super().sync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._written.writes += target == self._state
        super().replace(source, target)


def written_by(directory: Path, mode: Mode) -> Written:
    """Carry ``mode`` out in this process, where its calls to the file system can be counted.

    Raises ``RuntimeError`` when it does not end well.
    """
    return asyncio.run(_carry_out(directory, mode))


async def _carry_out(directory: Path, mode: Mode) -> Written:
    state, written = directory / "state/bench.json", Written()
    with World.open(directory / MARKET) as world:
        provider = SimulatedProvider("simulated", world, world.clock())
        clock = world.clock()
        workspace = Workspace(
            directory=directory,
            name="bench",
            desired=load_documents(directory),
            documents_error=None,
            backend=LocalFile(state, "bench", clock.now, files=_CountedFiles(state, written)),
            opened=OpenedProviders({"simulated": provider}, clock),
            environ={},
        )
        options = RunOptions(progress=_unseen, show=_unshown, interruption=Interruption())
        request = PlanRequest(mode, fused=mode is Mode.APPLY)
        result = await apply_fleets(workspace, request, options)
    if result.code:
        raise RuntimeError(f"{mode} ended with {result.code!r}")
    return written


def _unseen(_: SlotProgress) -> None:
    """Nobody looks."""


def _unshown(_: Plan) -> None:
    """Nobody looks."""

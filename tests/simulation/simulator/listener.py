"""What commands say in their end, and what they leave: searched for secrets and hostile text."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from tests.canaries import found_in
from tests.simulation.simulator.broken import Broken
from tests.simulation.simulator.provider_trouble import SECRET
from tests.simulation.simulator.terminal import unsafe_in

if TYPE_CHECKING:
    from reconciler.model.errors import GpuShopperError
    from reconciler.operations.run import RunResult
    from tests.simulation.simulator.process import Process
    from tests.simulation.simulator.simulation import Simulation

FILE_BYTES = 900_000
"""What no file of a run comes to by itself: an answer of a megabyte is kept nowhere."""


class Listener:
    """Of one simulation: an operator who reads, and one who searches."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def refused(self, process: Process, error: GpuShopperError) -> None:
        if process.elsewhere:
            return
        if error.exit_code is ExitCode.STATE_UNUSABLE:
            self.simulation.troubles.states.refused(error)
        if process.terminal:
            process.terminal.error(error)
            self._search(process.terminal.said)

    def ended(self, process: Process, result: RunResult) -> None:
        if process.elsewhere:
            return
        if result.unsaved is not None:
            self.simulation.troubles.states.unsaved(result.warnings)
        if process.terminal:
            process.terminal.result(result)
            self._search(process.terminal.said)

    def _search(self, said: str) -> None:
        simulation, judge = self.simulation, self.simulation.judge
        unsafe, told = unsafe_in(said), found_in(said.encode("utf-8", "replace"), (SECRET,))
        try:
            judge.require("I22", not unsafe, f"printed as it came: {unsafe}")
            judge.require("I10", not told, f"printed: {told}")
        except Broken as broken:
            simulation.broken = simulation.broken or broken

    def end(self) -> None:
        """Everything that was written, at the end of the run."""
        memory, require = self.simulation.memory, self.simulation.judge.require
        for name, inode in memory.every().items():
            if not stat.S_ISREG(inode.mode):
                continue
            data = memory.content(Path(name)) or b""
            told = found_in(data, (SECRET,))
            require("I10", not told, f"{name}: {told}")
            require("I23", len(data) < FILE_BYTES, f"{name} has {len(data)} bytes")
        log = "".join(self.simulation.log).encode()
        require("I10", not found_in(log, (SECRET,)), "the log")

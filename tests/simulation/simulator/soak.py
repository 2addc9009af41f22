"""``make soak``: months in virtual time with the real engine, and what is left of them.

Machines are bought, renewed, preempted, taken away and destroyed the whole time, calls fail now and
then, and the judge looks on as ever. What grows is told: the state, the trail, the memory of this
process; and how far our sum is from what the market billed.
"""

from __future__ import annotations

import gc
import resource
import sys
from datetime import timedelta
from typing import Any

from reconciler.clock import process_seconds
from tests.simulation.simulator.backend import STATE
from tests.simulation.simulator.campaign import quickly
from tests.simulation.simulator.documents import SOAKED
from tests.simulation.simulator.schedule import Schedule, Step
from tests.simulation.simulator.seeded_loop import run_seeded
from tests.simulation.simulator.simulation import Simulation

DAYS = 72
_PASS = timedelta(minutes=15)
_PASSES_A_DAY = timedelta(days=1) // _PASS
_APPLIED_EVERY = 20
_TROUBLES = (
    ("preempt", "C3.8", ("which",)),
    ("person_destroys", "C4.13", ("which",)),
    ("fault", "C1.1", ("place", "percent", "minutes", "times")),
    ("fault", "C8.9", ("place", "percent", "minutes", "times")),
    ("fault", "C4.3", ("place", "percent", "minutes", "times")),
    ("fault", "C2.4", ("place", "percent", "minutes", "times")),
)
_TROUBLE_PERCENT = 6


class Soak(Simulation):
    """One long life of one workspace."""

    def __init__(self, days: int, seed: int) -> None:
        super().__init__(Schedule(seed, int(_PASS.total_seconds()), ()))
        self.days = days
        self.passes = 0

    def say(self, text: str) -> None:
        self.log[:] = [f"-> {text.rpartition('-> ')[2]}"]  # of months nobody keeps every line

    async def run(self) -> None:
        try:
            self.troubles.market.place_strangers()
            self.documents = SOAKED
            for day in range(self.days):
                for _ in range(_PASSES_A_DAY):
                    await self._quarter()
                if day % 8 == 7 or day == self.days - 1:
                    self._tell(day + 1)
            await self._over()
        finally:
            self.market.close()

    async def _quarter(self) -> None:
        if self.chance.randrange(100) < _TROUBLE_PERCENT:
            kind, number, names = self.chance.choice(_TROUBLES)
            self.troubles.begin(Step(0, kind, (), number), self._drawn(names))
        if self.passes % _APPLIED_EVERY == 0:
            await self._command("apply", renew=True, max_destroy=20, detach=True)
        await self._command("reconcile", heal=True)
        self.passes += 1
        await self._pass_time(_PASS)

    def _drawn(self, names: tuple[str, ...]) -> dict[str, Any]:
        every: dict[str, Any] = {
            "which": self.chance.randrange(100),
            "place": self.chance.choice(("alpha", "beta", "gamma")),
            "percent": 100,
            "minutes": self.chance.choice((5, 30, 90)),
            "times": None,
        }
        return {name: every[name] for name in names}

    async def _over(self) -> None:
        """Nobody renews: everything goes, and the accounts are closed."""
        self.troubles.end_all()
        for _ in range(60):
            await self._pass_time(timedelta(hours=1))
            await self._command("reconcile")
        self.judge.convergence.all_gone(self.now)
        self._tell(self.days)

    def _tell(self, day: int) -> None:
        state, data = self.judge.state(), self.memory.content(STATE)
        assert state is not None
        assert data is not None
        ours, theirs = self.judge.purse.apart(state, self.now)
        apart = float((ours - theirs) / theirs * 100) if theirs else 0.0
        kept = sum(len(one.data) for one in self.memory.every().values())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        bought = sum(self.judge.sent.values())
        sys.stdout.write(
            f"day {day:>3}: {self.commands} commands, {bought} creates, "
            f"state {len(data) / 1024:.1f} KiB, all files {kept / 1024:.0f} KiB, "
            f"process {peak} MiB, ledger {ours:.4f} $, "
            f"market {theirs:.4f} $: {apart:+.4f} %\n"
        )
        sys.stdout.flush()


def main() -> int:
    """``soak [DAYS [SEED]]``. Raises ``Broken`` where a promise was not kept."""
    days, seed = (*(int(one) for one in sys.argv[1:]), *(DAYS, 1)[len(sys.argv) - 1 :])
    begun = process_seconds()

    async def lived() -> None:
        await Soak(days, seed).run()

    with quickly():
        gc.enable()  # a run of minutes
        run_seeded(lived, seed=seed, limit_seconds=(days + 30) * 86_400.0)
    sys.stdout.write(f"{days} days in {process_seconds() - begun:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

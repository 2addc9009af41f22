"""A directory with documents, a state and a persisted market, driven by separate processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.clock import wall_now
from reconciler.market.ledger import living
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from reconciler.model.record import RecordedState
from reconciler.statefile.local_file import LocalFile
from tests.canaries import found_below, secrets_in
from tests.end_to_end.command import (
    Ended,
    Person,
    Running,
    at_a_terminal,
    environment,
    gpu_shopper,
    started,
)
from tests.markets import START
from tests.simulation.shop import QUICKSTART, several_offers

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

QUICK = replace(
    CALM, placed_stage=SECOND, created_stage=SECOND, booting_stage=SECOND, destroy_time=SECOND
)
"""Boots within five seconds of market time and dies within one."""

SLOW_TIME = 0.001
"""The speed of a market that stands still, as far as a test can tell, unless it is advanced."""


class Workplace:
    """Use it inside ``workplace``. What the market bills is asked of the market itself."""

    def __init__(self, directory: Path, world: World) -> None:
        self.directory = directory
        self.world = world
        self._started = 0
        self._secrets: set[str] = set()
        self.secret_files: set[Path] = set()
        """In which the test itself put a secret."""
        self.declare(QUICKSTART)

    # --- what a person does -----------------------------------------------------------------

    def declare(self, documents: str) -> None:
        (self.directory / "fleets.yaml").write_text(documents)

    def run(self, *arguments: str, **env: str) -> Ended:
        """One command, to its end."""
        surroundings = environment(self.directory.parent, **env)
        self._secrets |= secrets_in(env)
        return gpu_shopper(*arguments, cwd=self.directory, env=surroundings)

    def apply(self, *arguments: str) -> Ended:
        return self.run("apply", "-auto-approve", *arguments)

    def one_pass(self, *arguments: str) -> Ended:
        return self.run("reconcile", "--once", *arguments)

    def start(self, *arguments: str, **env: str) -> AbstractContextManager[Running]:
        """One command that is still running when the block begins."""
        self._started += 1
        self._secrets |= secrets_in(env)
        outputs = self.directory.parent / "outputs" / str(self._started)
        return started(*arguments, cwd=self.directory, outputs=outputs, **env)

    def person(self, *arguments: str, **env: str) -> AbstractContextManager[Person]:
        """One command at a terminal."""
        self._secrets |= secrets_in(env)
        return at_a_terminal(*arguments, cwd=self.directory, **env)

    # --- the truth --------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.world.clock().now()

    def advance(self, by: timedelta) -> None:
        self.world.advance(by)

    def alive(self) -> tuple[Machine, ...]:
        """What the market bills now."""
        return living(self.world, self.now)

    def ever(self) -> int:
        """How many machines there ever were."""
        return len(self.world.all_machines())

    def sent(self, operation: str) -> int:
        """How many calls of one kind reached the market."""
        return sum(1 for call in self.world.calls() if call.operation == operation)

    def sent_changes(self) -> int:
        """How many calls that change something reached the market."""
        return self.sent("create_instance") + self.sent("destroy_instance")

    # --- what the command wrote down --------------------------------------------------------

    def leaks(self) -> list[str]:
        """Where a secret that a command was given stands in a file now (I10)."""
        return found_below(self.directory.parent, self._secrets, but=self.secret_files)

    @property
    def state_path(self) -> Path:
        return self.directory / "state" / "demo.json"

    def backend(self) -> LocalFile:
        return LocalFile(self.state_path, "demo", lambda: self.now)

    def state(self) -> RecordedState:
        found = self.backend().read()
        assert found is not None
        return found

    def knows(self, machines: int) -> bool:
        """Whether the state records that many machines."""
        found = self.backend().read()
        return found is not None and len(found.instances) == machines


@contextmanager
def workplace(
    parent: Path,
    *offers: MarketOffer,
    speed: float = 60.0,
    settings: MarketSettings = QUICK,
    seed: int = 7,
) -> Iterator[Workplace]:
    """A new workplace below ``parent`` whose market starts now and runs ``speed`` times as fast.

    Another ``seed`` makes it another account.
    """
    directory = parent / "workplace"
    (directory / "state").mkdir(mode=0o700, parents=True)
    with World.create(
        directory / "state" / "simulated-market.sqlite",
        seed=seed,
        started_at=START,
        wall_origin=wall_now(),
        speed=speed,
        offers=offers or several_offers(),
        settings=settings,
    ) as world:
        shop = Workplace(directory, world)
        yield shop
    leaks = shop.leaks()
    assert not leaks, f"I10: {leaks}"

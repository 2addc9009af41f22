"""Many runs: what they came to together, and what to print of one that broke a promise."""

from __future__ import annotations

import gc
import hashlib
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field
from functools import cache
from itertools import count
from pathlib import Path

from reconciler.model.record import RecordedState
from reconciler.model.value import dataclass
from reconciler.statefile import audit_trail, local_file, lock, process_identity
from reconciler.statefile.format import RecordTexts, checksum_of, decode, encode, is_whole
from tests.simulation.simulator import judge
from tests.simulation.simulator.broken import Broken
from tests.simulation.simulator.catalogue import ACTIONS, STANDING
from tests.simulation.simulator.documents import SLIPS
from tests.simulation.simulator.kills import Kills
from tests.simulation.simulator.known_loop import Place, replaced
from tests.simulation.simulator.schedule import Schedule, draw, shrunk
from tests.simulation.simulator.seeded_loop import run_seeded
from tests.simulation.simulator.simulation import Simulation
from tests.simulation.simulator.wire_faults import WIRE_FAULTS

_fields_of = cache(process_identity._process_fields)
_boot = cache(process_identity.this_boot)
_host = cache(process_identity._host_name)
_LONGEST_SECONDS = 30 * 86_400.0
_STATES_KNOWN = 8
_RUNS_COLLECTED = 10


@dataclass(slots=True)
class Verdict:
    """What one run came to. Two runs of one schedule have one ``digest``."""

    schedule: Schedule
    log: list[str]
    broken: Broken | None
    met: Counter[tuple[str, str]]
    checked: Counter[str]
    commands: int
    kills: Kills

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


def judged(schedule: Schedule, root: Path | None = None) -> Verdict:
    """Carry out one schedule, with real files below ``root`` if that is given."""
    made: list[Simulation] = []
    broken: Broken | None = None

    async def run() -> None:
        made.append(Simulation(schedule, root))
        await made[0].run()

    try:
        with quickly():
            run_seeded(run, seed=schedule.seed, limit_seconds=_LONGEST_SECONDS)
    except Broken as found:
        broken = found
    simulation = made.pop()
    judge = simulation.judge
    verdict = Verdict(
        schedule,
        simulation.log,
        broken,
        simulation.met,
        judge.checked,
        simulation.commands,
        judge.kills,
    )
    for knot in (simulation.troubles, judge, simulation):
        vars(knot).clear()  # each of its parts knows it: undone, they go without a search for them
    return verdict


class _KnownStates:
    """What the last states of one run look like as bytes, for all processes of the run."""

    def __init__(self) -> None:
        self.texts = RecordTexts()
        self._known: dict[bytes, RecordedState] = {}

    def decoded(self, data: bytes, where: str) -> RecordedState:
        """Each is decoded once."""
        found = self._known.get(data)
        if found is None:
            found = self._remember(data, decode(data, where))
        return found

    def whole(self, data: bytes, checksum: bytes) -> bool:
        """Whether they are the ones of that checksum: what is known here is whole."""
        return checksum_of(data) == checksum if data in self._known else is_whole(data, checksum)

    def writer(self, written: Callable[..., bytes]) -> Callable[..., bytes]:
        """``written``, and what was encoded by it needs no decoding."""
        if written is not encode:
            return written

        def encoded(state: RecordedState, texts: RecordTexts) -> bytes:
            data = encode(state, texts)
            self._remember(data, state)
            return data

        return encoded

    def _remember(self, data: bytes, state: RecordedState) -> RecordedState:
        if len(self._known) >= _STATES_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[data] = state
        return state


@contextmanager
def quickly() -> Iterator[None]:
    """What /proc and the user database say of this process is asked for once, the same bytes of a
    state are decoded once, and nothing is collected: a run lives for a tenth of a second.
    """
    states = _KnownStates()
    collecting = gc.isenabled()
    gc.disable()
    places: list[Place] = [
        (process_identity, "_process_fields", _fields_of),
        (process_identity, "this_boot", _boot),
        (process_identity, "_host_name", _host),
        (lock, "user_name", lambda: "operator"),
        (audit_trail, "user_name", lambda: "operator"),
        (audit_trail, "ci_run", lambda _: None),
        (local_file, "decode", states.decoded),
        (local_file, "is_whole", states.whole),
        (judge, "decode", states.decoded),
        (local_file, "encode", states.writer(vars(local_file)["encode"])),
        (local_file, "RecordTexts", lambda: states.texts),
    ]
    with replaced(places):
        try:
            yield
        finally:
            if collecting:
                gc.enable()


@dataclass(slots=True)
class Campaign:
    """What a series of runs came to."""

    runs: int = 0
    commands: int = 0
    kills: Kills = field(default_factory=Kills)
    failed: list[Verdict] = field(default_factory=list)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.runs += 1
        self.commands += verdict.commands
        self.kills.join(verdict.kills)
        self.met += verdict.met
        self.checked += verdict.checked
        if verdict.broken is not None:
            self.failed.append(verdict)

    @property
    def broken(self) -> int:
        return len(self.failed)

    def join(self, other: Campaign) -> None:
        """Add what another series came to."""
        self.runs += other.runs
        self.commands += other.commands
        self.kills.join(other.kills)
        self.failed += other.failed
        self.met += other.met
        self.checked += other.checked

    def never_drawn(self) -> list[str]:
        """Faults of the catalogue that no command met."""
        return never_met({number for number, _ in self.met})


def never_met(met: set[str]) -> list[str]:
    """Faults of the catalogue that are not among ``met``."""
    slips = set[str]().union(*SLIPS.values())
    drawn = {action.number for action in ACTIONS}
    return sorted({*drawn, *WIRE_FAULTS, *STANDING, *slips} - met)


def campaign(seeds: Iterable[int]) -> Campaign:
    found = Campaign()
    with uncollected() as collect:
        for seed in seeds:
            found.add(judged(draw(seed)))
            collect()
    return found


@contextmanager
def uncollected() -> Iterator[Callable[[], None]]:
    """What was there before is not looked at again for each run's garbage, nor what the first runs
    made for all. Call what is given after each run: it collects now and then.
    """
    numbers = count(1)

    def collect() -> None:
        number = next(numbers)
        if not number % _RUNS_COLLECTED:
            gc.collect()
        if number == _RUNS_COLLECTED:
            gc.freeze()

    collecting = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield collect
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()


def report(verdict: Verdict, *, lines: int = 60) -> str:
    """Seed, commit, the shortest schedule that still fails, and the first broken promise."""
    assert verdict.broken is not None
    name = verdict.broken.invariant

    def still_fails(schedule: Schedule) -> bool:
        broken = judged(schedule).broken
        return broken is not None and broken.invariant == name

    short = judged(shrunk(verdict.schedule, still_fails))
    return "\n".join(
        [
            f"{short.broken}",
            f"commit {commit()}; again: make simulate SEED={verdict.schedule.seed}",
            f"{short.schedule}",
            "the end of its log:",
            *(f"  {line}" for line in short.log[-lines:]),
        ]
    )


def commit() -> str:
    """Which version this is, as far as git can tell."""
    root = Path(__file__).parents[3]
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True
    )
    return told.stdout.strip() or "unknown"

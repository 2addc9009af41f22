"""``make bench``: what the product costs, beside Terraform where it is installed.

Prints the table and stores it in ``docs/performance.md``. One group alone, not stored:
``python -m tests.benchmarks no_change``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import log
from pathlib import Path

from reconciler.model.plan import Mode
from tests.benchmarks.acting import written_by
from tests.benchmarks.deadlines import expiry_to_destroy, paced_creates
from tests.benchmarks.in_process import CASES
from tests.benchmarks.in_process import RUNS as RUNS_IN_PROCESS
from tests.benchmarks.measure import Cost, cost_of, median_of
from tests.benchmarks.simulating import IN_MEMORY, ON_FILES, in_memory, on_files
from tests.benchmarks.table import Row, as_markdown, store
from tests.benchmarks.terraform import project, terraform
from tests.benchmarks.workspaces import COMMAND, buying, command, instant, running

HAS_CHANGES = 2
_ACTING_RUNS = 3
_OURS = (COMMAND, "plan", "-detailed-exitcode")
_THEIRS = ("terraform", "plan", "-detailed-exitcode")


def start(root: Path) -> Iterator[Row]:
    """What every command costs before it does anything."""
    yield Row("`--version`", cost_of((COMMAND, "--version"), root, runs=21), None, "wall ≤ 0.08")
    yield Row("`--help`", cost_of((COMMAND, "--help"), root, runs=21), None, "wall ≤ 0.25")
    quick = root / "quick"
    quick.mkdir()
    command(quick, "init", "--workspace", "bench")
    command(quick, "apply", "-auto-approve", "-detach")
    command(quick, "simulate", "advance", "5m")
    cost = cost_of(_OURS, quick, runs=21)
    yield Row("no-change `plan` of the quickstart", cost, None, "wall ≤ 0.5")


def no_change(root: Path) -> Iterator[Row]:
    """Everything runs as declared."""
    small = _unchanged(root, "no-1000", fleets=10, nodes=100, runs=7, theirs=3)
    yield Row("no-change `plan`, 1,000 nodes in 10 fleets", *small, "≤ 0.06 of Terraform")
    large = _unchanged(root, "no-10000", fleets=100, nodes=100, runs=7, theirs=1)
    target = "CPU ≤ 0.8, ≤ 120 MiB, ≤ 0.015 of Terraform"
    yield Row("no-change `plan`, 10,000 nodes in 100 fleets", *large, target)
    many = running(root / "no-many", fleets=10_000, nodes_each=1, files=20)
    cost = cost_of(_OURS, many, runs=5)
    yield Row("no-change `plan`, 10,000 fleets of one node in 20 files", cost, None, "CPU ≤ 2.0")


def growth(root: Path) -> Iterator[Row]:
    """How the cost of a node changes from 5,000 to 20,000 nodes, the start not counted."""
    idle = running(root / "grow-1", fleets=1, nodes_each=2)
    base = cost_of(_OURS, idle, runs=7).cpu
    costs = []
    for nodes in (5_000, 20_000):
        workspace = running(root / f"grow-{nodes}", fleets=100, nodes_each=nodes // 100)
        costs.append(cost_of(_OURS, workspace, runs=5))
    exponent = log((costs[1].cpu - base) / (costs[0].cpu - base)) / log(4)
    name = f"no-change `plan`, 20,000 nodes: exponent {exponent:.2f} from 5,000"
    yield Row(name, costs[1], None, "exponent ≤ 1.1")


def all_create(root: Path) -> Iterator[Row]:
    """Nothing runs yet."""
    ours = buying(root / "create", fleets=100, nodes_each=100, offers=100_000)
    cost = cost_of(_OURS, ours, runs=5, expected=HAS_CHANGES)
    peer = None
    if terraform():
        theirs = project(root / "create-tf", fleets=100, nodes_each=100, applied=False)
        peer = cost_of(_THEIRS, theirs, runs=1, expected=HAS_CHANGES)
    yield Row("all-create `plan`, 10,000 nodes over 100,000 offers", cost, peer, "CPU ≤ 2.5")


def shopping(root: Path) -> Iterator[Row]:
    """The planner alone, in one process."""
    for name, target in (
        ("one_request", "CPU ≤ 0.25"),
        ("hundred_fleets", "CPU ≤ 0.5"),
        ("gang_in_one_region", "CPU ≤ 2"),
        ("eight_gangs", "CPU ≤ 2"),
    ):
        case = CASES[name]
        said = " ".join((case.__doc__ or "").split()).rstrip(".")
        cost = Cost(case(root / name), None, None, RUNS_IN_PROCESS)
        yield Row(said, cost, None, target)


def acting(root: Path) -> Iterator[Row]:
    """A thousand machines bought, and destroyed until that is proven."""
    bought, gone = [], []
    for number in range(_ACTING_RUNS):
        place = instant(root / f"act-{number}", fleets=10, nodes_each=100)
        bought.append(cost_of((COMMAND, "apply", "-auto-approve"), place, runs=1))
        gone.append(cost_of((COMMAND, "destroy", "-auto-approve"), place, runs=1))
    counted = instant(root / "act-counted", fleets=10, nodes_each=100)
    applied = written_by(counted, Mode.APPLY)
    destroyed = written_by(counted, Mode.DESTROY)
    peers: list[Cost | None] = [None, None]
    if terraform():
        theirs = project(root / "act-tf", fleets=10, nodes_each=100, applied=False)
        peers = [
            cost_of(("terraform", verb, "-auto-approve"), theirs, runs=1)
            for verb in ("apply", "destroy")
        ]
    target = "CPU ≤ 2, ≤ 60 state writes"
    yield Row(f"`apply` of 1,000 nodes: {applied}", median_of(bought), peers[0], target)
    yield Row(f"`destroy` of 1,000 nodes: {destroyed}", median_of(gone), peers[1], target)


def deadlines(root: Path) -> Iterator[Row]:
    """When destroys and creates leave."""
    late = expiry_to_destroy(root / "expiry", fleets=10, nodes_each=100)
    what = f"from expiry to `destroy` sent, the loop on 1,000 nodes that end at once: {late}"
    yield Row(what, late.cost, None, "no target")
    for seconds in (0.2, 2.0):
        pace = paced_creates(timedelta(seconds=seconds))
        what = f"500 creates at {seconds:g} s latency under 20 requests a second: {pace}"
        yield Row(what, pace.cost, None, "≤ 1.05 of the bound, 0 refused")


def simulation(root: Path) -> Iterator[Row]:
    """How fast schedules of faults are carried out by the simulator of tests/simulation."""
    for name, speed, target in (
        (f"{IN_MEMORY} schedules of the fault simulator in memory", in_memory, "≥ 20 a second"),
        (f"{ON_FILES} of them on real files", on_files, "≥ 5 a second"),
    ):
        rate = speed(root)
        cost = Cost(1 / rate, None, None, 1)
        yield Row(f"{name}: {rate:.1f} a second of CPU; one", cost, None, target)


_ALL = (start, no_change, growth, all_create, shopping, acting, deadlines, simulation)
GROUPS: dict[str, Callable[[Path], Iterator[Row]]] = {group.__name__: group for group in _ALL}


def _unchanged(
    root: Path, name: str, *, fleets: int, nodes: int, runs: int, theirs: int
) -> tuple[Cost, Cost | None]:
    ours = running(root / name, fleets=fleets, nodes_each=nodes)
    cost = cost_of(_OURS, ours, runs=runs)
    if not terraform():
        return cost, None
    other = project(root / f"{name}-tf", fleets=fleets, nodes_each=nodes, applied=True)
    return cost, cost_of(_THEIRS, other, runs=theirs)


def main(chosen: list[str]) -> None:
    """Run the ``chosen`` groups, or all of them and store the table."""
    rows = []
    for name in chosen or GROUPS:
        with tempfile.TemporaryDirectory() as root:
            for row in GROUPS[name](Path(root)):
                print(row.line(), flush=True)  # noqa: T201 - a person waits for it
                rows.append(row)
    if not chosen:
        store(as_markdown(rows))


if __name__ == "__main__":
    main(sys.argv[1:])

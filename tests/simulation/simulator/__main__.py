"""``make simulate``: many seeds, or one again. Exit 1 when a promise was broken."""

from __future__ import annotations

import argparse
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from reconciler.clock import process_seconds
from tests.simulation.simulator.campaign import Campaign, Verdict, campaign, commit, judged, report
from tests.simulation.simulator.schedule import draw
from tests.simulation.simulator.tables import coverage_table, figures

_BATCH = 25
_TOLD_EVERY = 20


def _batch(seeds: range) -> Campaign:
    return campaign(seeds)


def run_all(first: int, runs: int, jobs: int) -> Campaign:
    """Every seed from ``first`` on, in batches, by ``jobs`` processes. What is done by the time of
    a Ctrl-C is what is returned; where to go on is said all along.
    """
    batches = [
        range(start, min(start + _BATCH, first + runs))
        for start in range(first, first + runs, _BATCH)
    ]
    whole, begun = Campaign(), process_seconds()
    with ProcessPoolExecutor(jobs) as pool:
        try:
            for number, part in enumerate(pool.map(_batch, batches), 1):
                whole.join(part)
                if number % _TOLD_EVERY == 0:
                    _progress(whole, first, runs, process_seconds() - begun)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            _progress(whole, first, runs, process_seconds() - begun)
    return whole


def _progress(whole: Campaign, first: int, runs: int, seconds: float) -> None:
    left = runs - whole.runs
    hours = left * seconds / max(1, whole.runs) / 3600
    broken = ", ".join(str(one.schedule.seed) for one in whole.failed[:10])
    sys.stderr.write(
        f"{whole.runs} of {runs} runs, {len(whole.failed)} broken {broken}; about {hours:.1f} h to "
        f"go; goes on with SEED={first + whole.runs} RUNS={left}\n"
    )


def _one(seed: int, log: Path | None) -> int:
    verdict = judged(draw(seed))
    if log is not None:
        log.write_text("\n".join(verdict.log) + "\n", encoding="utf-8")
    _say(f"{verdict.schedule}\nevents {len(verdict.log)}, digest {verdict.digest}")
    return _told([verdict] if verdict.broken else [])


def _told(failed: list[Verdict]) -> int:
    for verdict in failed[:5]:
        _say(f"\n{report(verdict)}")
    return 1 if failed else 0


def _cpu_seconds() -> float:
    """Of the processes that carried the runs out; they have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first seed; alone: that run again")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", type=Path, help="where the events of one run go")
    asked = parser.parse_args()
    if asked.seed is not None and asked.runs is None:
        return _one(asked.seed, asked.log)
    begun = process_seconds()
    found = run_all(asked.seed or 0, asked.runs or 100, asked.jobs)
    _say(coverage_table(found))
    _say(figures(found, process_seconds() - begun, _cpu_seconds()))
    _say(f"commit {commit()}")
    if found.runs >= 10_000 and found.never_drawn():
        _say(f"never drawn: {', '.join(found.never_drawn())}")
        return 1
    return _told(found.failed)


if __name__ == "__main__":
    sys.exit(main())

"""One run: a schedule carried out on three markets, one disk and any number of commands at once.

The commands are the real operations over the real state file. Time moves through the scheduler
alone, and nothing that a command does escapes the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.clock import LoopClock
from reconciler.market.faults import Call, Fault
from reconciler.market.units import microseconds
from reconciler.model.errors import DocumentError, GpuShopperError, StateLocked
from reconciler.model.exit_code import ExitCode
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.model.ssh_key import parse_public_key
from reconciler.operations.run import RunResult
from reconciler.providers.base import Provider
from reconciler.providers.registry import OpenedProviders
from reconciler.statefile.process_identity import this_boot, this_host
from reconciler.transport.ssh_login import Login
from tests.markets import START
from tests.simulation.simulator.backend import (
    DIRECTORY,
    STATE,
    KernelLocks,
    RealLocks,
    SimulatedFile,
    place_of,
)
from tests.simulation.simulator.broken import Broken
from tests.simulation.simulator.documents import (
    DOCUMENTS,
    FINAL,
    FINAL_SLOTS,
    SLIPS,
    desired,
    named,
)
from tests.simulation.simulator.face_places import FacePlace
from tests.simulation.simulator.judge import Judge
from tests.simulation.simulator.listener import Listener
from tests.simulation.simulator.logins import login
from tests.simulation.simulator.memory_disk import MemoryDisk
from tests.simulation.simulator.odd_branch import OddBranch
from tests.simulation.simulator.places import PLACES, Market
from tests.simulation.simulator.process import (
    LoopTime,
    Process,
    ProcessFiles,
    SimulatedWorkspace,
    numbered,
)
from tests.simulation.simulator.provider_trouble import SECRET, VARIABLE
from tests.simulation.simulator.real_disk import RealDisk
from tests.simulation.simulator.schedule import TICKS, Schedule, Step
from tests.simulation.simulator.sick_disk import SickDisk
from tests.simulation.simulator.trouble import Troubles
from tests.simulation.simulator.verbs import VERBS
from tests.simulation.told import damage_of, trail_of

if TYPE_CHECKING:
    from reconciler.operations.workspace import LogIn
    from reconciler.transport.ssh_login import Login

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
_PROCESSES_MAX = 4
_THIS_HOST = this_host()
_THIS_BOOT = this_boot()
_ENVIRONMENT = {VARIABLE: SECRET, "GPU_SHOPPER_ALLOW_ENV": VARIABLE}
_TAIL_ROUNDS = 6  # K of I18
_ONCE_MORE = (f"{ExitCode.PARTIAL:d}", f"{ExitCode.PROVIDER_FAILURE:d}")
"""Something is left to do, or to be sure of (a state that was restored holds back at first)."""


class Simulation:
    """Use ``run`` once, inside a ``SeededLoop``."""

    def __init__(self, schedule: Schedule, root: Path | None = None) -> None:
        """``root``: a directory of this machine, for real files instead of those in memory."""
        self.schedule = schedule
        self.chance = random.Random(f"run {schedule.seed}")
        self.clock = LoopClock(START)
        self.time = LoopTime()
        self.market = Market(schedule.seed, schedule.face.place if schedule.face else "")
        self.memory = MemoryDisk() if root is None else RealDisk(root)
        self.disk = SickDisk(self.memory)
        if isinstance(self.memory, RealDisk):
            self.locks: KernelLocks = RealLocks(self.memory)
        else:
            self.locks = KernelLocks(self.memory)
        self.lineage = hashlib.sha256(f"{schedule.seed}".encode()).hexdigest()[:32]
        self.judge = Judge(self.market, self.memory, self.locks, self.lineage)
        self.locks.told = self.judge.taken
        self.face: FacePlace | None = None
        if schedule.face is not None:
            self.face = FacePlace(schedule.face, self.market.worlds[schedule.face.place])
            self.judge.named = self.face.named
            self.judge.by_face = schedule.face.place
            if schedule.face.provider in ("tensordock", "lambda"):  # as their fact sheets say
                self.judge.bills_stopped_in_full = schedule.face.place
        self.troubles = Troubles(self)
        self.log: list[str] = []
        self.met: Counter[tuple[str, str]] = Counter()
        """(fault, outcome) of every command that a fault can have touched."""
        self.processes: list[Process] = []
        self.documents = FINAL
        self.commands = 0
        self.listener = Listener(self)
        self.shelf: list[bytes] = []
        """Plans that were saved."""
        self.broken: Broken | None = None
        self._nonces = count(1)
        self.memory.make_directory(DIRECTORY.with_name("copy"))
        self.memory.make_directory(DIRECTORY)
        descriptor = self.memory.open(DIRECTORY, 0)
        self.memory.sync(descriptor)
        self.memory.close(descriptor)

    @property
    def now(self) -> datetime:
        return self.time.now()

    def say(self, text: str) -> None:
        self.log.append(f"{self.time.seconds():>12.3f} {text}")

    async def run(self) -> None:
        """Raises ``Broken`` at the first promise that was not kept."""
        try:
            self.troubles.market.place_strangers()
            steps = list(self.schedule.steps)
            for tick in range(TICKS):
                while steps and steps[0].tick <= tick:
                    await self._begin(steps.pop(0))
                await self._pass_time(timedelta(seconds=self.schedule.tick_seconds))
            await self._settle()
            self._all_is_told()
            self.listener.end()
        finally:
            self.troubles.host.put_away()
            self.market.close()

    # --- time -------------------------------------------------------------------------------

    async def _pass_time(self, duration: timedelta) -> None:
        await self.clock.sleep(duration.total_seconds())
        self.troubles.end_what_is_over()
        self._look()

    def _look(self) -> None:
        if self.broken is not None:
            raise self.broken
        self.judge.looked(self.now)

    async def _begin(self, step: Step) -> None:
        arguments = dict(step.arguments)
        self.say(f"{step.number or 'verb'} {step.kind} {arguments}")
        if step.number:
            self.troubles.begin(step, arguments)
        else:
            self.start(step.kind, **arguments)

    # --- commands ---------------------------------------------------------------------------

    def start(self, verb: str, *, who: str, **arguments: Any) -> Process | None:
        """A new process; None where so many run already that no operator would start another."""
        self.processes = [one for one in self.processes if one.task and not one.task.done()]
        if len(self.processes) >= _PROCESSES_MAX or self.troubles.host.paused:
            return None
        if "documents" in arguments:
            self.documents = DOCUMENTS[arguments.pop("documents")]
        process = Process(who, verb, self.troubles.operators.skews.get(who, timedelta(0)))
        process.elsewhere = arguments.pop("elsewhere", "")
        process.failures_before = self.disk.failed_once
        process.met = set(self.troubles.untold) | SLIPS.get(self.documents, set())
        self.troubles.prepare(process)
        work = partial(VERBS[verb], self._workspace(process), process, **arguments)
        process.task = asyncio.ensure_future(self._lived(process, work))
        self.processes.append(process)
        self.commands += 1
        return process

    async def _lived(
        self, process: Process, work: Callable[[], Awaitable[RunResult | None]]
    ) -> None:
        word = await self._word_of(process, work)
        if process.life.over:
            word = "killed"
        if process.verb == "rebuild" and self.judge.trust.forgotten:
            self.judge.trust.rebuilt_by_lies(self.troubles.unhealthy_since(process.begun))
        self.say(f"{process.name} {process.verb} -> {word}")
        word = word.partition(" ")[0]
        self.troubles.untold -= process.met
        for number in process.met:
            self.met[number, word] += 1

    async def _word_of(
        self, process: Process, work: Callable[[], Awaitable[RunResult | None]]
    ) -> str:
        try:
            result = await work()
        except GpuShopperError as error:
            sick = self.disk.takes_nothing and not self.locks.refuses
            if error.exit_code is ExitCode.UNEXPECTED and sick:
                self._passed(process, None)
            self.listener.refused(process, error)
            told = "" if isinstance(error, StateLocked) else error.what  # which names a pid
            return f"{error.exit_code:d} {told}"
        except Broken as broken:
            self.broken = self.broken or broken
            return "broken"
        except BaseException as error:
            if not process.life.over and not self._found_in(error):
                text = f"{process.verb}: {type(error).__name__}: {error}"
                self.broken = self.broken or Broken("I23", text)
                self.broken.__cause__ = error
            return "broken"
        if result is None:
            return "0"
        self._passed(process, result)
        self.listener.ended(process, result)
        return f"{result.code:d}"

    def _found_in(self, error: BaseException) -> bool:
        """A promise broken inside a group of tasks."""
        if isinstance(error, Broken):
            self.broken = self.broken or error
            return True
        inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        return sum(self._found_in(one) for one in inside) > 0

    def _passed(self, process: Process, result: RunResult | None) -> None:
        """A verb has ended; None: with an error of this host, which keeps nothing alive."""
        if process.life.over or process.elsewhere:
            return
        try:
            if result is not None and result.unsaved is None:  # else nobody could count them
                self.judge.passes.ended(result.plan, process.begun, self.now)
                self.judge.reach.looked_into(process, result, self.now)
            if process.verb == "reconcile" and self._was_undisturbed(process):
                unhealthy = self.troubles.unhealthy_since(process.begun)
                passes = self.judge.passes
                passes.ended_before(process.begun, unhealthy, self.now)
                if result is not None and result.unsaved is None:
                    kept = not self.disk.failed and not self._power_was_cut()
                    self.judge.passes.paid_attention(
                        process.begun, unhealthy, self.now, remembered=kept
                    )
        except Broken as broken:
            self.broken = self.broken or broken

    def _was_undisturbed(self, process: Process) -> bool:
        stopped = {"C10.2", "C10.3", "C10.17", "C11.15", "C12.10"} | self.troubles.call_faults
        steady = process.failures_before == self.disk.failed_once and not process.skew
        steady = steady and process.begun >= self.troubles.timing_off_until
        return steady and not process.met & stopped

    def _workspace(self, process: Process) -> SimulatedWorkspace:
        files = ProcessFiles(self.disk, process.life)
        files.replaced = partial(self._replaced, process)
        name, path, lineage = place_of(process, self.lineage, self.judge)
        wanted = desired(named(self.documents, name))
        opened = OpenedProviders(
            {place.name: self._branch(place, process) for place in PLACES}, process.clock
        )
        made = SimulatedWorkspace(
            directory=path.parents[1],
            name=name,
            desired=wanted,
            documents_error=None if wanted else DocumentError(()),
            backend=SimulatedFile(
                process, files, self.locks, process.clock, path=path, workspace=name
            ),
            opened=self._configured(opened, wanted),
            environ=_ENVIRONMENT,
            host=_THIS_HOST,
            boot_id=_THIS_BOOT,
        )
        made.ssh, made.files = self._log_in(process), self.disk
        made.new_nonce = lambda: numbered(next(self._nonces))
        made.lineage = lineage
        made.shelf = self.shelf
        return made

    def _log_in(self, process: Process) -> LogIn:
        async def log_in(
            endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, seconds: float
        ) -> Login:
            await process.true_clock.sleep(1)
            public = self.memory.content(STATE.with_name("demo.id_ed25519.pub")) or b""
            key = parse_public_key(public.decode()) if public else ""
            place = alias.split("-")[2]  # no two providers' machines are one, whatever address
            refusing = self.troubles.conditions.refusing
            if self.face is not None and place == self.judge.by_face:
                found = self.face.looked_into(endpoint, self.now)
            else:
                found = login(self.market, refusing, endpoint, place, key, self.now)
            self.say(f"{process.name} {alias} login {found.end}")
            return found

        return log_in

    def _configured(self, opened: OpenedProviders, wanted: Any) -> OpenedProviders:
        """What the documents name, and what the state remembers (SPEC.md section 12, 4)."""
        state = self.judge.state()
        named = set(wanted.providers) if wanted else set()
        homes = {one.provider for one in state.instances.values()} if state else set()
        homes |= {one.provider for one in state.intents.values()} if state else set()
        chosen = {name: one for name, one in opened.providers.items() if name in named | homes}
        return OpenedProviders(chosen, opened.clock)

    def _branch(self, place: Any, process: Process) -> Provider:
        def hook(call: Call) -> Fault | None:
            process.life.pulse()
            self.judge.called(process, place.name, call)
            fault = self.troubles.of_call(process, place.name, call)
            if fault is None:
                self.judge.answered(place.name, call)
            if fault is not None and call.operation == "create_instance" and not fault.has_effect:
                self.judge.phantoms = True
            if fault is not None and fault.stale and call.operation == "list_instances":
                self.judge.shown_late = max(self.judge.shown_late, fault.stale)
            if fault is not None and fault.status is not None:
                self.judge.misstated.add(place.name)
            if fault is not None and fault.drop_labels:
                self.judge.unlabelled[place.name] = microseconds(process.true_clock.now())
            said = call.label or call.instance_id or ""
            self.say(f"{process.name} {place.name} {call.operation} {said} {fault or ''}")
            return fault

        account = self.troubles.operators.account_at(place.name)
        if self.face is not None and self.face.rented.place == place.name:
            return self.face.adapter(process, hook, self.troubles.wire.carried, account)
        clocks = process.true_clock, process.clock
        odd = self.troubles.providers.odd[place.name]
        branch = OddBranch(place, self.market.worlds[place.name], clocks, hook, odd)
        branch.account = account or branch.account
        return branch

    def _replaced(self, process: Process, target: object) -> None:
        if target is STATE or target == STATE:
            self.judge.written(self.now, mending=process.verb in ("restore", "rebuild"))

    # --- the end ----------------------------------------------------------------------------

    async def _settle(self) -> None:
        """A tail without faults: the fleets come to what is declared, and later to nothing."""
        self.troubles.end_all()
        self.say("no more faults")
        await self._finish()
        if self.judge.lost_at is not None:
            self.documents = FINAL  # which name every provider
            await self._command("rebuild")
        await self.troubles.states.mended(self._command)
        if self.judge.state() is None and self.judge.neighbours:
            # Without a state, nobody begins one beside machines under its name (exit 13).
            await self._command("destroy", target="", elsewhere="demo")
        if self.judge.trust.lost_once:
            self.documents = FINAL
            await self._command("rebuild")
        await self._pass_time(HOUR)
        self.documents = FINAL
        end = self.judge.convergence
        word = await self._command("apply", max_destroy=50, renew=True)
        await self._pass_time(2 * MINUTE)
        for _ in range(_TAIL_ROUNDS):
            if word not in _ONCE_MORE and end.has_converged(self.now, FINAL_SLOTS):
                break
            await self._command("reconcile")
            word = await self._command("apply", max_destroy=50)
            await self._pass_time(2 * MINUTE)
        end.converged(self.now, FINAL_SLOTS)
        await self._nothing_more_to_do()
        await self._pass_time(timedelta(hours=30))
        for _ in range(_TAIL_ROUNDS):
            await self._command("reconcile")
            await self._pass_time(2 * MINUTE)
            if end.state_is_empty():
                break
        end.all_gone(self.now)

    async def _nothing_more_to_do(self) -> None:
        before, sent = self.memory.content(STATE), len(self.judge.mutating)
        word = await self._command("apply")
        same = self.memory.content(STATE) == before
        self.judge.require("I17", len(self.judge.mutating) == sent, f"apply sent calls ({word})")
        self.judge.require("I17", same, f"apply wrote the state ({word})")

    def _all_is_told(self) -> None:
        """I20, where the disk took every line."""
        states = self.troubles.states
        damaged = states.trail_damaged or self.judge.trust.rolled_back or self.judge.was_lost
        if self.disk.failed or self._power_was_cut() or damaged:
            return
        damage = damage_of(STATE, self.memory)
        self.judge.require("I20", not damage, f"{damage}")
        told = {
            one.mark
            if one.action == "create"
            else self.judge.named(one.provider or "", one.instance_id or "")
            for one in trail_of(STATE, self.memory, holding=b'"outcome":"intent"')
            if one.outcome == "intent"
        }
        for _, place, operation, subject in self.judge.mutating:
            said = f"{operation} of {subject} at {place} is not in the trail"
            self.judge.require("I20", subject in told, said)

    def _power_was_cut(self) -> bool:
        return any(step.kind == "power_cut" for step in self.schedule.steps)

    async def _command(self, verb: str, **arguments: Any) -> str:
        process = self.start(verb, who="ci", **arguments)
        assert process is not None
        assert process.task is not None
        await process.task
        self._look()
        return self.log[-1].rpartition("-> ")[2]

    async def _finish(self) -> None:
        for process in self.processes:
            if process.task is not None:
                await asyncio.wait({process.task})
        self._look()

"""What becomes of the state between commands, and how operators mend it: as the messages say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.mark import workspace_part
from reconciler.model.pins import HostPin
from reconciler.model.record import RecordedState
from reconciler.statefile.format import VERSION, decode, encode
from reconciler.statefile.process_identity import this_host
from tests.simulation.simulator.backend import STATE
from tests.simulation.simulator.stored_bytes import serial_of

if TYPE_CHECKING:
    from reconciler.model.errors import GpuShopperError
    from tests.simulation.simulator.trouble import Troubles

_RESTORE = re.compile(r"gpu-shopper state restore (?:(\d+)\b|(/[^\s,;]+))")
_MOVE_AWAY = f"move {STATE} away"
_FOREIGN = "f" * 32
_TRIES = 8
_BACKUP = re.compile(r"\.backup-(\d+)-([0-9a-z]{5})")
_SERIAL = re.compile(rb',"serial":(\d+),')
_TRAIL = STATE.with_name(STATE.name + ".audit.jsonl")


class StateTrouble:
    """Each public method with ``ticks`` is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.waiting: list[Callable[[], None]] = []
        """What happens as soon as no command is at work."""
        self.advice: GpuShopperError | None = None
        """The last refusal of the state, which says what to do."""
        self.rescued: list[str] = []
        """Files with what could not be saved."""
        self.trail_damaged = False
        self._old = b""
        """A copy that was put back, of which the trail or a backup tells that it is old."""

    # --- kinds of steps ---------------------------------------------------------------------

    def damage(self, target: str, how: str, place: int, ticks: int) -> None:
        self._between_commands(lambda: self._damage(target, how, place, ticks))

    def old_copy(self, age: int, whole: bool, ticks: int) -> None:
        """Somebody copies the state, or all files beside it, and puts them back later."""
        if self.simulation.judge.trust.doubted:
            return  # nobody keeps a copy of what is damaged
        copy = {path: self._content(path) for path in self._files()} if whole else {}
        copy[STATE] = self._content(STATE)
        if copy[STATE]:
            put_back = lambda: self._between_commands(lambda: self._put_back(copy, ticks))  # noqa: E731
            self.troubles.then(age, "an old copy", put_back)

    def foreign_state(self, serial: int, ticks: int) -> None:
        self._between_commands(lambda: self._foreign(serial, ticks))

    def newer_version(self, ticks: int) -> None:
        """Written by a newer program, which everybody has some time later."""
        self._between_commands(lambda: self._newer(ticks))

    # --- what is done -----------------------------------------------------------------------

    def _damage(self, target: str, how: str, place: int, ticks: int) -> None:
        path = self._target(target)
        data = self._content(path) if path else b""
        if not path or len(data) < 2:
            return
        at = place * 7919 % len(data)
        broken = {
            "flip": data[:at] + bytes([data[at] ^ (1 << place % 8)]) + data[at + 1 :],
            "zeros": data[:at] + bytes(len(data) - at),
            "cut": data[:at],
        }[how]
        if target == "state" and not self._doubt(ticks):
            return
        self.trail_damaged |= target == "trail"
        self.simulation.memory.put(path, broken)
        old = self._old
        if old and self._content(STATE) == old and not self._is_told_of_later(old):
            trust = self.simulation.judge.trust  # the damage took the last that told of it
            trust.regain()
            trust.roll_back(old)

    def _target(self, target: str) -> Path | None:
        if target == "state":
            return STATE
        if target == "trail":
            return _TRAIL
        # Not one that is the state itself still, by another name: no save came after it.
        state = self._content(STATE)
        backups = [path for path in self._files() if ".backup-" in path.name]
        return max((path for path in backups if self._content(path) != state), default=None)

    def _put_back(self, copy: dict[Path, bytes], ticks: int) -> None:
        now, old = self._content(STATE), copy[STATE]
        judge = self.simulation.judge
        if not now or judge.trust.doubted or serial_of(now) == serial_of(old) or judge.namesakes:
            return
        if len(copy) > 1:  # nothing that is left tells of what came after
            judge.trust.roll_back(old)
            for path in self._files():
                if path not in copy and ".lock" not in path.name:
                    self.simulation.memory.take_away(path)
        elif self._is_told_of_later(old):
            self._old = old if self._doubt(ticks) else b""
        elif serial_of(now) == serial_of(old) + 1:
            judge.trust.roll_back(old)
        elif _decided(old) == _decided(now) or _only_doubts_itself(old, now):
            judge.serial = serial_of(old)  # only visits lie between: nothing is lost
        else:
            return  # the disk took neither a backup nor a line of the trail: nobody could know
        for path, data in copy.items():
            if ".lock" not in path.name:
                self._put(path, data)

    def _foreign(self, serial: int, ticks: int) -> None:
        # Without a trail there never was a machine, and nothing that could tell the two apart.
        # Nor does what is left of one of which no line can be read.
        told = b"}\n" in (self._content(_TRAIL) or b"")
        if not self._content(STATE) or not told or not self._doubt(ticks):
            return
        host: HostPin = this_host()
        state = RecordedState(workspace="demo", lineage=_FOREIGN, host=host, serial=serial)
        self._put(STATE, encode(state))

    def _newer(self, ticks: int) -> None:
        data = self._content(STATE)
        if not data or self.simulation.judge.trust.doubted:
            return
        self.simulation.judge.trust.doubt()
        newer = data.replace(b'"version":%d' % VERSION, b'"version":%d' % (VERSION + 1))
        self._put(STATE, newer)
        self.troubles.later(ticks, "everybody has the newer program", lambda: self._upgraded(data))

    def _upgraded(self, data: bytes) -> None:
        judge = self.simulation.judge
        judge.require("I19", _version(self._content(STATE)) == VERSION + 1, "it was overwritten")
        self._put(STATE, data)
        judge.trust.regain()

    # --- operators --------------------------------------------------------------------------

    def refused(self, error: GpuShopperError) -> None:
        """A command could not use the state."""
        self.advice = error

    def unsaved(self, warnings: list[str]) -> None:
        """What a run that could not save says: it is brought back when the disk works again."""
        for line in warnings:
            found = _RESTORE.search(line)
            if found and found[2]:
                self.rescued.append(found[2])

    def bring_back(self) -> None:
        for path in self.rescued:
            self.simulation.start("restore", who="laptop", what=path)
        self.rescued.clear()

    def _doubt(self, ticks: int) -> bool:
        """False where the state is nobody's to trust already."""
        trust = self.simulation.judge.trust
        if trust.doubted or self.simulation.judge.namesakes:
            return False
        self.advice = None
        trust.doubt()
        self.troubles.then(ticks, "somebody mends the state", self.mend)
        return True

    def mend(self) -> None:
        """One step of somebody who does what the last refusal says, until it is mended."""
        if not self.simulation.judge.trust.doubted:
            self.simulation.start("rebuild", who="laptop")  # what the one that is back lacks
            return
        self.troubles.then(1, "and looks again", self.mend)
        verb, arguments = self.next_step()
        self.simulation.start(verb, who="laptop", **arguments)

    def next_step(self) -> tuple[str, dict[str, int | str]]:
        """The verb that the last refusal names; a look at the state where there was none."""
        error = self.advice
        look: tuple[str, dict[str, int | str]] = ("reconcile", {})
        if error is None:
            return look
        found = _RESTORE.search(error.fix)
        if _MOVE_AWAY in error.fix and not found and self._content(STATE):
            self.simulation.memory.remove(STATE)
            self.simulation.judge.trust.moved_away()
        if found:
            return "restore", {"what": int(found[1]) if found[1] else found[2]}
        return ("rebuild", {}) if "state rebuild" in error.fix else look

    async def mended(self, command: Callable[..., Awaitable[str]]) -> None:
        """In the end, without faults: the state is what it should be, by the means of the guide."""
        judge = self.simulation.judge
        for path in self.rescued:
            await command("restore", what=path)
        self.rescued.clear()
        for _ in range(_TRIES):
            if not judge.trust.doubted:
                break
            verb, arguments = self.next_step()
            await command(verb, **arguments)
        # Without a machine there is nothing to rebuild: the next apply makes a new state.
        mended = not judge.trust.doubted or judge.trust.begins_anew
        judge.require("I18", mended, f"nothing mends the state: {self.advice}")

    # --- files ------------------------------------------------------------------------------

    def _between_commands(self, act: Callable[[], None]) -> None:
        self.waiting.append(act)
        self.go_on()

    def go_on(self) -> None:
        """At each tick."""
        if self.waiting and not self.troubles.processes.running():
            acts, self.waiting = self.waiting, []
            for act in acts:
                act()

    def _files(self) -> list[Path]:
        start = f"{STATE.parent}/"
        return [Path(name) for name in self.simulation.memory.every() if name.startswith(start)]

    def _content(self, path: Path) -> bytes:
        return self.simulation.memory.content(path) or b""

    def _is_told_of_later(self, old: bytes) -> bool:
        """Whether a backup or the trail tells of a version after the one that may follow ``old``
        where a writer died before he saved it.
        """
        serial, copy = serial_of(old), decode(old, "a copy")
        trail, own = copy.trail, workspace_part(copy.workspace, copy.lineage)[5:]
        named = [_BACKUP.search(path.name) for path in self._files()]
        if any(int(one[1]) > serial for one in named if one and one[2] == own):
            return True
        lines = [] if trail and trail.missed else _SERIAL.findall(self._content(_TRAIL))
        return bool(lines) and int(lines[-1]) > serial + 1

    def _put(self, path: Path, data: bytes) -> None:
        self.simulation.memory.place(path, data)


def _decided(data: bytes) -> int:
    return decode(data, "a copy").decided_serial


def _only_doubts_itself(old: bytes, now: bytes) -> bool:
    """All that was decided since ``old`` is that a machine is younger than the state: whoever reads
    ``old`` finds that again, and no trail tells of it.
    """
    before, after = decode(old, "a copy"), decode(now, "the state")
    found = before.rolled_back is None and after.rolled_back is not None
    told = ("instances", "intents", "leases", "let_go", "providers", "budgets")
    return found and all(getattr(before, name) == getattr(after, name) for name in told)


def _version(data: bytes) -> int:
    found = re.search(rb'"version":(\d+),"workspace"', data)
    return int(found[1]) if found else 0

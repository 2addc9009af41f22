"""The promises of RELIABILITY.md, checked against the ledger that the engine cannot see.

``called`` and ``written`` hold at every moment, ``looked`` after every tick.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from reconciler.market.faults import Call
from reconciler.market.machine import Machine
from reconciler.market.units import microseconds
from reconciler.model.mark import Mark, parse_mark, workspace_part
from reconciler.model.record import RecordedState
from reconciler.statefile.files import Files
from reconciler.statefile.format import decode
from reconciler.statefile.workspace_key import WorkspaceKey
from tests.simulation.simulator.backend import LOCK, STATE, KernelLocks
from tests.simulation.simulator.broken import Broken
from tests.simulation.simulator.convergence import Convergence
from tests.simulation.simulator.hours import LATE, closes_at
from tests.simulation.simulator.kills import Kills
from tests.simulation.simulator.memory_disk import MemoryDisk
from tests.simulation.simulator.passes import Passes
from tests.simulation.simulator.places import Market
from tests.simulation.simulator.process import Process
from tests.simulation.simulator.protection import Protection
from tests.simulation.simulator.purse import Purse
from tests.simulation.simulator.reach import Reach
from tests.simulation.simulator.stored_bytes import lineage_of, nonces, recorded_part, serial_of
from tests.simulation.simulator.trust import Trust

READS_ONLY = frozenset({"plan", "save", "restore", "rebuild"})
"""Verbs that never send a mutating call."""
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Judge:
    """Sees the market's ledger, the disk and the kernel's locks."""

    def __init__(
        self, market: Market, memory: MemoryDisk, locks: KernelLocks, lineage: str
    ) -> None:
        self.market = market
        self.memory = memory
        self.locks = locks
        self.part = workspace_part("demo", lineage)
        self.checked: Counter[str] = Counter()
        self.strangers: set[tuple[str, str]] = set()
        """(provider, id) of machines that must never be touched."""
        self.nameless: set[tuple[str, str]] = set()
        """Those among them that stand under an id of ours, without a label."""
        self.unseen: set[tuple[str, str]] = set()
        """Those of another mark under an id of ours, as long as no whole answer showed them."""
        self.dates_lie: Callable[[str], bool] = lambda _: False
        """Whether a provider says of machines that they began at another time, or not when."""
        self.copies: set[tuple[str, str]] = set()
        """Made by a person under a mark of ours: nobody's promise says what becomes of them."""
        self.namesakes = False
        """Once others have machines under our name: no state may be rebuilt from names then."""
        self.relabelled: set[tuple[str, str]] = set()
        """A person gave them another label for a while."""
        self.dark: Callable[[Process], set[str]] = lambda _: set()
        """Providers of which a process may have learnt nothing, or what is wrong."""
        self.ended_by_others: set[tuple[str, str]] = set()
        """Destroyed in the provider's console."""
        self.labels: dict[tuple[str, str], str] = {}
        """As each machine of ours was named when it was made."""
        self.sent: Counter[str] = Counter()
        self.known: frozenset[str] = frozenset()
        """Nonces in the state."""
        self.known_when_taken: dict[Process, frozenset[str]] = {}
        self.serial = 0
        self.lineage = b""
        self.lineages: set[bytes] = set()
        """All that the state ever had."""
        self.lost_at: datetime | None = None
        """Since when there is no state, because somebody lost it (C9.7)."""
        self.was_lost = False
        """Once it was: what it knew of money is gone with it."""
        self._decoded: tuple[bytes, RecordedState] | None = None
        self.slips: list[datetime] = []
        self.kills = Kills()
        self.mutating: list[tuple[datetime, str, str, str]] = []
        self.purse = Purse(self)
        self.reach = Reach(self)
        self.protection = Protection(self)
        self.private_key = WorkspaceKey(STATE, "", Files(), []).private_path
        self.phantoms = False
        """Once a create was answered that made nothing: such a machine is in our ledger alone."""
        self.named: Callable[[str, str], str] = lambda _, instance_id: instance_id
        """What the ledger calls a machine of this provider, which may have another name for it."""
        self.bills_stopped_in_full = ""
        """The provider of this run, if any, of which its adapter believes that."""
        self.by_face = ""
        """The provider of this run that is a real one, if any."""
        self.trust = Trust(self)
        self.passes = Passes(self)
        self.convergence = Convergence(self)
        self.neighbours: set[str] = set()
        """Labels of machines that were bought from another directory."""
        self.clocks_differ = False
        """Once a host's clock was off by less than anybody notices."""
        self.provider_off = timedelta(0)
        """How far a provider's clock was off, which dates the machines that are found there."""
        self.shown_late = timedelta(0)
        """How old a listing was, at most, that was given out as of now (C2.15)."""
        self.misstated: set[str] = set()
        """Providers that gave out machines with a status that was not theirs (C3.2)."""
        self.unlabelled: dict[str, int] = {}
        """When each provider last gave out machines without their labels (C2.11)."""
        self.stood_still = timedelta(0)
        """For how long all clocks of the host did, at most."""

    def require(self, invariant: str, holds: object, text: str | Callable[[], str]) -> None:
        self.checked[invariant] += 1
        if not holds:
            raise Broken(invariant, text if isinstance(text, str) else text())

    # --- at every call ----------------------------------------------------------------------

    def called(self, process: Process, place: str, call: Call) -> None:
        if call.operation not in ("create_instance", "destroy_instance"):
            return
        self.require("I30", process.verb not in READS_ONLY, f"a {process.verb} sent {call}")
        subject = call.label or call.instance_id or ""
        if process.elsewhere:
            self._called_elsewhere(place, subject, call)
            return
        self.mutating.append((call.at, place, call.operation, subject))
        if call.operation == "create_instance":
            self._create_sent(process, subject, call.at)
        else:
            real = self.market.worlds[place].known_as.get(subject, subject)
            self._excuse(place, real)
            stranger = (place, real) in self.strangers
            stranger |= bool(self.neighbours) and self._is_neighbour(place, subject)
            self.require("I4", not stranger, f"a destroy of somebody else's {place} {subject}")
            self.protection.destroyed(process, place, subject)

    def answered(self, place: str, call: Call) -> None:
        """A provider tells the whole truth about its machines, or about one of them."""
        if call.operation == "list_instances":
            self.unseen = {one for one in self.unseen if one[0] != place}
        elif call.operation == "get_instance":
            known_as = self.market.worlds[place].known_as
            self.unseen.discard((place, known_as.get(call.instance_id or "", "")))

    def _excuse(self, place: str, machine_id: str) -> None:
        """Under a reused id stands a machine without a label. That it is not ours its date alone
        says, to whoever knows when the destroy of ours was accepted (C2.13). What no answer showed
        yet nobody can know: an end is kept in an outage, too.
        """
        key = (place, machine_id)
        undated = key in self.nameless and (self.trust.lost_once or self.dates_lie(place))
        if undated or key in self.unseen:
            self.strangers.discard(key)
            self.copies.add(key)

    def _called_elsewhere(self, place: str, subject: str, call: Call) -> None:
        """Another workspace of the same account buys and destroys its own machines alone."""
        if call.label:
            self.require("I4", self.part not in subject, f"{subject} was bought in our name")
            self.neighbours.add(subject)
        else:
            self.require("I4", self._is_neighbour(place, subject), f"a destroy of {subject}")

    def _is_neighbour(self, place: str, machine_id: str) -> bool:
        found = (one for one in self.market.worlds[place].machines() if one.id == machine_id)
        return any(one.label in self.neighbours for one in found)

    def _create_sent(self, process: Process, label: str, now: datetime) -> None:
        durable = self.memory.on_platter(STATE) or b""
        self.require(
            "I2", label.encode() in recorded_part(durable), f"sent before it was durable: {label}"
        )
        self.sent[label] += 1
        self.require("I11", self.sent[label] == 1, f"one intent, sent twice: {label}")
        holder = self.locks.holder(LOCK)
        nonce = label.rpartition("-")[2]
        ours = holder is process or holder is None
        read = holder is not None and nonce in self.known_when_taken.get(holder, frozenset())
        self.require("I8", ours or read, f"{process.name} sent {label} in the turn of another")
        self._no_second_in_the_slot(label, now, self.dark(process))
        self._affordable(label, now)
        self.reach.bought(label)

    def _affordable(self, label: str, now: datetime) -> None:
        state = self.state()
        intent = state.intents.get(label) if state else None
        if state is not None and intent is not None and state.budgets:
            self.purse.bought(label, intent.provider, intent.usd_per_hour, now)

    def _no_second_in_the_slot(self, label: str, now: datetime, dark: set[str]) -> None:
        """No create while a machine that is to stay has its slot, but for a declared successor.
        ``dark``: where the buyer may have seen nothing.
        """
        state, mark = self.state(), parse_mark(label)
        assert state is not None
        assert mark is not None
        lease = state.leases.get(mark.fleet)
        closes = closes_at(lease) if lease else None
        if closes is not None:
            self.require("I9", now < closes + LATE, f"{label} was bought after {closes}")
        intent = state.intents.get(label)
        follows = intent.succeeds.mark if intent and intent.succeeds else ""
        for machine, other in self.parsed(now):
            record = state.instances.get(str(other))
            same = (other.fleet, other.index) == (mark.fleet, mark.index)
            named = parse_mark(machine.label) is not None  # else nothing tells of it at all
            named = named and not self.trust.is_untold(machine, state, dark)
            if record is None and same and named and other.nonce in self.trust.forgotten:
                self.require("I3", False, f"{label} was bought beside the forgotten {other}")
            if record is None or record.doom is not None or record.mark == follows:
                continue
            self.require("I3", not same, f"{label} was bought beside {other}, which stays")

    def taken(self, process: Process) -> None:
        self.known_when_taken[process] = self.known
        self.protection.taken(process)

    # --- at every write of the state --------------------------------------------------------

    def written(self, now: datetime, *, mending: bool = False) -> None:
        """``mending``: by an operator who brings a state back."""
        data = self.memory.content(STATE) or b""
        if self.lost_at is not None:
            self._rebuilt(data)
        serial, lineage = serial_of(data), lineage_of(data)
        self.require("I7", serial and lineage, "what stands in the state's place is no state")
        # One that records no machine may be replaced by one that was there before: nothing is lost.
        returns = mending and not self.known and lineage in self.lineages - {self.lineage}
        mending = returns or ((mending or self.trust.begins_anew) and self.trust.doubted)
        self.lineages.add(lineage)
        grows = serial > self.serial or (mending and lineage != self.lineage)  # each has its own
        self.require("I19", grows, f"serial {serial} after {self.serial}")
        self.serial = serial
        self.lineage = lineage if mending else self.lineage or lineage
        self.require("I19", lineage == self.lineage, "another lineage")
        self.trust.written(mending=mending, returns=returns)
        self._nothing_forgotten(data, now, mending=mending)

    def _nothing_forgotten(self, data: bytes, now: datetime, *, mending: bool) -> None:
        before, self.known = self.known, nonces(data)
        self.trust.forgotten -= self.known
        dropped = before - self.known
        if dropped:
            billed = dropped & {mark[-8:] for _, mark in self.ours(now)}
            kept = not billed or self.trust.lost(billed, mending=mending)
            self.require("I12", kept, f"dropped and billed: {billed}")

    # --- after every tick -------------------------------------------------------------------

    def looked(self, now: datetime) -> None:
        if self.lost_at is not None:
            return
        billed = self.market.billed(now)
        ours = self.ours(now, billed)
        known = self.known | self.trust.forgotten if self.trust.forgotten else self.known
        lost = [mark for _, mark in ours if mark[-8:] not in known]
        at = microseconds(now)
        stopped = {mark for one, mark in ours if one.stopped is not None and one.stopped <= at}
        if stopped:
            said = f"stopped, billed and not in the state: {stopped & {*lost}}"
            self.require("I13", stopped.isdisjoint(lost), said)
        self.require("I1", not lost, f"billed and not in the state: {lost}")
        living = {(place, one.id) for place, one in billed}
        self.require("I4", self.strangers <= living, "a machine of somebody else is gone")
        open_to_others = [
            name for name, inode in self.memory.every().items() if inode.mode & _FOR_OTHERS
        ]
        self.require("I24", not open_to_others, f"open to others: {open_to_others}")

    def state_was_lost(self, now: datetime) -> None:
        self.lost_at, self.was_lost = now, True
        self.known, self.serial, self.lineage = frozenset(), 0, b""
        self.slips.clear()

    def _rebuilt(self, data: bytes) -> None:
        """What a rebuilt state does not know nobody can: machines that were not listed yet, or that
        stood beside another one in their slot, which it says. Nothing touches them (I4).
        """
        assert self.lost_at is not None
        before, found = microseconds(self.lost_at), nonces(data)
        for place, world in self.market.worlds.items():
            for one in world.machines():
                if one.created <= before and self.label_of(place, one)[-8:] not in found:
                    self.copies.add((place, one.id))
        # Without a state nobody can tell another lineage's machine (C9.9): it was shown, and taken.
        state = self.state()
        taken = (
            {(one.provider, one.instance_id) for one in state.instances.values()} if state else ()
        )
        self.copies |= self.strangers.intersection(taken)
        self.strangers -= self.copies
        self.lost_at = None

    def power_came_back(self, before: bytes | None, platter: bytes | None) -> None:
        """The state is one of the two that were there, byte for byte."""
        data = self.memory.content(STATE)
        self.require("I7", data in (before, platter), "after a loss of power: neither old nor new")
        if data is not None and not self.trust.doubted:
            decode(data, "the state")
            self.serial = serial_of(data)
            self.known = nonces(data)

    def state(self) -> RecordedState | None:
        if self.trust.doubted:
            return self.trust.kept
        data = self.memory.content(STATE)
        if data is None:
            return None
        if self._decoded is None or self._decoded[0] is not data:
            self._decoded = data, self._as_in_the_ledger(decode(data, "the state"))
        return self._decoded[1]

    def _as_in_the_ledger(self, state: RecordedState) -> RecordedState:
        """With the ledger's names of machines."""
        other = {
            mark: one.with_(instance_id=name)
            for mark, one in state.instances.items()
            if (name := self.named(one.provider, one.instance_id)) != one.instance_id
        }
        return state.with_(instances={**state.instances, **other}) if other else state

    def ours(
        self, now: datetime, billed: list[tuple[str, Machine]] | None = None
    ) -> list[tuple[Machine, str]]:
        found = []
        for place, one in self.market.billed(now) if billed is None else billed:
            key = (place, one.id)
            if key in self.strangers or key in self.copies:
                continue
            label = self.label_of(place, one)
            if label in self.neighbours:
                continue
            found.append((one, label))
        return found

    def label_of(self, place: str, machine: Machine) -> str:
        """As it was named when it was ordered, whatever the provider made of that."""
        key = (place, machine.id)
        label = self.labels.get(key)
        if label is None:
            ordered = self.market.worlds[place].ordered.get(machine.id)
            label = self.labels[key] = ordered or machine.label or ""
        return label

    def parsed(self, now: datetime) -> list[tuple[Machine, Mark]]:
        parsed = [(one, parse_mark(label)) for one, label in self.ours(now)]
        return [(one, mark) for one, mark in parsed if mark is not None]

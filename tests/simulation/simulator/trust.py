"""What a judge holds on to while the state's file does not say what was last written there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.mark import parse_mark
from reconciler.model.plan import Mode
from reconciler.model.reason import DestroyReason
from tests.simulation.simulator.stored_bytes import lineage_of, nonces, serial_of

if TYPE_CHECKING:
    from reconciler.market.machine import Machine
    from reconciler.model.plan import Plan
    from reconciler.model.record import RecordedState
    from tests.simulation.simulator.judge import Judge


class Trust:
    """Of one judge. A state that was damaged, or put in the place of another one, is nobody's to
    build on until an operator mended it as the guide says.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.doubted = False
        self.kept: RecordedState | None = None
        """The last state that could be trusted."""
        self.forgotten: set[str] = set()
        """Nonces of machines of ours that only a lost version of the state knew."""
        self.ever_forgotten: set[str] = set()
        self.lost_once = self.rolled_back = self.begins_anew = False
        """Books that a lost version held are gone with it."""

    def makes_namesakes(self) -> bool:
        """Others get machines under our name. False where the state was ever mended: `rebuild`
        takes all that carry it, on an operator's word.
        """
        judge = self._judge
        if self.doubted or self.lost_once or judge.was_lost or judge.lost_at is not None:
            return False
        judge.namesakes = True
        return True

    def doubt(self) -> None:
        if not self.doubted:
            self.kept, self.doubted = self._judge.state(), True

    def regain(self) -> None:
        """What was last written stands there again."""
        self.doubted, self.kept = False, None

    def roll_back(self, old: bytes) -> None:
        """Nothing but the machines themselves tells of what came after ``old``, which is put back:
        with its trail and its backups, or one version behind, as a writer leaves it who told what
        he would write and died.
        """
        judge = self._judge
        before, judge.known = judge.known, nonces(old)
        self._forget(before - judge.known)
        judge.serial, judge.lineage = serial_of(old), lineage_of(old)
        self._books_are_lost()
        self.rolled_back = True

    def moved_away(self) -> None:
        """Nothing stands there, on advice: whoever writes next begins anew."""
        self.begins_anew = True

    def written(self, *, mending: bool, returns: bool) -> None:
        """Raises ``Broken`` for whoever builds on a state that nobody may trust. ``returns``: an
        operator brings one back whose books know nothing of those that it replaces.
        """
        if not self.doubted:
            if returns:
                self._books_are_lost()
            return
        mending = mending or self.begins_anew
        self.begins_anew = False
        self._judge.require("I19", mending, "a change was built on a state that is not the last")
        self._books_are_lost()
        self.regain()

    def lost(self, dropped: set[str] | frozenset[str], *, mending: bool) -> bool:
        """Whether ``dropped`` may be unknown from here on: nothing that is there tells of them."""
        if not mending:
            return False
        self._forget(dropped)
        return True

    def rebuilt_by_lies(self, places: set[str]) -> None:
        """Somebody rebuilt the state from listings that were false there: of what those left out
        nothing that is left tells. Nor of what a person had given another label: under its own
        again it is said to be billed for another state, by each run (``gpu-shopper orphans``).
        """
        judge = self._judge
        for place, world in judge.market.worlds.items():
            for one in world.machines():
                nonce = judge.label_of(place, one)[-8:]
                named = (place, one.id) not in judge.relabelled or parse_mark(one.label)
                if nonce in self.forgotten and (place in places or not named):
                    self.forgotten.discard(nonce)
                    judge.copies.add((place, one.id))

    def is_untold(self, machine: Machine, state: RecordedState, dark: set[str]) -> bool:
        """Whether nothing told the buyer of it: the whole of an old copy stands there, which does
        not know that it is old, and its provider could not be read; or no state is left, and its
        provider gave out no labels.
        """
        if not self.rolled_back or state.rolled_back is not None:
            dark = dark & self._judge.unlabelled.keys() if self.lost_once else set()
        worlds = self._judge.market.worlds
        return any(one is machine for place in dark for one in worlds[place].machines())

    def _books_are_lost(self) -> None:
        self.lost_once = True
        self._judge.slips.clear()  # the fuse's memory was in the state as well

    def _forget(self, dropped: set[str] | frozenset[str]) -> None:
        self.forgotten |= dropped
        self.ever_forgotten |= dropped

    def passed(self, plan: Plan) -> None:
        """No loop destroys what the state may merely have forgotten, before somebody agrees."""
        asked = plan.request
        if not self.ever_forgotten or asked.mode is not Mode.LOOP or asked.max_destroy is not None:
            return
        for one in plan.destroys:
            unknown = one.reason is DestroyReason.ORPHANED and not one.again
            killed = unknown and one.record.mark[-8:] in self.ever_forgotten
            self._judge.require("I28", not killed, f"{one.record.mark} was merely forgotten")

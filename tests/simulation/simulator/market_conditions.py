"""What becomes of machines, hosts and accounts at the providers of a run, beside calls."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.market.errors import MarketError, NoSuchMachine
from reconciler.market.units import microseconds
from reconciler.model.mark import Mark, parse_mark, workspace_part
from tests.simulation.simulator.catalogue import LABEL_CUT
from tests.simulation.simulator.documents import PROTECTED

if TYPE_CHECKING:
    from tests.simulation.simulator.trouble import Troubles

_LONG_GONE = timedelta(minutes=10)
"""No provider gives an id away again within a command that still asks for the old machine."""


class MarketConditions:
    """Each public method that the catalogue names is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.refusing: set[tuple[str, str]] = set()
        """(provider, host) of which the SSH servers let nobody in."""
        self._reused = 0

    def hosts_refuse(self, place: str, every: int, ticks: int) -> None:
        """Every second or third host lets nobody in for a while (C3.6)."""
        world = self.simulation.market.worlds[place]
        hosts = sorted({one.host or "" for one in world.all_offers()})
        some = {(place, host) for host in hosts[::every]}
        self.refusing |= some
        self.troubles.later(ticks, f"{place} lets in again", lambda: self._let_in(some))

    def _let_in(self, hosts: set[tuple[str, str]]) -> None:
        self.refusing -= hosts

    def readdress(self, which: int) -> None:
        """After a restart it has another address (C3.10)."""
        found = self.troubles.market.known(which)
        if found:
            self.simulation.market.worlds[found[0]].readdress(found[1].id)

    def balance_gone(self, place: str, ticks: int) -> None:
        """The provider ends what this account has, and sells nothing for a while (C5.12)."""
        simulation, now = self.simulation, self.simulation.now
        for found, machine in simulation.market.billed(now):
            if found == place and (place, machine.id) not in simulation.judge.strangers:
                simulation.judge.ended_by_others.add((place, machine.id))
                with suppress(NoSuchMachine):
                    simulation.market.worlds[place].destroy(machine.id, now)
        minutes = ticks * simulation.schedule.tick_seconds // 60 + 1
        self.troubles.sell_nothing("C5.12", place, minutes)

    def twin(self, which: int) -> None:
        """Somebody else's machine like one of ours, under a name of ours but the lineage (C9.9)."""
        found = self.troubles.market.known(which)
        mark = parse_mark(found[1].label) if found else None
        if found and mark and self.simulation.judge.trust.makes_namesakes():
            part = workspace_part("demo", "else")
            other = Mark(part, mark.fleet, mark.index, mark.end, "twin0000")
            self.troubles.market.stranger_at(found[0], str(other))

    def reuse(self, which: int, label: str) -> None:
        """An id of ours is given to somebody else's machine (C2.13).

        Without a label only where a destroy of ours was accepted: in any other case nobody can
        tell it from a machine of ours whose mark was taken away (C9.3), and money is protected.
        """
        simulation = self.simulation
        found = self._long_gone(which, accepted=not label)
        if found is None:
            return
        place, machine_id = found
        self._reused += 1
        other = Mark(
            workspace_part("other", "else"), "dev", 0, simulation.now, f"reuse{self._reused:03}"
        )
        world = simulation.market.worlds[place]
        with suppress(MarketError):
            stranger = world.place_foreign(simulation.now, str(other) if label else None)
            simulation.judge.strangers.add((place, stranger.id))
            if label:
                simulation.judge.unseen.add((place, stranger.id))
            else:
                simulation.judge.nameless.add((place, stranger.id))
            world.known_as[machine_id] = stranger.id

    def _long_gone(self, which: int, *, accepted: bool) -> tuple[str, str] | None:
        simulation = self.simulation
        state = simulation.judge.state()
        before = microseconds(simulation.now - _LONG_GONE)
        found = []
        for record in state.instances.values() if state else ():
            if record.provider == simulation.judge.by_face:
                continue
            world = simulation.market.worlds[record.provider]
            asked = record.doom is not None and record.doom.accepted_at is not None
            gone = world.gone_at(record.instance_id)
            if gone is not None and gone < before and (asked or not accepted):
                found.append((record.provider, record.instance_id))
        worlds = simulation.market.worlds
        found = [(place, one) for place, one in sorted(found) if one not in worlds[place].known_as]
        return found[which % len(found)] if found else None

    def protect(self, who: str) -> None:
        """Another runner protects the fleet while commands with older plans are at work (C9.10)."""
        self.simulation.start("apply", who=who, documents=PROTECTED, detach=True)

    def end_all(self) -> None:
        """Marks that were cut are written out again, as the program asks for: no run touches a
        machine of that it cannot tell whose it is, but for its end (I4).
        """
        self.refusing.clear()
        for place, world in self.simulation.market.worlds.items():
            cut = [one for one in world.machines() if one.label and one.id in world.ordered]
            for one in cut:
                if one.label != world.ordered[one.id] and len(one.label or "") == LABEL_CUT:
                    world.relabel(one.id, world.ordered[one.id])
                    self.simulation.judge.relabelled.add((place, one.id))

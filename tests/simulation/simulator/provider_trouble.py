"""What providers say oddly in a run: times, dates, names, errors; and our own secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.market.faults import OPERATIONS, Fault
from tests.simulation.simulator.documents import WITH_A_SECRET
from tests.simulation.simulator.oddness import Oddness
from tests.simulation.simulator.terminal import Terminal

if TYPE_CHECKING:
    from tests.simulation.simulator.process import Process
    from tests.simulation.simulator.trouble import Troubles

SECRET = 'sk-sim-6b1f0e"\\/+é'
VARIABLE = "SIM_TOKEN"
LINE_BREAKS = "a\r\n2026-01-01 00:00:00Z  destroy gone  fleet.dev[0]\u2028x\x85y"
MARKDOWN = "<script>alert(1)</script> [x](javascript:1) | a | **b** `c` <!-- "
FORMULA = "=cmd|' /C calc'!A0"
BRACES = "{0} {self.key} %s %(x)s %n ${HOME} {{"
RIGHT_TO_LEFT = "\u202emoc.live\u202c \u0430lpha \u200bdev"
HEADER = "x\r\nAuthorization: Bearer other\r\n\r\nGET / HTTP/1.1"
LONG = "E" * 1_000_000
WORDS = {
    "C13.2": LINE_BREAKS,
    "C13.4": MARKDOWN,
    "C13.5": FORMULA,
    "C13.6": BRACES,
    "C13.7": RIGHT_TO_LEFT,
    "C13.8": HEADER,
}
"""What stands in the place of regions, hosts, labels and error texts."""
_LABEL_LONGEST = 60


class ProviderTrouble:
    """Each public method with ``ticks`` is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.odd = {name: Oddness() for name in self.simulation.market.worlds}
        self.simulation.judge.dates_lie = lambda place: self.odd[place].dates_lie
        self.listens = False
        """Whether somebody reads what commands say."""

    def prepare(self, process: Process) -> None:
        if self.listens:
            process.terminal = Terminal()

    # --- kinds of steps ---------------------------------------------------------------------

    def provider_clock(self, place: str, seconds: int, ticks: int) -> None:
        self.odd[place].clock_off = timedelta(seconds=seconds)
        self._dates_are_off(timedelta(seconds=abs(seconds)))
        self._for(place, ticks)

    def _dates_are_off(self, by: timedelta) -> None:
        judge = self.simulation.judge
        judge.provider_off = max(judge.provider_off, by)

    def local_time(self, place: str, hours: int, ticks: int) -> None:
        self.odd[place].zone_off = timedelta(hours=hours)
        self._dates_are_off(timedelta(hours=abs(hours)))
        self._for(place, ticks)

    def odd_dates(self, place: str, date: str, ticks: int) -> None:
        self.odd[place].date = date
        self._for(place, ticks)

    def hostile(self, fault: str, place: str, ticks: int) -> None:
        """Names and errors are hostile from now on; so is a machine of somebody else."""
        words = WORDS[fault]
        self.odd[place].words = self.odd[place].error = words
        self._fails_now_and_then(fault, place, ticks)
        self.troubles.market.stranger(words[:_LABEL_LONGEST])

    def long_error(self, fault: str, place: str, ticks: int) -> None:
        self.odd[place].error = LONG
        self._fails_now_and_then(fault, place, ticks)

    def echo(self, fault: str, place: str, ticks: int) -> None:
        """Errors repeat what was sent, by documents that send a secret."""
        self.simulation.documents = WITH_A_SECRET
        self.odd[place].echoes = True
        self._fails_now_and_then(fault, place, ticks)

    # --- what they share --------------------------------------------------------------------

    def _fails_now_and_then(self, fault: str, place: str, ticks: int) -> None:
        self.listens = True
        self.troubles.then(2 * ticks, "nobody reads any more", self._stop_listening)
        until = ticks * self.simulation.schedule.tick_seconds // 60 + 1
        self.troubles.fail(fault, place, OPERATIONS, Fault(error="refused"), 40, until)
        self._for(place, ticks)

    def _stop_listening(self) -> None:
        self.listens = False

    def _for(self, place: str, ticks: int) -> None:
        self.odd[place].strange = True
        self.troubles.timing_is_off_for(ticks)
        self.troubles.later(ticks, f"{place} is as usual", self.odd[place].clear)

    def end_all(self) -> None:
        self.listens = False
        for one in self.odd.values():
            one.clear()

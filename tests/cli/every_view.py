"""Every view there is of what a provider says, and what makes one safe to look at (I22, C13)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from reconciler.model.errors import ProviderUnavailable
from reconciler.model.instance import Instance
from reconciler.model.observation import Complete, Partial
from reconciler.model.offer import OfferListing
from reconciler.providers.simulated.provider import SimulatedProvider
from tests.cli.in_process import Said, run
from tests.end_to_end.workplace import HOUR, Workplace
from tests.unit.reporting.test_plan_markdown import tokens

COMMANDS = (
    "plan",
    "plan -destroy",
    "plan -markdown",
    "plan --json",
    "plan -out=p -record w.json",
    "show p",
    "show --json p",
    "apply -detach p",
    "plan --json -out=p",
    "show -markdown p",
    "apply --json -detach p",
    "apply -auto-approve -detach",
    "status",
    "status --json",
    "output --json",
    "output -env fleet.dev",
    "output -hostfile",
    "output -ansible",
    "quarantine add simulated host-9 -why a-b",
    "quarantine list",
    "quarantine list -json",
    "quarantine rm simulated host-9",
    "orphans",
    "offers",
    "offers --group region",
    "offers --group provider",
    "offers --group gpu",
    "offers --json",
    "offers --history",
    "offers --history --json",
    "offers --history --chart",
    "offers --history -o prices.svg",
    "explain fleet.dev",
    "explain fleet.dev[0]",
    "explain fleet.dev -json",
    "ssh-config",
    "ssh -print fleet.dev",
    "costs",
    "costs --by team,owner,fleet,provider,gpu,day",
    "costs --by team,gpu --json",
    "costs --by team,owner,gpu --csv",
    "costs --by owner --chart",
    "costs --by team,owner -o costs.svg",
    "budgets",
    "budgets --json",
    "budgets --csv",
    "budgets --chart",
    "budgets -o budgets.svg",
    "forecast",
    "forecast --json",
    "forecast --csv",
    "ledger export",
    "ledger export --json",
    "state list",
    "state show fleet.dev[0]",
    "state pull",
    "state history",
    "state mv fleet.dev fleet.lab",
    "state mv fleet.lab fleet.dev",
    "state rebuild -auto-approve",
    "state restore -auto-approve state/demo.json",
    "extend fleet.dev 1h",
    "ledger check bill.csv",
    "ledger check bill.csv --json",
    "state rm -auto-approve fleet.dev",
    "orphans",
    "reconcile --once -record r.json",
    "reconcile --once --json",
    "reconcile --once --dry-run",
    "replay r.json",
    "replay w.json",
    "events",
    "events -json",
    "audit verify",
    "doctor",
    "doctor -json",
    "providers check",
    "providers check --json",
    "providers matrix",
    "providers matrix --markdown",
    "simulate ledger",
    "simulate ledger --csv",
    "destroy --json -auto-approve -no-wait",
)
"""Each command whose words a provider has a part in, in each form that it prints or writes."""
AFTER_A_REFUSAL = (
    "plan",
    "plan -markdown",
    "plan --json",
    "apply -auto-approve --json",
    "status",
    "status --json",
    "offers",
    "offers --json",
    "explain fleet.dev",
    "orphans",
    "reconcile --once",
    "reconcile --once --json",
    "events -json",
    "doctor -json",
    "providers check",
    "providers check --json",
)
WORDS_OF_THEIR_OWN = """
    team: '=1+1'
    owner: '<b>"evil"</b>'
    labels: {cost: '@SUM(A1)', cause: '`evil`'}
budgets:
  all: {match: {team: '=1+1'}, limit_usd: 100, period: total}
"""
"""What the documents may name as they like, below a fleet."""
MARKUP = (
    "=%(n)s{0.__class__}`|</code></details><script>evil()</script>"
    "[x](http://evil)![y](http://evil)@everyone"
)
"""A formula, a format, HTML, Markdown and a mention in one."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OF_A_DRAWING = {"svg", "title", "rect", "line", "text"}
_CODES = (0, 1, 3, 6, 7, 8, 9, 11)
"""None that is for who types a command wrongly: it would have shown nothing."""


def is_clean(text: str) -> bool:
    """No control character but the line end, and no line that a line break has forged."""
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and not any(
        line.lstrip().startswith("+ fleet.fake") for line in lines
    )


def every_view(shop: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command in its turn: none fails for what it is told, and none passes it on."""
    for command in COMMANDS:
        if command == "ledger check bill.csv":
            bill = run(capsys, "simulate", "ledger", "--csv", directory=shop.directory).out
            (shop.directory / "bill.csv").write_text(bill)
        said = inert(shop, capsys, command)
        assert said.code in _CODES, (command, said)
        if command.startswith("apply"):
            assert shop.ever() == 2
            shop.advance(HOUR)
    for drawing in shop.directory.glob("*.svg"):
        names = {one.tag.rpartition("}")[2] for one in ElementTree.parse(drawing).iter()}
        assert names <= _OF_A_DRAWING, drawing.read_text()
        assert is_clean(drawing.read_text())


def inert(shop: Workplace, capsys: pytest.CaptureFixture[str], command: str) -> Said:
    """What the command said, once it was looked at as whoever reads that form would."""
    said = run(capsys, *command.split(), directory=shop.directory)
    assert "Traceback" not in said.err, (command, said.err)
    assert is_clean(said.out), (command, ascii(said.out))
    assert is_clean(said.err), (command, ascii(said.err))
    words = command.split()
    if {"-json", "--json"} & {*words} and said.out:
        _documents(said.out)
    elif said.code == 0 and ("--csv" in words or command == "ledger export"):
        for row in csv.reader(io.StringIO(said.out)):
            assert not any(_is_formula(one) for one in row), (command, row)
    elif {"-markdown", "--markdown"} & {*words}:
        for token in tokens(said.out):
            assert token.type not in ("link_open", "image"), (command, said.out)
            shown = token.content if token.type in ("text", "html_block", "html_inline") else ""
            assert "evil" not in shown, (command, said.out)
    return said


def _documents(text: str) -> None:
    """One document, or one on each line."""
    try:
        json.loads(text)
    except ValueError:
        for line in text.splitlines():
            json.loads(line)


def _is_formula(cell: str) -> bool:
    """Numbers may be negative."""
    return cell.startswith(_FORMULA) and not cell[1:].replace(".", "", 1).isdigit()


# --- what providers say ---------------------------------------------------------------------


def says(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The provider says ``text`` for all that it may name as it likes."""

    def of_offers(listing: OfferListing) -> OfferListing:
        told = [replace(one, region=text, country=text, host=text) for one in listing.offers]
        return replace(listing, offers=tuple(told), unusable={text: 1})

    def of_machines(listing: Complete | Partial) -> Complete | Partial:
        return replace(listing, instances=tuple(map(_named(text), listing.instances)))

    _after(monkeypatch, "list_offers", of_offers)
    _after(monkeypatch, "list_instances", of_machines)
    _after(monkeypatch, "get_instance", _named(text))


def _named(text: str) -> Callable[[Instance], Instance]:
    def named(one: Instance) -> Instance:
        ssh = replace(one.ssh, host=text, user=text) if one.ssh else None
        return replace(one, region=text, gpu=text, status_text=text, ssh=ssh)

    return named


def refuses(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The provider answers nothing but ``text``."""

    async def refused(self: SimulatedProvider, *_: Any, **__: Any) -> Any:
        raise ProviderUnavailable(self.name, f"answered 500: {text}")

    for name in ("list_offers", "list_instances", "get_instance", "create_instance"):
        monkeypatch.setattr(SimulatedProvider, name, refused)


def _after(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Any], Any]) -> None:
    function = getattr(SimulatedProvider, name)

    async def changed(*arguments: Any, **named: Any) -> Any:
        return change(await function(*arguments, **named))

    monkeypatch.setattr(SimulatedProvider, name, changed)

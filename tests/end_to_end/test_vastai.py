"""Real providers over a real socket: the command against the served face.

Both live on a machine whose clocks run faster, so that a provider's pace costs less wall time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.clock import wall_now
from reconciler.market.faces import lambda_rows, tensordock_rows
from reconciler.market.faces.runpod_names import pod_id
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.machine import Machine
from reconciler.market.settings import MarketSettings
from reconciler.market.world import World
from reconciler.model.exit_code import ExitCode
from reconciler.model.record import RecordedState
from reconciler.statefile.local_file import LocalFile
from tests.canaries import KEY_VARIABLES, found_below, secrets_in
from tests.end_to_end.command import Ended, Running, environment, gpu_shopper, started
from tests.end_to_end.hurried_clock import SETTING, HurriedClock, started_now
from tests.end_to_end.workplace import QUICK
from tests.simulation.face_shop import quickstart
from tests.simulation.shop import several_offers
from tests.simulation.vast_shop import VAST_QUICKSTART

ENV = "    env: {GREETING: hello-canary-3141}\n"
DOCUMENTS = VAST_QUICKSTART + ENV
HURRY = 16.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider as a shell knows it. ``id_of``: what it calls a machine of the market."""

    name: str
    key: str
    url: str
    refusal: str
    id_of: Callable[[Machine], str] = lambda machine: machine.id
    balance: str | None = None

    @property
    def documents(self) -> str:
        return quickstart(self.name) + ENV


VAST = Kind("vastai", "VAST_API_KEY", "VAST_URL", "Invalid user key", balance="100.000000")
LAMBDA = Kind(
    "lambda",
    "LAMBDA_API_KEY",
    "LAMBDA_API_URL",
    "global/invalid-api-key",
    lambda machine: lambda_rows.instance_id(machine.id),
)
TENSORDOCK = Kind(
    "tensordock",
    "TENSORDOCK_API_TOKEN",
    "TENSORDOCK_API_URL",
    "Invalid API credentials",
    lambda machine: tensordock_rows.instance_id(machine.id),
)
RUNPOD = Kind(
    "runpod",
    "RUNPOD_API_KEY",
    "RUNPOD_API_URL",
    "the key is refused: 401",
    lambda machine: pod_id(machine.id),
    balance="100.000000",
)
KINDS = [
    pytest.param(VAST, id="vastai"),
    pytest.param(LAMBDA, id="lambda"),
    pytest.param(RUNPOD, id="runpod"),
    pytest.param(TENSORDOCK, id="tensordock"),
]


class Rehearsal:
    """A directory with documents, a market, and the command that serves it."""

    def __init__(
        self,
        directory: Path,
        world: World,
        server: Running,
        kind: Kind,
        clock: HurriedClock,
    ) -> None:
        self.directory = directory
        self.world = world
        self.server = server
        server.until(lambda: server.out.endswith("\n"))
        self.kind = kind
        self.settings: dict[str, str] = {}
        self.goes_by(clock)
        for line in server.out.splitlines():
            export, *settings = line.split()
            assert export == "export"
            self.settings.update(
                {entry.partition("=")[0]: entry.partition("=")[2] for entry in settings}
            )
        self.said: list[str] = []
        self.secrets: set[str] = set()
        self.secret_files = {directory.parent / "server" / "out"}
        """In which the test itself, or who served the market, put a secret."""
        self.declare(kind.documents)

    @property
    def key(self) -> str:
        return self.settings[self.kind.key]

    def declare(self, documents: str) -> None:
        (self.directory / "fleets.yaml").write_text(documents)

    def run(self, *arguments: str, **settings: str) -> Ended:
        changes = {**self.settings, **settings, SETTING: self.clock.as_text()}
        kept = {name: value for name, value in changes.items() if value}
        usual = environment(self.directory.parent / "home", **kept)
        unset = {name for name in changes if not changes[name]}
        if unset & {*KEY_VARIABLES}:
            unset |= {*KEY_VARIABLES}  # a provider may have two names for its key
        surroundings = {name: value for name, value in usual.items() if name not in unset}
        ended = gpu_shopper(*arguments, cwd=self.directory, env=surroundings)
        self.said += [ended.out, ended.err]
        self.secrets |= secrets_in(kept)
        return ended

    def goes_by(self, clock: HurriedClock) -> None:
        """What the clocks of this machine show from now on."""
        self.clock = clock
        self.settings[SETTING] = clock.as_text()

    def advance(self, by: timedelta) -> None:
        """Time passes, on this machine and at the provider."""
        self.goes_by(replace(self.clock, ahead=self.clock.ahead + by.total_seconds()))
        self.world.advance(by)

    @property
    def now(self) -> datetime:
        return self.world.clock().now()

    def alive(self) -> tuple[Machine, ...]:
        return living(self.world, self.now)

    def sent(self, operation: str) -> int:
        return sum(1 for call in self.world.calls() if call.operation == operation)

    def state(self) -> RecordedState:
        path = self.directory / "state" / "demo.json"
        found = LocalFile(path, "demo", wall_now).read()
        assert found is not None
        return found


@contextmanager
def rehearsal(
    parent: Path, kind: Kind = VAST, settings: MarketSettings = QUICK
) -> Iterator[Rehearsal]:
    directory = parent / "workplace"
    (directory / "state").mkdir(mode=0o700, parents=True)
    (directory / "fleets.yaml").write_text(kind.documents)
    market = directory / "state" / "simulated-market.sqlite"
    clock = started_now(HURRY)
    now = datetime.fromtimestamp(clock.origin, UTC)
    with (
        World.create(
            market,
            seed=7,
            started_at=now,
            wall_origin=now,
            speed=HURRY,
            offers=several_offers(),
            settings=settings,
        ) as world,
        started(
            *("simulate", "serve", "--port", "0"),
            cwd=directory,
            outputs=parent / "server",
            **{SETTING: clock.as_text()},
        ) as server,
    ):
        shop = Rehearsal(directory, world, server, kind, clock)
        yield shop
    assert found_below(parent, shop.secrets, but=shop.secret_files) == [], "I10"


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_trip_over_a_real_socket(tmp_path: Path, kind: Kind) -> None:
    with rehearsal(tmp_path, kind) as shop:
        assert shop.run("validate").code == 0
        checked = shop.run("providers", "check", "-json")
        assert checked.code == 0, checked.err
        assert json.loads(checked.out)["providers"][0]["balance_usd"] == kind.balance
        offers = shop.run("offers", "--gpu", "RTX4090", "--json")
        assert offers.code == 0
        assert {one["provider"] for one in json.loads(offers.out)["offers"]} == {kind.name}
        plan = shop.run("plan", "-detailed-exitcode")
        assert plan.code == ExitCode.CHANGES, plan.err
        assert shop.alive() == ()
        applied = shop.run("apply", "-auto-approve")
        assert applied.code == 0, applied.err
        (machine,) = shop.alive()
        (record,) = shop.state().instances.values()
        assert (record.instance_id, record.mark) == (kind.id_of(machine), machine.label)
        assert kind.id_of(machine) in shop.run("status").out
        shop.advance(timedelta(hours=4))
        passed = shop.run("reconcile", "--once")
        assert passed.code == 0, passed.err
        assert "expired" in passed.out
        shop.server.until(lambda: shop.alive() == ())
        assert [one.destroy_asked is not None for one in shop.world.all_machines()] == [True]
        assert shop.sent("create_instance") == 1
        _no_secret_was_written(shop)


def _no_secret_was_written(shop: Rehearsal) -> None:
    """I10: also not by what only debugging, recording and refusals show. Every text and file is
    looked through when it is written, and at the end (``tests/canaries.py``).
    """
    shop.run("plan", "-record", "decision.json")
    refused = shop.run("plan", **{shop.kind.key: shop.key[::-1]})
    assert refused.code == ExitCode.CREDENTIALS
    shop.run("plan", "--debug", **{shop.kind.url: "http://127.0.0.1:1"})
    assert shop.secrets >= {shop.key, shop.key[::-1]}
    for name in ("state/demo.json", "decision.json"):
        assert (shop.directory / name).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_C1_1_a_create_answered_with_500_is_found_by_its_label(tmp_path: Path, kind: Kind) -> None:
    with rehearsal(tmp_path, kind) as shop:
        fault = Fault(error="unavailable", done=True)
        shop.world.script_fault(fault, "create_instance", times=1)
        assert shop.run("apply", "-auto-approve").code == ExitCode.PROVIDER_FAILURE
        (machine,) = shop.alive()
        listed = machine.created_at + timedelta(seconds=4)
        shop.server.until(lambda: shop.now > listed)
        found = shop.run("apply", "-auto-approve")
        assert found.code == 0, found.err
        assert [one.id for one in shop.alive()] == [machine.id]
        recorded = [one.instance_id for one in shop.state().instances.values()]
        assert recorded == [kind.id_of(machine)]
        assert shop.sent("create_instance") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_I14_the_key_of_another_account_makes_the_run_read_only(tmp_path: Path, kind: Kind) -> None:
    with rehearsal(tmp_path / "mine", kind) as mine, rehearsal(tmp_path / "other", kind) as other:
        assert mine.run("apply", "-auto-approve").code == 0
        refused = mine.run("apply", "-auto-approve", **other.settings)
        assert refused.code == ExitCode.CREDENTIALS
        assert "belongs to account" in refused.err
        assert mine.run("destroy", "-auto-approve", **other.settings).code == ExitCode.CREDENTIALS
        assert len(mine.alive()) == 1
        assert other.world.all_machines() == []
        assert mine.sent("destroy_instance") == 0


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (VAST, "", "set {key}"),
        (VAST, "two words", "{key} holds no API key"),
        (VAST, "f" * 64, "{refusal}"),
        (LAMBDA, "f" * 64, "{refusal}"),
        (RUNPOD, "f" * 64, "{refusal}"),
        (TENSORDOCK, "f" * 64, "{refusal}"),
    ],
)
def test_bad_input_37_without_a_good_key_it_is_77_and_nothing_is_touched(
    tmp_path: Path, kind: Kind, value: str, said: str
) -> None:
    settings = {kind.key: value}
    with rehearsal(tmp_path, kind) as shop:
        assert shop.run("apply", "-auto-approve").code == 0
        for command in ("apply -auto-approve", "reconcile --once", "plan"):
            ended = shop.run(*command.split(), **settings)
            assert ended.code == ExitCode.CREDENTIALS, command
            told = said.format(key=kind.key, refusal=kind.refusal)
            assert told in " ".join((ended.out + ended.err).split())
        (machine,) = shop.alive()
        listed = shop.run("status", **settings)
        assert listed.code == ExitCode.CREDENTIALS
        assert kind.id_of(machine) in listed.out
        assert len(shop.state().instances) == 1
        assert shop.sent("create_instance") == 1
        assert shop.sent("destroy_instance") == 0


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as shop:
        port = shop.settings["VAST_URL"].rpartition(":")[2]
        ended = shop.run("simulate", "serve", "--port", port)
        assert ended.code == ExitCode.UNEXPECTED
        assert "name another: --port" in ended.err


def test_I31_a_clock_a_day_ahead_buys_nothing_until_a_person_says_that_it_is_right(
    tmp_path: Path,
) -> None:
    with rehearsal(tmp_path) as shop:
        right = shop.clock
        shop.goes_by(replace(right, wall_wrong=timedelta(days=1).total_seconds()))
        refused = shop.run("apply", "-auto-approve")
        assert refused.code == ExitCode.REFUSED_BY_RULE
        told = " ".join(refused.err.split())
        assert re.search("127.0.0.1 is 1d[0-9ms]* behind this machine's clock", told), told
        assert "-trust-clock" in refused.err
        checked = shop.run("doctor")
        assert "FAILED   clock" in checked.out
        assert shop.alive() == ()
        said = shop.run("apply", "-auto-approve", "-trust-clock")
        assert said.code == 0, said.err
        assert len(shop.alive()) == 1
        passed = shop.run("reconcile", "--once")
        assert "which most clocks agree with" in " ".join(passed.out.split())
        shop.goes_by(right)
        mended = shop.run("reconcile", "--once", "-trust-clock")
        assert mended.code == 0, mended.err
        assert shop.run("doctor").out.count("as 127.0.0.1 say") == 1
        assert shop.run("reconcile", "--interval", "9s", "-trust-clock").code == ExitCode.USAGE

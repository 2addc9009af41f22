"""One way to each exit code of SPEC.md section 10 that can occur, by the installed command."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.model.exit_code import ExitCode
from tests.end_to_end.workplace import HOUR, QUICK, Workplace, workplace
from tests.simulation.shop import QUICKSTART, several_offers


def done(shop: Workplace) -> int:
    return shop.run("validate").code


def unexpected(shop: Workplace) -> int:
    """Bad input 38: the directory of the state cannot be made."""
    shop.declare(QUICKSTART + "state: {path: in-the-way/deeper/state.json}\n")
    (shop.directory / "in-the-way").write_text("a file")
    ended = shop.apply()
    assert "in-the-way" in ended.err
    return ended.code


def changes(shop: Workplace) -> int:
    return shop.run("plan", "-detailed-exitcode").code


def partial(shop: Workplace) -> int:
    """C1.5: the provider refuses the order."""
    script(shop, "C1.5")
    return shop.apply().code


def locked(shop: Workplace) -> int:
    with shop.backend().lock("a test", timeout_seconds=0):
        return shop.apply().code


def refused_by_rule(shop: Workplace) -> int:
    """Bad input 20: empty documents where a state exists."""
    assert shop.apply("-detach").code == 0
    shop.declare("")
    return shop.apply().code


def no_offer(shop: Workplace) -> int:
    shop.declare(QUICKSTART + "    max_gpu_hour_usd: 0.01\n")
    return shop.apply().code


def refused_by_budget(shop: Workplace) -> int:
    shop.declare(QUICKSTART + "    budget: {max_total_usd: 0.5}\n")
    return shop.apply().code


def provider_failure(shop: Workplace) -> int:
    script(shop, "C2.6")
    return shop.apply().code


def not_ready(shop: Workplace) -> int:
    """Half an hour of market time is waited for, on a market that boots for hours."""
    return shop.apply().code


def stale_plan(shop: Workplace) -> int:
    """Each time when the person agrees the offer has gone, and the next is far dearer."""
    with shop.person("apply") as person:
        for offer in shop.world.list_offers(shop.now)[:5]:
            person.reads(f"offer {offer.offer.id}")
            person.reads('Only "yes" is accepted')
            shop.world.place_foreign(shop.now, offer_id=offer.offer.id)
            person.types("yes")
        return person.end()


def destroy_unverified(shop: Workplace) -> int:
    """C4.1: the destroy is accepted and has no effect."""
    assert shop.apply("-detach").code == 0
    script(shop, "C4.1")
    ended = shop.run("destroy", "-auto-approve", "-verify-timeout=30s")
    assert "money may still flow" in ended.err
    return ended.code


def documents_invalid(shop: Workplace) -> int:
    shop.declare(QUICKSTART.replace("ttl", "tttl"))
    ended = shop.run("plan")
    assert "fleets.yaml:8:5" in ended.err
    return ended.code


def state_unusable(shop: Workplace) -> int:
    """Bad input 57: the state is garbage."""
    assert shop.apply("-detach").code == 0
    shop.state_path.write_text("garbage")
    return shop.apply().code


def usage(shop: Workplace) -> int:
    return shop.run("plan", "-target=fleet.other").code


def credentials(shop: Workplace) -> int:
    """C8.1: the key is refused."""
    script(shop, "C8.1")
    return shop.run("plan").code


def interrupted(shop: Workplace) -> int:
    return stopped_by(signal.SIGINT, shop)


def terminated(shop: Workplace) -> int:
    return stopped_by(signal.SIGTERM, shop)


def stopped_by(number: signal.Signals, shop: Workplace) -> int:
    with shop.start("status", "-w") as status:
        status.until(lambda: shop.sent("list_instances") > 0)
        status.signal(number)
        return status.end().code


def script(shop: Workplace, number: str) -> None:
    operation, fault = CATALOGUE[number]
    shop.world.script_fault(fault, operation)


WAYS: dict[ExitCode, Callable[[Workplace], int]] = {
    ExitCode.DONE: done,
    ExitCode.UNEXPECTED: unexpected,
    ExitCode.CHANGES: changes,
    ExitCode.PARTIAL: partial,
    ExitCode.LOCKED: locked,
    ExitCode.REFUSED_BY_RULE: refused_by_rule,
    ExitCode.REFUSED_BY_BUDGET: refused_by_budget,
    ExitCode.NO_OFFER: no_offer,
    ExitCode.PROVIDER_FAILURE: provider_failure,
    ExitCode.NOT_READY: not_ready,
    ExitCode.STALE_PLAN: stale_plan,
    ExitCode.DESTROY_UNVERIFIED: destroy_unverified,
    ExitCode.DOCUMENTS_INVALID: documents_invalid,
    ExitCode.STATE_UNUSABLE: state_unusable,
    ExitCode.USAGE: usage,
    ExitCode.CREDENTIALS: credentials,
    ExitCode.INTERRUPTED: interrupted,
    ExitCode.TERMINATED: terminated,
}
EVER_DEARER = tuple(
    offer._replace(base_microusd=400_000 * 12**number // 10**number)
    for number, offer in enumerate(several_offers(8))
)


@pytest.mark.parametrize("code", WAYS, ids=lambda code: f"{code.value}-{code.name.lower()}")
def test_every_exit_code_that_can_occur_occurs(tmp_path: Path, code: ExitCode) -> None:
    slow_boot = code is ExitCode.NOT_READY
    with workplace(
        tmp_path,
        *(EVER_DEARER if code is ExitCode.STALE_PLAN else ()),
        speed=6 * 3600 if slow_boot else 60,
        settings=replace(QUICK, booting_stage=24 * HOUR) if slow_boot else QUICK,
    ) as shop:
        assert WAYS[code](shop) == code


def test_no_exit_code_is_left_out() -> None:
    assert set(WAYS) == set(ExitCode)


def test_the_most_urgent_code_wins(tmp_path: Path) -> None:
    """SPEC.md section 12, 13: 11 > 12 > 8 > 7, of what one pass found."""
    with workplace(tmp_path, speed=60) as shop:
        assert shop.apply("-detach").code == 0
        script(shop, "C2.6")
        shop.declare(QUICKSTART + "  lab:\n    resources: {gpu: H100}\n    ttl: 1h\n")
        assert shop.run("plan").code == 8
        shop.declare("version: 2\n")
        assert shop.one_pass().code == 12
        script(shop, "C4.3")
        shop.advance(5 * HOUR)
        assert shop.one_pass().code == 11

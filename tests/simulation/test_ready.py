"""From "running" to handed over: logins, the driver's word, limits, and what a lie leads to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from reconciler.market.faults import Fault
from reconciler.market.settings import MarketSettings
from reconciler.model.exit_code import ExitCode
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.model.reason import DestroyReason
from reconciler.planning.gpu_check import MARKER
from reconciler.transport.ssh_login import Login
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART, Shop, story
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story

MINUTE = timedelta(minutes=1)
LIE = Fault(gpu_inside="RTX3060")
Teller = Callable[[Shop], Awaitable[None]]


def with_ready(ready: str, documents: str = QUICKSTART) -> str:
    return documents.replace("ttl: 4h", f"ttl: 4h\n    ready: {{{ready}}}")


def stages(shop: Shop) -> list[str]:
    return list(dict.fromkeys(one.stage for one in shop.progress))


def detail_of(result: object, action: str) -> str:
    (found,) = [one.detail for one in result.outcomes if one.action == action]  # type: ignore[attr-defined]
    return str(found)


def entering(shop: Shop, *logins: Login) -> list[str]:
    """Let each login come to the next of ``logins``, the last for ever; the addresses entered."""
    entered: list[str] = []

    async def log_in(
        endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, seconds: float
    ) -> Login:
        entered.append(f"{endpoint.user}@{endpoint.host} {alias}")
        await shop.clock.sleep(1)
        return logins[min(len(entered), len(logins)) - 1]

    shop.log_in = log_in  # type: ignore[method-assign]
    return entered


def test_a_machine_is_ready_once_its_driver_says_what_was_sold(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        result = await shop.apply(VAST_QUICKSTART)
        assert result.code == 0
        assert "1 x NVIDIA RTX4090, driver 550.54.14, CUDA 12.4" in detail_of(result, "ready")
        assert stages(shop) == [
            "waiting",
            "placed",
            "created",
            "booting",
            "gpu check",
            "ready",
        ]

    vast_story(tmp_path, tell)


def test_a_gpu_of_another_maker_is_handed_over_without_a_word_of_nvidias_driver(
    tmp_path: Path,
) -> None:
    async def tell(shop: VastShop) -> None:
        asked: list[str] = []

        async def log_in(
            endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, seconds: float
        ) -> Login:
            asked.append(command)
            return Login("done", "sh: nvidia-smi: not found\n", 0 if command == "true" else 127)

        shop.log_in = log_in  # type: ignore[method-assign]
        result = await shop.apply(VAST_QUICKSTART.replace("RTX4090", "MI300X"))
        assert result.code == 0, result.outcomes
        assert "only NVIDIA's driver can be asked" in detail_of(result, "ready")
        assert asked == ["true"]

    amd = market_offer(gpu="MI300X", gpu_memory_bytes=192 * 2**30)
    vast_story(tmp_path, tell, amd)


def test_a_simulated_machine_is_looked_up_in_the_markets_books(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply()
        assert "1 x RTX4090, CUDA 12.4" in detail_of(result, "ready")

    story(tmp_path, tell)


@pytest.mark.parametrize("kind", ["simulated", "vastai"])
def test_a_lie_about_the_gpu_is_failed_ready_and_destroyed(kind: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        documents = QUICKSTART.replace("simulated", kind)
        shop.world.script_fault(LIE, "create_instance", times=1)
        result = await shop.apply(with_ready("on_fail: destroy", documents))
        assert result.code == ExitCode.PARTIAL
        assert "sold" in detail_of(result, "ready")
        (machine,) = shop.world.all_machines()
        assert not machine.exists_at(shop.now)
        assert "gpu check" in stages(shop)

    if kind == "simulated":
        story(tmp_path, tell)
    else:
        vast_story(tmp_path, tell)


def test_a_lie_is_kept_where_the_documents_say_so(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        result = await shop.apply(with_ready("on_fail: keep"))
        assert result.code == ExitCode.NOT_READY
        assert len(shop.alive()) == 1
        assert not any(one.doom for one in shop.state().instances.values())

    story(tmp_path, tell)


def test_without_the_check_nobody_looks(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        entered = entering(shop, Login("unreachable", why="never"))
        shop.world.script_fault(LIE, "create_instance", times=1)
        result = await shop.apply(with_ready("ssh: false", VAST_QUICKSTART))
        assert (result.code, entered) == (0, [])

    vast_story(tmp_path, tell)


def test_a_server_that_comes_up_late_is_waited_for(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        good = await_good()
        refused = Login("refused", why="Permission denied (publickey).")
        away = Login("unreachable", why="Connection refused")
        broken = Login("done", f"{MARKER}\nNVIDIA-SMI has failed\n", 9)
        entered = entering(shop, away, away, refused, broken, good)
        result = await shop.apply(VAST_QUICKSTART)
        assert result.code == 0
        assert len(entered) == 5
        record = next(iter(shop.state().instances.values()))
        assert entered[0].endswith(f" gpu-shopper-vastai-{record.instance_id}")
        assert stages(shop)[-3:] == ["ssh", "gpu check", "ready"]
        assert any("Connection refused" in one.detail for one in shop.progress)

    vast_story(tmp_path, tell)


def await_good() -> Login:
    return Login("done", f"{MARKER}\nNVIDIA GeForce RTX 4090, 24564 MiB, 550.54.14\n")


@pytest.mark.parametrize(
    ("login", "minutes", "says"),
    [
        (Login("refused", why="Permission denied (publickey)."), 10, "ssh: Permission denied"),
        (Login("unreachable", why="Connection refused"), 10, "ssh: Connection refused"),
        (Login("done", f"{MARKER}\n", 127), 5, "gpu check: nvidia-smi named no GPU"),
        (Login("other-key", why="another key"), 0, "another key"),
    ],
)
def test_each_stage_has_a_limit_and_a_failed_probe_ends_the_machine(
    login: Login, minutes: int, says: str, tmp_path: Path
) -> None:
    async def tell(shop: VastShop) -> None:
        entering(shop, login)
        result = await shop.apply(with_ready("on_fail: destroy", VAST_QUICKSTART))
        assert result.code == ExitCode.PARTIAL
        assert says in detail_of(result, "ready")
        (machine,) = shop.world.all_machines()
        assert not machine.exists_at(shop.now)
        (trail,) = [one for one in result.outcomes if one.action == "destroy"]
        assert trail.done
        assert machine.gone_at is not None
        looked_at = machine.gone_at - machine.running_at
        assert minutes * MINUTE <= looked_at < (minutes + 2) * MINUTE

    vast_story(tmp_path, tell)


def test_a_machine_that_only_its_owners_key_opens_is_not_looked_into(tmp_path: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPv3mJ8mC1rYvH4qJ3b7e2pYk0x4p6r1q8s9t0u1v2w3"
    written = f'ssh: {{public_keys: ["{key}"], generate: false, user: ubuntu}}'

    async def tell(shop: VastShop) -> None:
        away = Login("unreachable", why="Connection refused")
        entered = entering(shop, away, Login("refused", why="Permission denied (publickey)."))
        result = await shop.apply(VAST_QUICKSTART.replace("ttl: 4h", f"ttl: 4h\n    {written}"))
        assert result.code == 0
        assert "no key of the workspace" in detail_of(result, "ready")
        assert entered[0].startswith("ubuntu@")

    vast_story(tmp_path, tell)


def test_without_an_ssh_client_the_providers_word_has_to_do(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        entering(shop, Login("no-client", why="there is no ssh on this machine"))
        result = await shop.apply(VAST_QUICKSTART)
        assert result.code == 0
        assert "not looked into: there is no ssh" in detail_of(result, "ready")

    vast_story(tmp_path, tell)


def test_a_stage_that_no_probe_can_see_into_destroys_nothing(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply()
        assert result.code == ExitCode.NOT_READY
        assert "not ready within 20m; kept" in detail_of(result, "ready")
        assert len(shop.alive()) == 1

    slow = MarketSettings(
        price_swing_percent=0,
        others_rent_percent=0,
        spot_life=None,
        created_stage=timedelta(hours=3),
    )
    story(tmp_path, tell, settings=slow)


def test_the_time_for_everything_together_can_be_set(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply(with_ready("timeout: 30s"))
        assert result.code == ExitCode.NOT_READY
        assert "not ready within 30s; kept" in detail_of(result, "ready")

    story(tmp_path, tell)


def test_the_reason_of_the_destroy_is_failed_ready(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(LIE, "create_instance", times=1)
        shop.world.script_fault(Fault(error="unavailable"), "destroy_instance")
        await shop.apply(
            with_ready("on_fail: destroy"), options={"verify_timeout": timedelta(seconds=1)}
        )
        (record,) = shop.state().instances.values()
        assert record.doom is not None
        assert record.doom.reason is DestroyReason.FAILED_READY

    story(tmp_path, tell)


def test_what_the_documents_keep_the_loop_and_a_later_apply_keep_too(tmp_path: Path) -> None:
    failing = MarketSettings(
        price_swing_percent=0, others_rent_percent=0, spot_life=None, boot_failure_percent=100
    )

    async def tell(shop: Shop) -> None:
        kept = with_ready("on_fail: keep")
        assert (await shop.apply(kept)).code == ExitCode.NOT_READY
        await shop.reconcile(kept)
        await shop.apply(kept)
        assert len(shop.alive()) == 1
        await shop.reconcile(with_ready("on_fail: destroy"))
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell, settings=failing)


def test_no_loop_gives_the_old_machine_up_for_a_successor_that_is_still_looked_into(
    tmp_path: Path,
) -> None:
    """Its provider says that it runs, and nobody can log in: the old one keeps the slot."""
    first = with_ready("on_fail: destroy", VAST_QUICKSTART) + (
        "    lifecycle: {create_before_destroy: true}\n    image: a:1\n"
    )

    async def tell(shop: VastShop) -> None:
        await shop.apply(first)
        (old,) = shop.alive()
        entering(shop, Login("unreachable", why="Connection refused"))
        shop.documents = first.replace("a:1", "a:2")
        results = []

        async def apply() -> None:
            results.append(await shop.apply())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(apply)
            while not results:
                await shop.wait(MINUTE)
                await shop.reconcile()
        assert results[0].code == ExitCode.PARTIAL
        assert [one.id for one in shop.alive()] == [old.id]

    vast_story(tmp_path, tell)


def test_where_the_run_that_looked_into_a_successor_died_a_loop_takes_over_in_the_end(
    tmp_path: Path,
) -> None:
    first = with_ready("timeout: 10m", VAST_QUICKSTART) + (
        "    lifecycle: {create_before_destroy: true}\n    image: a:1\n"
    )

    async def tell(shop: VastShop) -> None:
        await shop.apply(first)
        (old,) = shop.alive()
        entering(shop, Login("unreachable", why="Connection refused"))
        shop.documents = first.replace("a:1", "a:2")
        with anyio.move_on_after(60):
            await shop.apply()
        await shop.wait(4 * MINUTE)
        await shop.reconcile()
        assert len(shop.alive()) == 2
        await shop.wait(15 * MINUTE)
        await shop.reconcile()
        await shop.wait(MINUTE)
        (new,) = shop.alive()
        assert new.id != old.id

    vast_story(tmp_path, tell)

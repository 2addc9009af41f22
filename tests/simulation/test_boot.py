"""What a machine boots: it is in the ledger, or the provider is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.model.exit_code import ExitCode
from reconciler.operations.market_view import explain_fleet
from reconciler.operations.status import read_status
from reconciler.providers.base import CreateRequest, why_unable
from reconciler.providers.lambda_cloud import offers as lambda_offers
from reconciler.providers.lambda_cloud import provider as lambda_provider
from reconciler.providers.runpod import offers as runpod_offers
from reconciler.providers.runpod import provider as runpod_provider
from reconciler.providers.tensordock import offers as tensordock_offers
from reconciler.providers.tensordock import provider as tensordock_provider
from reconciler.providers.vastai import offers as vastai_offers
from reconciler.providers.vastai.provider import CAPABILITIES
from reconciler.reporting.hand_over_text import env_text
from reconciler.reporting.status_json import output_json
from tests.builders import offer
from tests.canaries import PLANTED, found_below
from tests.markets import START
from tests.simulation.runpod_shop import RUNPOD_QUICKSTART, RunpodShop, runpod_story
from tests.simulation.shop import QUICKSTART, Shop, story
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story


def booting(text: str, documents: str = QUICKSTART) -> str:
    return documents.replace("ttl: 4h", f"ttl: 4h\n    {text}")


@pytest.mark.parametrize(
    ("written", "name", "kept"),
    [
        ("vm_image: ubuntu-22.04", "vm_image", "ubuntu-22.04"),
        ('setup: "apt-get update && echo $HOME\\n"', "setup", "apt-get update && echo $HOME\n"),
        ("ports: [9000, 8000]", "ports", [8000, 9000]),
    ],
)
def test_what_is_written_reaches_the_machine(
    written: str, name: str, kept: object, tmp_path: Path
) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply(booting(written))
        assert result.code == 0
        (machine,) = shop.alive()
        assert json.loads(shop.world.machine_notes()[machine.id])[name] == kept
        assert not (await shop.plan()).has_changes

    story(tmp_path, tell)


def test_at_vast_setup_and_ports_are_in_the_order(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.apply(booting("setup: echo hello\n    ports: [8000]", VAST_QUICKSTART))
        (note,) = shop.world.machine_notes().values()
        env = json.loads(note)["env"]
        assert env["-p 8000:8000"] == "1"
        assert "GPU_SHOPPER_SETUP" in env
        (row,) = (await read_status(shop.workspace())).rows
        assert row.ssh is not None
        assert row.ports == ((8000, row.ssh.port + 1),)
        assert f"export GPU_SHOPPER_DEV_0_PORT_8000={row.ssh.port + 1}\n" in env_text([row])

    vast_story(tmp_path, tell)


def test_at_runpod_a_port_has_a_number_of_its_own_outside(tmp_path: Path) -> None:
    async def tell(shop: RunpodShop) -> None:
        await shop.apply(booting("ports: [8000]", RUNPOD_QUICKSTART))
        report = await read_status(shop.workspace())
        (row,) = report.rows
        assert row.ssh is not None
        assert row.ports == ((8000, row.ssh.port + 1),)
        (node,) = output_json(report)["fleets"]["dev"]["nodes"]
        assert node["ports"] == {"8000": row.ssh.port + 1}

    runpod_story(tmp_path, tell)


def test_a_provider_that_lacks_the_kind_is_refused_with_that_reason(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        documents = booting("vm_image: ubuntu-22.04", VAST_QUICKSTART)
        result = await shop.apply(documents)
        assert result.code == ExitCode.NO_OFFER
        assert shop.wire.count("PUT", "asks") == 0
        explained = await explain_fleet(shop.workspace(documents), "dev")
        assert explained.rejections == {"boots no VM images": 6}
        (finding,) = [one for one in result.plan.findings if one.code is ExitCode.NO_OFFER]
        assert finding.message.endswith("can be rented: vastai boots no VM images")

    vast_story(tmp_path, tell)


def test_an_adapter_whose_offers_do_not_say_so_is_never_sent_what_it_cannot_do(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        shop.provider.capabilities = CAPABILITIES
        result = await shop.apply(booting("vm_image: ubuntu-22.04"))
        assert result.code == ExitCode.NO_OFFER
        assert any("boots no VM images" in one.detail for one in result.outcomes)
        assert (shop.sent("create_instance"), shop.alive()) == (0, ())
        assert shop.state().intents == {}

    story(tmp_path, tell)


def test_each_part_of_an_order_is_asked_about() -> None:
    taken = offer()

    def request(**changes: object) -> CreateRequest:
        return CreateRequest("m", taken, 1, None, {}, START, **changes)  # type: ignore[arg-type]

    assert why_unable(request(vm_image="x"), CAPABILITIES)
    assert why_unable(request(setup="x", ports=(1,), ssh_public_keys=("k",)), CAPABILITIES) == ""


def test_the_offers_of_each_provider_say_what_its_truth_table_says() -> None:
    assert CAPABILITIES.lacks == vastai_offers.LACKS == {"vm_image"}
    assert lambda_provider.CAPABILITIES.lacks == lambda_offers.LACKS
    assert tensordock_provider.CAPABILITIES.lacks == tensordock_offers.LACKS
    assert runpod_provider.CAPABILITIES.lacks == runpod_offers.LACKS


def test_a_secret_is_a_reference_and_reaches_the_machine_as_its_value(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        documents = booting("secrets: {HF_TOKEN: '${env:HF_TOKEN}'}", VAST_QUICKSTART)
        await shop.apply(documents)
        (note,) = shop.world.machine_notes().values()
        assert json.loads(note)["env"]["HF_TOKEN"] == PLANTED["HF_TOKEN"]
        assert found_below(tmp_path) == []

    vast_story(tmp_path, tell)

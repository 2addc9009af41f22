"""Who may log in to a machine, as the market's ledger has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.simulation.shop import QUICKSTART, Shop, story
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story

MINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPv3mJ8mC1rYvH4qJ3b7e2pYk0x4p6r1q8s9t0u1v2w3"


def keys_inside(shop: Shop) -> list[list[str]]:
    notes = shop.world.machine_notes()
    return [json.loads(notes.get(one.id, "{}")).get("ssh_public_keys", []) for one in shop.alive()]


def own_key(shop: Shop) -> str:
    words = (shop.directory / "state" / "demo.id_ed25519.pub").read_text().split()
    return " ".join(words[:2])


def test_every_machine_lets_the_key_of_the_workspace_in(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(QUICKSTART.replace("ttl: 4h", "ttl: 4h\n    nodes: 2"))
        assert keys_inside(shop) == [[own_key(shop)]] * 2
        assert (shop.directory / "state" / "demo.id_ed25519").stat().st_mode & 0o777 == 0o600

    story(tmp_path, tell)


@pytest.mark.parametrize("generate", [True, False])
def test_my_own_key_gets_in_beside_it_or_alone(generate: bool, tmp_path: Path) -> None:
    written = f'ssh: {{public_keys: ["{MINE} me@laptop"], generate: {str(generate).lower()}}}'

    async def tell(shop: Shop) -> None:
        await shop.apply(QUICKSTART.replace("ttl: 4h", f"ttl: 4h\n    {written}"))
        assert keys_inside(shop) == [[own_key(shop), MINE] if generate else [MINE]]
        assert (shop.directory / "state" / "demo.id_ed25519").exists() is generate

    story(tmp_path, tell)


def test_a_key_that_cannot_be_kept_lets_nothing_be_ordered(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        folder = shop.directory / "state"
        folder.mkdir(mode=0o700)
        (folder / "demo.id_ed25519").write_text("not a key")
        result = await shop.apply()
        assert result.code == 13
        assert shop.sent("create_instance") == 0
        assert shop.state().intents == {}

    story(tmp_path, tell)


def test_at_vast_the_key_goes_with_the_order_itself(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.apply(VAST_QUICKSTART)
        (note,) = shop.world.machine_notes().values()
        assert "authorized_keys" in json.loads(note)["onstart"]
        assert json.loads(note)["env"]["GPU_SHOPPER_KEYS"]
        assert shop.wire.count("POST", "ssh") == 0

    vast_story(tmp_path, tell)

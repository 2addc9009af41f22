"""A pass is recorded, the world is taken away, and the decision is made once more."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

from reconciler import __version__
from tests.end_to_end.command import Ended, environment, gpu_shopper
from tests.end_to_end.workplace import HOUR, SLOW_TIME, Workplace, workplace
from tests.unit.statefile.test_decision_file import resealed

RECORD = "pass.json"


def recorded(shop: Workplace, elsewhere: Path, *arguments: str) -> Ended:
    """What was said by the command that recorded; the record lies alone in ``elsewhere``."""
    said = shop.run(*arguments, "-record", RECORD)
    elsewhere.mkdir()
    shutil.copy(shop.directory / RECORD, elsewhere)
    return said


def replayed(elsewhere: Path, **env: str) -> Ended:
    return gpu_shopper("replay", RECORD, cwd=elsewhere, env=environment(elsewhere, **env))


def test_a_pass_that_destroyed_is_replayed_where_nothing_else_is(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(5 * HOUR)
        said = recorded(shop, elsewhere, "reconcile", "--once")
        shop.advance(HOUR)
        assert said.code == 0
        assert shop.alive() == ()
        kept = shop.directory / RECORD
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in elsewhere.iterdir()] == [RECORD]
    again = replayed(elsewhere)
    assert (again.code, again.err) == (0, "Replayed: the same plan, byte for byte.\n")
    assert "- fleet.dev[0] (expired)" in again.out
    assert again.out.splitlines()[:-1] == said.out.splitlines()[:-1], "but for the next step"
    assert [path.name for path in elsewhere.iterdir()] == [RECORD], "nothing was written"


def test_I21_two_locales_time_zones_and_hash_seeds_replay_the_same_bytes(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        documents = shop.directory / "fleets.yaml"
        documents.write_text(documents.read_text().replace("    ttl", "    nodes: 3\n    ttl"))
        said = recorded(shop, elsewhere, "plan")
        assert said.code == 0
        assert shop.ever() == 0
    one = replayed(elsewhere, LANG="C", LC_ALL="C", TZ="UTC", PYTHONHASHSEED="1")
    two = replayed(
        elsewhere, LANG="tr_TR.UTF-8", LC_ALL="tr_TR.UTF-8", TZ="Asia/Kolkata", PYTHONHASHSEED="2"
    )
    assert one == two
    assert (one.code, one.out) == (0, said.out)


def test_a_decision_that_comes_out_otherwise_is_1_with_its_first_differing_line(
    tmp_path: Path,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        recorded(shop, elsewhere, "plan")
    path = elsewhere / RECORD
    data = path.read_bytes()
    decision = json.loads(data)["decision"]
    lines = decision["text"].split("\n")
    decision["text"] = "\n".join([*lines[:3], "fleet.dev  something else", *lines[4:]])
    decision["program"] = "0.0.9"
    path.write_bytes(resealed(data, decision=decision))
    said = replayed(elsewhere)
    assert said.code == 1
    assert said.out.split("\n")[3].startswith("fleet.dev  +1")
    assert said.err.splitlines() == [
        "The plan differs from the recorded one, first in line 4:",
        "  recorded: fleet.dev  something else",
        f"  replayed: {lines[3]}",
        f"Recorded by gpu-shopper 0.0.9, replayed by {__version__}: "
        "another version may decide otherwise.",
    ]


def test_a_damaged_record_is_13_and_a_missing_one_64(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        recorded(shop, elsewhere, "plan")
    path = elsewhere / RECORD
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    said = replayed(elsewhere)
    assert (said.code, said.out) == (13, "")
    assert "no whole recorded decision" in said.err
    path.unlink()
    assert replayed(elsewhere).code == 64

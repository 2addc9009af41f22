"""The market moves between the plan and the create: other offers, other prices, other bills."""

from __future__ import annotations

import signal
from pathlib import Path

from reconciler.market.fault_catalogue import CATALOGUE
from tests.end_to_end.workplace import MINUTE, SLOW_TIME, workplace
from tests.simulation.shop import several_offers

PROMPT = 'Only "yes" is accepted'


def test_an_offer_that_vanishes_while_the_person_thinks_is_replaced(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop, shop.person("apply") as person:
        person.reads("offer o1")
        person.reads(PROMPT)
        shop.world.place_foreign(shop.now, "somebody else's", offer_id="o1")
        person.types("yes")
        assert person.end() == 0, person.seen
        taken, mine = shop.alive()
        assert (taken.offer_id, mine.offer_id) == ("o1", "o2")
        (record,) = shop.state().instances.values()
        assert record.mark == mine.label
        assert "Done: 1 created, 1 ready" in person.seen
        assert person.seen.count(PROMPT) == 1, "o2 is under the approved ceiling"


def test_an_offer_that_vanishes_after_the_last_look_is_replaced_and_said(tmp_path: Path) -> None:
    """C1.9: the first create is told that its offer is gone."""
    with workplace(tmp_path) as shop:
        operation, fault = CATALOGUE["C1.9"]
        shop.world.script_fault(fault, operation, times=1)
        applied = shop.apply()
        assert applied.code == 0, applied.err
        assert "ordering simulated o1" in applied.err
        (mine,) = shop.alive()
        assert mine.offer_id == "o2"


def test_nothing_above_the_approved_ceiling_is_bought(tmp_path: Path) -> None:
    cheap, dear = several_offers(2)
    offers = (cheap, dear._replace(base_microusd=2 * cheap.base_microusd))
    with workplace(tmp_path, *offers) as shop:
        operation, fault = CATALOGUE["C1.9"]
        shop.world.script_fault(fault, operation, times=1)
        assert shop.apply().code == 7
        assert shop.ever() == 0


def test_a_world_that_moved_too_far_is_shown_and_asked_about_again(tmp_path: Path) -> None:
    cheap, dear = several_offers(2)
    offers = (cheap, dear._replace(base_microusd=2 * cheap.base_microusd))
    with workplace(tmp_path, *offers) as shop, shop.person("apply") as person:
        person.reads(PROMPT)
        shop.world.place_foreign(shop.now, offer_id=cheap.id)
        person.types("yes")
        person.reads(f"offer {dear.id}")
        person.reads(PROMPT)
        person.types("no")
        assert person.end() == 0
        assert "Nothing was done" in person.seen
        assert shop.sent("create_instance") == 0


def test_only_the_word_yes_is_an_approval(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        for answer in ("", "y", "YES please"):
            with shop.person("apply") as person:
                person.reads(PROMPT)
                person.types(answer)
                assert person.end() == 0
        assert shop.sent_changes() == 0
        assert not shop.state_path.exists()


def test_a_signal_at_the_question_leaves_without_doing_anything(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop, shop.person("apply") as person:
        person.reads(PROMPT)
        person.signal(signal.SIGINT)
        assert person.end() == 130
        assert shop.sent_changes() == 0


def test_C5_2_a_machine_billed_above_the_ceiling_is_destroyed_at_once(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        operation, fault = CATALOGUE["C5.2"]
        shop.world.script_fault(fault, operation, times=1)
        applied = shop.apply()
        assert applied.code == 3, applied.err
        assert "above the approved" in applied.err
        assert shop.ever() == 1
        shop.advance(MINUTE)
        assert shop.alive() == ()
        assert shop.state().instances == {}, "apply waited for the proof"

from __future__ import annotations

from decimal import Decimal
from textwrap import dedent

import pytest

from reconciler.model.address import Address, Slot
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import (
    Adopt,
    Announce,
    Difference,
    Doubt,
    Finding,
    Forget,
    Keep,
    LeaseChange,
    Mode,
    Plan,
    PlanRequest,
    Stranger,
)
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import Succession
from reconciler.planning.planner import compute_plan
from reconciler.reporting.columns import display_width
from reconciler.reporting.palette import ANSI, PLAIN
from reconciler.reporting.plan_text import plan_text
from tests.builders import (
    HOUR,
    TTL,
    complete,
    create,
    desired,
    destroy,
    fleet,
    instance,
    observed,
    offer,
    offer_book,
    plan,
    record,
    recorded_state,
    specification,
    summary,
)
from tests.markets import START
from tests.unit.reporting.hostile import HOSTILE, assert_clean
from tests.unit.reporting.large_plans import mixed_plan


def shown(value: Plan) -> str:
    return plan_text(value, PLAIN)


def page(text: str) -> str:
    return dedent(text).strip("\n")


def test_a_new_fleet_shows_its_machines_and_ends_with_counts_money_and_next_step() -> None:
    book = offer_book(offer("o1"), offer("o2", "0.41", region="de-berlin", country="DE"))
    value = compute_plan(
        desired(fleet(nodes=2)),
        recorded_state(loop_last_seen=START, loop_due_at=START + HOUR),
        observed(complete()),
        book,
        START,
        PlanRequest(Mode.APPLY),
    )
    assert shown(value) == page("""
        Plan for workspace demo, 2026-07-01 12:00 UTC

        FLEET        CHANGES  NODES                RATE  AT MOST  ENDS (UTC)
        fleet.train  +2         0/2  $0.000 -> $0.810/h    $3.27  07-01 16:00

          + fleet.train[0] (new)  RTX4090:1  simulated nl-amsterdam/NL  offer o1
              $0.400/h  $0.400/GPU-h  ceiling $0.420/h
          + fleet.train[1] (new)  RTX4090:1  simulated de-berlin/DE  offer o2
              $0.410/h  $0.410/GPU-h  ceiling $0.430/h

        At most: if nobody ever looks again; disks included, bandwidth excluded;
        enforced by: loop seen 0 s ago
        Plan: 2 to create, 0 to destroy, 0 to change, 0 kept, 0 unknown.
        $0.000/h -> $0.810/h, at most $3.27 until 2026-07-01 16:02 UTC
        Run gpu-shopper apply to carry it out.
    """)


def test_a_plan_without_changes_prints_the_fleets_and_says_so() -> None:
    machine = record()
    value = compute_plan(
        desired(fleet()),
        recorded_state(machine),
        observed(complete("simulated", instance(machine))),
        offer_book(),
        START + HOUR,
        PlanRequest(Mode.APPLY),
    )
    assert shown(value) == page("""
        Plan for workspace demo, 2026-07-01 13:00 UTC

        FLEET        CHANGES  NODES      RATE  AT MOST  ENDS (UTC)
        fleet.train  .1         1/1  $0.400/h    $1.21  07-01 16:00

        At most: only if a loop destroys them; disks included, bandwidth excluded;
        enforced by: NOTHING: run gpu-shopper reconcile --install cron
        Plan: 0 to create, 0 to destroy, 0 to change, 1 kept, 0 unknown.
        $0.400/h -> $0.400/h, at most $1.21 until 2026-07-01 16:02 UTC
        No changes: what runs is what is declared.
    """)


def test_an_ended_lease_is_shown_with_the_command_that_renews_it() -> None:
    machine = record()
    value = compute_plan(
        desired(fleet()),
        recorded_state(machine),
        observed(complete("simulated", instance(machine))),
        offer_book(),
        START + TTL,
        PlanRequest(Mode.APPLY),
    )
    text = shown(value)
    assert "  lease ended  gpu-shopper apply -renew fleet.train\n" in text
    assert "  - fleet.train[0] (expired)  RTX4090:1  simulated nl-amsterdam/NL" in text
    assert text.splitlines()[-2] == "$0.400/h -> $0.000/h, nothing left to pay for"


def test_a_replacement_is_one_entry_with_one_reason_and_its_differences() -> None:
    old = record()
    value = plan(
        destroys=(
            destroy(
                old,
                reason=DestroyReason.DRIFTED,
                differences=(Difference("disk", "50GB", "100GB"),),
            ),
        ),
        creates=(create(reason=CreateReason.REPLACED, replaces=old.mark),),
        fleets=(summary(creates=1, destroys=1),),
    )
    lines = shown(value).splitlines()
    assert lines[5:8] == [
        "-/+ fleet.train[0] (drifted)  RTX4090:1  simulated nl-amsterdam/NL  m-train-0 ->",
        "      offer o1",
        "      disk: 50GB -> 100GB  # forces replacement",
    ]
    assert lines[8] == "      $0.400/h -> $0.400/h  $0.400/GPU-h  ceiling $0.420/h"
    assert "fleet.train  -/+1" in lines[3]
    assert lines[-3].startswith("Plan: 1 to create, 1 to destroy,")


def test_every_sign_has_its_line() -> None:
    lost, found, warned = record(index=1), record(index=2), record(index=3)
    value = plan(
        doubts=(Doubt(Slot("train", 0), "m", "simulated", "create sent", Decimal("0.40")),),
        forgets=(Forget(lost.slot, lost.mark, "simulated", "record", "proven gone"),),
        adopts=(Adopt(found, instance(found)),),
        keeps=(Keep(found, None), Keep(record(index=4), None, "drifted, protected")),
        announces=(Announce(warned, DestroyReason.UNDECLARED, START + HOUR, "no fleet train"),),
        lease_changes=(LeaseChange("train", None, None, ("ttl 4h -> 8h",)),),
        strangers=(Stranger("foreign", instance(label=None), None),),
        fleets=(summary(),),
    )
    assert shown(value) == page("""
        Plan for workspace demo, 2026-07-01 12:00 UTC

        FLEET        CHANGES             NODES      RATE  AT MOST  ENDS (UTC)
        fleet.train  ~1 ?1 !1 <=1 x1 .1    1/1  $0.400/h    $1.62  07-01 16:00

          ~ fleet.train  ttl 4h -> 8h
          ? fleet.train[0]  simulated
              create sent  $0.400/h
          x fleet.train[1]  simulated
              proven gone
         <= fleet.train[2]  RTX4090:1  simulated nl-amsterdam/NL  m-train-2
              found by its mark  $0.400/h
          ! fleet.train[3] (undeclared)  RTX4090:1  simulated nl-amsterdam/NL  m-train-3
              ends 2026-07-01 13:00 UTC: no fleet train  $0.400/h
          . fleet.train[4]  RTX4090:1  simulated nl-amsterdam/NL  m-train-4
              drifted, protected  $0.400/h

        Not ours, never touched: 1 foreign (gpu-shopper orphans)
        Also: 1 to adopt, 1 to forget, 1 announced.
        Plan: 0 to create, 0 to destroy, 1 to change, 1 kept, 1 unknown.
        $0.000/h -> $0.000/h, nothing left to pay for
        Run gpu-shopper apply to carry it out.
    """)


def test_warnings_come_before_what_refuses_the_plan() -> None:
    refused = Finding("too many destroys", ExitCode.REFUSED_BY_RULE, True, "-max-destroy=9")
    value = plan(destroys=(destroy(),), findings=(refused, Finding("one is slow")))
    lines = shown(value).splitlines()
    at = lines.index("Warning: one is slow")
    assert lines[at + 1 : at + 3] == ["REFUSED: too many destroys", "  fix: -max-destroy=9"]
    assert lines[-1] == "Refused for 1 reason above: nothing of it is carried out."


def test_of_many_findings_those_that_refuse_are_kept() -> None:
    findings = (*(Finding(f"warning {n}") for n in range(500)), Finding("no", blocks=True))
    text = shown(plan(findings=findings))
    assert "REFUSED: no" in text
    assert "... and 489 more warnings" in text


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (PlanRequest(Mode.DESTROY), "gpu-shopper destroy"),
        (PlanRequest(Mode.LOOP, heal=True), "gpu-shopper reconcile --once --heal"),
        (
            PlanRequest(Mode.APPLY, targets=(Address("train", 0),)),
            "gpu-shopper apply -target fleet.train[0]",
        ),
        (
            PlanRequest(Mode.APPLY, renew=frozenset({"train"}), max_destroy=2),
            "gpu-shopper apply -renew fleet.train -max-destroy=2",
        ),
        (
            PlanRequest(Mode.APPLY, targets=tuple(Address(f"fleet-{n}") for n in range(9))),
            "gpu-shopper apply with the same options",
        ),
    ],
)
def test_the_next_step_is_the_command_with_its_choices(request_: PlanRequest, command: str) -> None:
    text = shown(plan(request=request_, destroys=(destroy(),)))
    assert text.splitlines()[-1] == f"Run {command} to carry it out."


def test_the_caller_may_word_the_next_step() -> None:
    text = plan_text(plan(), PLAIN, next_step="Waiting for approval.")
    assert text.splitlines()[-1] == "Waiting for approval."


def test_a_plan_that_waits_says_what_it_waits_for() -> None:
    value = plan(
        fleets=(summary(unfilled=2),),
        doubts=(Doubt(Slot("train", 0), "m", "simulated", "not seen", Decimal(1)),),
    )
    assert shown(value).splitlines()[-1] == (
        "No changes now: 2 unfilled, 1 unknown; run it again later."
    )


def test_an_unbounded_plan_says_so_instead_of_a_sum() -> None:
    text = shown(plan(worst_case_usd=None, rate_after=Decimal(1)))
    assert text.splitlines()[-2] == "$0.000/h -> $1.000/h, NO worst case: a lease has no end"


@pytest.mark.parametrize("rate", ["0.4", "12345.678", "299999.99"])
def test_the_money_line_fits_at_any_size(rate: str) -> None:
    value = plan(
        rate_before=Decimal(rate) / 3,
        rate_after=Decimal(rate),
        worst_case_usd=Decimal(rate) * 720,
        worst_case_until=START + 30 * 24 * HOUR,
    )
    money = shown(value).splitlines()[-2]
    assert len(money) <= 80
    assert money.endswith("until 2026-07-31 12:00 UTC")


def plan_of(nodes: int, fleets: int = 1) -> Plan:
    each = nodes // fleets
    names = [f"f{number:05d}" for number in range(fleets)]
    taken = [offer(f"offer-{n}", f"0.4{n % 7}", region=f"region-{n % 9}") for n in range(each)]
    return plan(
        creates=tuple(create(name, n, offer=taken[n]) for name in names for n in range(each)),
        fleets=tuple(summary(name, creates=each, live=0, target=each) for name in names),
        rate_after=Decimal("0.43") * nodes,
        worst_case_usd=Decimal("1.75") * nodes,
        worst_case_until=START + TTL,
    )


@pytest.mark.parametrize(
    ("nodes", "fleets", "lines_max"),
    [(1, 1, 15), (40, 1, 15), (40, 40, 115), (10_000, 1, 15), (10_000, 100, 115),
     (10_000, 10_000, 115)],
)  # fmt: skip
def test_no_flood_and_no_wide_line_however_large_the_plan(
    nodes: int, fleets: int, lines_max: int
) -> None:
    lines = shown(plan_of(nodes, fleets)).splitlines()
    assert len(lines) <= lines_max
    assert max(display_width(line) for line in lines) <= 80
    assert lines[-3].startswith(f"Plan: {nodes} to create")


def test_many_like_actions_become_one_with_the_span_of_their_rates() -> None:
    text = shown(plan_of(40))
    assert "  + fleet.f00000[0..39] (new)  40 alike  RTX4090:1  simulated 9 places\n" in text
    assert "      $0.400/h to $0.460/h  together $17.15/h  ceiling $0.483/h\n" in text


def test_of_a_plan_with_everything_in_it_every_action_is_counted_and_few_are_shown() -> None:
    lines = shown(mixed_plan(100)).splitlines()
    assert len(lines) <= 150
    assert max(display_width(line) for line in lines) <= 80
    start = lines.index("  + 1800 to create: 450 healed, 450 new, 450 replaced, 450 scaled-up")
    assert lines[start + 1 : start + 12] == [
        "  - 1440 to destroy: 180 drifted, 180 expired, 180 failed-ready, 180",
        "      over-budget, 180 scaled-down, 180 undeclared, 90 orphaned, 90",
        "      outside-hours, 90 overpriced, 90 requested",
        "-/+  360 to replace: 360 drifted",
        "  ~   90 to change",
        "  ?  270 unknown",
        "  !  360 announced: 360 scaled-down",
        " <=   90 to adopt",
        "  x   90 to forget",
        "  . 5590 kept",
        "",
    ]
    more = "... and 60 more fleets, 60 of them changing: gpu-shopper plan -target fleet.NAME"
    assert more in lines
    assert lines[-3:] == [
        "Plan: 2160 to create, 1800 to destroy, 90 to change, 5590 kept, 270 unknown.",
        "$15,234.50/h -> $18,234.25/h, at most $72,937.00 until 2026-07-01 16:00 UTC",
        "Refused for 1 reason above: nothing of it is carried out.",
    ]


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (PlanRequest(Mode.APPLY), "gpu-shopper plan -target fleet.team-000"),
        (PlanRequest(Mode.DESTROY), "gpu-shopper plan -destroy -target fleet.team-000"),
        (PlanRequest(Mode.LOOP), ""),
        (PlanRequest(Mode.APPLY, targets=(Address("team-000"),)), ""),
    ],
)
def test_what_is_left_out_names_the_command_that_shows_it(
    request_: PlanRequest, command: str
) -> None:
    lines = shown(mixed_plan(20, request=request_)).splitlines()
    at = next(number for number, line in enumerate(lines) if " more in " in line)
    told = " ".join(lines[at : at + 1 + lines[at].endswith(":")]).partition(" fleets")[2]
    assert told.lstrip(": ") == command


def test_destroys_are_the_last_to_be_left_out() -> None:
    creates = plan_of(500, 500).creates
    value = plan(creates=creates, destroys=(destroy(record("zz")),))
    text = shown(value)
    assert "  - fleet.zz[0] (expired)" in text
    assert text.split("\n\n")[1] == "  + 500 to create: 500 new\n  -   1 to destroy: 1 expired"
    more = "      ... and 471 more in 471 fleets: gpu-shopper plan -target fleet.f00029\n"
    assert more in text


def test_fleets_with_changes_are_shown_before_idle_ones() -> None:
    idle = [summary(f"a{n:03d}") for n in range(200)]
    value = plan(fleets=(*idle, summary("zz")), destroys=(destroy(record("zz")),))
    text = shown(value)
    assert "fleet.zz" in text.split("\n\n")[1]
    assert "... and 161 more fleets, 0 of them changing" in text


def test_the_longest_names_and_counts_still_fit() -> None:
    name = "a23456789-123456789-22"
    slots = tuple(create(name, 90_000 + n) for n in range(9))
    value = plan(
        creates=slots,
        destroys=tuple(destroy(record(name, 80_000 + n)) for n in range(9)),
        fleets=(
            summary(
                name, live=12_345, target=99_999, rate_before=Decimal(54_321),
                worst_case_usd=Decimal(99_999_999),
            ),
        ),
    )  # fmt: skip
    assert all(display_width(line) <= 80 for line in shown(value).splitlines())


def test_the_same_plan_gives_the_same_text_with_colours_around_it() -> None:
    value = plan_of(3)
    painted = plan_text(value, ANSI)
    assert "\x1b[32m  +\x1b[0m fleet.f00000[0]" in painted
    for code in ("0", "1", "2", "31", "32", "33", "1;31"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == shown(value)


def test_I22_nothing_from_outside_reaches_the_terminal_raw() -> None:
    bad_offer = offer(HOSTILE, region=HOSTILE, country=HOSTILE, provider=HOSTILE, gpu=HOSTILE)
    bad = record(instance_id=HOSTILE, provider=HOSTILE)
    value = plan(
        creates=(create(offer=bad_offer),),
        destroys=(
            destroy(bad, detail=HOSTILE, differences=(Difference(HOSTILE, HOSTILE, HOSTILE),)),
        ),
        keeps=(Keep(record(index=7), instance(status=InstanceStatus.UNKNOWN), HOSTILE),),
        doubts=(Doubt(Slot("train", 3), "m", HOSTILE, HOSTILE, Decimal(1)),),
        forgets=(Forget(Slot("train", 4), "m", HOSTILE, "record", HOSTILE),),
        lease_changes=(LeaseChange("train", None, None, (HOSTILE,)),),
        strangers=(Stranger(HOSTILE, instance(), None),),
        fleets=(summary(note=HOSTILE, command=HOSTILE),),
        findings=(Finding(HOSTILE, fix=HOSTILE, blocks=True), Finding(HOSTILE * 1000)),
        worst_case_until=START,
        enforced_by=HOSTILE,
        workspace=HOSTILE,
    )
    text = shown(value)
    assert_clean(text)
    assert len(text.split("\n")) < 120


def test_a_create_first_replacement_shows_both_machines_and_the_price_of_both() -> None:
    old = record(specification=specification(env={"TOKEN": "${env:OLD}"}))
    wanted = fleet(create_before_destroy=True, image="other", env={"TOKEN": "${env:NEW}"})
    book = offer_book(offer("o1", "0.41"))
    found = compute_plan(
        desired(wanted),
        recorded_state(old),
        observed(complete("simulated", instance(old), started_at=START + HOUR)),
        book,
        START + HOUR,
        PlanRequest(Mode.APPLY),
    )
    assert shown(found) == page(
        """
        Plan for workspace demo, 2026-07-01 13:00 UTC

        FLEET        CHANGES  NODES                RATE  AT MOST  ENDS (UTC)
        fleet.train  +/-1       1/1  $0.400 -> $0.810/h    $2.46  07-01 16:00

        +/- fleet.train[0] (drifted)  RTX4090:1  simulated nl-amsterdam/NL  m-train-0 ->
              offer o1
              image: (none) -> other  # forces replacement
              env.TOKEN: (a value) -> (another value)  # forces replacement
              $0.400/h -> $0.410/h  $0.410/GPU-h  ceiling $0.430/h

        At most: only if a loop destroys them; disks included, bandwidth excluded;
        enforced by: NOTHING: run gpu-shopper reconcile --install cron
        Plan: 1 to create, 1 to destroy, 0 to change, 0 kept, 0 unknown.
        $0.400/h -> $0.810/h, at most $2.46 until 2026-07-01 16:02 UTC
        Run gpu-shopper apply to carry it out.
        """
    )


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (PlanRequest(Mode.APPLY, excludes=(Address("lab"),)), "apply -exclude fleet.lab"),
        (PlanRequest(Mode.APPLY, replace=(Slot("train", 0),)), "apply -replace fleet.train[0]"),
        (PlanRequest(Mode.APPLY, only_record=True), "apply -refresh-only"),
    ],
)
def test_the_next_step_repeats_what_narrowed_the_plan(request_: PlanRequest, command: str) -> None:
    changed = plan(request=request_, creates=(create(),))
    assert shown(changed).splitlines()[-1] == f"Run gpu-shopper {command} to carry it out."


def test_the_last_line_is_true_where_nothing_can_be_done() -> None:
    held = plan(findings=(Finding("no successor", ExitCode.NO_OFFER),))
    assert "what stands in the way" in shown(held).splitlines()[-1]
    recording = plan(request=PlanRequest(Mode.APPLY, only_record=True))
    assert "what is observed is what is recorded" in shown(recording).splitlines()[-1]
    old, heir = record(), record(mark="gs1-another", succeeds=_SUCCEEDS)
    both = plan(keeps=(Keep(old, None), Keep(heir, None)), fleets=(summary(),))
    assert shown(both).splitlines()[-1] == "No changes now: 1 being replaced; run it again later."


_SUCCEEDS = Succession(mark=record().mark, reason=DestroyReason.DRIFTED)

"""A plan as a comment on a pull request: whole, short enough, and inert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from textwrap import dedent

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.model.address import Address, Slot
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import (
    Difference,
    Doubt,
    Finding,
    Keep,
    LeaseChange,
    Mode,
    Plan,
    PlanRequest,
    Stranger,
)
from reconciler.planning.planner import compute_plan
from reconciler.reporting.plan_markdown import BYTES_MAX, plan_markdown
from tests.builders import (
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
    summary,
)
from tests.markets import START
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.reporting.large_plans import mixed_plan

FORGED = (
    "```\n</details><script>alert(1)</script> ````` | @everyone #1 -->"
    " <!-- [x](http://evil) ![i](http://evil/i.png) <img src=x onerror=y> `a` **b** & http://evil"
)
PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def test_a_plan_is_a_table_of_fleets_with_its_actions_folded_up() -> None:
    value = compute_plan(
        desired(fleet(nodes=2)),
        recorded_state(),
        observed(complete()),
        offer_book(offer("o1"), offer("o2", "0.41")),
        START,
        PlanRequest(Mode.APPLY),
    )
    assert plan_markdown(value) == dedent("""\
        <!-- gpu-shopper plan demo -->

        ### Plan for workspace `demo`, 2026-07-01 12:00 UTC

        **2 to create, 0 to destroy, 0 to change, 0 kept, 0 unknown.** `$0.000/h -> $0.810/h, at most $3.27 until 2026-07-01 16:02 UTC`

        | fleet | changes | nodes | rate | at most | ends (UTC) |
        |--|--|--:|--:|--:|--|
        | `fleet.train` | `+2` | `0/2` | `$0.000 -> $0.810/h` | `$3.27` | `07-01 16:00` |

        <details><summary>2 actions</summary>

        ```diff
        +   fleet.train[0] (new)  RTX4090:1  simulated nl-amsterdam/NL  offer o1
              $0.400/h  $0.400/GPU-h  ceiling $0.420/h
        +   fleet.train[1] (new)  RTX4090:1  simulated nl-amsterdam/NL  offer o2
              $0.410/h  $0.410/GPU-h  ceiling $0.430/h
        ```

        </details>

        ```text
        At most: only if a loop destroys them; disks included, bandwidth excluded;
        enforced by: NOTHING: run gpu-shopper reconcile --install cron
        ```

        `Run gpu-shopper apply to carry it out.`
    """)  # noqa: E501


def test_a_plan_without_changes_has_no_actions_to_unfold() -> None:
    machine = record()
    text = plan_markdown(plan(keeps=(Keep(machine, instance(machine)),), fleets=(summary(),)))
    assert "details" not in text
    assert "| `fleet.train` | `.1` | `1/1` |" in text
    assert text.endswith("`No changes: what runs is what is declared.`\n")


def test_what_refuses_the_plan_stands_above_the_table() -> None:
    refused = Finding("too many destroys", ExitCode.REFUSED_BY_RULE, True, "-max-destroy=9")
    value = plan(destroys=(destroy(),), findings=(refused,), fleets=(summary(),))
    text = plan_markdown(value)
    assert text.index("REFUSED: too many destroys") < text.index("| fleet |")
    assert "  fix: -max-destroy=9" in text


def test_the_marker_names_the_workspace_so_that_two_comments_stay_apart() -> None:
    lines = {plan_markdown(plan(workspace=name)).split("\n")[0] for name in ("a", "b")}
    assert lines == {"<!-- gpu-shopper plan a -->", "<!-- gpu-shopper plan b -->"}


def test_the_note_of_a_fleet_stands_below_the_table_with_its_command() -> None:
    noted = summary(note="lease ended", command="gpu-shopper apply -renew fleet.train", unfilled=2)
    assert (
        "- `fleet.train`: `lease ended, 2 unfilled` `gpu-shopper apply -renew fleet.train`\n"
        in plan_markdown(plan(fleets=(noted,)))
    )


@pytest.mark.parametrize("fleets", [1, 30, 100, 250])
def test_it_fits_into_one_comment_and_says_what_was_left_out(fleets: int) -> None:
    value = mixed_plan(fleets)
    text = plan_markdown(value)
    assert len(text.encode()) <= BYTES_MAX
    actions = sum(
        int(number.replace(",", "")) for number in re.findall(r"\.\.\. and (\d+) more in", text)
    )
    assert (actions > 0) == (fleets > 1)
    rows = len(re.findall(r"^\| `fleet\.", text, re.M))
    left_out = re.search(
        r"^(\d+) more fleets left out, (\d+) of them changing: `gpu-shop", text, re.M
    )
    assert rows + (int(left_out[1]) if left_out else 0) == fleets
    assert text.startswith("<!-- gpu-shopper plan demo -->\n")
    assert text.count("<details>") == text.count("</details>") == 1


def test_wide_letters_count_as_the_bytes_that_they_are() -> None:
    wide = [Finding("宽" * 400) for _ in range(12)]
    names = [summary(f"f{n:03d}", note="宽" * 50) for n in range(400)]
    text = plan_markdown(plan(findings=tuple(wide), fleets=tuple(names)))
    assert len(text.encode()) <= BYTES_MAX
    assert "more fleets left out" in text


@pytest.mark.parametrize("bad", [HOSTILE, FORGED])
def test_C13_4_I22_what_comes_from_outside_stays_in_code(bad: str) -> None:
    text = plan_markdown(hostile_plan(bad))
    assert all(line.isprintable() for line in text.split("\n"))
    allowed = {
        "<details><summary>4 actions</summary>",
        "</details>",
        text.split("\n")[0],
    }
    for token in tokens(text):
        if token.type in ("html_block", "html_inline"):
            assert token.content.strip() in allowed
        assert token.type not in ("link_open", "image")
        if token.type == "text":
            assert not re.search(r"evil|alert|everyone|[<>`]", token.content), token.content
    html = PARSER.render(text)
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("<!--") == html.count("-->") == 1
    assert html.count("<details>") == html.count("</details>") == 1
    assert html.index("</details>") > html.index("GPU-h")


def hostile_plan(bad: str) -> Plan:
    return plan(
        creates=(create(offer=offer(bad, region=bad, country=bad, provider=bad, gpu=bad)),),
        destroys=(
            destroy(
                record(instance_id=bad, provider=bad, index=1),
                detail=bad,
                differences=(Difference(bad, bad, bad),),
            ),
        ),
        keeps=(Keep(record(index=7), instance(status=InstanceStatus.UNKNOWN), bad),),
        doubts=(Doubt(Slot("train", 3), "m", bad, bad, Decimal(1)),),
        lease_changes=(LeaseChange("train", None, None, (bad,)),),
        strangers=(Stranger(bad, instance(), None),),
        fleets=(summary(note=bad, command=bad), summary(bad)),
        findings=(Finding(bad, fix=bad, blocks=True), Finding(bad)),
        worst_case_until=START,
        enforced_by=bad,
        workspace=bad,
        request=PlanRequest(Mode.APPLY, targets=(Address("train", 0),)),
    )

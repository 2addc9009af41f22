"""I20: a trail in which any line was changed, removed, put in or moved is found out."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.audit import Actor, AuditAction, AuditOutcome, Effect, TrailVerdict
from reconciler.model.pins import TrailAnchor
from reconciler.statefile.audit_batch import Batch
from reconciler.statefile.audit_chain import START, Head, sealed
from reconciler.statefile.audit_verification import verified
from tests.unit.statefile.any_state import texts
from tests.unit.statefile.damage import damaged
from tests.unit.statefile.states import NOW, state
from tests.unit.statefile.test_audit_verification import HEAD, LINES

WHOLE = b"".join(LINES)
ANCHOR = TrailAnchor(entries=HEAD.n, digest=HEAD.digest)

few = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def _forged(draw: st.DrawFn, n: int, before: bytes) -> bytes:
    """A line that hangs on the one before as it should: a claim, or the gap that explains it."""
    digest = before[-67:-3].decode("ascii", "replace") or START.digest
    told = {
        "at": "2026-03-01T12:00:00Z",
        "action": draw(st.sampled_from(["create", "gap", "checkpoint"])),
        "outcome": draw(st.sampled_from(["done", "lost", "torn"])),
        "follows": draw(st.sampled_from([digest, HEAD.digest])),
        "torn_sha256": hashlib.sha256(before.rstrip(b"\n")).hexdigest(),
        "kept_from": draw(st.integers(1, 12)),
    }
    return sealed(told, Head(n - 1, draw(st.sampled_from([digest, HEAD.digest]))))[0]


@st.composite
def edited(draw: st.DrawFn) -> list[bytes]:
    """One to three edits of whole lines: removed, doubled, exchanged, replaced by something else or
    by a forged one, one put in, or all anew from there on.
    """
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        other = draw(st.integers(0, max(0, len(lines) - 1)))
        before = lines[at - 1] if at else b""
        match draw(st.integers(0, 6)):
            case 0:
                del lines[at : at + 1]
            case 1:
                lines[at:at] = lines[other : other + 1]
            case 2 if lines:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at : at + 1] = [draw(st.binary(max_size=90)) + b"\n"]
            case 4:
                lines[at:at] = [_forged(draw, draw(st.integers(1, 12)), before)]
            case 5:
                lines[at : at + 1] = [_forged(draw, at + 1, before)]
            case _:
                lines[at:] = _anew(lines[at:], at, before)
    return lines


def _anew(lines: list[bytes], at: int, before: bytes) -> list[bytes]:
    """As one would who knows how the chain is made and cannot write the state."""
    head, made = Head(at, before[-67:-3].decode("ascii", "replace") or START.digest), []
    for _ in lines:
        line, head = sealed({"at": "2026-03-01T12:00:00Z", "action": "adopt"}, head)
        made.append(line)
    return made


def _check(data: bytes) -> TrailVerdict:
    found = verified([("trail", data)], ANCHOR)
    assert found.damaged or data.startswith(WHOLE)
    return found


@few
@given(edited())
def test_I20_no_edit_of_lines_is_missed_and_no_line_before_it_is_blamed(lines: list[bytes]) -> None:
    found = _check(b"".join(lines))
    same = 0
    while same < min(len(lines), len(LINES)) and lines[same] == LINES[same]:
        same += 1
    blamed = [int(one.where.rpartition(":")[2]) for one in found.findings]
    assert min(blamed, default=same + 1) > same or not same


@few
@given(damaged(WHOLE))
def test_I20_no_change_of_bytes_is_missed(data: bytes) -> None:
    _check(data)


@few
@given(edited(), damaged(WHOLE))
def test_a_trail_of_which_no_state_knows_is_read_to_its_end_all_the_same(
    lines: list[bytes], data: bytes
) -> None:
    for one in (b"".join(lines), data):
        found = verified([("trail", one)], None)
        assert found.entries <= one.count(b"\n") + 1
        assert all(finding.where.isprintable() for finding in found.findings)


def _effects() -> st.SearchStrategy[Effect]:
    words = st.one_of(st.none(), texts())
    money = st.one_of(st.none(), st.decimals(0, 10**6, places=6))
    moments = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))
    fields: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(
        ("slot", "mark", "provider", "instance_id", "reason", "detail"), words
    )
    of_kinds = {"usd_per_hour": money, "usd": money, "ends_at": moments}
    return st.builds(
        Effect,
        st.sampled_from(get_args(AuditAction)),
        st.sampled_from(get_args(AuditOutcome)),
        **fields,
        **of_kinds,
    )


@settings(few, max_examples=30)
@given(st.lists(_effects(), max_size=5))
def test_whatever_is_told_makes_a_whole_trail_of_one_line_each(effects: list[Effect]) -> None:
    batch = Batch(state(serial=3), Actor("apply", "a@b", 7, None, "1.0"), NOW)
    batch.checkpoint(1)
    for one in effects:
        batch.tell(one)
    anchor = TrailAnchor(entries=batch.head.n, digest=batch.head.digest)
    found = verified([("trail", batch.data)], anchor)
    assert found.findings == ()
    assert found.entries == len(effects) + 1 == batch.data.count(b"\n")

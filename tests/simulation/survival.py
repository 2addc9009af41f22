"""A trip through broken answers: never a leak, a wrong destroy or a double."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.model.errors import UnsafePlan
from reconciler.model.exit_code import ExitCode
from reconciler.model.record import InstanceRecord
from tests.faces import Change
from tests.simulation.face_shop import FaceShop

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
_LEAST = 3
_QUIET = 2


def three_nodes(documents: str) -> str:
    return documents.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 3")


def marks(shop: FaceShop) -> list[str | None]:
    return sorted((one.label for one in shop.alive()), key=str)


def records(shop: FaceShop) -> list[InstanceRecord]:
    """What the state holds; nothing where there is none yet."""
    state = shop.workspace().backend.read()
    return list(state.instances.values()) if state else []


async def try_for(shop: FaceShop, minutes: int, *, until_quiet: bool = False) -> None:
    """Apply every minute, as a pipeline would, and three times at least: an apply that waits takes
    longer. A refusal by a rule does nothing.

    ``until_quiet``: ends before where two runs in a row had nothing to do.
    """
    quiet, end = 0, shop.now + minutes * MINUTE
    for number in range(minutes):
        if number >= _LEAST and shop.now >= end:
            return
        quiet += 1
        try:
            done = await shop.apply()
        except UnsafePlan:
            quiet = 0
        else:
            if done.code is not ExitCode.DONE or done.plan.has_changes:
                quiet = 0
        await shop.wait(MINUTE)
        slots = [one.slot for one in records(shop) if one.doom is None]
        assert len(slots) == len(set(slots)), "two machines in one slot"
        if until_quiet and quiet == _QUIET:
            return


async def loop_for(shop: FaceShop, minutes: int, *, until_quiet: bool = False) -> None:
    """A loop passes every minute. ``until_quiet``: until two passes knew of no machine."""
    quiet = 0
    for _ in range(minutes):
        known = records(shop)
        await shop.reconcile()
        await shop.wait(MINUTE)
        quiet = 0 if known or records(shop) else quiet + 1
        if until_quiet and quiet == _QUIET:
            return


async def survive(
    shop: FaceShop, break_it: Callable[[], None], mend_it: Callable[[], None], *, minutes: int
) -> None:
    """The trip of three nodes, broken at its beginning and at its end for ``minutes``."""
    foreign = shop.world.place_foreign(shop.now, "somebody's own", offer_id="o12")
    shop.documents = three_nodes(shop.documents)
    break_it()
    await try_for(shop, minutes)
    mend_it()
    await try_for(shop, 9, until_quiet=True)
    known = {record.instance_id for record in records(shop)}
    ours = {shop.id_of(one) for one in shop.alive()} - {shop.id_of(foreign)}
    assert ours <= known, "billed and unknown to the state"
    await shop.wait(4 * HOUR)
    break_it()
    await loop_for(shop, minutes)
    mend_it()
    await loop_for(shop, 8, until_quiet=True)
    assert [one.id for one in shop.alive()] == [foreign.id]
    assert records(shop) == []


# --- broken answers -------------------------------------------------------------------------------


def replaced(status: int, body: bytes, **headers: str) -> Change:
    return lambda _, __: FaceAnswer(
        status, body, {name.replace("_", "-"): text for name, text in headers.items()}
    )


def cut(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
    return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])


def only(change: Change, method: str, path_part: str) -> Change:
    """``change`` for one endpoint, where the answer is a good one."""

    def changed(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        fits = request.method == method and path_part in "/".join(request.segments)
        return change(request, answer) if fits and answer.status < 300 else answer

    return changed


def rows_changed(under: str, **fields: Any) -> Change:
    """Every machine that stands ``under`` that key, alone or in a list, with other fields; ``...``
    takes a field away.
    """

    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        value = json.loads(answer.body)
        rows = value.get(under)
        for row in rows if isinstance(rows, list) else [rows] if isinstance(rows, dict) else []:
            row.update(fields)
            for name in [name for name, text in fields.items() if text is ...]:
                row.pop(name, None)
        return replace(answer, body=json.dumps(value).encode())

    return change


def page_changed(**fields: Any) -> Change:
    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        value = {**json.loads(answer.body), **fields}
        left = {name: found for name, found in value.items() if found is not ...}
        return replace(answer, body=json.dumps(left).encode())

    return change


BROKEN_ANSWERS: dict[str, Change] = {
    "truncated JSON": cut,
    "HTML with 200": replaced(200, b"<html>Just a moment...</html>", Content_Type="text/html"),
    "empty body": replaced(200, b""),
    "null": replaced(200, b"null"),
    "empty list": replaced(200, b"[]"),
    "empty object": replaced(200, b"{}"),
    "bare 404": replaced(404, b"Not Found"),
    "401": replaced(401, b""),
    "429 storm": replaced(429, b"Too Many Requests"),
    "502 of a proxy": replaced(502, b"<html>Bad Gateway</html>"),
    "redirect": replaced(302, b"", Location="https://elsewhere.example.com/"),
    "packed": replaced(200, b"\x1f\x8b", Content_Encoding="gzip"),
    "deep nesting": replaced(200, b"[" * 100_000),
    "a number of 5000 digits": replaced(200, b'{"instances": [' + b"9" * 5000 + b"]}"),
}
"""Answers of no provider in particular; a refusal of the key has words of its own in each."""

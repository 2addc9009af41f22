"""Broken bytes out of good ones, by a seed: what disks, editors and people do to a file."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

TOKENS: tuple[bytes, ...] = (
    b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"Infinity", b"010", b"12:30", b"no",
    b"\x00", b"\x1b[2J", b"\xff\xfe", b"\xe2\x80\xae", b"\\ud800", b"\\u0000", b"\r\n", b"\t",
    b"&a [*a]", b"*a", b"<<: *a", b"!!python/object:os.system", b"---\n", b"{", b"}", b"[", b"]",
    b'"', b":", b"- ", b"#", b"%", b"../", b"${env:HOME}", b"2026-02-30", b"9" * 400,
    b"[" * 120, b"{" * 120, b"a: " * 80, b"x" * 3000,
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**30, 0.5, 1e308, "", "0", "NaN", "-1", "true",
    "../users/1", "\x1b[2J", "\ud800", "x" * 300, [], {}, [None], {"a": 1}, [[]], "0001-01-01",
    "9999-12-31T23:59:60Z", "2026-07-01T12:00:00",
)  # fmt: skip


def mutated_bytes(good: bytes, chance: random.Random) -> bytes:
    """A few of: flipped bits, bytes cut out, doubled, moved, overwritten or put in between."""
    data = bytearray(good)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        place = chance.randrange(len(data) + 1)
        until = min(len(data), place + chance.choice((1, 2, 8, 40, 400)))
        how = chance.randrange(6)
        if how == 0 and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif how == 1:
            del data[place:until]
        elif how == 2:
            data[place:place] = data[place:until]
        elif how == 3:
            data[place:until] = chance.choice(TOKENS)
        elif how == 4:
            data[place:place] = chance.choice(TOKENS)
        else:
            del data[place:]
    return bytes(data)


def mutated_json(good: Any, chance: random.Random) -> Any:
    """``good``, with one to three values replaced, left out, or put where they do not belong."""
    value = json.loads(json.dumps(good))
    for _ in range(chance.choice((1, 1, 2, 3))):
        holder, key = chance.choice(list(_places(value)))
        how = chance.randrange(4)
        if how == 0 and isinstance(holder, dict):
            holder.pop(key, None)
        elif how == 1 and isinstance(holder, dict):
            holder[f"{key}x"] = copy.deepcopy(chance.choice(JUNK))
        else:
            holder[key] = copy.deepcopy(chance.choice(JUNK))
        if not isinstance(value, (dict, list)) or not value:
            break
    return value


def _places(value: Any) -> Any:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(entries):
        yield value, key
        if isinstance(one, (dict, list)) and one:
            yield from _places(one)

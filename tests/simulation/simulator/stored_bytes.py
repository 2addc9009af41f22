"""What the bytes of a stored state say, read without the program's own reader."""

from __future__ import annotations

import re
from functools import lru_cache

_MARK = re.compile(rb"gs1-[0-9a-z]{10}-[a-z0-9-]+?-\d{1,5}-[0-9a-z]{7}-([0-9a-z]{8})\"")
_SERIAL = b'"serial":'
_LINEAGE = b'"lineage":"'
_DIGITS = re.compile(rb"\d+")
_LINEAGE_DIGITS = re.compile(rb'([0-9a-f]+)"')


def serial_of(data: bytes) -> int:
    """0 for what is no state. Keys are sorted: the state's own serial is the last one."""
    place = data.rfind(_SERIAL)
    found = _DIGITS.match(data, place + len(_SERIAL)) if place >= 0 else None
    return int(found[0]) if found else 0


def recorded_part(data: bytes) -> bytes:
    """The instances and intents of a state, without its books and memories: keys are sorted."""
    start = data.find(b'"instances":{')
    end = data.find(b',"leases":{', start)
    return data[start:end] if 0 <= start < end else b""


def lineage_of(data: bytes) -> bytes:
    """Empty for what is no state."""
    place = data.rfind(_LINEAGE)
    found = _LINEAGE_DIGITS.match(data, place + len(_LINEAGE)) if place >= 0 else None
    return found[1] if found else b""


def nonces(data: bytes) -> frozenset[str]:
    """Of every mark under which a state knows a machine, or an order for one."""
    return _nonces_in(recorded_part(data))


@lru_cache(maxsize=8)
def _nonces_in(recorded: bytes) -> frozenset[str]:
    """Every third write changes nothing there."""
    return frozenset(found.decode() for found in _MARK.findall(recorded))

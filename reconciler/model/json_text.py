"""JSON on one line, by a writer that is made once: ``json`` makes a new one for every value, which
is half the cost of a small one.
"""

from __future__ import annotations

import json
from json import encoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def one_line_writer(*, sort_keys: bool) -> Callable[[object], str]:
    """Writes trees of plain values as ASCII without blanks; a tree that holds itself is a
    ``RecursionError``. Raises ``ValueError`` for NaN and infinity, ``TypeError`` for other values.
    """
    usual = json.JSONEncoder(
        sort_keys=sort_keys, separators=(",", ":"), allow_nan=False, check_circular=False
    )
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the part in C
        return usual.encode
    parts = make(
        None,
        usual.default,
        encoder.encode_basestring_ascii,
        None,
        usual.key_separator,
        usual.item_separator,
        usual.sort_keys,
        usual.skipkeys,
        usual.allow_nan,
    )
    text = encoder.encode_basestring_ascii

    def written(value: object) -> str:
        kind = type(value)
        if kind is str:
            return text(value)  # type: ignore[arg-type]
        return repr(value) if kind is int else "".join(parts(value, 0))

    return written

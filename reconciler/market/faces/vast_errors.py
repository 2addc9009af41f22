"""Vast.ai's error answers: which status goes with which word is theirs, and not always sensible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.market.faces.exchange import FaceAnswer, as_json

if TYPE_CHECKING:
    from reconciler.market.faults import ErrorWord


def answer(status: int, error: str, msg: str, **more: Any) -> FaceAnswer:
    return as_json(status, {"success": False, "error": error, "msg": msg, **more})


INVALID_KEY = answer(404, "auth_error", "Invalid user key")
"""Yes, 404: whoever reads the status alone believes that his machines are gone."""


def no_such_ask(status: int, ask: str) -> FaceAnswer:
    """400 and 404 carry the word in the text alone, 410 also as the code."""
    if status == 410:
        return answer(410, "no_such_ask", f"error 410/3907: ask {ask} is no longer available.")
    said = f"error 404/3603: no_such_ask Instance type by id {ask} is not available."
    return answer(status, "invalid_args", said)


def scripted(word: ErrorWord, new_contract: int | None) -> FaceAnswer:
    """The answer for an error of the market's fault script, with the id of what was made."""
    more = {} if new_contract is None else {"new_contract": new_contract}
    match word:
        case "auth-refused":
            return INVALID_KEY
        case "not-found":
            return answer(404, "no_such_instance", "Instance not found", **more)
        case "offer-gone":
            return no_such_ask(404, "0")
        case "no-capacity":
            return no_such_ask(410, "0")
        case "refused":
            return answer(400, "invalid_args", "error 400/3467: Invalid args", **more)
    return answer(500, "internal_error", "Internal Server Error", **more)

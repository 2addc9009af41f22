"""I10: what was sent as a secret is cut out of what comes back, however it is spelled."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from reconciler.model.errors import CreateOutcomeUnknown
from reconciler.model.text import printable
from reconciler.transport.redaction import cut_out, without_secrets
from tests.simulation.simulator.provider_trouble import SECRET


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        quote(SECRET, safe=""),
        printable(f"{SECRET}\n"),
    ],
)
def test_C13_3_I10_no_spelling_of_a_secret_comes_through(spelled: str) -> None:
    secret = f"{SECRET}\n" if spelled.endswith("x0a") else SECRET
    assert without_secrets(f"refused: {spelled}!", [secret]) == "refused: [redacted]!"


def test_what_is_too_short_to_be_a_secret_stays() -> None:
    assert without_secrets("RTX4090 in eu-west", ["RTX4090", ""]) == "RTX4090 in eu-west"


def test_I10_the_error_of_any_adapter_loses_what_was_sent() -> None:
    error = CreateOutcomeUnknown("lab", f"bad env {SECRET}", instance_id="7")
    cut_out(error, [SECRET])
    assert str(error) == error.what == "lab: bad env [redacted]"
    assert error.instance_id == "7"

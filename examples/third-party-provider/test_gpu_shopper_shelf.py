"""The shelf passes the suite that every provider passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from gpu_shopper_shelf import PROVIDER_TYPE

from reconciler.clock import Clock
from reconciler.conformance.account import Account, Case, Check, NotTried, run_check
from reconciler.conformance.suite import CHECKS
from reconciler.providers.provider_type import Opening


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_shelf_conforms(check: Check, tmp_path: Path) -> None:
    file = tmp_path / "shelf.json"

    def open_account(clock: Clock) -> Account:
        provider = PROVIDER_TYPE.open(Opening("shelf", {"SHELF_FILE": str(file)}, clock))

        def spoil() -> None:
            file.write_text("{")

        return Account(provider, clock, {"list-fails": spoil, "read-fails": spoil})

    try:
        run_check(check, Case("shelf", open_account))
    except NotTried as what:
        pytest.skip(f"a file cannot do that: {what}")

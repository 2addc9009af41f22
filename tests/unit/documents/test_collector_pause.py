"""Documents are read without the garbage collector, which is left as it was found."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path

import pytest

from reconciler.documents.loader import load_documents
from reconciler.model.errors import DocumentError
from tests.unit.documents.told import GPU, HEAD


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("text", [f"{HEAD}fleets: {{f: {{{GPU}}}}}\n", "a: [", "fleets: 010", ""])
def test_the_collector_is_afterwards_as_it_was_before(
    enabled: bool, text: str, tmp_path: Path
) -> None:
    (tmp_path / "fleets.yaml").write_text(text)
    was_enabled = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        with contextlib.suppress(DocumentError):
            load_documents(tmp_path)
        assert gc.isenabled() == enabled
    finally:
        gc.enable() if was_enabled else gc.disable()

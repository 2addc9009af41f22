"""Documents as short texts, and what the reader is told about them."""

from __future__ import annotations

from pathlib import Path

from reconciler.documents.loader import load_documents
from reconciler.model.errors import DocumentError

HEAD = "version: 1\nworkspace: lab\nproviders: {simulated: {}}\n"
"""Three lines; what follows begins in line 4."""
GPU = "resources: {gpu: L4}"


def told(directory: Path, *texts: str) -> list[str]:
    """What is said about files `a.fleets.yaml`, `b.fleets.yaml` and so on; nothing if all is well.

    The part in brackets, the advice, is left out.
    """
    for letter, text in zip("abcdef", texts, strict=False):
        (directory / f"{letter}.fleets.yaml").write_text(text)
    try:
        load_documents(directory)
    except DocumentError as error:
        shown = [str(problem).replace(f"{directory}/", "") for problem in error.problems]
        return [line.replace(".fleets.yaml:", ":").partition(" (")[0] for line in shown]
    return []

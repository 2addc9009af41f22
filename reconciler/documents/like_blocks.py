"""Fleets that are written alike are read once: the same block stands for all of them.

Of ten thousand fleets few differ in more than the name. What is read, merged and checked of one
holds for the others, so the steps behind this one look at each block once as well (``merge``,
``consistency``, ``loader``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.documents.blocks import FleetDocument
from reconciler.model.address import FLEET_NAME_PATTERN

if TYPE_CHECKING:
    from reconciler.documents.fleet_blocks import FleetBlock

_FLEET_NAME = re.compile(FLEET_NAME_PATTERN)


class LikeBlocks:
    """The blocks of fleets that were read so far, over all files, by what is written in them."""

    def __init__(self) -> None:
        self._known: dict[str, FleetBlock] = {}

    def document_of(self, data: Any) -> FleetDocument:
        """The checked blocks of one file. Raises pydantic's error with everything found in it."""
        written = data.get("fleets") if isinstance(data, dict) else None
        if not isinstance(written, dict):
            return FleetDocument.model_validate(data)
        # Plain data: what reads the same, its types included, is the same.
        texts = {name: repr(block) for name, block in written.items()}
        firsts = {text: name for name, text in reversed(texts.items()) if text not in self._known}
        fresh = {name: written[name] for name in reversed(firsts.values())}
        if not all(name in fresh or _FLEET_NAME.fullmatch(name) for name in texts):
            return FleetDocument.model_validate(data)
        try:
            document = FleetDocument.model_validate({**data, "fleets": fresh})
        except ValidationError:
            return FleetDocument.model_validate(data)  # of like blocks each has its own place
        self._known |= {text: document.fleets[name] for text, name in firsts.items()}
        fleets = {name: self._known[text] for name, text in texts.items()}
        return document.model_copy(update={"fleets": fleets})

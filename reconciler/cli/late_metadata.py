"""``importlib.metadata``, loaded when something is asked of it.

pydantic imports it to look for plugins and then, told that there are none, never uses it. With all
that it brings (email, zipfile, csv, ...) it is a twentieth of the start of a command.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import Any

_NAME = "importlib.metadata"


class _LateModule(ModuleType):
    """Stands for the module until the first question, which it passes on."""

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":  # asked by each import statement; it has no public submodules
            raise AttributeError(name)
        return getattr(_loaded(), name)

    @staticmethod
    def entry_points(**selection: Any) -> Any:
        """What pydantic imports by name; asking it is a question, importing it is not."""
        return _loaded().entry_points(**selection)


@cache
def _loaded() -> ModuleType:
    sys.modules.pop(_NAME, None)
    return importlib.import_module(_NAME)


def load_metadata_late() -> None:
    """Changes nothing but when it is loaded. Does nothing where it is loaded already."""
    if _NAME not in sys.modules:
        module = _LateModule(_NAME)
        sys.modules[_NAME] = module
        vars(importlib)["metadata"] = module

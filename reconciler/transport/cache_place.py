"""Where a user's caches lie: what may be lost at any time, and is nobody else's to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def cache_place(environ: Mapping[str, str], name: str) -> Path | None:
    """The folder ``name`` below ``$XDG_CACHE_HOME/gpu-shopper``, made for its owner alone.

    None where there is no such place: no home, a read-only disk, a folder of somebody else. A
    cache is never worth an error.
    """
    base = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", ""), ".cache")
    if not os.path.isabs(base):
        return None
    place = Path(base) / "gpu-shopper" / name
    try:
        for folder in (Path(base), place.parent, place):
            folder.mkdir(mode=0o700, exist_ok=True)
        found = place.stat(follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return None
        if found.st_mode & _OTHERS:
            place.chmod(0o700)
    except OSError:
        return None
    return place

"""Another place for a state that could not be saved: a full disk, a file system gone read-only.

Beside the state if that can be written again, else in the directory for temporary files, else at
home. The file is a whole state of its own, private, for ``gpu-shopper state restore FILE``.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError
from reconciler.statefile.format import encode
from reconciler.statefile.private_files import shown, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.record import RecordedState
    from reconciler.statefile.files import Files


def keep_elsewhere(files: Files, path: Path, state: RecordedState) -> str:
    """Write ``state``, which belongs to ``path``, where it can be written; where that is, escaped.

    Nothing that stands there is overwritten. "" when no place takes it. Never raises.
    """
    try:
        data = encode(state)
    except GpuShopperError:
        return ""
    for directory in _places(path):
        target = directory / f"{path.name}.rescue-{secrets.token_hex(4)}"
        with suppress(OSError):
            write_private(files, target, data)
            return shown(target)
    return ""


def _places(path: Path) -> Iterator[Path]:
    yield path.parent
    with suppress(OSError):
        yield Path(tempfile.gettempdir())
    with suppress(RuntimeError):
        yield Path.home()

"""What ``--version`` prints; apart, because it is answered before click is loaded."""

from __future__ import annotations

from reconciler import __version__

VERSION_LINE = f"gpu-shopper {__version__}"

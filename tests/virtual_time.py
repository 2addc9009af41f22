"""Virtual time for tests: it comes with the program, because authors of providers need it too."""

from __future__ import annotations

from reconciler.conformance.virtual_time import (
    VirtualDeadlock,
    VirtualLoop,
    VirtualTimeExceeded,
    run_virtual,
)

__all__ = ["VirtualDeadlock", "VirtualLoop", "VirtualTimeExceeded", "run_virtual"]

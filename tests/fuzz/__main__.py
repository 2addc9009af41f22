"""``make fuzz``: each target with as many inputs as are asked for."""

from __future__ import annotations

import sys

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    """One line for each target; 1 when an input escaped."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    escaped = 0
    for target in TARGETS:
        found = fuzz(target, inputs, seed)
        escaped += bool(found.escaped)
        sys.stdout.write(
            f"{target.name:<20} {found.inputs:>9} inputs, {found.answered} answered, "
            f"{found.refused} refused at {len(found.places)} places, "
            f"{len(found.lines)} lines reached, "
            f"slowest {found.slowest_seconds * 1000:.0f} ms, "
            f"{found.grown_bytes // 2**20} MiB more, {found.seconds:.0f} s {found.escaped}\n"
        )
        sys.stdout.flush()
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())

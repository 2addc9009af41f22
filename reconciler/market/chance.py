"""Chance that can be repeated: every draw is a hash of the world's seed and of what it decides.

No generator state exists, so a draw depends neither on earlier draws nor on the process.
"""

from __future__ import annotations

from hashlib import sha256


def draw(seed: int, *names: object, below: int) -> int:
    """A number from 0 to ``below - 1``, always the same for one seed and one set of names."""
    return int.from_bytes(drawn_bytes(seed, *names)[:8], "big") % below


def drawn_bytes(seed: int, *names: object) -> bytes:
    """32 bytes for one seed and one set of names."""
    return sha256("\x1f".join(map(str, (seed, *names))).encode()).digest()


def happens(seed: int, *names: object, percent: int) -> bool:
    """True in ``percent`` of a hundred cases."""
    return percent > 0 and draw(seed, *names, below=100) < percent

"""What is raised as soon as a promise is not kept."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise was not kept. ``invariant`` is its name."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text

    def __reduce__(self) -> tuple[type[Broken], tuple[str, str]]:
        """From one process to another."""
        return Broken, (self.invariant, self.text)

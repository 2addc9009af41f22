"""Colours by meaning. Texts are laid out first and painted last, so colours never move a column."""

from __future__ import annotations

from reconciler.model.value import dataclass

_RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Palette:
    """Paints a piece of text that is already safe to print; ``coloured`` False changes nothing."""

    coloured: bool

    def create(self, text: str) -> str:
        """Green: something is bought."""
        return self._paint("32", text)

    def destroy(self, text: str) -> str:
        """Red: something is given back."""
        return self._paint("31", text)

    def change(self, text: str) -> str:
        """Yellow: something is replaced, announced or not known."""
        return self._paint("33", text)

    def quiet(self, text: str) -> str:
        """Dim: detail."""
        return self._paint("2", text)

    def strong(self, text: str) -> str:
        """Bold: headings and money."""
        return self._paint("1", text)

    def alarm(self, text: str) -> str:
        """Bold red: refused, or money may flow unwatched."""
        return self._paint("1;31", text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self.coloured and text else text


PLAIN = Palette(coloured=False)
ANSI = Palette(coloured=True)

"""Says whether an audit trail is whole and, where it is not, which line is to blame.

A hash chain shows that something was changed, a number shows that something is missing, and the
state, saved elsewhere, shows that the end is missing. Whoever can rewrite both the trail and the
state can forge both: against that helps only a copy somewhere else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.model.audit import TrailFinding, TrailVerdict
from reconciler.model.value import dataclass
from reconciler.statefile.audit_chain import GENESIS, digest_of, taken_apart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.pins import TrailAnchor
    from reconciler.statefile.audit_chain import Link

_HASHES_MAX = 8
_NOT_KNOWN = 10**15


def verified(files: Iterable[tuple[str, bytes]], anchor: TrailAnchor | None) -> TrailVerdict:
    """Check every line of the ``files``, each a name and its bytes, oldest first.

    ``anchor`` is what the state knows of the trail; None where there is no state to ask.
    """
    check = _Check(anchor)
    given = list(files)
    for name, data in given:
        *lines, rest = data.split(b"\n")
        for position, line in enumerate(lines, 1):
            check.line(f"{name}:{position}", line)
        if rest and name == given[-1][0]:
            check.cut_short(f"{name}:{len(lines) + 1}", rest)
        elif rest:
            check.line(f"{name}:{len(lines) + 1}", rest)
    if not given:
        return check.verdict(0, "", "the trail")
    name, data = given[-1]
    past_the_end = data.count(b"\n") + 1
    return check.verdict(len(given), f"{given[0][0]}:1", f"{name}:{past_the_end}")


@dataclass(slots=True)
class _Check:
    """``hashes``: what the next line may hang on; more than one behind a damaged line.
    ``slack``: how many entries the unreadable lines before it may have been.
    """

    anchor: TrailAnchor | None
    hashes: set[str] = field(default_factory=lambda: {GENESIS})
    expected: int = 1
    first: int = 0
    kept_from: int = 1
    entries: int = 0
    slack: int = 0
    unreadable: tuple[str, bytes] | None = None
    findings: list[TrailFinding] = field(default_factory=list)

    def line(self, where: str, line: bytes) -> None:
        link = taken_apart(line)
        if not link.whole or link.n is None:
            self._unreadable(where, line, link)
            return
        fits = any(digest_of(one, link.body) == link.digest for one in self.hashes)
        if not fits or self.unreadable or b'"follows":' in line:
            fits = self._in_words(where, line, link, fits)
        self._settle_unreadable()
        if not self.first:
            self.first = self.expected = max(1, link.n - self.slack)
            fits = fits or link.n > 1  # what it hangs on is not there: the verdict says so
        if self.expected < link.n <= self.expected + self.slack:
            self.expected = link.n
        self.slack = 0
        self._place(where, link, fits)

    def cut_short(self, where: str, rest: bytes) -> None:
        """The last line of a file has no end."""
        self._settle_unreadable()
        what = f"the line is cut after {len(rest)} bytes: a crash, or a run that is writing now"
        self.findings.append(TrailFinding("gap", where, what))

    def verdict(self, files: int, beginning: str, end: str) -> TrailVerdict:
        self._settle_unreadable()
        last = self.expected - 1 if self.entries else 0
        if self.anchor is not None and self.anchor.entries > last + self.slack:
            what = _missing(last + 1, self.anchor.entries)
            self._damage(end, f"{what} at the end: the state was saved with them")
        if self.first > self.kept_from:
            what = _missing(self.kept_from, self.first - 1)
            self._damage(beginning, f"{what} before it: a line or an older file is gone")
        return TrailVerdict(files, self.entries, self.first, last, tuple(self.findings))

    def _damage(self, where: str, what: str) -> None:
        self.findings.append(TrailFinding("damage", where, what))

    def _unreadable(self, where: str, line: bytes, link: Link) -> None:
        """Not a line of ours: damaged, or cut by a crash, which the next line then says."""
        self._settle_unreadable()
        self.unreadable = (where, line)
        if not self.first:
            self.kept_from = _NOT_KNOWN  # this line would have said it
        computed = {digest_of(one, link.body) for one in self.hashes}
        # With many in a row there is no telling what the next good line hangs on.
        few = len(self.hashes) < _HASHES_MAX
        self.hashes = {link.digest} | ((self.hashes | computed) if few else set())

    def _settle_unreadable(self) -> None:
        if self.unreadable is not None:
            self._damage(self.unreadable[0], "the line is damaged: it cannot be read")
            self.unreadable = None
            self.slack += 1

    def _in_words(self, where: str, line: bytes, link: Link, fits: bool) -> bool:
        """For the few lines whose words matter: checkpoints, gaps, and what does not fit."""
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return fits
        if not isinstance(told, dict):
            return fits
        follows = told.get("follows")
        behind_nothing = not self.first or told.get("outcome") == "lost"
        if isinstance(follows, str) and digest_of(follows, link.body) == link.digest:
            # It names what it hangs on: good where that line is damaged, or is not there.
            fits = fits or behind_nothing or self.unreadable is not None
            kept = told.get("kept_from")
            self.kept_from = kept if isinstance(kept, int) else self.kept_from
        if fits and told.get("action") == "gap":
            self._known_gap(where, told)
        return fits

    def _known_gap(self, where: str, told: dict[str, object]) -> None:
        torn = told.get("torn_sha256")
        if self.unreadable and torn == hashlib.sha256(self.unreadable[1]).hexdigest():
            where = self.unreadable[0]
            self.unreadable = None
        self.findings.append(TrailFinding("gap", where, str(told.get("detail", "a gap"))))

    def _place(self, where: str, link: Link, fits: bool) -> None:
        n = link.n or 0
        self.entries += 1
        if n != self.expected and not fits and self._fits_as_expected(link):
            n = self.expected  # its number is what was changed
        if n < self.expected:
            self._damage(
                where, f"entry {n} stands behind entry {self.expected - 1}: moved or twice"
            )
            self.hashes.add(link.digest)
            return
        if n > self.expected:
            self._damage(where, f"{_missing(self.expected, n - 1)} before this line")
            self.hashes = {link.digest}
        elif not fits:
            self._damage(where, f"entry {n} was changed after it was written")
            self.hashes = {link.digest, *(digest_of(one, link.body) for one in self.hashes)}
        else:
            self.hashes = {link.digest}
            self._compare_with_state(where, link)
        self.expected = n + 1

    def _fits_as_expected(self, link: Link) -> bool:
        body = link.body.replace(b'{"n":%d,' % (link.n or 0), b'{"n":%d,' % self.expected, 1)
        return any(digest_of(one, body) == link.digest for one in self.hashes)

    def _compare_with_state(self, where: str, link: Link) -> None:
        known = self.anchor
        if known is not None and known.entries == link.n and known.digest != link.digest:
            self._damage(where, f"entry {link.n} is not the one that the state was saved with")


def _missing(first: int, last: int) -> str:
    return (
        f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
    )

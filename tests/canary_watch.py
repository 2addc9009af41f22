"""The whole run of the tests holds I10: whatever a test does, no credential is seen afterwards.

Each test begins with credentials planted in its surroundings (``tests/canaries.py``), and a key
that the program reads in it, wherever the test took it from, counts as one too. They are searched
for in all that is printed, in each log record and each error as they are made, in the arguments of
each process that is started, and in every file that the test leaves.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Generator, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from reconciler.documents import references
from reconciler.model.errors import DocumentError, GpuShopperError
from reconciler.providers import credentials
from reconciler.transport.json_api import JsonApi
from tests.canaries import PLANTED, SHORTEST, found_below, found_in, seen_of

_SHORT = 2000


class Watch:
    """One process of the run. ``read`` and ``sources`` are those of the test that runs now."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        """Credentials that the program has read, beside those planted."""
        self.sources: set[str] = set()
        """The files from which it read them."""
        self.seen: list[str] = []
        """Where one was seen."""
        self._unsearched: list[Path] = []
        self._clean: set[tuple[bytes | str, tuple[str, ...]]] = set()
        """Short texts that were searched: a test that asks a provider says the same again."""

    def note(self, value: str) -> str:
        if len(value) >= SHORTEST and value not in self.read:
            self.read.add(value)
            self._clean.clear()
        return value

    def came_from(self, file: Path | str) -> None:
        self.sources.add(os.path.abspath(file))

    def search(self, where: str, data: bytes | str, wanted: Iterable[str] = ()) -> None:
        """Remember what is found in it, for the end of the test. ``wanted``: these alone."""
        searched = data, tuple(wanted)
        if searched in self._clean:
            return
        raw = data.encode(errors="backslashreplace") if isinstance(data, str) else data
        found = seen_of(wanted, raw) if wanted else found_in(raw, self.read)
        self.seen += [f"{where}: {one}" for one in found]
        if not found and len(data) < _SHORT:
            self._clean.add(searched)

    def search_below(self, directory: Path) -> None:
        if directory in self._unsearched:
            self._unsearched.remove(directory)
        self.seen += found_below(directory, self.read, but=self.sources)

    def made(self, directory: Path) -> Path:
        """A directory for one test or for several; it is searched before the run ends."""
        self._unsearched.append(directory)
        return directory

    def search_the_rest(self) -> None:
        for directory in tuple(self._unsearched):
            self.search_below(directory)

    def told(self) -> list[str]:
        """What was seen, once; the next test begins with nothing."""
        seen, self.seen = self.seen, []
        for one in (self.read, self.sources, self._clean):
            one.clear()
        return seen


WATCH = Watch()


class WatchPlugin:
    """Fails the test after which a credential is seen."""

    watch = WATCH

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, None, None]:
        try:
            directory = getattr(item, "funcargs", {}).get("tmp_path")
            if directory is not None:
                self.watch.search_below(directory)
            if nextitem is None:
                self.watch.search_the_rest()
        finally:
            yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "teardown":
            if report.passed:
                for title, text in report.sections:
                    self.watch.search(title, text)
            seen = self.watch.told()
            if seen and report.passed:
                report.outcome = "failed"
                report.longrepr = "I10: a credential is seen\n" + "\n".join(seen)
        return report


class _Records(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.search(f"log of {record.name}", record.getMessage())


def install(watch: Watch = WATCH) -> None:
    """Plant the credentials, and look wherever one could come out. Once in a process."""
    os.environ.update(PLANTED)
    _after(credentials, "_checked", lambda key, *_: watch.note(key))
    _after(credentials, "_from_file", lambda _, path, *__: watch.came_from(path))
    _after(references, "_value_of", lambda value, *_: watch.note(value))
    _after(references, "_content", lambda value, *_: watch.note(value))
    _after(references, "_content", lambda _, path, *__: watch.came_from(path))
    _after(JsonApi, "__init__", lambda _, api, *__, **___: watch.note(api._key))
    _after(GpuShopperError, "__init__", lambda _, error, *__, **___: _search_error(watch, error))
    _after(pytest.CaptureFixture, "readouterr", lambda said, *_: _search_all(watch, said))
    _after(pytest.TempPathFactory, "mktemp", lambda made, *_, **__: watch.made(made))
    _before(subprocess.Popen, "__init__", lambda _, words, *__, **___: _search_all(watch, words))
    logging.getLogger().addHandler(_Records(watch))
    requests = logging.getLogger("httpx")  # which says every address, to who asks for it
    requests.setLevel(logging.INFO)
    requests.addHandler(_Records(watch))
    requests.propagate = False


def _search_error(watch: Watch, error: GpuShopperError) -> None:
    texts = [error.what, error.why, error.fix]
    if isinstance(error, DocumentError):
        texts += [str(problem) for problem in error.problems]
    for text in texts:
        if text:
            watch.search(type(error).__name__, text)


def _search_all(watch: Watch, texts: object) -> None:
    for text in (texts,) if isinstance(texts, (str, bytes)) else _several(texts):
        watch.search("what was said or started", text)


def _several(texts: object) -> Iterable[str | bytes]:
    several = texts if isinstance(texts, Iterable) else ()
    return (one if isinstance(one, bytes) else str(one) for one in several)


def _after(owner: Any, name: str, look: Callable[..., object]) -> None:
    """``look`` is given what the function returned, and its arguments."""
    function = getattr(owner, name)

    @wraps(function)
    def looked_at(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        look(result, *arguments, **named)
        return result

    setattr(owner, name, looked_at)


def _before(owner: Any, name: str, look: Callable[..., object]) -> None:
    """``look`` is given the arguments."""
    function = getattr(owner, name)

    @wraps(function)
    def looked_at(*arguments: Any, **named: Any) -> Any:
        look(*arguments, **named)
        return function(*arguments, **named)

    setattr(owner, name, looked_at)

"""Each limit of what documents may say: at the limit it is read, one beyond it is refused in words.

Those of a file as a whole are in ``test_yaml_source.py`` and ``test_loader.py``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

import pytest

from reconciler.documents.loader import load_text
from reconciler.model.errors import DocumentError

Make = Callable[[int], str]


def _document(more: str) -> bytes:
    return f"version: 1\nworkspace: demo\nproviders: {{simulated: {{}}}}\n{more}".encode()


def _fleet(line: str) -> str:
    if "resources" not in line:
        line += "\n    resources: {gpu: L4}"
    return f"fleets:\n  f:\n    {line}\n"


def _of_a_fleet(make: Make) -> Make:
    return lambda size: _fleet(make(size))


def _listed(values: Iterable[object]) -> str:
    return f"[{', '.join(map(str, values))}]"


def _many(key: str, one: str = "{}") -> Make:
    return _of_a_fleet(lambda size: f"{key}: {_listed(one.format(n) for n in range(1, size + 1))}")


def _long(key: str, unit: str = "x", opening: str = "", closing: str = "") -> Make:
    return _of_a_fleet(
        lambda size: f"{key}: {opening}{unit * (size - len(opening) - len(closing))}{closing}"
    )


def _number(key: str) -> Make:
    return _of_a_fleet(lambda size: key.format(size))


def _labels(size: int) -> str:
    return _fleet(f"labels: {{{', '.join(f'k{n}: v' for n in range(size))}}}")


def _profiles(size: int) -> str:
    names = [f"p{n}" for n in range(size)]
    written = "".join(f"  {name}: {{}}\n" for name in names)
    return f"profiles:\n{written}" + _fleet(f"extends: {_listed(names)}")


def _budgets(size: int) -> str:
    written = "".join(f"  b{n}: {{limit_usd: 5, period: day, match: {{}}}}\n" for n in range(size))
    return f"budgets:\n{written}" + _fleet("nodes: 1")


def _budgets_of_a_fleet(size: int) -> str:
    names = [f"b{n}" for n in range(size)]
    written = "".join(f"  {name}: {{limit_usd: 5, period: month}}\n" for name in names)
    return f"budgets:\n{written}" + _fleet(f"budget: {_listed(names)}")


def _keys(size: int) -> str:
    return _fleet(f"ssh: {{public_keys: {_listed(map(_key, range(size)))}}}")


def _key(number: int) -> str:
    name = b"\0\0\0\x0bssh-ed25519\0\0\0 "
    return f"ssh-ed25519 {base64.b64encode(name + number.to_bytes(32)).decode()}"


def _long_key(size: int) -> str:
    key = _key(1) + " "
    return _fleet(f"ssh: {{public_keys: ['{key}{'c' * (size - len(key))}']}}")


def _hours(size: int) -> str:
    entries = [f"'Mon {n // 60:02}:{n % 60:02}-{n // 60:02}:{n % 60 + 1:02}'" for n in _odd(size)]
    active = f"{{hours: {_listed(entries)}, timezone: UTC}}"
    return _fleet(f"active: {active}\n    expires_at: 2026-12-31T00:00:00Z")


def _odd(size: int) -> range:
    return range(0, 2 * size, 2)


def _notifier(size: int) -> str:
    url = "https://hooks.example.org/"
    written = f"notifiers:\n  n: {{type: webhook, url: '{url}{'x' * (size - len(url))}'}}\n"
    return written + _fleet("nodes: 1")


def _names(kind: str, value: str) -> Make:
    return lambda size: (
        f"{kind}:\n  {'z' * size}: {value}\n" + ("" if kind == "fleets" else _fleet("nodes: 1"))
    )


def _at_the_top(make: Make) -> Make:
    return lambda size: make(size) + _fleet("nodes: 1")


LIMITS: dict[str, tuple[Make, int, str]] = {
    "labels": (_labels, 64, "64"),
    "profiles that one extends": (_profiles, 20, "20"),
    "budgets": (_budgets, 1000, "1000"),
    "budgets of a fleet": (_budgets_of_a_fleet, 20, "20"),
    "marks of a budget": (
        _of_a_fleet(lambda n: f"budget: {{max_total_usd: 9, warn_at: {_listed(range(1, n + 1))}}}"),
        20,
        "20",
    ),
    "hours": (_hours, 50, "50"),
    "ports": (_many("ports", "80{}"), 64, "64"),
    "the number of a port": (_number("ports: [{}]"), 65_535, "65535"),
    "public keys": (_keys, 20, "20"),
    "a public key": (_long_key, 4096, "one public key"),
    "alternatives": (
        _of_a_fleet(lambda n: f"resources: {{any_of: {_listed(['L4'] * n)}}}"),
        50,
        "50",
    ),
    "choices in order": (
        _of_a_fleet(lambda n: f"resources: {{ordered: {_listed(['L4'] * n)}}}"),
        50,
        "50",
    ),
    "GPUs of a node": (_number("resources: {{gpu: 'L4:{}'}}"), 128, "128"),
    "GPUs of a node, as a key": (
        _number("resources: {{gpu: {{name: L4, count: {}}}}}"),
        128,
        "128",
    ),
    "nodes of a fleet": (_number("nodes: {}"), 20_000, "20,000"),
    "the largest of a range of nodes": (_number("nodes: 1..{}"), 20_000, "20,000"),
    "machines for one slot": (_number("ready: {{attempts: {}}}"), 10, "10"),
    "weight": (_number("weight: {}"), 1000, "1000"),
    "percent of a price watch": (_number("price_watch: {{cheaper_by: {}}}"), 99, "99"),
    "losses before a fallback": (
        _number("spot_policy: auto\n    spot: {{fallback_after: {}}}"),
        100,
        "100",
    ),
    "a price": (_number("max_gpu_hour_usd: {}"), 1_000_000, "1,000,000"),
    "a sum": (_number("budget: {{max_total_usd: {}}}"), 1_000_000, "1,000,000"),
    "text": (_long("team"), 255, "255"),
    "an image": (_long("image"), 255, "image like"),
    "an operating system": (_long("vm_image"), 255, "operating system"),
    "shell text": (_long("setup"), 16_384, "16,384"),
    "a value of env": (_long("env", "x", "{A: ", "}"), 32_768 + 5, "32,768"),
    "the name of a variable": (_of_a_fleet(lambda n: f"env: {{{'Z' * n}: b}}"), 128, "letters"),
    "the name of a label": (_of_a_fleet(lambda n: f"labels: {{{'z' * n}: b}}"), 63, "at most 63"),
    "a login name": (_of_a_fleet(lambda n: f"ssh: {{user: {'a' * n}}}"), 32, "login name"),
    "a webhook": (_notifier, 2048, "2048"),
    "the name of a fleet": (_names("fleets", "{resources: {gpu: L4}}"), 22, "name"),
    "the name of a profile": (_names("profiles", "{}"), 31, "at most 31"),
    "the path of a state": (
        _at_the_top(lambda n: f"state: {{path: state/{'x' * (n - 6)}}}\n"),
        1024,
        "path of a file",
    ),
    "days of a lease": (_number("ttl: {}d"), 30, "30d"),
    "days of the longest lease": (
        _at_the_top(lambda n: f"safety: {{max_ttl: {n}d}}\n"),
        366,
        "366d",
    ),
    "hours of a node's timer": (
        _at_the_top(lambda n: f"safety: {{node_timer: {n}h}}\n"),
        24,
        "24h",
    ),
    "machines that may go by a slip": (
        _at_the_top(lambda n: f"safety: {{max_destroy: {{count: {n}}}}}\n"),
        20_000,
        "20000",
    ),
    "percent that may go by a slip": (
        _at_the_top(lambda n: f"safety: {{max_destroy: {{percent: {n}}}}}\n"),
        100,
        "100",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_at_the_limit_it_is_read_and_one_beyond_is_refused_in_words(name: str) -> None:
    make, limit, said = LIMITS[name]
    assert load_text("fleets.yaml", _document(make(limit))).fleets
    with pytest.raises(DocumentError) as caught:
        load_text("fleets.yaml", _document(make(limit + 1)))
    assert caught.value.exit_code == 12
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == 1, problems
    assert said in problems[0], problems
    assert len(problems[0]) < 600

"""Bad inputs 1 to 30 of RELIABILITY.md as data: what is written, and what the reader is told."""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD = b"version: 1\nworkspace: lab\nproviders: {simulated: {}}\n"
"""Three lines; what follows begins in line 4."""
FLEET = HEAD + b"fleets:\n  dev:\n    resources: {gpu: H100}\n"
"""Six lines; what follows is part of the fleet `dev` and begins in line 7, column 5."""
SECRET = "sk-proj-4f8a0c2e9b7d61350a"


@dataclass(frozen=True)
class Told:
    """One expected problem: its place, and phrases that must be in its text."""

    place: str
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class BadInput:
    """``files`` by name; ``told`` is everything that is reported, in this order."""

    number: int
    name: str
    files: dict[str, bytes]
    told: tuple[Told, ...]
    hidden: str = ""
    """Text that no message may show."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links to make in the directory: name to target."""

    def __str__(self) -> str:
        return f"{self.number:02d}-{self.name.replace(' ', '-')}"


def _one(number: int, name: str, text: bytes, *told: Told, hidden: str = "") -> BadInput:
    return BadInput(number, name, {"fleets.yaml": text}, told, hidden)


def _in_fleet(number: int, line: str, place: str, *phrases: str, hidden: str = "") -> BadInput:
    """A fleet with one more line, and the one problem of it."""
    text = FLEET + b"    " + line.encode() + b"\n"
    return _one(number, line[:40], text, _told(place, *phrases), hidden=hidden)


def _told(place: str, *phrases: str) -> Told:
    return Told(place if place.startswith("b.") else f"fleets.yaml:{place}".rstrip(":"), phrases)


def _named(name: str, shown: str) -> BadInput:
    text = HEAD + f"fleets:\n  {name}: {{resources: {{gpu: H100}}}}\n".encode()
    pattern = "[a-z]([a-z0-9-]{0,20}[a-z0-9])?"
    return _one(26, f"name {name[:20]}", text, _told("5:3", shown, pattern), hidden="\x1b")


def _webhook(url: str, phrase: str, hidden: str = "") -> BadInput:
    notifier = f"notifiers:\n  chat: {{type: webhook, url: '{url}'}}\n"
    told = _told("5:30", phrase)
    return _one(29, f"webhook {url}"[:50], HEAD + notifier.encode(), told, hidden=hidden)


_ALIAS_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9))
    for name in range(ord("b"), ord("h"))
)

BUDGET = b"budgets:\n  b: {match: {}, period: day, limit_usd: "
BAD_INPUTS = (
    # 1: the stock loaders keep the last of two equal keys
    _one(1, "duplicate key", FLEET + b"    ttl: 1h\n    ttl: 2h\n",
         _told("8:5", "ttl", "twice", "line 7", "line 8")),
    _one(1, "duplicate fleet", FLEET + b"  dev:\n    resources: {gpu: H100}\n",
         _told("7:3", "dev", "twice", "line 5")),
    _in_fleet(2, "ttl: 12:30", "7:10", "a clock time is not a duration", 'write "12h30m"'),
    # 3: in YAML 1.2 `no` is the text "no", and stays it
    _in_fleet(3, "countries: [no]", "7:17", 'write "NO"'),
    _in_fleet(3, "regions: no", "7:14", 'a list expected, found text "no"'),
    _in_fleet(3, "offers: {verified: no}", "7:24", 'found text "no"', "write false"),
    _one(4, "a limit in words", FLEET + BUDGET + b"1e3}\n",
         _told("8:42", "write 1000")),
    _one(4, "a limit as text", FLEET + BUDGET + b"'1'}\n",
         _told("8:42", "a number expected, found text")),
    _in_fleet(4, "max_gpu_hour_usd: 1e3", "7:23", "write 1000"),
    _in_fleet(4, 'max_gpu_hour_usd: "0.60"', "7:23", 'a number expected, found text "0.60"'),
    _in_fleet(5, "nodes: 010", "7:12", "octal-looking", "write 10"),
    _in_fleet(6, "max_gpu_hour_usd: .nan", "7:23", "finite number"),
    _in_fleet(6, "max_gpu_hour_usd: .inf", "7:23", "finite number"),
    _in_fleet(7, "max_gpu_hour_usd: -1", "7:23", "more than 0"),
    _in_fleet(7, "max_node_hour_usd: 0", "7:24", "more than 0"),
    _in_fleet(8, "ttl: 0", "7:10", "needs a unit"),
    _in_fleet(8, "ttl: 0h", "7:10", "longer than 0"),
    _in_fleet(8, "ttl: -1h", "7:10", "write it like 90m", "units w, d, h, m, s"),
    _in_fleet(8, "ttl: 1y", "7:10", "units w, d, h, m, s"),
    _in_fleet(8, "ttl: 60", "7:10", 'write "60h"'),
    _in_fleet(8, "ttl: never", "7:10", "expires_at: never"),
    _in_fleet(8, "expires_at: never\n    ttl: 4h", "8:10", "ttl ends the fleet"),
    _in_fleet(8, "ttl: 31d", "7:10", "longer than the 30d that safety.max_ttl allows"),
    _in_fleet(9, "max_gpu_hour_usdd: 1", "7:5", "max_gpu_hour_usdd", "mean max_gpu_hour_usd?"),
    _in_fleet(9, "max_price: 1", "7:5", "max_gpu_hour_usd", "max_node_hour_usd"),
    _in_fleet(9, "gpu: H100", "7:5", "unknown key gpu", "inside resources"),
    _in_fleet(9, "heartbeat: 1m", "7:5", "unknown key heartbeat", "allowed here: nodes, "),
    _one(9, "unknown key at the root", HEAD + b"fleet: {}\n",
         _told("4:1", "unknown key fleet", "did you mean fleets?")),
    _one(10, "tab", HEAD + b"fleets:\n\tdev: {}\n", _told("5:1", "tab", "spaces")),
    _one(11, "alias bomb", _ALIAS_BOMB, _told("6:", "expands to more than 100,000 nodes")),
    _one(12, "recursive alias", HEAD + b"fleets: &a [*a]\n",
         _told("4:9", "a mapping expected"), _told("4:13", "cycle")),
    _one(13, "500 levels", b"a: " + b"[" * 500 + b"]" * 500, _told("1:67", "level 65")),
    _one(13, "100 000 levels", b"a: " + b"[" * 100_000, _told("1:67", "level 65")),
    # 14 needs a file of 50 MB: a test of its own
    _in_fleet(15, "image: !!python/object/apply:os.system [id]", "7:12", "tags are refused"),
    _in_fleet(16, "expires_at: 2026-02-30", "7:17", "there is no day 2026-02-30"),
    _in_fleet(16, "expires_at: 2026-02-28T25:00:00Z", "7:17", "there is no time 25:00:00Z"),
    _in_fleet(17, "nodes: " + "9" * 5000, "7:12", "5000 digits"),
    _one(18, "NUL", FLEET + b"    team: a\0b\n",
         _told("7:12", "NUL", f"byte offset {len(FLEET) + 11}")),
    _one(18, "control character", FLEET + b"    team: a\x07b\n",
         _told("7:12", "U+0007", f"byte offset {len(FLEET) + 11}")),
    _one(18, "invalid UTF-8", FLEET + b"    team: \xff\n",
         _told("7:11", "0xff", f"byte offset {len(FLEET) + 10}", "UTF-8")),
    _one(18, "UTF-16", FLEET.decode().encode("utf-16"), _told("1:1", "UTF-16")),
    _one(19, "two documents", HEAD + b"---\nfleets: {}\n", _told("4:1", "one document expected")),
    _one(20, "empty", b"", _told("1:1", "declares nothing")),
    _one(20, "only comments", b"# nothing here yet\n", _told("1:1", "declares nothing")),
    _one(21, "merge key", FLEET.replace(b"dev:", b"dev: &a") + b"  two:\n    <<: *a\n",
         _told("8:5", "<<", "safety fields")),
    BadInput(22, "one name in two files",
             {"fleets.yaml": FLEET, "b.fleets.yaml": b"fleets:\n  dev: {resources: {gpu: L4}}\n"},
             (_told("5:3", "fleets.dev is declared twice", "b.fleets.yaml:2"),)),
    _in_fleet(23, "image: '${file:../../etc/passwd}'", "7:12", "not read here", hidden="root:"),
    _in_fleet(23, "team: '${env:HOME}'", "7:11", "not read here"),
    _in_fleet(23, "env: {A: 'x ${env:B}'}", "7:14", "must be the whole value"),
    BadInput(23, "a link out of the directory", {"fleets.yaml": FLEET},
             (Told("b.fleets.yaml", ("a link that leads out",)),),
             hidden="root:", links={"b.fleets.yaml": "/etc/passwd"}),
    _one(23, "a URL as a path", HEAD + b"state: {path: 'https://example.com/s'}\n",
         _told("4:15", "not a URL")),
    _one(24, "circle of profiles", FLEET + b"    extends: a\nprofiles:\n"
         b"  a: {extends: [b]}\n  b: {extends: c}\n  c: {extends: a}\n",
         _told("11:16", "a -> b -> c -> a")),
    _in_fleet(24, "extends: europ\nprofiles: {europe: {}}", "7:14",
              "unknown profile europ", "did you mean europe?"),
    _in_fleet(25, "expires_at: 2026-10-25T02:30", "7:17", "offset", "2026-10-25T02:30:00+01:00"),
    _in_fleet(25, "expires_at: 2026-10-25T02:30:00", "7:17", "offset"),
    _in_fleet(25, "expires_at: 2026-10-25", "7:17", "offset"),
    _named("a/b", '"a/b" is not allowed'),
    _named('"a\\e[31m"', '"a\\x1b[31m"'),
    _named("x" * 300, '"xxxxx'),
    _named("🚀", '"🚀"'),
    _named("dev-", '"dev-"'),
    _one(27, "a key of a provider", HEAD.replace(b"{}}", b"{api_key: %s}}" % SECRET.encode()),
         _told("3:25", "unknown key api_key", "a secret never stands"), hidden=SECRET),
    _in_fleet(27, f"env: {{API_KEY: {SECRET}}}", "7:20", "looks like a secret", "${env:NAME}",
              hidden=SECRET),
    _in_fleet(27, f"spot_policy: {SECRET}", "7:18", "is not shown", hidden=SECRET),
    _in_fleet(27, f"image: '{SECRET} '", "7:12", "is not shown", hidden=SECRET),
    _in_fleet(28, "nodes: true", "7:12", "a whole number, text or a mapping expected, found true"),
    _in_fleet(28, 'nodes: "3"', "7:12", "whole number", "write 3"),
    _in_fleet(28, "nodes: 3.0", "7:12", "whole number", "write 3"),
    _in_fleet(28, "nodes: {min: 3.0, max: 4}", "7:18", "a whole number expected"),
    _in_fleet(28, "nodes: -1", "7:12", "0 to 20,000"),
    _webhook("http://169.254.169.254/", "this machine only"),
    _webhook("https://169.254.169.254/", "link-local"),
    _webhook("https://0251.0376.0251.0376/", "unusual spelling"),
    _webhook("file:///etc/passwd", "https://"),
    _webhook("https://user:hunter2@example.com/", "user name or a password", hidden="hunter2"),
    _in_fleet(30, "$ref: http://schemas.example.com/fleet.json", "7:5", "unknown key $ref"),
    _one(30, "a schema of another host", b"$schema: http://schemas.example.com/x\n" + HEAD,
         _told("1:1", "unknown key $schema")),
)  # fmt: skip

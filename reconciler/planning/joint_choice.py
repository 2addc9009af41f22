"""Fleets that stand in one another's way, served together: the best for all of them, exactly.

Like fleets of one size are one party: how many of them go which way is a number, not a choice for
each. Only offers that could be needed become columns: whoever takes another one could as well take
one of these, because together the parties take fewer nodes than are kept for each of their ways.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.value import dataclass
from reconciler.planning.capacity import Capacity, shared_limits
from reconciler.planning.integer_program import IntegerProgram, Row, minimised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.planning.capacity import HostKey
    from reconciler.planning.lone_choice import LikeFleets
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.offer_shelves import Ranking
    from reconciler.planning.purchase_terms import FleetNeed, Place

COLUMNS_MAX = 60_000
"""A bigger program is not begun: no plan should take a minute."""
TIES_MAX = 1_000
"""In a bigger program equals are settled by the search, which is the same each time."""
_FINEST_DIGITS = 9

Nodes = Mapping[str, Sequence["RankedOffer"]]
"""What each fleet gets, by its name."""
Way = tuple[int, "Place"]
"""Number of the ranking (-1: any kind) and place."""


class _Price(NamedTuple):
    """Places of alternatives, then dollars an hour; compared in that order."""

    places: int = 0
    usd: Decimal = Decimal(0)

    def plus(self, other: _Price) -> _Price:
        return _Price(self.places + other.places, self.usd + other.usd)

    def minus(self, other: _Price) -> _Price:
        return _Price(self.places - other.places, self.usd - other.usd)


class _Least(NamedTuple):
    """The least that one fleet pays on a path, and its last node there."""

    price: _Price
    last: _Price


@dataclass(slots=True)
class _Path:
    """One way of one party: ``fleets`` is the column of how many go it, or None for all.

    ``reached``: the column of how many of them reach their minimum, or None where all do anyway.
    """

    entries: list[RankedOffer]
    nodes: list[int] = field(default_factory=list)
    fleets: int | None = None
    reached: int | None = None
    least: _Least | None = None


@dataclass(slots=True)
class _Party:
    fleets: LikeFleets
    needs: tuple[FleetNeed, ...]
    paths: list[_Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.needs[0].slots)

    @property
    def short(self) -> int:
        return self.needs[0].short

    @property
    def gang(self) -> bool:
        return self.needs[0].gang

    def price(self, entry: RankedOffer) -> _Price:
        return _Price(self.fleets.position_of(entry), entry.usd_per_hour)

    def positions(self) -> Iterator[tuple[int, int]]:
        """Each node column with the place of its alternative."""
        for path in self.paths:
            for column, entry in zip(path.nodes, path.entries, strict=True):
                yield column, self.fleets.position_of(entry)


@dataclass(frozen=True, slots=True)
class JointChoice:
    """Nodes by fleet name. ``proven``: nothing that is allowed is better."""

    nodes: dict[str, list[RankedOffer]]
    proven: bool


def choose_jointly(
    groups: Sequence[LikeFleets], rooms: Mapping[str, Decimal], known: Nodes
) -> JointChoice | None:
    """The best for all of ``groups`` (in the order of ``exact_choice``); None: too big, or no
    answer within the limits. ``known`` is allowed: nothing that must be worse is looked at.
    """
    parties = [party for fleets in groups for party in _parties(fleets)]
    total = sum(party.size * len(party.needs) for party in parties)
    for party in parties:
        party.paths = [_Path(entries) for entries in _ways(party, total, rooms)]
    full = all(len(known[need.fleet.name]) == len(need.slots) for need in _needs(parties))
    if full:
        _leave_out_the_dear(parties, known)
    parties = list(_united(parties))
    if sum(len(path.entries) for party in parties for path in party.paths) > COLUMNS_MAX:
        return None
    program = IntegerProgram()
    for party in parties:
        _add_party(program, party, full=full)
    _add_limits(program, parties, rooms)
    if full:
        _go_on_from(program, parties, known)
    answer = minimised(program, _aims(parties, full=full), _turns(parties))
    if answer is None:
        return None
    nodes: dict[str, list[RankedOffer]] = {}
    for party in parties:
        nodes.update(_shared_out(party, answer.values))
    return JointChoice(nodes, answer.proven)


def _parties(fleets: LikeFleets) -> Iterator[_Party]:
    """With ``spread`` each fleet by itself: which of them stands on a host matters."""
    alike: dict[tuple[int, int, bool, str], list[FleetNeed]] = defaultdict(list)
    for need in fleets.needs:
        name = need.fleet.name if fleets.terms.spread else ""
        alike[len(need.slots), need.short, need.gang, name].append(need)
    for _, needs in sorted(alike.items(), key=lambda item: item[0]):
        yield _Party(fleets, tuple(needs))


def _needs(parties: Iterable[_Party]) -> Iterator[FleetNeed]:
    for party in parties:
        yield from party.needs


# --- which offers could be needed -------------------------------------------------------------


def _ways(party: _Party, total: int, rooms: Mapping[str, Decimal]) -> Iterator[list[RankedOffer]]:
    """The entries worth a column, for each way that could serve a fleet of the party."""
    ways: dict[Way, list[RankedOffer]] = defaultdict(list)
    uniform, terms = party.fleets.terms.uniform, party.fleets.terms
    for number, ranking in enumerate(party.fleets.rankings):
        for entry in _enough(party, ranking, total, rooms):
            ways[number if uniform else -1, terms.place_of(entry.offer)].append(entry)
    for _, entries in sorted(ways.items(), key=lambda item: item[0]):
        if not party.gang or sum(entry.offer.stock for entry in entries) >= party.short:
            yield entries


def _enough(
    party: _Party, ranking: Ranking, total: int, rooms: Mapping[str, Decimal]
) -> Iterator[RankedOffer]:
    """The cheapest of ``ranking`` until there are ``total`` nodes in each place.

    Money at a provider with a cap is not like money elsewhere: there, as many again.
    """
    terms = party.fleets.terms
    wanted = total + party.size if terms.spread else total
    shares: dict[tuple[Place, str], _Share] = defaultdict(_Share)
    for entry in ranking.from_place():
        provider = entry.offer.provider
        share = shares[terms.place_of(entry.offer), provider if provider in rooms else ""]
        if share.count < wanted:
            share.add(entry, terms.host_of(entry.offer), wanted)
            yield entry
        elif not terms.one_place and not rooms:
            return


@dataclass(slots=True)
class _Share:
    """How many nodes some entries give when they are taken together."""

    capacity: Capacity = field(default_factory=Capacity)
    hosts: set[HostKey] = field(default_factory=set)
    count: int = 0

    def add(self, entry: RankedOffer, host: HostKey | None, wanted: int) -> None:
        if host in self.hosts:
            return
        times = min(self.capacity.room(entry.offer), wanted - self.count)
        if times <= 0:
            return
        if host is not None:
            self.hosts.add(host)
            times = 1
        self.capacity.take(entry.offer, times)
        self.count += times


# --- what is surely too dear ------------------------------------------------------------------


def _leave_out_the_dear(parties: Sequence[_Party], known: Nodes) -> None:
    """Keep what can be part of a choice no worse than ``known``, which leaves nobody short.

    Each fleet pays at least what it would pay if it were alone; whatever costs one fleet more on
    top of that than ``known`` costs all of them is never part of the best.
    """
    slack = _Price()
    for party in parties:
        for path in party.paths:
            path.least = _least(party, path)
        party.paths = [path for path in party.paths if path.least is not None]
        alone = min(path.least.price for path in party.paths if path.least)
        for need in party.needs:
            for entry in known[need.fleet.name]:
                slack = slack.plus(party.price(entry))
            slack = slack.minus(alone)
    for party in parties:
        alone = min(path.least.price for path in party.paths if path.least)
        for path in party.paths:
            assert path.least is not None
            extra = path.least.price.minus(alone)
            rest = slack.minus(extra).plus(path.least.last)
            path.entries = [one for one in path.entries if party.price(one) <= rest]
        party.paths = [path for path in party.paths if path.entries]


def _united(parties: Iterable[_Party]) -> Iterator[_Party]:
    """Parties that differ in nothing any more as one: it spares the search all their exchanges."""
    alike: dict[object, list[_Party]] = defaultdict(list)
    for number, party in enumerate(parties):
        left = tuple(
            tuple((one.offer.provider, one.offer.id, party.price(one)) for one in path.entries)
            for path in party.paths
        )
        own = number if party.fleets.terms.spread else -1
        alike[party.size, party.short, party.gang, own, left].append(party)
    for same in alike.values():
        needs = tuple(need for party in same for need in party.needs)
        yield _Party(same[0].fleets, needs, same[0].paths)


def _least(party: _Party, path: _Path) -> _Least | None:
    """What one fleet pays at least on this path; None when it cannot get all its nodes there."""
    price, last, missing = _Price(), _Price(), party.size
    for entry in sorted(path.entries, key=party.price):
        times = min(missing, 1 if party.fleets.terms.spread else entry.offer.stock)
        last = party.price(entry)
        for _ in range(times):
            price = price.plus(last)
        missing -= times
        if not missing:
            return _Least(price, last)
    return None


# --- the program ------------------------------------------------------------------------------


def _add_party(program: IntegerProgram, party: _Party, *, full: bool) -> None:
    """``full``: it is known that nobody has to go short, so that only who goes where is open."""
    fleets = len(party.needs)
    most = 1 if party.fleets.terms.spread else party.size * fleets
    for path in party.paths:
        path.nodes = [program.column(min(entry.offer.stock, most)) for entry in path.entries]
        if len(party.paths) > 1:
            path.fleets = program.column(fleets)
        if party.short > 0 and not full:
            path.reached = program.column(fleets)
        _add_path(program, party, path, full=full)
    if len(party.paths) > 1:
        choices = {path.fleets: 1 for path in party.paths if path.fleets is not None}
        program.rows.append(Row(choices, lower=fleets if full else None, upper=fleets))


def _add_path(program: IntegerProgram, party: _Party, path: _Path, *, full: bool) -> None:
    nodes = dict.fromkeys(path.nodes, 1)
    served = path.reached if party.gang and path.reached is not None else path.fleets
    if served is None:
        all_nodes = party.size * len(party.needs)
        program.rows.append(Row(nodes, lower=all_nodes if full else None, upper=all_nodes))
    else:
        program.rows.append(Row({**nodes, served: -party.size}, lower=0 if full else None, upper=0))
    if path.fleets is not None:
        # Follows from whole numbers; said outright, it spares the search most of its branches.
        for column in path.nodes:
            program.rows.append(Row({column: 1, path.fleets: -program.uppers[column]}, upper=0))
    if path.reached is not None:
        program.rows.append(Row({**nodes, path.reached: -party.short}, lower=0))
        if path.fleets is not None:
            program.rows.append(Row({path.reached: 1, path.fleets: -1}, upper=0))


def _go_on_from(program: IntegerProgram, parties: Sequence[_Party], known: Nodes) -> None:
    """Tell the search what is known; it need not look for whole numbers where none can break."""
    values = [0] * len(program.uppers)
    for party in parties:
        for need in party.needs:
            chosen = Counter((one.offer.provider, one.offer.id) for one in known[need.fleet.name])
            for path in party.paths:
                here = 0
                for column, entry in zip(path.nodes, path.entries, strict=True):
                    count = chosen[entry.offer.provider, entry.offer.id]
                    values[column] += count
                    here += count
                if here and path.fleets is not None:
                    values[path.fleets] += 1
    program.start = tuple(values)
    program.is_flow = all(
        factor == 1 for row in program.rows for factor in row.factors.values()
    ) and not any(party.fleets.terms.spread for party in parties)


def _add_limits(
    program: IntegerProgram, parties: Sequence[_Party], rooms: Mapping[str, Decimal]
) -> None:
    """Capacities, one node of a fleet on a host with ``spread``, and the providers' caps."""
    columns: dict[tuple[str, str], list[int]] = defaultdict(list)
    offers = {}
    hosts: dict[tuple[int, HostKey], list[int]] = defaultdict(list)
    money: dict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for number, party in enumerate(parties):
        for column, entry in _columns(party):
            identity = (entry.offer.provider, entry.offer.id)
            offers[identity] = entry.offer
            columns[identity].append(column)
            host = party.fleets.terms.host_of(entry.offer)
            if host is not None:
                hosts[number, host].append(column)
            if entry.offer.provider in rooms:
                money[entry.offer.provider].append((column, entry.usd_per_hour))
    for identity, sharing in columns.items():
        if len(sharing) > 1:
            program.rows.append(Row(dict.fromkeys(sharing, 1), upper=offers[identity].stock))
    for bound, limit in shared_limits(offers.values()):
        sharing = [column for one in bound for column in columns[one.provider, one.id]]
        program.rows.append(Row(dict.fromkeys(sharing, 1), upper=limit))
    for sharing in hosts.values():
        if len(sharing) > 1:
            program.rows.append(Row(dict.fromkeys(sharing, 1), upper=1))
    for provider, spent in sorted(money.items()):
        digits = _digits([rooms[provider], *(rate for _, rate in spent)])
        factors = {column: _whole(rate, digits, ROUND_CEILING) for column, rate in spent}
        most = _whole(rooms[provider], digits, ROUND_FLOOR)
        program.rows.append(Row(factors, upper=most))


def _columns(party: _Party) -> Iterator[tuple[int, RankedOffer]]:
    for path in party.paths:
        yield from zip(path.nodes, path.entries, strict=True)


def _aims(parties: Sequence[_Party], *, full: bool) -> Iterator[dict[int, int]]:
    """The order of ``exact_choice``, each as something to make least."""
    if not full:
        reached = [path.reached for party in parties for path in party.paths]
        yield {column: -1 for column in reached if column is not None}
        yield {column: -1 for party in parties for column, _ in _columns(party)}
    yield {
        column: position for party in parties for column, position in party.positions() if position
    }
    yield _costs([pair for party in parties for pair in _columns(party)])


def _costs(columns: Sequence[tuple[int, RankedOffer]]) -> dict[int, int]:
    """Rates above the lowest: the number of nodes is settled before, and small numbers are exact
    in the search.
    """
    digits = _digits([entry.usd_per_hour for _, entry in columns])
    whole = {column: _whole(entry.usd_per_hour, digits) for column, entry in columns}
    lowest = min(whole.values(), default=0)
    return {column: rate - lowest for column, rate in whole.items() if rate > lowest}


def _turns(parties: Sequence[_Party]) -> dict[int, int]:
    """Among equals the offers that come first by provider and id; nothing in a big program."""
    columns = [pair for party in parties for pair in _columns(party)]
    if len(columns) > TIES_MAX:
        return {}
    names = sorted({(entry.offer.provider, entry.offer.id) for _, entry in columns})
    turn = {name: number for number, name in enumerate(names)}
    turns = {column: turn[entry.offer.provider, entry.offer.id] for column, entry in columns}
    return {column: number for column, number in turns.items() if number}


def _digits(amounts: Iterable[Decimal]) -> int:
    """Decimal places that make all of ``amounts`` whole numbers; nano-dollars at the finest."""
    found = 0
    for amount in amounts:
        exponent = amount.normalize().as_tuple().exponent
        found = max(found, -exponent if isinstance(exponent, int) else 0)
    return min(found, _FINEST_DIGITS)


def _whole(amount: Decimal, digits: int, rounding: str = ROUND_HALF_EVEN) -> int:
    return int(amount.scaleb(digits).to_integral_value(rounding))


# --- back to fleets ---------------------------------------------------------------------------


def _shared_out(party: _Party, values: Sequence[int]) -> Iterator[tuple[str, list[RankedOffer]]]:
    """The nodes of each fleet, in order of the names; those that reach their minimum first."""
    waiting = sorted(party.needs, key=lambda need: need.fleet.name)
    for path in party.paths:
        taken = [
            entry
            for column, entry in zip(path.nodes, path.entries, strict=True)
            for _ in range(values[column])
        ]
        taken.sort(key=lambda one: (one.usd_per_hour, one.offer.provider, one.offer.id))
        going = values[path.fleets] if path.fleets is not None else len(waiting)
        reached = values[path.reached] if path.reached is not None else going
        here, waiting = waiting[:going], waiting[going:]
        counts = _counts(party, len(taken), going, reached)
        for need, count in zip(here, counts, strict=True):
            yield need.fleet.name, taken[:count]
            taken = taken[count:]


def _counts(party: _Party, nodes: int, fleets: int, reached: int) -> list[int]:
    """How many nodes each fleet of one way gets: first what brings ``reached`` to the minimum."""
    counts = [party.short if number < reached else 0 for number in range(fleets)]
    left = nodes - sum(counts)
    for number in range(fleets):
        if party.gang and party.short > 0 and number >= reached:
            break
        more = min(left, party.size - counts[number])
        counts[number] += more
        left -= more
    return counts

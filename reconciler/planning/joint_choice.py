"""Fleets that stand in one another's way, served together: the best for all of them, exactly.

An integer program: how many nodes of each party from each offer, under capacities, hosts and caps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.planning.capacity import shared_limits
from reconciler.planning.integer_program import IntegerProgram, Row, minimised
from reconciler.planning.joint_limits import evenness_aims, limit_rows
from reconciler.planning.joint_parties import columns_of, parties_of
from reconciler.planning.weighing import cost_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.planning.joint_parties import Nodes, Party, Path
    from reconciler.planning.lone_choice import LikeFleets
    from reconciler.planning.offer_matching import RankedOffer

COLUMNS_MAX = 60_000
"""A bigger program is not begun: no plan should take a minute."""
EVEN_COLUMNS_MAX = 2_000
"""The same where fleets are spread out, which takes far longer."""
TIES_MAX = 1_000
"""In a bigger program equals are settled by the search, which is the same each time."""
_FINEST_DIGITS = 9


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
    parties, full = parties_of(groups, rooms, known)
    even = any(party.limits is not None and party.limits.even for party in parties)
    columns = sum(len(path.entries) for party in parties for path in party.paths)
    if columns > (EVEN_COLUMNS_MAX if even else COLUMNS_MAX):
        return None
    program = IntegerProgram()
    for party in parties:
        _add_party(program, party, full=full)
    _add_limits(program, parties, rooms)
    levels = evenness_aims(program, parties)
    if full:
        _go_on_from(program, parties, known)
    answer = minimised(program, _aims(parties, levels, full=full), _turns(parties))
    if answer is None:
        return None
    nodes: dict[str, list[RankedOffer]] = {}
    for party in parties:
        nodes.update(_shared_out(party, answer.values))
    return JointChoice(nodes, answer.proven)


def _add_party(program: IntegerProgram, party: Party, *, full: bool) -> None:
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


def _add_path(program: IntegerProgram, party: Party, path: Path, *, full: bool) -> None:
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


def _go_on_from(program: IntegerProgram, parties: Sequence[Party], known: Nodes) -> None:
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
    program.start = tuple(values) if program.allows(values) else ()
    program.is_flow = all(
        factor == 1 for row in program.rows for factor in row.factors.values()
    ) and not any(party.fleets.terms.spread for party in parties)


def _add_limits(
    program: IntegerProgram, parties: Sequence[Party], rooms: Mapping[str, Decimal]
) -> None:
    """Capacities, one node of a fleet on a host with ``spread``, and the providers' caps."""
    columns = [pair for party in parties for pair in columns_of(party)]
    sharing: dict[tuple[str, str], list[int]] = defaultdict(list)
    for column, entry in columns:
        sharing[entry.offer.provider, entry.offer.id].append(column)
    offers = {(entry.offer.provider, entry.offer.id): entry.offer for _, entry in columns}
    for identity, together in sharing.items():
        _limit(program, together, offers[identity].stock)
    for bound, limit in shared_limits(offers.values()):
        _limit(program, [n for one in bound for n in sharing[one.provider, one.id]], limit)
    for party in parties:
        hosts: dict[object, list[int]] = defaultdict(list)
        for column, entry in columns_of(party) if party.fleets.terms.spread else ():
            hosts[party.fleets.terms.host_of(entry.offer)].append(column)
        for together in hosts.values():
            _limit(program, together, 1)
        program.rows.extend(limit_rows(party))
    for provider, room in sorted(rooms.items()):
        spent = [(n, one.usd_per_hour) for n, one in columns if one.offer.provider == provider]
        if spent:
            program.rows.append(_cap(spent, room))


def _limit(program: IntegerProgram, columns: Sequence[int], limit: int) -> None:
    """A single column is limited by its own stock, and with ``spread`` to one."""
    if len(columns) > 1:
        program.rows.append(Row(dict.fromkeys(columns, 1), upper=limit))


def _cap(spent: Sequence[tuple[int, Decimal]], room: Decimal) -> Row:
    """Beyond nano-dollars rates are rounded up and the room down."""
    digits = _digits([room, *(rate for _, rate in spent)])
    factors = {column: _whole(rate, digits, ROUND_CEILING) for column, rate in spent}
    return Row(factors, upper=_whole(room, digits, ROUND_FLOOR))


def _aims(
    parties: Sequence[Party], levels: Iterable[dict[int, int]], *, full: bool
) -> Iterator[dict[int, int]]:
    """The order of ``exact_choice``, each as something to make least."""
    if not full:
        reached = [path.reached for party in parties for path in party.paths]
        yield {column: -1 for column in reached if column is not None}
        yield {column: -1 for party in parties for column, _ in columns_of(party)}
    yield {
        column: position for party in parties for column, position in party.positions() if position
    }
    yield from levels
    yield _costs([pair for party in parties for pair in columns_of(party)])


def _costs(columns: Sequence[tuple[int, RankedOffer]]) -> dict[int, int]:
    """Rates above the lowest: the number of nodes is settled before, and small numbers are exact
    in the search.
    """
    digits = _digits([cost_of(entry) for _, entry in columns])
    whole = {column: _whole(cost_of(entry), digits) for column, entry in columns}
    lowest = min(whole.values(), default=0)
    return {column: rate - lowest for column, rate in whole.items() if rate > lowest}


def _turns(parties: Sequence[Party]) -> dict[int, int]:
    """Among equals the offers that come first by provider and id; nothing in a big program."""
    columns = [pair for party in parties for pair in columns_of(party)]
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


def _shared_out(party: Party, values: Sequence[int]) -> Iterator[tuple[str, list[RankedOffer]]]:
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


def _counts(party: Party, nodes: int, fleets: int, reached: int) -> list[int]:
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

"""What every provider must do when all is well, asked through ``Provider`` alone.

Where a provider needs time, the checks wait as long as its own truth table says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio

from reconciler.conformance.account import DISK_BYTES, GIB, START, NotConforming, expect
from reconciler.model.errors import (
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
)
from reconciler.model.gpu import gpu_models
from reconciler.model.instance import InstanceStatus
from reconciler.model.mark import LONGEST_MARK, Mark, parse_mark
from reconciler.model.observation import Complete
from reconciler.providers.base import OfferQuery

if TYPE_CHECKING:
    from reconciler.conformance.account import Account

BOOT_SECONDS_MAX = 1800
MANY = 27
"""More machines than the shortest page of a listing that is known, 25."""
LONGEST = Mark("0123456789", "a" * 13 + "-" + "b" * 8, 99_999, START, "zzzzzzzz")


async def the_truth_table_is_finite_and_not_negative(account: Account) -> None:
    table = account.provider.capabilities
    for duration in (table.visibility_window, table.call_deadline, table.create_deadline):
        expect(timedelta(0) < duration <= timedelta(hours=1), f"a window of {duration}")
    for duration in (table.destroy_time, table.create_interval, table.destroy_interval):
        expect(duration >= timedelta(0), f"an interval of {duration}")
    expect(table.parallel_calls >= 1, "no call is allowed at all")
    expect(table.mark_places, "the mark is kept nowhere")
    expect(table.price_unit, "prices have no unit")


async def the_balance_is_told_as_the_truth_table_says(account: Account) -> None:
    balance = await account.provider.balance()
    told = isinstance(balance, Decimal) and balance.is_finite()
    expect(told == account.provider.capabilities.has_balance, f"the balance is {balance!r}")


async def offers_are_whole_and_usable(account: Account) -> None:
    offers = await account.offers()
    expect(offers, "there are no offers")
    expect(len({offer.id for offer in offers}) == len(offers), "two offers have one id")
    for offer in offers:
        expect(offer.provider == account.provider.name, "an offer of another provider")
        expect(offer.gpu in gpu_models(), f"{offer.gpu} is no canonical name of a GPU")
        expect(offer.gpu_count >= 1 and offer.stock >= 1, f"{offer.id} is of nothing")
        rates = (offer.usd_per_hour, offer.disk_usd_per_gib_hour)
        expect(all(rate.is_finite() and rate >= 0 for rate in rates), f"{offer.id} has no price")
        expect(offer.usd_per_hour > 0, f"{offer.id} costs nothing")
        expect(offer.capacity_key, f"{offer.id} has no capacity key")
        expect(account.provider.capabilities.has_spot or not offer.spot, "spot against the table")


async def a_query_leaves_out_nothing_that_matches(account: Account) -> None:
    everything = await account.offers()
    models = frozenset({everything[0].gpu, everything[-1].gpu})
    asked = (await account.provider.list_offers(OfferQuery(models))).offers
    wanted = {offer.id for offer in everything if offer.gpu in models}
    expect(wanted <= {offer.id for offer in asked}, "a query by model lost offers")


async def a_fresh_account_is_empty_and_has_an_identity(account: Account) -> None:
    first = await account.provider.list_instances()
    second = await account.provider.list_instances()
    expect(isinstance(first, Complete) and first.instances == (), "a fresh account is not empty")
    assert isinstance(first, Complete)
    assert isinstance(second, Complete)
    expect(first.account and first.account == second.account, "the account has no identity")
    ordered = START <= first.started_at <= second.started_at <= account.clock.now()
    expect(ordered, "a listing began before it was asked for")


async def a_created_machine_is_read_and_listed_with_its_mark_and_rate(account: Account) -> None:
    offer = (await account.offers())[0]
    mark = str(LONGEST)
    expect(len(mark) == LONGEST_MARK, "the suite's own mark")
    instance_id, rate = await account.rent(mark, offer)
    await account.wait(account.provider.capabilities.visibility_window)
    read = await account.provider.get_instance(instance_id)
    listed = (await account.listed())[instance_id]
    for instance in (read, listed):
        expect(instance.provider == account.provider.name, "a machine of another provider")
        expect(instance.label == mark, f"the mark came back as {instance.label!r}")
        expect(parse_mark(instance.label) == LONGEST, "the mark cannot be read any more")
        # not every provider's answer to a create says what it will bill
        expect(rate in (None, instance.usd_per_hour), "the create named another rate")
        same = (instance.gpu, instance.gpu_count) == (offer.gpu, offer.gpu_count)
        expect(same, f"another GPU: {instance.gpu}")
        billed, quoted = instance.usd_per_hour, offer.node_usd_per_hour(DISK_BYTES)
        counted_on_top = offer.disk_usd_per_gib_hour * account.disk_bytes_min / GIB
        least = quoted - counted_on_top - Decimal("0.000002")
        expect(
            billed is not None and least < billed <= quoted,
            f"quoted at {quoted} $/h and billed at {billed}: are the units right?",
        )


async def a_machine_becomes_ready(account: Account) -> None:
    instance_id, _ = await account.rent("ready")
    for _ in range(BOOT_SECONDS_MAX // 10):
        instance = await account.provider.get_instance(instance_id)
        if instance.is_ready:
            break
        await account.wait(timedelta(seconds=10))
    expect(instance.status is InstanceStatus.RUNNING, f"it is {instance.status} for ever")
    expect(instance.ssh is not None and 0 < instance.ssh.port < 65_536, "it has no SSH endpoint")


async def many_machines_are_all_listed(account: Account) -> None:
    """Listings come in pages, and a page is not the listing (C2.5)."""
    made: set[str] = set()
    for offer in [one for one in await account.offers() if not one.spot][:MANY]:
        try:
            made.add((await account.rent(f"m{len(made)}", offer))[0])
        except (OfferGone, InsufficientCapacity):
            continue  # two offers of one machine
    await account.wait(account.provider.capabilities.visibility_window)
    found = set(await account.listed())
    expect(found == made, f"{len(found)} of {len(made)} machines are listed")


async def a_destroyed_machine_is_proven_gone_within_the_declared_times(account: Account) -> None:
    table = account.provider.capabilities
    kept, _ = await account.rent("kept")
    ended, _ = await account.rent("ended")
    await account.wait(table.visibility_window)
    await account.provider.destroy_instance(ended)
    await account.wait(table.destroy_time + table.visibility_window)
    for _ in range(2):
        expect(set(await account.listed()) == {kept}, "the listing is not what is left")
        await account.wait(table.visibility_window)
    try:
        await account.provider.get_instance(ended)
    except InstanceNotFound:
        return
    raise NotConforming("a destroyed machine is still read")


async def a_destroy_may_be_repeated_until_the_machine_is_gone(account: Account) -> None:
    instance_id, _ = await account.rent("ended")
    await account.provider.destroy_instance(instance_id)
    for _ in range(200):
        await account.wait(timedelta(seconds=1))
        try:
            await account.provider.destroy_instance(instance_id)
        except InstanceNotFound:
            return
    raise NotConforming("the machine never went away, or is denied by no error")


async def an_unknown_machine_is_denied_whatever_its_id_looks_like(account: Account) -> None:
    for unknown in ("424242", "no-such-machine", "../users/1", "1?x=2", "a\r\nb"):
        for call in (account.provider.get_instance, account.provider.destroy_instance):
            try:
                await call(unknown)
            except InstanceNotFound as error:
                expect(error.provider == account.provider.name, "the error names no provider")
                continue
            raise NotConforming(f"{unknown!r} is not denied")


async def an_offer_is_rented_as_often_as_its_stock_says(account: Account) -> None:
    """By calls at once, too: none may be refused for coming too close to another.

    The stand-in of a provider that does not say how many there are has one of everything.
    """
    offers = await account.offers()
    offer = next((offer for offer in offers if offer.stock == 1), offers[0])
    answers: list[str] = []

    async def try_it(mark: str) -> None:
        try:
            await account.rent(mark, offer)
            answers.append("rented")
        except (OfferGone, InsufficientCapacity):
            answers.append("gone")

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(try_it, f"m{number}")
    expect(sorted(answers) == ["gone", "gone", "rented"], f"one offer, three tries: {answers}")
    left = {listed.id for listed in await account.offers()}
    expect(offer.id not in left, "it is offered again")
    await account.wait(account.provider.capabilities.visibility_window)
    expect(len(await account.listed()) == 1, "not one machine")


async def a_vanished_offer_creates_nothing(account: Account) -> None:
    vanished = replace((await account.offers())[0], id="vanished")
    try:
        await account.rent("m", vanished)
    except (OfferGone, InsufficientCapacity, CreateRefused):
        await account.wait(account.provider.capabilities.visibility_window)
        expect(await account.listed() == {}, "something was made all the same")
        return
    raise NotConforming("an offer that there is not was rented")


async def two_machines_may_carry_one_mark(account: Account) -> None:
    first, _ = await account.rent("twin")
    second, _ = await account.rent("twin")
    await account.wait(account.provider.capabilities.visibility_window)
    labels = {id_: instance.label for id_, instance in (await account.listed()).items()}
    expect(labels == {first: "twin", second: "twin"}, f"listed: {labels}")

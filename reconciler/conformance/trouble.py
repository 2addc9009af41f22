"""What every provider must do when its server misbehaves: gone, unknown and refused told apart.

Each check is tried only on accounts whose case can bring the trouble about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.conformance.account import NotConforming, expect
from reconciler.model.errors import (
    AuthenticationFailed,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
)
from reconciler.model.instance import InstanceStatus
from reconciler.model.observation import Complete

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reconciler.conformance.account import Account


async def _error_of(call: Awaitable[object], what: str) -> ProviderError:
    try:
        answer = await call
    except ProviderError as error:
        return error
    raise NotConforming(f"{what} is answered with {type(answer).__name__}")


async def I5_a_listing_that_fails_is_an_error_and_never_empty(account: Account) -> None:
    await account.rent("m")
    account.let("list-fails")
    await _error_of(account.provider.list_instances(), "a listing that fails")


async def I5_a_listing_that_misses_machines_is_never_complete(account: Account) -> None:
    for offer in [one for one in await account.offers() if not one.spot][:27]:
        try:
            await account.rent("m", offer)
        except (OfferGone, InsufficientCapacity):
            continue
    await account.wait(account.provider.capabilities.visibility_window)
    account.let("list-is-cut")
    try:
        listing = await account.provider.list_instances()
    except ProviderError:
        return
    expect(not isinstance(listing, Complete), "a listing without some machines is called complete")


async def a_read_that_fails_does_not_say_that_the_machine_is_gone(account: Account) -> None:
    instance_id, _ = await account.rent("m")
    account.let("read-fails")
    error = await _error_of(account.provider.get_instance(instance_id), "a read that fails")
    expect(not isinstance(error, InstanceNotFound), "a read that fails says: not found")


async def a_destroy_that_fails_is_told_and_the_machine_is_still_there(account: Account) -> None:
    instance_id, _ = await account.rent("m")
    account.let("destroy-fails")
    error = await _error_of(account.provider.destroy_instance(instance_id), "a failing destroy")
    expect(not isinstance(error, InstanceNotFound), "a destroy that fails says: not found")
    await account.wait(account.provider.capabilities.visibility_window)
    expect(instance_id in await account.listed(), "the machine is not listed any more")


async def a_refused_key_is_told_from_everything_else(account: Account) -> None:
    instance_id, _ = await account.rent("m")
    account.let("key-refused")
    provider = account.provider
    for call in (
        provider.list_instances(),
        provider.get_instance(instance_id),
        provider.destroy_instance(instance_id),
    ):
        error = await _error_of(call, "a refused key")
        expect(isinstance(error, AuthenticationFailed), f"a refused key is {type(error).__name__}")


async def I11_a_create_whose_answer_is_lost_is_unknown_and_never_sent_again(
    account: Account,
) -> None:
    account.let("create-answer-lost")
    error = await _error_of(account.rent("only-one"), "a create whose answer is lost")
    surely_nothing = (OfferGone, InsufficientCapacity, CreateRefused)
    expect(not isinstance(error, surely_nothing), "it is said that surely nothing was made")
    await account.wait(account.provider.capabilities.visibility_window)
    marked = [one for one in (await account.listed()).values() if one.label == "only-one"]
    expect(len(marked) == 1, f"{len(marked)} machines carry the mark")


async def I32_a_status_that_nobody_knows_is_unknown_and_listed(account: Account) -> None:
    instance_id, _ = await account.rent("m")
    await account.wait(account.provider.capabilities.visibility_window)
    account.let("status-unknown")
    found = (await account.listed()).get(instance_id)
    expect(found is not None, "the machine is not listed")
    assert found is not None
    expect(found.status is InstanceStatus.UNKNOWN, f"its status is {found.status}")
    expect(found.status_text, "the provider's own word is lost")


async def I13_a_machine_that_stopped_is_listed_and_not_running(account: Account) -> None:
    account.let("machine-stops")
    instance_id, _ = await account.rent("m")
    await account.wait(account.provider.capabilities.visibility_window)
    found = (await account.listed()).get(instance_id)
    expect(found is not None, "a stopped machine is not listed")
    assert found is not None
    expect(found.status is not InstanceStatus.RUNNING, "a stopped machine is running")
    read = await account.provider.get_instance(instance_id)
    expect(read.status is found.status, "the listing and the direct read disagree")

"""The real field bugs M1 to M13 of RELIABILITY.md, put into the program one at a time.

Each must make the conformance suite fail: the checks that every provider passes, the scenarios
that every face lives through, or the crash test of the state file. A mutant that survives means
that the suite would not have noticed the bug.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.conformance import life, trouble
from reconciler.conformance.account import Check, run_check
from reconciler.execution import destruction
from reconciler.execution.context import ExecutionContext
from reconciler.model.errors import (
    GpuShopperError,
    InstanceNotFound,
    ProviderError,
    ProviderUnavailable,
)
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.mark import same_workspace_name
from reconciler.model.observation import Complete, Partial
from reconciler.model.record import InstanceRecord, RecordedState
from reconciler.planning import classification
from reconciler.providers.vastai import api, listing
from reconciler.providers.vastai.instances import as_instance
from reconciler.providers.vastai.provider import VastProvider
from reconciler.statefile import local_file
from reconciler.statefile.private_files import write_all
from reconciler.transport.retrying import Patience
from tests.contract.test_provider_contract import CASES
from tests.simulation.scenarios import SCENARIOS, result_of
from tests.unit.statefile import test_failing_disk as disk

Patch = pytest.MonkeyPatch
Proof = Callable[[Path], None]
VAST = next(case for case in CASES if case.name == "vastai")


def check(what: Check) -> Proof:
    return lambda _: run_check(what, VAST)


def scenario(words: str) -> Proof:
    (found,) = [one for one in SCENARIOS if words in one.name]

    def lived(directory: Path) -> None:
        result_of("vastai", found, directory)

    return lived


# --- the bugs -----------------------------------------------------------------------------------


def m1_an_error_of_the_listing_is_an_empty_list(patch: Patch) -> None:
    real = VastProvider.list_instances

    async def mutant(self: VastProvider) -> Complete | Partial:
        try:
            return await real(self)
        except ProviderError:
            return Complete(self.name, "1", self._clock.now(), ())

    patch.setattr(VastProvider, "list_instances", mutant)


def m2_only_the_first_page_is_read(patch: Patch) -> None:
    real = listing.InstanceWalk.add

    def mutant(self: listing.InstanceWalk, value: dict[str, Any]) -> None:
        real(self, value)
        self.why, self.goes_on = "", False

    patch.setattr(listing.InstanceWalk, "add", mutant)


def m3_a_404_to_a_destroy_is_its_end(patch: Patch) -> None:
    _dropping(patch, lambda error: isinstance(error, InstanceNotFound))


def m4_a_200_to_a_destroy_is_its_end(patch: Patch) -> None:
    _dropping(patch, lambda error: error is None)


def m5_an_error_of_the_status_forgets_the_id(patch: Patch) -> None:
    real = VastProvider.get_instance

    async def mutant(self: VastProvider, instance_id: str) -> Instance:
        try:
            return await real(self, instance_id)
        except ProviderError as error:
            raise InstanceNotFound(self.name, "its status cannot be read") from error

    patch.setattr(VastProvider, "get_instance", mutant)


def m6_a_stopped_machine_is_gone(patch: Patch) -> None:
    def mutant(name: str, row: Any) -> Instance:
        found = as_instance(name, row)
        return replace(found, id="0") if found.status is InstanceStatus.STOPPED else found

    patch.setattr(listing, "as_instance", mutant)


def m7_after_three_tries_it_gives_up_and_drops_the_record(patch: Patch) -> None:
    real = destruction._note_attempt

    async def mutant(record: InstanceRecord, error: str, context: ExecutionContext) -> None:
        await real(record, error, context)
        kept = context.journal.state.instances.get(record.mark)
        if error and kept is not None and kept.doom is not None and kept.doom.attempts >= 3:
            await context.journal.commit(_without(record.mark))

    patch.setattr(destruction, "_note_attempt", mutant)


def m8_whose_it_is_is_told_by_a_prefix_of_the_label(patch: Patch) -> None:
    def mutant(mark: Any, recorded: RecordedState, known: set[str]) -> str:
        same_name = same_workspace_name(mark, recorded.workspace)
        return "orphaned" if same_name else "neighbour"

    patch.setattr(classification, "_kind", mutant)


def m9_an_empty_deployment_id_makes_everything_ours(patch: Patch) -> None:
    patch.setattr(classification, "_kind", lambda *_: "orphaned")


def m10_the_label_of_an_unknown_create_is_never_looked_for(patch: Patch) -> None:
    patch.setattr(classification, "_by_identity", lambda *_: {})


def m11_a_create_is_sent_again_after_an_error_of_the_server(patch: Patch) -> None:
    patch.setattr(api, "CREATE", replace(api.CREATE, patience=Patience(tries=3)))


def m12_a_breaker_that_reads_opened_holds_up_destroys(patch: Patch) -> None:
    opened: list[bool] = []
    listed, destroyed = VastProvider.list_instances, VastProvider.destroy_instance

    async def breaking(self: VastProvider) -> Complete | Partial:
        opened.clear()
        try:
            return await listed(self)
        except ProviderError:
            opened.append(True)
            raise

    async def held_up(self: VastProvider, instance_id: str) -> None:
        if opened:
            raise ProviderUnavailable(self.name, "the breaker is open")
        await destroyed(self, instance_id)

    patch.setattr(VastProvider, "list_instances", breaking)
    patch.setattr(VastProvider, "destroy_instance", held_up)


def m13_the_state_is_written_in_its_place(patch: Patch) -> None:
    def mutant(files: Any, path: Path, data: bytes) -> None:
        descriptor = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(files, descriptor, data)
        finally:
            files.close(descriptor)

    patch.setattr(local_file, "write_private", mutant)


def _dropping(patch: Patch, ends: Callable[[ProviderError | None], bool]) -> None:
    """The record goes with the first answer to a destroy for which ``ends`` holds."""
    real = destruction._send

    async def mutant(one: Any, instance_id: str, context: ExecutionContext) -> str | None:
        told: list[ProviderError] = []

        class Listening:
            capabilities, name = one.capabilities, one.name

            async def destroy_instance(self, instance_id: str) -> None:
                try:
                    await one.destroy_instance(instance_id)
                except ProviderError as error:
                    told.append(error)
                    raise

        said = await real(Listening(), instance_id, context)  # type: ignore[arg-type]
        if ends(told[-1] if told else None):
            for mark, record in context.journal.state.instances.items():
                if record.instance_id == instance_id:
                    await context.journal.commit(_without(mark))
        return said

    patch.setattr(destruction, "_send", mutant)


def _without(mark: str) -> Callable[[RecordedState], RecordedState]:
    def change(state: RecordedState) -> RecordedState:
        left = {name: one for name, one in state.instances.items() if name != mark}
        return state.with_(instances=left)

    return change


Mutant = Callable[[Patch], None]
DEATH = disk.test_I7_C10_1_death_at_any_call_leaves_old_or_new_and_the_next_run_goes_on
MUTANTS: list[tuple[str, Mutant, Proof]] = [
    (
        "M1",
        m1_an_error_of_the_listing_is_an_empty_list,
        check(trouble.I5_a_listing_that_fails_is_an_error_and_never_empty),
    ),
    ("M2", m2_only_the_first_page_is_read, check(life.many_machines_are_all_listed)),
    ("M3", m3_a_404_to_a_destroy_is_its_end, scenario("a destroy is 404, but alive")),
    ("M4", m4_a_200_to_a_destroy_is_its_end, scenario("a destroy is 200, but alive")),
    (
        "M5",
        m5_an_error_of_the_status_forgets_the_id,
        check(trouble.a_read_that_fails_does_not_say_that_the_machine_is_gone),
    ),
    (
        "M6",
        m6_a_stopped_machine_is_gone,
        check(trouble.I13_a_machine_that_stopped_is_listed_and_not_running),
    ),
    (
        "M7",
        m7_after_three_tries_it_gives_up_and_drops_the_record,
        scenario("every destroy is 500"),
    ),
    ("M8", m8_whose_it_is_is_told_by_a_prefix_of_the_label, scenario("nothing goes wrong")),
    ("M9", m9_an_empty_deployment_id_makes_everything_ours, scenario("nothing goes wrong")),
    (
        "M10",
        m10_the_label_of_an_unknown_create_is_never_looked_for,
        scenario("a create is 500, but made"),
    ),
    (
        "M11",
        m11_a_create_is_sent_again_after_an_error_of_the_server,
        check(trouble.I11_a_create_whose_answer_is_lost_is_unknown_and_never_sent_again),
    ),
    ("M12", m12_a_breaker_that_reads_opened_holds_up_destroys, scenario("the listing fails")),
    ("M13", m13_the_state_is_written_in_its_place, DEATH),
]


_ORPHANED = "I1: billed and unknown to the state"
WHY = {
    "M1": "a listing that fails is answered with Complete",
    "M2": "25 of 27 machines are listed",
    "M3": _ORPHANED,
    "M4": _ORPHANED,
    "M5": "a read that fails says: not found",
    "M6": "a stopped machine is not listed",
    "M7": _ORPHANED,
    "M8": "I4: somebody else's machine was destroyed",
    "M9": "I4: somebody else's machine was destroyed",
    "M10": _ORPHANED,
    "M11": "it is said that surely nothing was made",
    "M12": "I5, I9: a known end waited for a listing",
    "M13": "the state is damaged",
}
"""What the suite says of each: it is noticed for what it does."""


@pytest.mark.parametrize(("name", "mutant", "proof"), MUTANTS, ids=[name for name, _, _ in MUTANTS])
def test_a_real_bug_does_not_survive_the_suite(
    name: str, mutant: Mutant, proof: Proof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, broken = tmp_path / "healthy", tmp_path / "broken"
    healthy.mkdir()
    broken.mkdir()
    proof(healthy)
    mutant(monkeypatch)
    with pytest.raises((AssertionError, GpuShopperError), match=WHY[name]):
        proof(broken)


def test_no_field_bug_is_left_out() -> None:
    assert [name for name, _, _ in MUTANTS] == [f"M{number}" for number in range(1, 14)]

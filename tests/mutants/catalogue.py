"""The thirty mutants of RELIABILITY.md: real mistakes of tools like this one, as edits of the code,
each with a test that must fail with it.
"""

from __future__ import annotations

from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """``old`` stands exactly once in ``file`` and becomes ``new``. ``killer`` must then fail."""

    number: int
    what: str
    file: str
    old: str
    new: str
    killer: str
    quick: bool = False
    """Run with every test run."""


_DROP = "lambda s: s.with_(instances={k: v for k, v in s.instances.items() if v.instance_id != "

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        1,
        "a failed listing is an empty one",
        "reconciler/inventory/observe.py",
        "    except ProviderError as error:\n"
        "        return Unknown(name, started_at, error.what)\n",
        "    except ProviderError:\n"
        "        from reconciler.model.observation import Complete\n\n"
        '        return Complete(name, getattr(provider, "account", ""), started_at, ())\n',
        "tests/simulation/test_faults.py::test_M1_an_outage_proves_nothing_about_an_unknown_create",
    ),
    Mutant(
        2,
        "only the first page is read",
        "reconciler/providers/vastai/listing.py",
        "if page.next_token is None:",
        "if True:",
        "tests/unit/providers/vastai/test_provider.py"
        "::test_pages_are_followed_by_their_token_to_the_end",
        quick=True,
    ),
    Mutant(
        3,
        "404 on a destroy means gone",
        "reconciler/execution/destruction.py",
        '            except InstanceNotFound:\n                return ""\n',
        "            except InstanceNotFound:\n"
        f"                await context.journal.commit({_DROP}instance_id}}))\n"
        '                return ""\n',
        "tests/simulation/test_faults.py"
        "::test_a_destroy_that_does_not_work_is_repeated_until_the_machine_is_gone",
    ),
    Mutant(
        4,
        "200 on a destroy means gone",
        "reconciler/execution/destruction.py",
        "        await _note_attempt(record, error, context)\n"
        "        if not attempt and not destroy.again:\n",
        "        await _note_attempt(record, error, context)\n"
        "        if not error:\n"
        f"            await context.journal.commit({_DROP}record.instance_id}}))\n"
        "        if not attempt and not destroy.again:\n",
        "tests/simulation/test_faults.py"
        "::test_C5_2_a_machine_billed_above_the_ceiling_is_destroyed_at_once",
    ),
    Mutant(
        5,
        "an error of a read denies the machine",
        "reconciler/inventory/observe.py",
        "        return DirectRead(why=error.what)\n",
        "        return DirectRead(not_found=True)\n",
        "tests/simulation/test_faults.py::test_I5_an_empty_listing_drops_nothing_and_buys_nothing",
    ),
    Mutant(
        6,
        "stopped means gone",
        "reconciler/planning/classification.py",
        "        return Sighting(record, listed, SEEN, doubt)\n"
        "    read = observed.reads.get((record.provider, record.instance_id))\n",
        '        if listed.status.value != "stopped":\n'
        "            return Sighting(record, listed, SEEN, doubt)\n"
        "    read = observed.reads.get((record.provider, record.instance_id))\n"
        "    if listed is not None:\n"
        "        from reconciler.model.observation import DirectRead\n\n"
        "        read = DirectRead(not_found=True)\n",
        "tests/simulation/test_faults.py"
        "::test_a_lying_listing_never_makes_the_loop_destroy_or_forget",
    ),
    Mutant(
        7,
        "a destroy that failed three times is given up",
        "reconciler/planning/machines.py",
        '        decisions.destroys.append(Destroy(record, doom.reason, "destroy again"',
        "        if doom.failures < 3:\n"
        '            decisions.destroys.append(Destroy(record, doom.reason, "destroy again"',
        "tests/simulation/test_faults.py::test_M7_a_destroy_that_fails_for_hours_is_asked_for_as_long",
    ),
    Mutant(
        8,
        "ownership by the beginning of the mark",
        "reconciler/model/mark.py",
        '        return f"{self.workspace_part}-{self.nonce}"\n',
        "        return self.workspace_part\n",
        "tests/unit/planning/test_classification.py"
        "::test_a_machine_without_a_record_is_told_by_its_whole_mark",
    ),
    Mutant(
        9,
        "a machine without a mark is ours",
        "reconciler/planning/classification.py",
        '        return Stranger("foreign", found, None)\n',
        '        return Stranger("orphaned", found, None)\n',
        "tests/unit/planning/test_classification.py"
        "::test_a_machine_without_a_record_is_told_by_its_whole_mark",
    ),
    Mutant(
        10,
        "an unresolved create is not looked for by its mark",
        "reconciler/planning/classification.py",
        "    by_mark = _by_identity(unclaimed, copies)\n",
        "    by_mark = _by_identity({}, copies)\n",
        "tests/simulation/test_faults.py"
        "::test_I11_a_create_whose_outcome_is_unknown_is_found_by_its_mark",
    ),
    Mutant(
        11,
        "a create is sent again after a server error",
        "reconciler/providers/vastai/api.py",
        "Pace(1, 5.0), NEVER_AGAIN, deadline",
        "Pace(1, 5.0), Patience(tries=3, least_seconds=1.0), deadline",
        "tests/unit/providers/vastai/test_provider.py"
        "::test_I26_whatever_is_answered_a_create_is_sent_once",
    ),
    Mutant(
        12,
        "destroys share the budget of the reads",
        "reconciler/execution/context.py",
        "        key = (provider.name, kind)\n",
        '        key = (provider.name, "read" if kind == "destroy" else kind)\n',
        "tests/simulation/test_paces.py::test_I9_destroys_and_reads_take_turns_of_their_own",
    ),
    Mutant(
        13,
        "the state is written in place",
        "reconciler/statefile/private_files.py",
        "        _write_new(files, temporary, data)\n        files.replace(temporary, path)\n",
        "        _write_new(files, temporary, data)\n"
        "        files.remove(temporary)\n"
        "        place = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n"
        "        write_all(files, place, data)\n"
        "        files.close(place)\n",
        "tests/unit/statefile/test_failing_disk.py"
        "::test_I7_after_any_failing_call_the_state_is_old_or_new_and_nothing_is_left_over",
    ),
    Mutant(
        14,
        "the intent is written after the create",
        "reconciler/execution/creation.py",
        "        await context.journal.announce(transitions.begin_create(intent, timer))\n",
        "        begun = transitions.begin_create(intent, timer)\n"
        "        context.journal._state = begun(context.journal.state)\n",
        "tests/simulation/test_simulator.py::test_this_one_run_keeps_every_promise",
    ),
    Mutant(
        15,
        "what is written is not synced",
        "reconciler/statefile/private_files.py",
        "        rest = rest[files.write(descriptor, rest) :]\n    files.sync(descriptor)\n",
        "        rest = rest[files.write(descriptor, rest) :]\n",
        "tests/simulation/test_simulator.py::test_this_one_run_keeps_every_promise",
        quick=True,
    ),
    Mutant(
        16,
        "a state that moved is overwritten",
        "reconciler/statefile/refusals.py",
        "    if wanted != found:\n",
        "    if wanted is not None and found is None:\n",
        "tests/contract/test_state_backend.py"
        "::test_I19_a_writer_that_read_an_older_serial_writes_nothing",
    ),
    Mutant(
        17,
        "a lock without a fence",
        "reconciler/statefile/local_file.py",
        "            if lock.held and not lock.still_ours:\n",
        "            if not lock.held and lock.still_ours:\n",
        "tests/simulation/test_fence.py"
        "::test_I8_after_a_take_over_no_create_is_sent_and_what_was_sent_is_recorded",
    ),
    Mutant(
        18,
        "files are opened through links",
        "reconciler/statefile/files.py",
        "flags | os.O_NOFOLLOW | os.O_CLOEXEC",
        "flags | os.O_CLOEXEC",
        "tests/unit/statefile/test_local_file.py"
        "::test_M18_a_link_that_appears_between_looking_and_opening_is_not_followed",
    ),
    Mutant(
        19,
        "NaN is a price",
        "reconciler/model/cost.py",
        "    if not price.is_finite() or price < 0:\n",
        "    if price.is_finite() and price < 0:\n",
        "tests/unit/model/test_cost.py::test_bad_input_49_a_price_in_another_form_is_refused",
    ),
    Mutant(
        20,
        "money is counted at the offer's rate",
        "reconciler/planning/billing.py",
        "        billed = record.with_(usd_per_hour=usd_per_hour)\n",
        "        billed = record\n",
        "tests/simulation/test_faults.py"
        "::test_C5_2_a_machine_billed_above_the_ceiling_is_destroyed_at_once",
    ),
    Mutant(
        21,
        "money in floating point",
        "reconciler/model/cost.py",
        "    exact = usd_per_hour * seconds / _SECONDS_PER_HOUR\n",
        "    exact = Decimal(float(usd_per_hour) * float(seconds) / 3600)\n",
        "tests/unit/model/test_cost.py::test_I27_a_projection_is_exact_to_the_micro_dollar",
    ),
    Mutant(
        22,
        "an end without an offset is local time",
        "reconciler/documents/written_values.py",
        'written["time"] is None or written["offset"] is None or len(',
        'written["time"] is None or len(',
        "tests/unit/documents/test_bad_inputs.py"
        "::test_bad_input_is_refused_at_its_place_with_words_of_our_own",
    ),
    Mutant(
        23,
        "waiting by the wall clock",
        "reconciler/execution/destruction.py",
        "context.clock.elapsed_seconds() >= deadline\n",
        "context.clock.now().timestamp() >= deadline\n",
        "tests/unit/execution/test_destruction.py"
        "::test_C4_1_a_destroy_without_effect_is_sent_again_while_proof_is_awaited",
    ),
    Mutant(
        24,
        "a fuse by percent alone",
        "reconciler/planning/plan_safety.py",
        "    limit = max(safety.max_destroy_count, live * safety.max_destroy_percent // 100)\n",
        "    limit = live * safety.max_destroy_percent // 100\n",
        "tests/unit/planning/test_planner.py"
        "::test_an_announced_destroy_is_carried_out_when_it_is_due",
    ),
    Mutant(
        25,
        "documents without fleets destroy all",
        "reconciler/planning/plan_safety.py",
        "    return scene.desired is None or not scene.desired.fleets\n",
        "    return False\n",
        "tests/unit/planning/test_planner.py"
        "::test_I16_documents_without_a_fleet_destroy_nothing_without_the_number",
    ),
    Mutant(
        26,
        "a stale plan is carried out",
        "reconciler/planning/saved_plan.py",
        "    return recorded.decided_serial > serial or recorded.serial < serial\n",
        "    return False\n",
        "tests/unit/planning/test_saved_plan.py"
        "::test_bad_inputs_33_and_34_what_moved_is_told_with_both_sides",
    ),
    Mutant(
        27,
        "redirects are followed",
        "reconciler/transport/json_api.py",
        "                    if response.is_redirect:\n",
        "                    if response.is_error and response.is_redirect:\n",
        "tests/unit/transport/test_json_api.py"
        "::test_C6_10_a_redirect_is_refused_and_both_hosts_are_named",
    ),
    Mutant(
        28,
        "an id goes into the path as it is",
        "reconciler/transport/api_base.py",
        '    return quote(text, safe="", errors="backslashreplace")\n',
        "    return text\n",
        "tests/unit/transport/test_api_base.py::test_C7_17_an_id_is_one_segment_whatever_it_holds",
        quick=True,
    ),
    Mutant(
        29,
        "text from outside is printed raw",
        "reconciler/model/text.py",
        "        piece = character if character.isprintable() else _escape(character)\n",
        "        piece = character\n",
        "tests/unit/model/test_text.py::test_characters_that_do_not_print_are_shown_as_escapes",
        quick=True,
    ),
    Mutant(
        30,
        "the library's words about a document are printed",
        "reconciler/documents/wording.py",
        "    else:\n        message, fix = _structural(\n"
        '            path_of(found), found["input"], missing=found["type"] == "missing"\n'
        "        )\n",
        '    else:\n        message, fix = found["msg"], ""\n',
        "tests/unit/documents/test_bad_inputs.py"
        "::test_bad_input_is_refused_at_its_place_with_words_of_our_own",
    ),
)

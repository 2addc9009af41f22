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
        "tests/unit/providers/vastai/test_provider.py",
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
        "tests/simulation/test_faults.py",
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
        "tests/simulation/test_faults.py",
    ),
    Mutant(
        5,
        "an error of a read denies the machine",
        "reconciler/inventory/observe.py",
        "        return DirectRead(why=error.what)\n",
        "        return DirectRead(not_found=True)\n",
        "tests/simulation/test_faults.py",
    ),
    Mutant(
        6,
        "stopped means gone",
        "reconciler/planning/classification.py",
        "    read = observed.reads.get((record.provider, record.instance_id))\n"
        "    weighed = weigh_absence(\n        record.absence,\n",
        "    read = observed.reads.get((record.provider, record.instance_id))\n"
        '    if listed is not None and listed.status.value == "stopped":\n'
        "        from reconciler.model.observation import DirectRead\n\n"
        "        listed, read = None, DirectRead(not_found=True)\n"
        "    weighed = weigh_absence(\n        record.absence,\n",
        "tests/simulation/test_faults.py",
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
        "tests/unit/planning/test_classification.py",
        quick=True,
    ),
    Mutant(
        9,
        "a machine without a mark is ours",
        "reconciler/planning/classification.py",
        '        return Stranger("foreign", found, None)\n',
        '        return Stranger("orphaned", found, None)\n',
        "tests/unit/planning/test_classification.py",
    ),
    Mutant(
        10,
        "an unresolved create is not looked for by its mark",
        "reconciler/planning/classification.py",
        "    by_mark = _by_identity(seen, taken | copies)\n",
        "    by_mark = _by_identity({}, taken | copies)\n",
        "tests/simulation/test_faults.py",
    ),
    Mutant(
        11,
        "a create is sent again after a server error",
        "reconciler/providers/vastai/api.py",
        "Pace(1, 5.0), NEVER_AGAIN, deadline",
        "Pace(1, 5.0), Patience(tries=3, least_seconds=1.0), deadline",
        "tests/unit/providers/vastai/test_provider.py",
        quick=True,
    ),
    Mutant(
        12,
        "destroys share the budget of the reads",
        "reconciler/execution/context.py",
        "        key = (provider.name, kind)\n",
        '        key = (provider.name, "read" if kind == "destroy" else kind)\n',
        "tests/simulation/test_paces.py",
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
        "tests/unit/statefile/test_failing_disk.py",
    ),
    Mutant(
        14,
        "the intent is written after the create",
        "reconciler/execution/creation.py",
        "        await context.journal.announce(transitions.begin_create(intent))\n",
        "        begun = transitions.begin_create(intent)\n"
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
        "reconciler/statefile/local_file.py",
        "        if wanted != found:\n",
        "        if wanted is not None and found is None:\n",
        "tests/contract/test_state_backend.py",
    ),
    Mutant(
        17,
        "a lock without a fence",
        "reconciler/statefile/local_file.py",
        "            if lock.held and not lock.still_ours:\n",
        "            if not lock.held and lock.still_ours:\n",
        "tests/simulation/test_fence.py",
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
        "tests/unit/model/test_cost.py",
        quick=True,
    ),
    Mutant(
        20,
        "money is counted at the offer's rate",
        "reconciler/planning/transitions.py",
        "record.with_(usd_per_hour=usd_per_hour))\n",
        "record)\n",
        "tests/simulation/test_faults.py",
    ),
    Mutant(
        21,
        "money in floating point",
        "reconciler/model/cost.py",
        "    exact = usd_per_hour * seconds / _SECONDS_PER_HOUR\n",
        "    exact = Decimal(float(usd_per_hour) * float(seconds) / 3600)\n",
        "tests/unit/model/test_cost.py",
    ),
    Mutant(
        22,
        "an end without an offset is local time",
        "reconciler/documents/written_values.py",
        'written["time"] is None or written["offset"] is None or len(',
        'written["time"] is None or len(',
        "tests/unit/documents/test_bad_inputs.py",
    ),
    Mutant(
        23,
        "waiting by the wall clock",
        "reconciler/execution/destruction.py",
        "context.clock.elapsed_seconds() >= deadline\n",
        "context.clock.now().timestamp() >= deadline\n",
        "tests/unit/execution/test_destruction.py",
    ),
    Mutant(
        24,
        "a fuse by percent alone",
        "reconciler/planning/plan_safety.py",
        "    limit = max(safety.max_destroy_count, live * safety.max_destroy_percent // 100)\n",
        "    limit = live * safety.max_destroy_percent // 100\n",
        "tests/unit/planning/test_planner.py",
    ),
    Mutant(
        25,
        "documents without fleets destroy all",
        "reconciler/planning/plan_safety.py",
        "    return scene.desired is None or not scene.desired.fleets\n",
        "    return False\n",
        "tests/unit/planning/test_planner.py",
    ),
    Mutant(
        26,
        "a stale plan is carried out",
        "reconciler/planning/saved_plan.py",
        "    return recorded.decided_serial > serial or recorded.serial < serial\n",
        "    return False\n",
        "tests/unit/planning/test_saved_plan.py",
    ),
    Mutant(
        27,
        "redirects are followed",
        "reconciler/transport/json_api.py",
        "                    if response.is_redirect:\n",
        "                    if response.is_error and response.is_redirect:\n",
        "tests/unit/transport/test_json_api.py",
    ),
    Mutant(
        28,
        "an id goes into the path as it is",
        "reconciler/transport/api_base.py",
        '    return quote(text, safe="", errors="backslashreplace")\n',
        "    return text\n",
        "tests/unit/transport/test_api_base.py",
        quick=True,
    ),
    Mutant(
        29,
        "text from outside is printed raw",
        "reconciler/model/text.py",
        "        piece = character if character.isprintable() else _escape(character)\n",
        "        piece = character\n",
        "tests/unit/model/test_text.py",
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
        "tests/unit/documents/test_bad_inputs.py",
    ),
)

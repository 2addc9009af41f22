"""Where the promises and faults are tested that the simulator does not reach, and which are not."""

from __future__ import annotations

_API = "tests/unit/transport/test_json_api.py::test_"
_VAST = "tests/unit/providers/vastai/test_provider.py::test_"
_ROWS = "tests/unit/providers/vastai/test_instances.py::test_"
_OFFERS = "tests/unit/providers/vastai/test_offers.py::test_"
_TEXT = "tests/unit/transport/test_json_text.py::test_"
_CLOCKS = "tests/simulation/test_clocks.py::test_"
_FAULTS = "tests/simulation/test_faults.py::test_"
_STATE = "tests/end_to_end/test_state.py::test_"
_FILE = "tests/unit/statefile/test_local_file.py::test_"
_AROUND = "tests/end_to_end/test_surroundings.py::test_"
_STRANGE = "tests/cli/test_hostile_strings.py::test_"
_WHOLE_FUZZ = "tests/fuzz/test_fuzz.py::test_I23_whatever_it_reads_it_answers_or_refuses"

PROMISES = {
    "I1": "every machine that is billed and ours is in the state",
    "I2": "the intent is on the platter before the create is sent",
    "I3": "one machine in a slot",
    "I4": "never somebody else's machine",
    "I5": "nothing follows from half a listing",
    "I6": "spending stays below its bound",
    "I7": "the state is the old or the new one, byte for byte",
    "I8": "one writer; who lost its turn buys nothing",
    "I9": "what has ended is destroyed in time",
    "I10": "no secret anywhere",
    "I11": "one create at most for an intent",
    "I12": "a record goes only on proof",
    "I13": "stopped is billed",
    "I14": "another account is read-only",
    "I15": "what is done was shown",
    "I16": "a slip destroys a third at most",
    "I17": "a second apply does nothing",
    "I18": "after the faults it converges",
    "I19": "serials grow, the lineage stays",
    "I20": "the audit trail tells every call",
    "I21": "equal inputs, equal plan",
    "I22": "clean output",
    "I23": "no traceback, two seconds, 256 MiB",
    "I24": "files are private",
    "I25": "connections go where they should",
    "I26": "retries keep their discipline",
    "I27": "exact money",
    "I28": "an id that was seen is never lost",
    "I29": "reachable or dead",
    "I30": "what reads changes nothing",
    "I31": "three clocks agree",
    "I32": "the unknown is refused",
    "I33": "a mass loss needs two witnesses",
}
JUDGED = (
    "I1", "I2", "I3", "I4", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I16", "I17", "I18",
    "I19", "I20", "I23", "I24", "I27", "I30", "I31",
)  # fmt: skip
"""Checked by the simulator's judge under this name (I26 and I28 are I11 and I12 there)."""

PROMISES_ELSEWHERE = {
    "I5": _FAULTS + "I5_an_empty_listing_drops_nothing_and_buys_nothing",
    "I6": _FAULTS + "I6_the_worst_case_of_a_plan_is_never_exceeded_when_nobody_looks_again",
    "I10": "tests/unit/test_canary_watch.py::test_I10_a_credential_is_seen_wherever_it_comes_out",
    "I13": _ROWS + "I13_I32_every_status_has_a_meaning_and_none_means_gone",
    "I14": _FAULTS + "I14_another_accounts_market_is_read_only",
    "I15": "tests/unit/planning/test_saved_plan.py"
    "::test_I15_what_is_carried_out_is_a_subset_of_what_was_shown",
    "I21": "tests/end_to_end/test_replay.py"
    "::test_I21_two_locales_time_zones_and_hash_seeds_replay_the_same_bytes",
    "I22": _STRANGE + "I22_a_hostile_label_region_and_host_stay_inert",
    "I25": "tests/unit/transport/test_api_base.py"
    "::test_I25_everything_else_is_refused_without_repeating_it",
    "I26": _API + "I26_a_create_is_sent_once_whatever_the_answer",
    "I27": "tests/unit/market/test_ledger.py"
    "::test_I27_each_second_is_billed_exact_to_the_micro_dollar",
    "I28": "tests/unit/planning/test_transitions.py"
    "::test_I28_each_change_may_be_repeated_on_any_state_and_loses_no_id",
    "I31": _CLOCKS + "I31_C12_1_a_day_ahead_destroys_nothing_and_the_true_end_still_holds",
    "I32": _ROWS + "I13_I32_every_status_has_a_meaning_and_none_means_gone",
    "I33": "tests/simulation/test_mass_loss.py"
    "::test_I33_a_true_loss_is_proven_one_visibility_window_later",
}

FAULTS_ELSEWHERE = {
    "C2.3": _VAST + "M1_a_listing_that_failed_is_never_an_empty_one",
    "C2.7": _VAST + "C2_10_a_row_that_comes_twice_is_one_machine",
    "C2.13": _FAULTS + "C2_13_an_id_that_now_carries_another_mark_is_never_destroyed",
    "C2.14": "tests/unit/planning/test_absence.py::test_C2_14_one_sighting_outweighs_every_denial",
    "C2.16": _VAST + "C2_16_a_machine_is_denied_only_by_their_own_words",
    "C4.9": _VAST + "C4_9_their_words_for_a_machine_that_is_gone",
    "C4.14": _FAULTS + "M7_a_destroy_that_fails_for_hours_is_asked_for_as_long",
    "C5.3": _OFFERS + "bad_input_49_a_row_that_cannot_be_used_is_counted_with_its_reason",
    "C5.8": _OFFERS + "C5_a_total_that_says_more_than_its_parts_is_believed",
    "C5.13": "tests/unit/model/test_cost.py::test_C5_13_a_float_is_read_through_its_shortest_text",
    "C6.6": _API + "C6_6_one_deadline_holds_for_the_whole_answer_however_slowly_it_drips",
    "C6.7": _API + "C6_7_an_answer_without_end_is_cut_off",
    "C6.8": _API + "C6_8_nothing_packed_is_asked_for_or_unpacked",
    "C6.9": _API + "C6_9_a_cut_answer_is_no_answer",
    "C6.10": _API + "C6_10_a_redirect_is_refused_and_both_hosts_are_named",
    "C6.12": _API + "C6_12_proxies_of_the_environment_are_not_used",
    "C7.1": _WHOLE_FUZZ,
    "C7.2": _OFFERS + "C7_2_null_in_what_only_describes_leaves_an_offer",
    "C7.3": _WHOLE_FUZZ,
    "C7.4": _ROWS + "C7_4_an_environment_in_another_shape_is_none",
    "C7.5": _WHOLE_FUZZ,
    "C7.6": _WHOLE_FUZZ,
    "C7.7": _TEXT + "C7_what_cannot_be_trusted_is_refused_without_repeating_it",
    "C7.8": _TEXT + "C7_what_cannot_be_trusted_is_refused_without_repeating_it",
    "C7.9": _TEXT + "C7_what_cannot_be_trusted_is_refused_without_repeating_it",
    "C7.10": _TEXT + "C7_what_cannot_be_trusted_is_refused_without_repeating_it",
    "C7.11": "tests/unit/statefile/test_format.py"
    "::test_bad_input_53_a_lone_surrogate_from_a_provider_survives_and_the_state_stays_valid",
    "C7.12": _ROWS + "C7_12_a_date_that_is_none_is_left_out",
    "C7.15": _WHOLE_FUZZ,
    "C7.17": _API + "C7_17_an_id_that_leads_elsewhere_stays_one_segment",
    "C8.7": "tests/unit/transport/test_pacing.py"
    "::test_I26_no_window_ever_holds_more_calls_than_it_may",
    "C9.6": "tests/unit/model/test_mark.py::test_the_longest_mark_fits_the_shortest_limit_found",
    "C9.7": _STATE + "C9_7_a_lost_state_is_rebuilt_from_what_runs",
    "C10.9": _FILE + "C10_9_a_directory_that_became_a_link_is_refused",
    "C10.13": "tests/end_to_end/test_interrupted.py"
    "::test_bad_input_39_a_closed_output_stops_no_apply",
    "C10.14": "tests/unit/statefile/test_failing_disk.py"
    "::test_I7_after_any_failing_call_the_state_is_old_or_new_and_nothing_is_left_over",
    "C10.16": "tests/unit/statefile/test_format.py"
    "::test_bad_input_57_any_single_flipped_bit_is_noticed",
    "C10.17": _CLOCKS + "C10_17_a_laptop_that_sleeps_in_the_middle_of_an_apply",
    "C11.7": "tests/end_to_end/test_kills.py"
    "::test_C10_10_I8_runners_side_by_side_buy_nothing_twice",
    "C11.8": "tests/unit/statefile/test_history.py"
    "::test_C11_8_what_cannot_be_saved_goes_to_another_disk_and_comes_back_from_there",
    "C11.9": _STATE + "C11_9_an_old_copy_put_back_by_hand_stops_every_change_until_it_is_restored",
    "C11.11": "tests/unit/statefile/test_format.py"
    "::test_bad_input_58_a_newer_version_is_refused_with_both_numbers",
    "C12.1": _CLOCKS + "I31_C12_1_a_day_ahead_destroys_nothing_and_the_true_end_still_holds",
    "C12.2": _CLOCKS + "I31_C12_2_a_day_back_is_no_extension",
    "C12.4": _CLOCKS + "C12_4_a_provider_whose_clock_is_wrong_ends_nothing_early_and_nothing_late",
    "C12.5": "tests/unit/documents/test_bad_inputs.py"
    "::test_bad_input_is_refused_at_its_place_with_words_of_our_own",
    "C12.7": _API + "I31_a_date_that_cannot_be_read_or_comes_from_a_cache_is_none",
    "C12.8": _API + "I31_a_date_that_cannot_be_read_or_comes_from_a_cache_is_none",
    "C12.10": _CLOCKS + "C12_10_a_paused_virtual_machine_catches_up_once_its_wall_clock_is_set",
    "C12.9": _AROUND + "bad_input_40_surroundings_do_not_change_what_is_planned",
    "C13.2": _STRANGE + "I22_a_hostile_label_region_and_host_stay_inert",
    "C13.3": _API + "I10_a_key_that_is_echoed_is_cut_out_of_the_answer_before_anyone_sees_it",
    "C13.4": "tests/unit/reporting/test_plan_markdown.py"
    "::test_C13_4_I22_what_comes_from_outside_stays_in_code",
    "C13.5": _STRANGE + "I22_C13_whatever_a_provider_says_of_its_machines_stays_inert",
    "C13.6": _STRANGE + "I22_C13_what_a_provider_answers_instead_stays_inert",
    "C13.7": "tests/unit/model/test_mark.py::test_C2_11_a_text_that_is_not_exactly_a_mark_is_none",
    "C13.8": "tests/unit/providers/test_credentials.py"
    "::test_bad_input_36_a_variable_that_holds_no_key_is_named_and_ends_the_search",
    "C13.9": _WHOLE_FUZZ,
    "C14.5": "tests/end_to_end/test_saved_plans.py"
    "::test_bad_input_34_the_plan_of_another_workspace_is_refused",
    "C14.9": "tests/end_to_end/test_saved_plans.py"
    "::test_bad_input_33_a_moved_state_is_told_with_both_serials",
    "C14.10": "tests/unit/statefile/test_format.py"
    "::test_bad_input_58_a_newer_version_is_refused_with_both_numbers",
}

THE_SAME_AS = {
    "C2.12": "C7.3",
    "C8.10": "C6.13",
    "C9.5": "C2.11",
    "C10.11": "C10.10",
    "C10.18": "C10.5",
    "C11.10": "C9.7",
    "C14.7": "C4.13",
    "C14.11": "C14.3",
}
"""To this program both look alike."""

NOT_COVERED = {
    "the machine is not what was ordered, or cannot be reached": (
        "C1.10", "C1.11", "C1.12", "C1.13", "C2.9", "C3.6", "C3.10",
    ),
    "no provider here works that way yet": ("C4.6", "C4.7", "C4.11", "C5.7", "C5.14", "C7.14"),
    "not modelled: bills of provisioning, minimum periods, balances": (
        "C5.9", "C5.10", "C5.11", "C5.12",
    ),
    "of the network below HTTP": (
        "C6.2", "C6.3", "C6.11", "C6.14", "C6.15", "C6.16", "C6.17", "C7.13", "C7.16",
    ),
    "identical machines of others, protection set between plan and apply": ("C9.9", "C9.10"),
    "hooks, file systems without locks": ("C10.12", "C10.15"),
    "there is no remote state backend": (
        "C11.2", "C11.3", "C11.4", "C11.5", "C11.6", "C11.12", "C11.13", "C11.14",
    ),
    "no local time is ever reckoned with": ("C12.6",),
}  # fmt: skip
PROMISES_NOT_COVERED = {
    "I29": "readiness is tested (tests/simulation/test_replacement.py), reaching a machine is not",
}
SIZES = {
    "C1": 20, "C2": 17, "C3": 10, "C4": 15, "C5": 15, "C6": 17, "C7": 17, "C8": 10, "C9": 10,
    "C10": 18, "C11": 15, "C12": 10, "C13": 9, "C14": 11,
}  # fmt: skip
"""How many faults each group of RELIABILITY.md has."""

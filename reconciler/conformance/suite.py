"""All checks of the suite, in order; each is named by the sentence that it proves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.conformance import life, trouble

if TYPE_CHECKING:
    from reconciler.conformance.account import Check

CHECKS: tuple[Check, ...] = (
    life.the_truth_table_is_finite_and_not_negative,
    life.the_balance_is_told_as_the_truth_table_says,
    life.offers_are_whole_and_usable,
    life.a_query_leaves_out_nothing_that_matches,
    life.a_fresh_account_is_empty_and_has_an_identity,
    life.a_created_machine_is_read_and_listed_with_its_mark_and_rate,
    life.a_machine_becomes_ready,
    life.many_machines_are_all_listed,
    life.a_destroyed_machine_is_proven_gone_within_the_declared_times,
    life.a_destroy_may_be_repeated_until_the_machine_is_gone,
    life.an_unknown_machine_is_denied_whatever_its_id_looks_like,
    life.an_offer_is_rented_as_often_as_its_stock_says,
    life.a_vanished_offer_creates_nothing,
    life.two_machines_may_carry_one_mark,
    trouble.I5_a_listing_that_fails_is_an_error_and_never_empty,
    trouble.I5_a_listing_that_misses_machines_is_never_complete,
    trouble.a_read_that_fails_does_not_say_that_the_machine_is_gone,
    trouble.a_destroy_that_fails_is_told_and_the_machine_is_still_there,
    trouble.a_refused_key_is_told_from_everything_else,
    trouble.I11_a_create_whose_answer_is_lost_is_unknown_and_never_sent_again,
    trouble.I32_a_status_that_nobody_knows_is_unknown_and_listed,
    trouble.I13_a_machine_that_stopped_is_listed_and_not_running,
)

"""The list of files with which somebody attacks, and the tests that build each one and see it refused."""

from __future__ import annotations

from typing import NamedTuple


class Attack(NamedTuple):
    """What is built, and where: a file of tests, and the names in it."""

    what: str
    where: dict[str, tuple[str, ...]]


ATTACKS, FUZZ = "tests/security/test_attacks.py", "tests/security/test_fuzz.py"
FOLDERS, NAMES, STEPS = (f"tests/security/test_strange_{each}.py" for each in ("folders", "names", "steps"))
STATE, WEIGHTS, ARCHIVE, SAVING, JSON, TEMPLATE, FILES = (
    f"tests/checkpoint/test_{each}.py"
    for each in ("state_file", "weights_file", "archive", "saving", "strict_json", "template", "files")
)
REMOTE, CSV = "tests/callbacks/test_remote_monitor.py", "tests/callbacks/test_csv_logger.py"

LIST = {
    1: Attack("an array that is a pickle", {ATTACKS: ("test_files_of_other_kinds_are_not_read_as_weights",)}),
    2: Attack("a pickle under every name", {ATTACKS: ("test_other_bytes_under_any_name_cost_that_file_alone",)}),
    3: Attack("a state that names a function", {
        ATTACKS: ("test_the_state_of_a_callback_gives_it_no_method_and_nothing_of_the_runs",)}),
    4: Attack("a model that names a function", {
        SAVING: ("test_a_file_that_names_what_nobody_knows_is_refused_and_nothing_is_imported",)}),
    5: Attack("names that are paths", {ATTACKS: ("test_names_of_arrays_are_names_and_never_paths",),
                                       ARCHIVE: ("test_further_members_are_never_written_anywhere",)}),
    6: Attack("links, pipes and devices", {
        ATTACKS: ("test_no_pipe_device_or_folder_in_a_commits_place_is_read_or_waited_for",
                  "test_no_pipe_device_or_folder_in_the_locks_place_is_written_to"),
        FOLDERS: ("test_a_link_in_a_commits_place_is_not_followed", "test_a_hard_link_is_never_written_through")}),
    7: Attack("a folder swapped for a link while it is read", {
        FOLDERS: ("test_commits_that_are_swapped_for_a_link_while_they_are_read_are_read_from_their_own_folder",)}),
    8: Attack("names that are taken beforehand", {
        FOLDERS: ("test_names_that_a_stranger_has_taken_beforehand_are_not_written_through",
                  "test_temporary_names_cannot_be_foreseen")}),
    9: Attack("a shape of terabytes", {
        STEPS: ("test_what_an_array_cannot_be_is_refused_before_there_is_room_made_for_it",),
        ATTACKS: ("test_a_shape_of_very_many_sizes_is_refused_and_not_multiplied_out",)}),
    10: Attack("a header of terabytes", {STATE: ("test_a_crafted_file_is_refused",),
                                         WEIGHTS: ("test_a_huge_array_is_told_by_its_shape_and_never_allocated",)}),
    11: Attack("zeros that are packed a thousand to one", {
        STEPS: ("test_zeros_that_are_packed_a_thousand_to_one_are_unpacked_no_further_than_the_array_goes",),
        ATTACKS: ("test_numbers_that_are_packed_are_refused_before_they_are_unpacked",),
        ARCHIVE: ("test_a_packed_bomb_is_refused_before_it_is_unpacked",)}),
    12: Attack("JSON of every kind", {JSON: ("test_it_is_refused_with_what_it_is_and_a_cure",
                                             "test_too_much_is_refused_before_it_is_parsed")}),
    13: Attack("a flood of arrays", {
        WEIGHTS: ("test_more_groups_than_any_model_has_are_refused",),
        ATTACKS: ("test_a_flood_of_arrays_is_read_or_refused_and_costs_no_more_than_its_bytes",)}),
    14: Attack("a layout that leads elsewhere", {
        STEPS: ("test_a_layout_that_leads_elsewhere_is_refused", "test_nothing_in_a_step_is_a_link_a_pipe_or_a_device",
                "test_the_database_cannot_keep_its_numbers_elsewhere")}),
    15: Attack("digests that are wrong, gone or weak", {STATE: ("test_a_crafted_file_is_refused",),
                                                        ATTACKS: ("test_no_digest_but_the_one_is_taken",)}),
    16: Attack("versions", {ATTACKS: ("test_a_document_that_no_run_writes_is_refused_before_the_first_step",)}),
    17: Attack("another owner, a folder for everybody", {
        FOLDERS: ("test_a_commit_of_another_user_is_refused", "test_a_folder_for_everybody_is_warned_of")}),
    18: Attack("a lock that is planted", {
        ATTACKS: ("test_a_link_in_the_locks_place_does_not_empty_what_it_points_to",
                  "test_a_lock_that_says_nonsense_is_quoted_in_no_terminal")}),
    19: Attack("names for browsers and terminals", {
        NAMES: ("test_a_metric_cannot_be_called_so", "test_no_name_steers_the_terminal",
                "test_a_table_has_them_as_text", "test_json_has_them_as_text",
                "test_event_files_and_what_lies_beside_them_have_them_as_text",
                "test_a_run_that_is_shown_has_them_as_text")}),
    20: Attack("formulas", {CSV: ("test_text_that_a_table_program_would_run_is_made_harmless",
                                  "test_headers_are_made_harmless_and_found_again")}),
    21: Attack("templates that walk", {
        TEMPLATE: ("test_anything_but_a_name_and_a_numbers_format_is_refused_at_once",)}),
    22: Attack("a server that leads elsewhere", {REMOTE: ("test_nobody_is_followed_to_another_address",)}),
    23: Attack("a server that never answers", {REMOTE: ("test_a_rude_server_is_waited_for_no_longer_than_told",)}),
    24: Attack("modules in the working folder", {
        ATTACKS: ("test_modules_that_lie_in_the_working_folder_are_not_looked_for",)}),
    25: Attack("a secret in the environment", {ATTACKS: ("test_nothing_of_the_environment_gets_into_a_run",)}),
    26: Attack("any bytes", {FUZZ: ("test_a_state", "test_an_archive", "test_weights", "test_json", "test_documents")}),
}  # fmt: skip

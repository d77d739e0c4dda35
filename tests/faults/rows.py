"""The list of what may happen to a run, row by row, and where each is tried: a fault of `table.py`, or a test.

The list is older than the suite; what stands there of other libraries than this one, or of parts that Kibitz has not,
is in ABSENT.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Tried(NamedTuple):
    """What happens, and where it is tried."""

    what: str
    where: tuple[str, ...]


def tried(what: str, *where: str) -> Tried:
    return Tried(what, where)


KILL, POWER, DISK = "kill -9 at any instant", "the power is cut", "the disk refuses operation n"
RAISES, DATA, CLOCK = "a callback raises", "the data fail", "the clock is set back"
MOMENTS, OTHERWISE = "signals at moments that are hard to hit", "the machine is set up otherwise"
SIGNALS, TWO = "SIGTERM and Ctrl-C", "two processes on one run"
RESUME, REFUSALS = "tests/durable/test_resume.py::", "tests/durable/test_refusals.py::"
CTRL_C, DONATED = "tests/free/test_ctrl_c.py::", "tests/free/test_donated.py::"
STATE, STREAMS = "tests/callbacks/test_state.py::", "tests/speaks/test_streams.py::"
ATTACKS, FUZZ = "tests/security/test_attacks.py::", "tests/security/test_fuzz.py::"
EARLY, FILES = "tests/callbacks/test_early_stopping.py::", "tests/checkpoint/test_files.py::"
REMOTE, ORACLE = "tests/callbacks/test_remote_monitor.py::", "tests/oracle/test_faults.py::"
OTHERS = REFUSALS + "test_something_else_is_refused_by_name_before_the_first_step"

ROWS = {
    1: tried("killed at a random instant", KILL),
    2: tried("killed at every point", POWER, RESUME + "test_whenever_it_dies_and_however_often_it_is_committed"),
    3: tried("killed in a commit", POWER, DISK),
    4: tried("killed again while it recovers", "the power is cut while a run goes on", KILL),
    5: tried("killed before the first commit", POWER),
    6: tried("killed after the last step", POWER, RAISES),
    7: tried("a finished run is started", RESUME + "test_a_finished_run_trains_no_more_and_goes_on_when_epochs_grow"),
    8: tried("killed while an old commit is removed", POWER),
    9: tried("killed at the edges of an epoch", KILL,
             RESUME + "test_a_death_between_the_last_batch_and_the_end_of_the_epoch"),
    10: tried("killed twenty times", KILL),
    11: tried("SIGTERM while XLA compiles", MOMENTS),
    12: tried("SIGTERM in a step", SIGNALS, REFUSALS + "test_sigterm_commits_closes_and_exits_with_143"),
    13: tried("SIGTERM in validation", MOMENTS),
    14: tried("SIGTERM while a commit is on its way", MOMENTS),
    15: tried("SIGTERM, then SIGKILL", MOMENTS),
    16: tried("Ctrl-C", SIGNALS, CTRL_C + "test_pressed_once_no_hook_is_cut_through_and_all_is_closed"),
    17: tried("Ctrl-C twice", MOMENTS, CTRL_C + "test_pressed_twice_a_hook_is_cut_through"),
    18: tried("Ctrl-C while workers fetch", MOMENTS),
    19: tried("a run in a thread", CTRL_C + "test_a_run_in_a_thread_is_no_concern_of_it"),
    20: tried("handlers come back", CTRL_C + "test_a_handler_of_ones_own_is_left_alone",
              CTRL_C + "test_a_handler_that_a_hook_sets_stays"),
    21: tried("SIGSTOP, SIGCONT", MOMENTS),
    22: tried("the disk is full in a commit", DISK),
    23: tried("the disk is full in the background", DISK,
              REFUSALS + "test_a_commit_that_cannot_be_written_costs_that_commit_and_not_the_run"),
    24: tried("the disk is full, and then not", DISK),
    25: tried("only a log's disk is full", "the disk of a log is full"),
    26: tried("too little room at the start", "there is too little room"),
    27: tried("nothing may be written", DISK,
              FILES + "test_the_probe_finds_a_place_where_nothing_can_be_written_and_leaves_nothing"),
    28: tried("the folder is removed", "the folder is removed"),
    29: tried("the folder is swapped for a link", "the folder is swapped"),
    30: tried("a commit cannot be read", "the disk refuses operation n while a run goes on"),
    31: tried("half of a write gets there", DISK),
    32: tried("a sync fails once", DISK),
    33: tried("the power is cut", POWER, "the power is cut while a run goes on"),
    34: tried("a bit of an array is flipped", "a bit of a commit is flipped"),
    35: tried("a bit besides the arrays is flipped", "a bit of a commit is flipped"),
    36: tried("cut short, empty, gone", "a commit is cut short", "commits are empty, gone or swapped"),
    37: tried("files of others", "files of others lie there"),
    38: tried("all are damaged", "commits are empty, gone or swapped"),
    39: tried("commits are swapped", "commits are empty, gone or swapped", "a commit is of another run"),
    40: tried("copied, packed, moved", "the folder is carried off",
              ATTACKS + "test_a_run_holds_no_path_of_its_own_so_it_can_be_moved"),
    41: tried("the clock is set back", CLOCK),
    42: tried("times of files are shuffled", CLOCK),
    43: tried("another language and encoding", OTHERWISE),
    44: tried("a callback hangs", "a callback hangs"),
    45: tried("each hook raises", RAISES, ORACLE + "test_D15_every_callback_is_closed_when_one_raises"),
    46: tried("on_run_end raises", RAISES,
              "tests/callbacks/test_on_error.py::test_a_detached_one_that_fails_in_closing_too_harms_nobody"),
    47: tried("a state cannot be given or taken",
              REFUSALS + "test_what_a_callback_cannot_keep_is_named_at_the_first_commit_after_it",
              ATTACKS + "test_a_state_that_a_callback_cannot_take_is_told_with_its_name"),
    48: tried("a state of any kind", STATE + "test_what_a_hook_has_set_comes_back_equal_in_type_and_value",
              STATE + "test_what_cannot_be_kept_is_an_error_that_names_it_and_its_cure"),
    49: tried("a stop and an exception", "a stop and an exception in one hook"),
    50: tried("a loss is NaN", "a loss is no number"),
    51: tried("a metric is NaN",
              EARLY + "test_D16_what_is_not_a_finite_number_never_becomes_the_best",
              REMOTE + "test_what_is_not_finite_is_sent_as_null"),
    52: tried("counters at their end", "counters are at their end"),
    53: tried("the data raise", DATA),
    54: tried("the data end early", DATA, STREAMS + "test_a_generator_that_runs_dry_ends_the_run_with_both_counts",
              ORACLE + "test_D36_no_batch_of_a_generator_is_trained_on_twice"),
    55: tried("the data raise StopIteration", DATA),
    56: tried("the data change their shape", STREAMS + "test_a_batch_unlike_the_first_is_told_at_its_batch"),
    57: tried("the data hang", MOMENTS),
    58: tried("the data reuse one buffer",
              "tests/data/test_feed.py::test_a_generator_that_fills_one_buffer_again_and_again_gives_batches_of_their_own"),
    60: tried("a forked child trains", "a forked child would train"),
    61: tried("two models in two threads", "two models in two threads"),
    62: tried("a fit within a fit", DONATED + "test_a_fit_within_a_hook",
              ORACLE + "test_D38_a_nested_fit_takes_no_stop_from_the_run_around_it"),
    63: tried("two processes on one folder", TWO, "a process forks",
              REFUSALS + "test_a_lock_is_not_left_behind_by_a_crash"),
    64: tried("a reader while commits are written", MOMENTS),
    65: tried("another width", "a run goes on with another model"),
    66: tried("another structure", "a run goes on with another model", OTHERS),
    67: tried("another dtype", "a run goes on with another model"),
    68: tried("another optimizer", OTHERS),
    69: tried("other settings", OTHERS, REFUSALS + "test_what_may_change_freely_does"),
    70: tried("another seed", OTHERS,
              RESUME + "test_what_nobody_has_seeded_is_drawn_once", "a commit is of another run"),
    71: tried("other data", OTHERS, "a run goes on with another model"),
    72: tried("other callbacks", RESUME + "test_callbacks_may_come_and_go"),
    73: tried("other versions and devices", "a run goes on on another machine",
              ATTACKS + "test_a_document_that_no_run_writes_is_refused_before_the_first_step"),
    75: tried("a document of nonsense", ATTACKS + "test_a_document_that_no_run_writes_is_refused_before_the_first_step",
              FUZZ + "test_documents"),
    76: tried("too little memory", "there is too little memory"),
    78: tried("killed for its memory", KILL),
    79: tried("an exception after states were given away",
              DONATED + "test_an_interruption_at_any_moment_leaves_weights"),
    80: tried("weights change while they are written", "weights change while they are written"),
    81: tried("a server is down, or rude", REMOTE + "test_a_rude_server_is_waited_for_no_longer_than_told",
              REMOTE + "test_a_server_that_is_not_there_is_warned_of_in_keras_s_words_and_training_goes_on"),
    82: tried("standard output is closed or full", OTHERWISE),
    83: tried("few files may be open", OTHERWISE),
    84: tried("a package is not there",
              "tests/callbacks/test_wandb.py::test_without_the_package_it_says_what_to_install"),
    85: tried("a hook exits", RAISES, KILL),
    86: tried("the process ends right behind fit", KILL),
    87: tried("flags of the interpreter", OTHERWISE),
    88: tried("rights of new files", OTHERWISE, FILES + "test_a_file_has_the_rights_that_any_new_file_has"),
    89: tried("another number of cores", "a run goes on on another machine"),
    90: tried("kept programs are damaged", "kept programs are damaged"),
    91: tried("a second writer", TWO),
}  # fmt: skip

ABSENT = {
    59: "a worker that fetches data dies: Kibitz has no workers of its own, and a program's are the program's",
    74: "the code of a step is another one: models and data are compared, code is not",
    77: "a device has too little memory: there is no device here of which that could be asked on purpose",
}


def covered(faults: dict[str, object]) -> int:
    """How many rows are tried.

    Args:
        faults: Those of `table.py` by name.

    Raises:
        AssertionError: If a fault or a test that is named here is not there.
    """
    assert sorted([*ROWS, *ABSENT]) == list(range(1, 92))
    for number, row in ROWS.items():
        for where in row.where:
            path, _, name = where.partition("::")
            there = f"def {name}(" in (ROOT / path).read_text(encoding="utf-8") if name else where in faults
            assert there, f"row {number}: there is no {where}"
    named = {where for row in ROWS.values() for where in row.where}
    assert set(faults) - named <= BEYOND, set(faults) - named - BEYOND
    return len(ROWS)


BEYOND = {
    "the disk refuses operation n, with Orbax",
    "a file of an Orbax commit is damaged",
    "numbers of an Orbax commit are others",
    "a process ended in the midst of an Orbax commit",
    "kill -9 at any instant, with Orbax",
    "the disk refuses operation n while a run begins anew",
    "old commits cannot be removed",
    "Ctrl-C while JAX is loaded, without Kibitz",
}
"""Faults that stand in no row."""

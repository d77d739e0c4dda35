"""All that may happen to a run, by name: who makes it happen, and how often in the long form and in the short one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.faults import faults_of_changes as changes
from tests.faults import faults_of_disks as disks
from tests.faults import faults_of_folders as folders
from tests.faults import faults_of_machines as machines
from tests.faults import faults_of_orbax as orbax
from tests.faults import faults_of_processes as processes
from tests.faults import faults_of_programs as programs
from tests.faults import faults_of_signals as signals


class Row(NamedTuple):
    """A kind of fault.

    Args:
        faults: Makes them happen one by one, names each that was survived, and fails at the first that was not.
        long: What it is given by `make faults`: how many, or every how manyeth.
        short: What it is given by the tests.
    """

    faults: Callable[[int], Iterator[str]]
    long: int
    short: int


FAULTS = {
    "the disk refuses operation n": Row(disks.refused, 1, 41),
    "the disk refuses operation n while a run begins anew": Row(disks.refused_at_the_beginning_anew, 1, 37),
    "the disk refuses operation n while a run goes on": Row(folders.refused_going_on, 1, 31),
    "the power is cut": Row(disks.power_cuts, 1, 7),
    "the power is cut while a run goes on": Row(folders.cut_again, 1, 15),
    "a commit is cut short": Row(disks.cut_short, 1, 30),
    "a bit of a commit is flipped": Row(disks.bits_flipped, 400, 10),
    "commits are empty, gone or swapped": Row(disks.empty_missing_and_swapped, 1, 1),
    "a commit is of another run": Row(disks.of_another_run, 1, 1),
    "the folder is removed": Row(folders.removed, 1, 3),
    "the folder is swapped": Row(folders.swapped, 1, 1),
    "there is too little room": Row(folders.too_little_room, 1, 1),
    "old commits cannot be removed": Row(folders.cannot_be_removed, 1, 1),
    "files of others lie there": Row(folders.files_of_others, 1, 1),
    "the disk of a log is full": Row(folders.full_for_logs, 1, 1),
    "the folder is carried off": Row(machines.carried_off, 1, 3),
    "a callback raises": Row(programs.raises_in_each_hook, 1, 6),
    "a stop and an exception in one hook": Row(changes.stops_and_raises, 1, 1),
    "a callback hangs": Row(programs.hangs, 1, 1),
    "a loss is no number": Row(programs.no_numbers, 1, 1),
    "counters are at their end": Row(changes.counters_at_their_end, 1, 1),
    "weights change while they are written": Row(changes.written_while_it_changes, 1, 1),
    "the data fail": Row(programs.data_that_fail, 1, 1),
    "the clock is set back": Row(programs.clock_set_back, 1, 1),
    "two processes on one run": Row(programs.two_at_once, 1, 1),
    "two models in two threads": Row(changes.threads, 1, 1),
    "a process forks": Row(programs.forked, 1, 1),
    "the disk refuses operation n, with Orbax": Row(partial(disks.refused, store="orbax"), 5, 71),
    "a file of an Orbax commit is damaged": Row(orbax.damaged, 1, 23),
    "numbers of an Orbax commit are others": Row(orbax.wrong_numbers, 1, 60),
    "a process ended in the midst of an Orbax commit": Row(orbax.unfinished, 1, 11),
    "a forked child would train": Row(changes.a_fork_that_trains, 1, 1),
    "a run goes on with another model": Row(changes.another_model, 1, 3),
    "a run goes on on another machine": Row(changes.another_machine, 1, 6),
    "the machine is set up otherwise": Row(machines.set_up_otherwise, 1, 7),
    "there is too little memory": Row(machines.too_little_memory, 1, 3),
    "kept programs are damaged": Row(machines.cache_of_programs, 1, 3),
    "signals at moments that are hard to hit": Row(signals.at_moments, 1, 9),
    "SIGTERM and Ctrl-C": Row(processes.asked_to_end, 40, 2),
    "Ctrl-C while JAX is loaded, without Kibitz": Row(processes.libraries_alone, 40, 2),
    "kill -9 at any instant, with Orbax": Row(partial(processes.at_any_instant, store="orbax"), 60, 2),
    "kill -9 at any instant": Row(processes.at_any_instant, 200, 4),
}

"""Every scenario can fail: for each there is a mutant of Kibitz that it catches.

All of them are run by `make mutants`; `make test` runs every tenth mutant against one scenario that catches it.
"""

from __future__ import annotations

import pytest

from tests.oracle.conftest import quietly
from tests.oracle.mutant import load as load_mutants
from tests.oracle.scenario import differences, load

SCENARIOS, MUTANTS = load(), load_mutants()
PAIRS = {name: mutant.scenarios(SCENARIOS) for name, mutant in MUTANTS.items()}


@pytest.mark.parametrize(
    ("mutant", "scenario"),
    [
        pytest.param(name, scenario, marks=[pytest.mark.mutant] if index or number % 10 else [])
        for number, (name, scenarios) in enumerate(PAIRS.items())
        for index, scenario in enumerate(scenarios)
    ],
)
def test_a_mutant_is_caught(mutant, scenario, kibitz, keras_trace, tmp_path, monkeypatch):
    wanted = keras_trace(scenario)
    MUTANTS[mutant].patch(monkeypatch)
    found = what_happens(SCENARIOS[scenario], kibitz, tmp_path)
    assert not broken(found), f"{mutant} does not fit Kibitz any more: {found}"
    assert differences(wanted, found, SCENARIOS[scenario].rtol), f"{scenario} does not see that {mutant}"


def what_happens(scenario, kibitz, tmp):
    """The trace of a mutant, or the error that ended it."""
    try:
        return quietly(scenario.trace, kibitz, tmp)
    except Exception as error:
        return error


def broken(error):
    """Whether an error says that the patch is wrong, and not that the scenario has noticed."""
    told = ("unexpected keyword argument", "positional argument", "has no attribute", "is not defined")
    if not isinstance(error, AttributeError | NameError | TypeError) or "NoneType" in str(error):
        return False
    return any(words in str(error) for words in told)


def test_each_scenario_catches_a_mutant():
    assert set(SCENARIOS) == {scenario for scenarios in PAIRS.values() for scenario in scenarios}


def test_each_pattern_names_a_scenario():
    patterns = {pattern for mutant in MUTANTS.values() for pattern in mutant.caught_by}
    assert [pattern for pattern in patterns if "*" not in pattern and pattern not in SCENARIOS] == []

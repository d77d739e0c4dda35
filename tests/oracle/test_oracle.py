"""Every scenario under both libraries: the same hooks, the same arguments, the same keys, the same numbers."""

from __future__ import annotations

import pytest

from tests.oracle.conftest import quietly
from tests.oracle.scenario import differences, load

SCENARIOS = load()

# What Kibitz tells, and Keras does not or in other words. Any other warning is an error here too.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The loss is not finite"),
    pytest.mark.filterwarnings("ignore:class_weight has no weight"),
    pytest.mark.filterwarnings("ignore:There is nothing to do"),
    pytest.mark.filterwarnings("ignore:Some weights were not loaded"),
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_kibitz_does_what_keras_does(name, kibitz, keras_trace, tmp_path):
    # What Kibitz says beyond Keras is asked after elsewhere; here only the traces count.
    ours = quietly(SCENARIOS[name].trace, kibitz, tmp_path, only=UserWarning)
    found = differences(keras_trace(name), ours, SCENARIOS[name].rtol)
    assert not found, f"{name}: {SCENARIOS[name].proves}\n" + "\n".join(found[:8])

"""DeviceStats: what is logged of devices that tell and of those that do not, of the process, of its cores."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kibitz
from kibitz.callbacks import DeviceStats, EarlyStopping, memory
from kibitz.errors import UnknownMonitor
from kibitz.testing import Recorder, drive

MIB = 2**20


class Device:
    def __init__(self, told):
        self.told = told

    def memory_stats(self):
        if isinstance(self.told, BaseException):
            raise self.told
        return self.told


@pytest.fixture
def devices(monkeypatch):
    def put(*told):
        monkeypatch.setattr(jax, "local_devices", lambda: [Device(each) for each in told])

    return put


def logs(*callbacks):
    record = Recorder()
    drive([*(callbacks or [DeviceStats()]), record], epochs=[{"loss": 1.0}] * 2)
    return record.logs("on_epoch_end")


def test_a_device_that_tells_is_logged(devices):
    devices({"bytes_in_use": 3 * MIB, "peak_bytes_in_use": 5 * MIB, "bytes_limit": 9 * MIB})

    for each in logs():
        assert (each["device_memory_mib"], each["device_memory_peak_mib"]) == (3, 5)


def test_of_several_devices_each_has_its_number(devices):
    devices({"bytes_in_use": MIB}, {"bytes_in_use": 2 * MIB, "peak_bytes_in_use": 4 * MIB})

    found = {key: value for key, value in logs()[0].items() if key.startswith("device")}
    assert found == {"device_0_memory_mib": 1, "device_1_memory_mib": 2, "device_1_memory_peak_mib": 4}


@pytest.mark.parametrize("told", [None, {}, NotImplementedError(), RuntimeError("no")], ids=repr)
def test_a_device_that_does_not_tell_is_left_out(devices, told):
    devices(told)

    assert not any(key.startswith("device") for key in logs()[0])


def test_the_process_is_told_by_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\nThreads:\t3\n")
    each = logs()[0]
    assert (each["process_memory_mib"], each["process_memory_peak_mib"]) == (2, 4)

    (tmp_path / "status").unlink()  # as on a Mac: only the peak
    each = logs()[0]
    assert "process_memory_mib" not in each
    assert each["process_memory_peak_mib"] > 1


@pytest.mark.skipif(not memory.STATUS.exists(), reason="this system tells only the peak")
def test_what_the_process_holds_grows_with_what_it_is_given():
    before = memory.process_memory()["process_memory_mib"]
    held = np.ones(128 * MIB, "uint8")
    after = memory.process_memory()

    assert after["process_memory_mib"] - before > held.nbytes / MIB / 2
    assert after["process_memory_peak_mib"] >= after["process_memory_mib"] - 1


def test_busy_cores_are_those_of_the_epoch_alone():
    wall, cpu = iter([0.0, 10.0, 50.0, 60.0]), iter([0.0, 15.0, 500.0, 505.0])
    first, second = logs(DeviceStats(clock=lambda: next(wall), cpu_clock=lambda: next(cpu)))

    assert (first["cpu_cores_busy"], second["cpu_cores_busy"]) == (1.5, 0.5)


def test_a_callback_behind_it_may_watch_what_the_platform_tells_and_nothing_else(devices):
    devices(None)
    with pytest.raises(UnknownMonitor):
        logs(DeviceStats(), EarlyStopping("device_memory_mib", mode="min"))
    devices({"bytes_in_use": MIB})
    logs(DeviceStats(), EarlyStopping("device_memory_mib", mode="min"))


def test_in_a_fit_history_has_it_for_each_epoch():
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
    model.compile("sgd", "mse")
    stats = DeviceStats()
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[stats])

    assert set(stats.adds) == set(history.history) - {"loss"}
    assert all(len(history.history[key]) == 2 for key in stats.adds)

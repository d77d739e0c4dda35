"""What the machine is put to: memory of the devices and of the process, and how busy its cores are."""

from __future__ import annotations

import time
from collections.abc import Callable

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.memory import device_memory, process_memory

BUSY = "cpu_cores_busy"


class DeviceStats(Callback):
    """Log the memory in use and the load of the processor, epoch by epoch.

    Use it to see a leak grow, or how much larger a batch could be. Where JAX takes most of a GPU's memory beforehand,
    what is in use is told all the same, and not what was taken.

    Args:
        clock: Gives the present in seconds; only differences count. Give one of your own to test with.
        cpu_clock: Gives the seconds that the process's threads have computed, all together.

    Attributes: `adds` and `measures`, the keys that this platform lets it log; known when training begins.

    Reads: the platform's counts, at both ends of an epoch; never the model.
    Changes: nothing in the model; puts into the epoch's logs "device_memory_mib" and "device_memory_peak_mib" (of
        several devices "device_0_memory_mib" and so on; a CPU tells none), "process_memory_mib" and
        "process_memory_peak_mib", and "cpu_cores_busy": how many cores the process kept busy in the epoch, validation
        included. Peaks are those since the process began. All are measured, and never the same twice.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> record = kibitz.testing.Recorder()
        >>> _ = kibitz.testing.drive([kibitz.callbacks.DeviceStats(), record], epochs=[{"loss": 1.0}])
        >>> (logs,) = record.logs("on_epoch_end")
        >>> logs["process_memory_peak_mib"] > 1, logs["cpu_cores_busy"] >= 0
        (True, True)

    Source: https://lightning.ai/docs/pytorch/stable/api_references.html (the idea: Lightning's DeviceStatsMonitor).
    """

    adds = measures = (BUSY,)

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ):
        super().__init__()
        self._clock, self._cpu_clock = clock, cpu_clock
        self._begun: tuple[float, float] | None = None

    def settle(self, forecast: Forecast) -> None:
        """Find out what this platform tells."""
        self.adds = self.measures = (*device_memory(), *process_memory(), BUSY)

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Look at the clocks."""
        self._begun = self._clock(), self._cpu_clock()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log what there is."""
        if logs is None or self._begun is None:
            return
        (wall, cpu), self._begun = self._begun, None
        seconds = self._clock() - wall
        busy = (self._cpu_clock() - cpu) / seconds if seconds > 0 else 0.0
        logs.update({**device_memory(), **process_memory(), BUSY: busy})

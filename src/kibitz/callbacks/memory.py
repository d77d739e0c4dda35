"""How much memory the devices and this process hold, as far as the platform tells."""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
MIB = 2**20


def device_memory() -> dict[str, float]:
    """MiB in use and at most so far, of each local device that tells; a CPU does not.

    The peak is the process's: nobody can begin it anew.

    Example:
        >>> from kibitz.callbacks.memory import device_memory
        >>> device_memory()  # on a CPU
        {}
    """
    import jax

    devices = jax.local_devices()
    found = {}
    for number, device in enumerate(devices):
        # Some backends have no such method, some give None, and some refuse.
        try:
            told = device.memory_stats() or {}
        except (AttributeError, NotImplementedError, RuntimeError):
            continue
        name = "device_memory" if len(devices) == 1 else f"device_{number}_memory"
        for key, part in (("bytes_in_use", ""), ("peak_bytes_in_use", "_peak")):
            if key in told:
                found[f"{name}{part}_mib"] = told[key] / MIB
    return found


def process_memory() -> dict[str, float]:
    """MiB of main memory that this process holds now, and at most so far; what the system does not tell is left out.

    Example:
        >>> from kibitz.callbacks.memory import process_memory
        >>> 1 < process_memory()["process_memory_peak_mib"] < 1e6
        True
    """
    if STATUS.exists():
        told = dict(line.split(":", 1) for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines())
        keys = {"process_memory_mib": "VmRSS", "process_memory_peak_mib": "VmHWM"}
        return {name: float(told[key].split()[0]) / 1024 for name, key in keys.items() if key in told}
    try:
        import resource
    except ImportError:  # Windows
        return {}
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"process_memory_peak_mib": most / (MIB if sys.platform == "darwin" else 1024)}  # bytes on a Mac, else KiB

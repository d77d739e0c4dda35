"""The callbacks, by the names that Keras gives them: a door, and each name lives in the file named after it.

A name is imported when it is first asked for, so that `kibitz.callbacks.base` can be had without all the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kibitz.errors import MissingName, code, nearest_name

if TYPE_CHECKING:
    from kibitz.callbacks.backup_and_restore import BackupAndRestore
    from kibitz.callbacks.base import Callback
    from kibitz.callbacks.callback_list import CallbackList
    from kibitz.callbacks.csv_logger import CSVLogger
    from kibitz.callbacks.device_stats import DeviceStats
    from kibitz.callbacks.early_stopping import EarlyStopping
    from kibitz.callbacks.history import History
    from kibitz.callbacks.lambda_callback import LambdaCallback
    from kibitz.callbacks.learning_rate_finder import LearningRateFinder
    from kibitz.callbacks.learning_rate_monitor import LearningRateMonitor
    from kibitz.callbacks.learning_rate_scheduler import LearningRateScheduler
    from kibitz.callbacks.model_checkpoint import ModelCheckpoint
    from kibitz.callbacks.prediction_writer import PredictionWriter
    from kibitz.callbacks.progbar_logger import ProgbarLogger
    from kibitz.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
    from kibitz.callbacks.sample_viewer import SampleViewer
    from kibitz.callbacks.terminate_on_nan import TerminateOnNaN
    from kibitz.callbacks.throughput_monitor import ThroughputMonitor
    from kibitz.callbacks.timer import Timer
    from kibitz.callbacks.weight_averaging import WeightAveraging

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "DeviceStats",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateMonitor",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "PredictionWriter",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SampleViewer",
    "TerminateOnNaN",
    "ThroughputMonitor",
    "Timer",
    "WeightAveraging",
]

_FILES = {
    "BackupAndRestore": "backup_and_restore",
    "CSVLogger": "csv_logger",
    "Callback": "base",
    "CallbackList": "callback_list",
    "DeviceStats": "device_stats",
    "EarlyStopping": "early_stopping",
    "History": "history",
    "LambdaCallback": "lambda_callback",
    "LearningRateFinder": "learning_rate_finder",
    "LearningRateMonitor": "learning_rate_monitor",
    "LearningRateScheduler": "learning_rate_scheduler",
    "ModelCheckpoint": "model_checkpoint",
    "PredictionWriter": "prediction_writer",
    "ProgbarLogger": "progbar_logger",
    "ReduceLROnPlateau": "reduce_lr_on_plateau",
    "SampleViewer": "sample_viewer",
    "TerminateOnNaN": "terminate_on_nan",
    "ThroughputMonitor": "throughput_monitor",
    "Timer": "timer",
    "WeightAveraging": "weight_averaging",
}

_NOT_HERE = {
    "OrbaxCheckpoint": "ModelCheckpoint, or BackupAndRestore to go on after a crash",
    "RemoteMonitor": "LambdaCallback(on_epoch_end=lambda epoch, logs: ...) that sends the logs",
    "SwapEMAWeights": 'WeightAveraging("ema"), or optimizer=Adam(use_ema=True)',
    "TensorBoard": "CSVLogger, or a callback of your own around a writer",
}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f"kibitz.callbacks.{_FILES[name]}"), name)
    if name in _NOT_HERE:
        raise MissingName(
            f"Kibitz has no {name}.", given=code(f"kibitz.callbacks.{name}"), there_is=__all__, cure=_NOT_HERE[name]
        )
    near = None if name.startswith("_") else nearest_name(name, __all__)
    raise MissingName(
        "There is no callback of this name.",
        given=code(f"kibitz.callbacks.{name}"),
        there_is=__all__,
        nearest=near,
        cure=f"kibitz.callbacks.{near or 'Callback'}",
    )


def __dir__() -> list[str]:
    return sorted(__all__)

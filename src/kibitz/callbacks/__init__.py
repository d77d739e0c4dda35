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
    from kibitz.callbacks.freeze_until import FreezeUntil
    from kibitz.callbacks.gradient_clip import GradientClip
    from kibitz.callbacks.gradient_norms import GradientNorms
    from kibitz.callbacks.history import History
    from kibitz.callbacks.lambda_callback import LambdaCallback
    from kibitz.callbacks.learning_rate_finder import LearningRateFinder
    from kibitz.callbacks.learning_rate_monitor import LearningRateMonitor
    from kibitz.callbacks.learning_rate_scheduler import LearningRateScheduler
    from kibitz.callbacks.model_checkpoint import ModelCheckpoint
    from kibitz.callbacks.monitor import Monitor
    from kibitz.callbacks.orbax_checkpoint import OrbaxCheckpoint
    from kibitz.callbacks.prediction_writer import PredictionWriter
    from kibitz.callbacks.progbar_logger import ProgbarLogger
    from kibitz.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
    from kibitz.callbacks.remote_monitor import RemoteMonitor
    from kibitz.callbacks.sample_viewer import SampleViewer
    from kibitz.callbacks.swap_ema_weights import SwapEMAWeights
    from kibitz.callbacks.tensorboard import TensorBoard
    from kibitz.callbacks.terminate_on_nan import TerminateOnNaN
    from kibitz.callbacks.throughput_monitor import ThroughputMonitor
    from kibitz.callbacks.timer import Timer
    from kibitz.callbacks.wandb_metrics_logger import WandbMetricsLogger
    from kibitz.callbacks.wandb_model_checkpoint import WandbModelCheckpoint
    from kibitz.callbacks.weight_averaging import WeightAveraging
    from kibitz.callbacks.weight_histograms import WeightHistograms

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "DeviceStats",
    "EarlyStopping",
    "FreezeUntil",
    "GradientClip",
    "GradientNorms",
    "History",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateMonitor",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Monitor",
    "OrbaxCheckpoint",
    "PredictionWriter",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SampleViewer",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "ThroughputMonitor",
    "Timer",
    "WandbMetricsLogger",
    "WandbModelCheckpoint",
    "WeightAveraging",
    "WeightHistograms",
]

_FILES = {
    "BackupAndRestore": "backup_and_restore",
    "CSVLogger": "csv_logger",
    "Callback": "base",
    "CallbackList": "callback_list",
    "DeviceStats": "device_stats",
    "EarlyStopping": "early_stopping",
    "FreezeUntil": "freeze_until",
    "GradientClip": "gradient_clip",
    "GradientNorms": "gradient_norms",
    "History": "history",
    "LambdaCallback": "lambda_callback",
    "LearningRateFinder": "learning_rate_finder",
    "LearningRateMonitor": "learning_rate_monitor",
    "LearningRateScheduler": "learning_rate_scheduler",
    "ModelCheckpoint": "model_checkpoint",
    "Monitor": "monitor",
    "OrbaxCheckpoint": "orbax_checkpoint",
    "PredictionWriter": "prediction_writer",
    "ProgbarLogger": "progbar_logger",
    "ReduceLROnPlateau": "reduce_lr_on_plateau",
    "RemoteMonitor": "remote_monitor",
    "SampleViewer": "sample_viewer",
    "SwapEMAWeights": "swap_ema_weights",
    "TensorBoard": "tensorboard",
    "TerminateOnNaN": "terminate_on_nan",
    "ThroughputMonitor": "throughput_monitor",
    "Timer": "timer",
    "WandbMetricsLogger": "wandb_metrics_logger",
    "WandbModelCheckpoint": "wandb_model_checkpoint",
    "WeightAveraging": "weight_averaging",
    "WeightHistograms": "weight_histograms",
}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f"kibitz.callbacks.{_FILES[name]}"), name)
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

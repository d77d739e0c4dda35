"""The workloads in PyTorch: the loop that a person writes by hand, and Lightning's Trainer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn


def module_of(kind: str) -> nn.Module:
    """The model of a workload; channels come first, as PyTorch has them."""
    if kind == "A":
        return nn.Linear(784, 1)
    if kind == "B":
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10)),
    )


def optimizer_of(kind: str, module: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a workload, with Keras's numbers."""
    if kind == "A":
        return torch.optim.RMSprop(module.parameters(), 1e-3, alpha=0.9, eps=1e-7)
    return torch.optim.Adam(module.parameters(), 1e-3, eps=1e-7)


def loss_of(kind: str) -> nn.Module:
    """The loss of a workload."""
    return nn.MSELoss() if kind == "A" else nn.CrossEntropyLoss()


def tensors(kind: str, x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The data as PyTorch wants them."""
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if kind == "C" else x)
    return images, torch.from_numpy(y) if kind == "A" else torch.from_numpy(y).long()


def by_hand(kind: str, x: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> Callable[[], float]:
    """Epochs, each in a new order of rows; the loss is read at every batch, as a callback would."""
    module, loss = module_of(kind), loss_of(kind)
    optimizer = optimizer_of(kind, module)
    images, wanted = tensors(kind, x, y)

    def fit() -> float:
        total = 0.0
        for rows in (rows for _ in range(epochs) for rows in torch.randperm(len(images)).split(batch)):
            optimizer.zero_grad()
            value = loss(module(images[rows]), wanted[rows])
            value.backward()
            optimizer.step()
            total += value.item()
        return total

    return fit


def by_lightning(kind: str, x: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> Callable[[], Any]:
    """Epochs by a Trainer without logger, checkpoints and progress bar."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Task(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.module, self.loss = module_of(kind), loss_of(kind)

        def training_step(self, given):
            images, wanted = given
            return self.loss(self.module(images), wanted)

        def configure_optimizers(self):
            return optimizer_of(kind, self)

    task = Task()
    rows = torch.utils.data.TensorDataset(*tensors(kind, x, y))
    loader = torch.utils.data.DataLoader(rows, batch_size=batch, shuffle=True)

    def fit() -> None:
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(task, loader)

    return fit

"""The training loop: epochs over one uint8 tensor, a checkpoint after each, the best weights kept.

The order of an epoch's pictures depends on the seed and the epoch alone, so a resumed run repeats an uninterrupted
one bit for bit. Knows nothing about files of pictures, records or charts.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.checkpoint import load_checkpoint, save_checkpoint
from training.display import TrainingDisplay
from training.evaluation import accuracy_and_loss
from training.recipes import Recipe
from training.sources import Pictures

# Points of the learning curve within an epoch, and the steps between two movements of the bar.
POINTS_AN_EPOCH = 25
STEPS_A_REFRESH = 20


@dataclass
class Progress:
    """What a run has come to; all of it goes into the checkpoint."""

    epoch: int = 0
    seconds: float = 0.0
    network_seconds: float = 0.0  # forward and backward passes
    history: list[dict[str, float]] = field(default_factory=list)  # one entry an epoch
    curve: list[tuple[float, float, float]] = field(default_factory=list)  # epochs, loss, accuracy while training
    chosen_epoch: int = 0
    chosen_weights: dict[str, Tensor] = field(default_factory=dict)


class Trainer:
    """Trains one network by one recipe; ``run`` leaves the chosen weights in the network."""

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        train: Pictures,
        validation: Pictures | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.network = network.to(device)
        self.recipe = recipe
        self.train = Pictures(train.images.to(device), train.labels.to(device))
        self.validation = validation
        self.seed = seed
        self.device = device
        self.optimizer = torch.optim.SGD(network.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum)
        self.progress = Progress()

    def run(self, display: TrainingDisplay, *, after_epoch: Callable[[], None] = lambda: None) -> Progress:
        """Train the epochs that are left; ``after_epoch`` is called once an epoch is whole."""
        with display:
            while self.progress.epoch < self.recipe.epochs:
                self._train_epoch(display)
                display.end_epoch(self._line())
                after_epoch()
        self.network.load_state_dict(self.progress.chosen_weights)
        return self.progress

    def save(self, path: Path, *, identity: dict[str, Any]) -> None:
        """Write a checkpoint from which ``resume`` goes on."""
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
        }
        save_checkpoint(path, identity=identity, state=state)

    def resume(self, path: Path, *, identity: dict[str, Any]) -> None:
        """Go on from a checkpoint; raises CheckpointError if it is missing or of another run."""
        state = load_checkpoint(path, identity=identity)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])

    def _train_epoch(self, display: TrainingDisplay) -> None:
        started = time.perf_counter()
        epoch = self.progress.epoch + 1
        meter = _Meter(self.device)
        steps = torch.split(self._order(epoch), self.recipe.batch_size)
        for step, index in enumerate(steps, start=1):
            batch = self.train.take(index)
            meter.add(*self._step(batch), labels=batch.labels)
            if step % STEPS_A_REFRESH == 0 or step == len(steps):
                display.update(epoch=epoch, **meter.so_far())
            if step * POINTS_AN_EPOCH // len(steps) > (step - 1) * POINTS_AN_EPOCH // len(steps):
                self.progress.curve.append((epoch - 1 + step / len(steps), *meter.since_last()))
        self.progress.epoch = epoch
        self.progress.seconds += time.perf_counter() - started
        self._close_epoch(meter)

    def _order(self, epoch: int) -> Tensor:
        """The pictures of one epoch, shuffled by the seed and the epoch alone."""
        generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        return torch.randperm(len(self.train), generator=generator).to(self.device)

    def _step(self, batch: Pictures) -> tuple[Tensor, Tensor]:
        """One optimiser step; returns the mean loss and the logits, both detached."""
        started = time.perf_counter()
        logits = self.network(batch.images)
        loss = F.cross_entropy(logits, batch.labels)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.progress.network_seconds += time.perf_counter() - started
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def _close_epoch(self, meter: "_Meter") -> None:
        """Validate, note the epoch, and keep the weights if they are the best (without validation: the last)."""
        so_far = meter.so_far()
        entry = {"train_loss": so_far["loss"], "train_accuracy": so_far["accuracy"]}
        if self.validation is not None:
            accuracy, loss = accuracy_and_loss(self.network, self.validation, device=self.device)
            entry |= {"validation_loss": loss, "validation_accuracy": accuracy}
        best = max((each.get("validation_accuracy", 0.0) for each in self.progress.history), default=0.0)
        if entry.get("validation_accuracy", 0.0) >= best:
            self.progress.chosen_epoch = self.progress.epoch
            self.progress.chosen_weights = {
                name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()
            }
        self.progress.history.append(entry)

    def _line(self) -> str:
        entry, progress = self.progress.history[-1], self.progress
        line = f"epoch {progress.epoch}/{self.recipe.epochs}  loss {entry['train_loss']:.4f}"
        line += f"  accuracy {entry['train_accuracy']:.2%}"
        if "validation_accuracy" in entry:
            line += f"  validation {entry['validation_accuracy']:.2%}"
        return line + f"  {progress.seconds:.0f} s"


class _Meter:
    """Sums of loss and right answers, kept on the device so that a step waits for nothing."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)  # loss, right answers, pictures
        self._last = self._sums.clone()
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, *, labels: Tensor) -> None:
        n = len(labels)
        right = (logits.argmax(dim=1) == labels).sum()
        self._sums += torch.stack([loss.double() * n, right.double(), right.new_tensor(n).double()])

    def so_far(self) -> dict[str, Any]:
        loss, right, n = self._sums.tolist()
        return {
            "seen": int(n),
            "loss": loss / n,
            "accuracy": right / n,
            "pictures_per_s": n / (time.perf_counter() - self._started),
        }

    def since_last(self) -> tuple[float, float]:
        loss, right, n = (self._sums - self._last).tolist()
        self._last = self._sums.clone()
        return loss / n, right / n

"""What every training loop shares: epochs in order, a checkpoint after each, the best weights kept, history and curve.

Knows nothing about images, recipes' numbers or optimizers.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training import processes
from training.checkpoint import load_checkpoint, write_checkpoint
from training.display import TrainingDisplay
from training.evaluation import Labelled, accuracy_and_loss
from training.meter import Meter, Stopwatch
from training.processor import has_bf16

CURVE_POINTS_PER_EPOCH = 25
STEPS_PER_REFRESH = 20  # of the progress bar


class EpochRecipe(Protocol):
    """What the loop needs of a recipe."""

    @property
    def epochs(self) -> int:
        """How many."""
        ...

    @property
    def bf16(self) -> bool:
        """Whether the forward pass is in bfloat16, where the processor has it."""
        ...


@dataclass
class Progress:
    """The state of a run besides network and optimizers; all of it goes into the checkpoint."""

    epoch: int = 0
    seconds: float = 0.0
    network_seconds: float = 0.0  # forward and backward passes
    history: list[dict[str, float]] = field(default_factory=list)  # one entry an epoch
    curve: list[tuple[float, float, float]] = field(default_factory=list)  # epochs, training loss and accuracy
    initial_weights: dict[str, Any] | None = None  # how those were trained; None: random
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)


class EpochTrainer(ABC):
    """Trains one network epoch by epoch; ``run`` leaves the weights of the best epoch in the network.

    Args:
        network: on the device already.
        recipe: how many epochs, and whether in bfloat16.
        optimizers: what the checkpoint holds beside the network.
        validation: images that select the epoch; None keeps the last.
        seed: of everything that is drawn.
        device: what computes.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: EpochRecipe,
        *,
        optimizers: list[Optimizer],
        validation: Labelled | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.network = network
        self._epochs_recipe = recipe
        self.optimizers = optimizers
        self.validation = validation
        self.seed = seed
        self.device = device
        self.progress = Progress()
        self._network_time = Stopwatch(device)

    @property
    def uses_bf16(self) -> bool:
        """Whether the forward pass is in bfloat16: the recipe wants it and the processor has it."""
        return self._epochs_recipe.bf16 and has_bf16(self.device)

    def run(
        self,
        display: TrainingDisplay,
        *,
        checkpoint: Callable[[], None] = lambda: None,
        checkpoint_every_s: float = 0.0,
    ) -> None:
        """Train the epochs that are left; calls ``checkpoint`` after an epoch if it is time, and after the last."""
        last_checkpoint = time.perf_counter()
        with display:
            while self.progress.epoch < self._epochs_recipe.epochs:
                self._train_epoch(display)
                display.end_epoch(self._line())
                due = time.perf_counter() - last_checkpoint >= checkpoint_every_s
                if due or self.progress.epoch == self._epochs_recipe.epochs:
                    checkpoint()
                    last_checkpoint = time.perf_counter()
        self.network.load_state_dict(self.progress.best_state)

    def save(self, path: Path, *, identity: dict[str, Any]) -> None:
        """Write a checkpoint from which ``resume`` goes on."""
        state = {
            "network": self.network.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
            "progress": asdict(self.progress),
        }
        write_checkpoint(path, identity=identity, state=state)

    def resume(self, path: Path, *, identity: dict[str, Any]) -> None:
        """Go on from a checkpoint; raises CheckpointError if it is missing or of another run."""
        state = load_checkpoint(path, identity=identity)
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(**state["progress"])

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Batches an epoch."""

    @abstractmethod
    def _steps(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """One optimizer step after another; of each this process's mean loss, logits and labels, detached."""

    def _train_epoch(self, display: TrainingDisplay) -> None:
        started = time.perf_counter()
        epoch, steps = self.progress.epoch + 1, self.steps_per_epoch
        meter = Meter(self.device)
        for step, outcome in enumerate(self._steps(epoch), start=1):
            meter.add(*outcome)
            if step % STEPS_PER_REFRESH == 0 or step == steps:
                display.update(epoch=epoch, **meter.reading())
            if step * CURVE_POINTS_PER_EPOCH // steps > (step - 1) * CURVE_POINTS_PER_EPOCH // steps:
                self.progress.curve.append((epoch - 1 + step / steps, *meter.since_last()))
        processes.average_buffers(self.network.buffers())
        self.progress.epoch = epoch
        self._close_epoch(meter)
        self.progress.network_seconds += self._network_time.take_seconds()
        self.progress.seconds += time.perf_counter() - started

    def _forward_precision(self) -> torch.autocast:
        """Autocast for the forward passes of the network and its teacher."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.uses_bf16)

    def _generator(self, epoch: int) -> torch.Generator:
        """The random generator of one epoch, the same in every process."""
        return torch.Generator().manual_seed(self.seed * 100_003 + epoch)

    def _close_epoch(self, meter: Meter) -> None:
        """Validate, add to the history, and keep the weights if they are the best (without validation: the last)."""
        reading = meter.total()
        entry: dict[str, float] = {
            "planned_epochs": self._epochs_recipe.epochs,  # a resumed run may plan more or fewer
            "train_loss": reading["loss"],
            "train_accuracy": reading["accuracy"],
        }
        if self.validation is not None:
            accuracy, loss = accuracy_and_loss(self.network, self.validation, bf16=self.uses_bf16)
            entry |= {"validation_loss": loss, "validation_accuracy": accuracy}
        best = max((each.get("validation_accuracy", 0.0) for each in self.progress.history), default=0.0)
        if entry.get("validation_accuracy", 0.0) >= best:
            self.progress.best_epoch = self.progress.epoch
            self.progress.best_state = {
                name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()
            }
        self.progress.history.append(entry)

    def _line(self) -> str:
        entry, progress = self.progress.history[-1], self.progress
        line = f"epoch {progress.epoch}/{self._epochs_recipe.epochs}  loss {entry['train_loss']:.4f}"
        line += f"  accuracy {entry['train_accuracy']:.2%}"
        if "validation_accuracy" in entry:
            line += f"  validation {entry['validation_accuracy']:.2%}"
        return line + f"  {progress.seconds:.0f} s"

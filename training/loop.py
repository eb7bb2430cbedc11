"""The training loop: epochs over one uint8 tensor, a checkpoint after each, the best weights kept.

The order and the changes of an epoch's pictures depend on the seed and the epoch alone, so a resumed run repeats an
uninterrupted one bit for bit. Knows nothing about files of pictures, records or charts.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import processes
from training.checkpoint import load_checkpoint, save_checkpoint
from training.cutmix import cutmix
from training.display import TrainingDisplay
from training.evaluation import accuracy_and_loss
from training.im2col import speed_up
from training.meter import Meter, Stopwatch
from training.optimizers import make_optimizers, set_rates
from training.processor import has_bf16
from training.recipes import Recipe
from training.sources import Pictures
from training.teacher import Teacher

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
    earlier: dict[str, Any] | None = None  # how the weights came about that the run started from
    chosen_epoch: int = 0
    chosen_weights: dict[str, Tensor] = field(default_factory=dict)


class Trainer:
    """Trains one network by one recipe; ``run`` leaves the chosen weights in the network."""

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        classes: int,
        train: Pictures,
        validation: Pictures | None,
        seed: int,
        device: torch.device,
        teacher: Teacher | None = None,
    ) -> None:
        self.network = network.to(device)
        speed_up(self.network)
        self.recipe = recipe
        self.classes = classes
        self.train = Pictures(train.images.to(device), train.labels.to(device))
        self.validation = validation
        self.seed = seed
        self.device = device
        self.teacher = teacher
        self.optimizers = make_optimizers(network, recipe)
        self.progress = Progress()
        self._in_network = Stopwatch(device)
        self._mirrored = torch.rand(len(train), generator=self._generator(0)).to(device) < 0.5

    @property
    def steps_an_epoch(self) -> int:
        """Batches in an epoch, all of nearly the same size."""
        return max(1, round(len(self.train) / self.recipe.batch_size))

    @property
    def uses_bf16(self) -> bool:
        """Whether the forward pass is in bfloat16: the recipe wants it and the processor has it."""
        return self.recipe.bf16 and has_bf16(self.device)

    def run(
        self,
        display: TrainingDisplay,
        *,
        after_epoch: Callable[[], None] = lambda: None,
        at_most_every_s: float = 0.0,
    ) -> None:
        """Train the epochs that are left; ``after_epoch`` is called once an epoch is whole, the last in any case."""
        called = time.perf_counter()
        with display:
            while self.progress.epoch < self.recipe.epochs:
                self._train_epoch(display)
                display.end_epoch(self._line())
                if time.perf_counter() - called >= at_most_every_s or self.progress.epoch == self.recipe.epochs:
                    after_epoch()
                    called = time.perf_counter()
        self.network.load_state_dict(self.progress.chosen_weights)

    def save(self, path: Path, *, identity: dict[str, Any]) -> None:
        """Write a checkpoint from which ``resume`` goes on."""
        state = {
            "network": self.network.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
            "progress": asdict(self.progress),
        }
        save_checkpoint(path, identity=identity, state=state)

    def resume(self, path: Path, *, identity: dict[str, Any]) -> None:
        """Go on from a checkpoint; raises CheckpointError if it is missing or of another run."""
        state = load_checkpoint(path, identity=identity)
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(**state["progress"])

    def _train_epoch(self, display: TrainingDisplay) -> None:
        started = time.perf_counter()
        epoch, steps = self.progress.epoch + 1, self.steps_an_epoch
        generator = self._generator(epoch)
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        meter = Meter(self.device)
        for step, index in enumerate(torch.tensor_split(order, steps), start=1):
            done = (epoch - 1 + (step - 1) / steps) / self.recipe.epochs
            set_rates(self.optimizers, self.recipe, done=done)
            side = next((side_px for until, side_px in self.recipe.small if done < until), None)
            meter.add(*self._step(index, generator, mirror_others=epoch % 2 == 0, side=side))
            if step % STEPS_A_REFRESH == 0 or step == steps:
                display.update(epoch=epoch, **meter.reading())
            if step * POINTS_AN_EPOCH // steps > (step - 1) * POINTS_AN_EPOCH // steps:
                self.progress.curve.append((epoch - 1 + step / steps, *meter.since_last()))
        processes.average(self.network.buffers())
        self.progress.epoch = epoch
        self._close_epoch(meter)
        self.progress.network_seconds += self._in_network.take_seconds()
        self.progress.seconds += time.perf_counter() - started

    def _step(
        self, index: Tensor, generator: torch.Generator, *, mirror_others: bool, side: int | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One optimiser step on this process's part of a batch; its mean loss, logits and labels, detached."""
        mine = index[processes.rank() :: processes.count()]
        images, targets = self._lesson(mine, generator, mirror_others=mirror_others)
        if side:
            images = F.interpolate(images, side, mode="bilinear", antialias=True)
        with self._in_network:
            with self._forward_precision():
                logits = self.network(images).float()
            loss = F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing)
            torch.autograd.backward(loss * (len(mine) / len(index)))
        processes.sum_gradients(self.network.parameters())
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach(), logits.detach(), self.train.labels[mine]

    def _lesson(self, mine: Tensor, generator: torch.Generator, *, mirror_others: bool) -> tuple[Tensor, Tensor]:
        """Pictures as the network is shown them, and what it is to answer: labels, or how much of each class."""
        images, targets = self.train.images[mine], self.train.labels[mine]
        if self.recipe.augmentation.changes_anything:
            mirrored = self._mirrored[mine] ^ mirror_others
            images = self.recipe.augmentation(images, mirrored=mirrored, generator=generator)
        if self.recipe.cutmix:
            share = self.recipe.cutmix
            images, targets = cutmix(images, targets, classes=self.classes, share=share, generator=generator)
        if self.teacher:
            with self._forward_precision():
                taught = self.teacher(images, generator=generator)
            assert targets.is_floating_point(), "a recipe with a teacher has CutMix, which makes shares of the labels"
            targets = torch.lerp(targets, taught, self.recipe.teaching)
        return images, targets

    def _forward_precision(self) -> torch.autocast:
        """What the network and its teacher run in."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.uses_bf16)

    def _generator(self, epoch: int) -> torch.Generator:
        """Chance for one epoch, from the seed alone, the same in every process."""
        return torch.Generator().manual_seed(self.seed * 100_003 + epoch)

    def _close_epoch(self, meter: Meter) -> None:
        """Validate, note the epoch, and keep the weights if they are the best (without validation: the last)."""
        reading = meter.total()
        entry: dict[str, float] = {
            "planned_epochs": self.recipe.epochs,  # a resumed run may plan more or fewer
            "train_loss": reading["loss"],
            "train_accuracy": reading["accuracy"],
        }
        if self.validation is not None:
            accuracy, loss = accuracy_and_loss(self.network, self.validation, bf16=self.uses_bf16)
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

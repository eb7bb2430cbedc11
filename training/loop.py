"""The training loop: epochs over one uint8 tensor, a checkpoint after each, the best weights kept.

Shuffling and augmentation of an epoch depend on the seed and the epoch alone, so a resumed run repeats an uninterrupted
one bit for bit. Knows nothing about image files, records or charts.
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
from training.checkpoint import load_checkpoint, write_checkpoint
from training.cutmix import cutmix
from training.display import TrainingDisplay
from training.distillation import Teacher
from training.evaluation import accuracy_and_loss
from training.im2col import use_im2col
from training.meter import Meter, Stopwatch
from training.optimizers import make_optimizers, set_learning_rates
from training.processor import has_bf16
from training.recipes import Recipe
from training.sources import LabelledImages

CURVE_POINTS_PER_EPOCH = 25
STEPS_PER_REFRESH = 20  # of the progress bar


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


class Trainer:
    """Trains one network by one recipe; ``run`` leaves the weights of the best epoch in the network."""

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        classes: int,
        train: LabelledImages,
        validation: LabelledImages | None,
        seed: int,
        device: torch.device,
        teacher: Teacher | None = None,
    ) -> None:
        self.network = network.to(device)
        use_im2col(self.network)
        self.recipe = recipe
        self.classes = classes
        self.train = LabelledImages(train.images.to(device), train.labels.to(device))
        self.validation = validation
        self.seed = seed
        self.device = device
        self.teacher = teacher
        self.optimizers = make_optimizers(network, recipe)
        self.progress = Progress()
        self._network_time = Stopwatch(device)
        self._flipped = torch.rand(len(train), generator=self._generator(0)).to(device) < 0.5

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch, of nearly equal size."""
        return max(1, round(len(self.train) / self.recipe.batch_size))

    @property
    def uses_bf16(self) -> bool:
        """Whether the forward pass is in bfloat16: the recipe wants it and the processor has it."""
        return self.recipe.bf16 and has_bf16(self.device)

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
            while self.progress.epoch < self.recipe.epochs:
                self._train_epoch(display)
                display.end_epoch(self._line())
                due = time.perf_counter() - last_checkpoint >= checkpoint_every_s
                if due or self.progress.epoch == self.recipe.epochs:
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

    def _train_epoch(self, display: TrainingDisplay) -> None:
        started = time.perf_counter()
        epoch, steps = self.progress.epoch + 1, self.steps_per_epoch
        generator = self._generator(epoch)
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        meter = Meter(self.device)
        for step, index in enumerate(torch.tensor_split(order, steps), start=1):
            done = (epoch - 1 + (step - 1) / steps) / self.recipe.epochs
            set_learning_rates(self.optimizers, self.recipe, done=done)
            side = next((side_px for until, side_px in self.recipe.resolution_schedule if done < until), None)
            meter.add(*self._step(index, generator, flip_others=epoch % 2 == 0, side=side))
            if step % STEPS_PER_REFRESH == 0 or step == steps:
                display.update(epoch=epoch, **meter.reading())
            if step * CURVE_POINTS_PER_EPOCH // steps > (step - 1) * CURVE_POINTS_PER_EPOCH // steps:
                self.progress.curve.append((epoch - 1 + step / steps, *meter.since_last()))
        processes.average_buffers(self.network.buffers())
        self.progress.epoch = epoch
        self._close_epoch(meter)
        self.progress.network_seconds += self._network_time.take_seconds()
        self.progress.seconds += time.perf_counter() - started

    def _step(
        self, index: Tensor, generator: torch.Generator, *, flip_others: bool, side: int | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One optimizer step on this process's part of a batch; its mean loss, logits and labels, detached."""
        shard = index[processes.rank() :: processes.world_size()]
        images, targets = self._make_batch(shard, generator, flip_others=flip_others)
        if side:
            images = F.interpolate(images, side, mode="bilinear", antialias=True)
        with self._network_time:
            with self._forward_precision():
                logits = self.network(images).float()
            loss = F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing)
            torch.autograd.backward(loss * (len(shard) / len(index)))
        processes.sum_gradients(self.network.parameters())
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach(), logits.detach(), self.train.labels[shard]

    def _make_batch(self, shard: Tensor, generator: torch.Generator, *, flip_others: bool) -> tuple[Tensor, Tensor]:
        """Augmented images and their targets: labels, or soft targets by CutMix and distillation."""
        images, targets = self.train.images[shard], self.train.labels[shard]
        if self.recipe.augmentation.changes_anything:
            flipped = self._flipped[shard] ^ flip_others
            images = self.recipe.augmentation(images, flipped=flipped, generator=generator)
        if probability := self.recipe.cutmix_probability:
            images, targets = cutmix(
                images, targets, classes=self.classes, probability=probability, generator=generator
            )
        if self.teacher:
            with self._forward_precision():
                teachers = self.teacher(images, generator=generator)
            assert targets.is_floating_point(), "a recipe with distillation has CutMix, which gives soft targets"
            targets = torch.lerp(targets, teachers, self.recipe.distillation_weight)
        return images, targets

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
            "planned_epochs": self.recipe.epochs,  # a resumed run may plan more or fewer
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
        line = f"epoch {progress.epoch}/{self.recipe.epochs}  loss {entry['train_loss']:.4f}"
        line += f"  accuracy {entry['train_accuracy']:.2%}"
        if "validation_accuracy" in entry:
            line += f"  validation {entry['validation_accuracy']:.2%}"
        return line + f"  {progress.seconds:.0f} s"

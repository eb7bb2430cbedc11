"""The training loop of the recipes: epochs over one uint8 tensor.

Shuffling and augmentation of an epoch depend on the seed and the epoch alone, so a resumed run repeats an uninterrupted
one bit for bit. Knows nothing about image files, records or charts.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import processes
from training.cutmix import cutmix
from training.distillation import Teacher
from training.epochs import EpochTrainer
from training.im2col import use_im2col
from training.optimizers import make_optimizers, set_learning_rates
from training.recipes import Recipe
from training.sources import LabelledImages


class Trainer(EpochTrainer):
    """Trains one network by one recipe on images in memory."""

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
        use_im2col(network.to(device))
        super().__init__(
            network,
            recipe,
            optimizers=make_optimizers(network, recipe),
            validation=validation,
            seed=seed,
            device=device,
        )
        self.recipe = recipe
        self.classes = classes
        self.train = LabelledImages(train.images.to(device), train.labels.to(device))
        self.teacher = teacher
        self._flipped = torch.rand(len(train), generator=self._generator(0)).to(device) < 0.5

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch, of nearly equal size."""
        return max(1, round(len(self.train) / self.recipe.batch_size))

    def _steps(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        generator, steps = self._generator(epoch), self.steps_per_epoch
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        for step, index in enumerate(torch.tensor_split(order, steps)):
            done = (epoch - 1 + step / steps) / self.recipe.epochs
            set_learning_rates(self.optimizers, self.recipe, done=done)
            side = next((side_px for until, side_px in self.recipe.resolution_schedule if done < until), None)
            yield self._step(index, generator, flip_others=epoch % 2 == 0, side=side)

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

"""The training loop of fine-tuning: images from disk, augmented by other processes; the head first, then everything."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from training import processes
from training.balance import class_weights, epoch_order
from training.epochs import EpochTrainer
from training.evaluation import Labelled
from training.finetune_optimizer import make_optimizer, set_rates
from training.finetune_recipe import FineTuneRecipe
from training.image_store import loader
from training.photo_augmentation import AugmentedImages, Batches, Drawn, augmentation
from training.photo_source import LabelledFiles
from training.torchvision_network import TorchvisionNetwork


class FineTuner(EpochTrainer):
    """Trains a torchvision network by a recipe; for the rest see `EpochTrainer`.

    Args:
        network: with pretrained weights in all layers but the head, or random ones.
        recipe: every number.
        classes: how many there are.
        train: images to train on, larger than the network sees them.
        validation: images that select the epoch; None keeps the last.
        seed: of everything that is drawn.
        device: what computes.
        workers: how many processes decode and augment; 0: this one.
    """

    def __init__(
        self,
        network: TorchvisionNetwork,
        recipe: FineTuneRecipe,
        *,
        classes: int,
        train: LabelledFiles,
        validation: Labelled | None,
        seed: int,
        device: torch.device,
        workers: int,
    ) -> None:
        super().__init__(
            network.to(device).to(memory_format=torch.channels_last),
            recipe,
            optimizers=[make_optimizer(network, recipe)],
            validation=validation,
            seed=seed,
            device=device,
        )
        self.recipe = recipe
        self.classes = classes
        self.train = train
        self.teacher = None
        self._tuned = network
        weighted = recipe.balance == "class weights"
        counts = torch.bincount(train.labels, minlength=classes)
        self._class_weights = class_weights(counts).to(device) if weighted else None
        self._batches = Batches()
        images = AugmentedImages(train, augmentation(recipe.augmentation, image_size=recipe.image_size), seed=seed)
        self._loader = loader(images, workers=workers, batch_sampler=self._batches)

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch, of nearly equal size."""
        return max(1, round(len(self.train) / self.recipe.batch_size))

    def _steps(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        generator, steps = self._generator(epoch), self.steps_per_epoch
        order = epoch_order(self.train.labels, self.recipe.balance, generator=generator)
        sizes = [len(part) for part in torch.tensor_split(order, steps)]
        self._batches.of_epoch = [
            [Drawn(epoch, index) for index in part[processes.rank() :: processes.world_size()].tolist()]
            for part in torch.tensor_split(order, steps)
        ]
        torch.manual_seed(self.seed * 100_003 + epoch * processes.world_size() + processes.rank())  # of dropout
        self._tuned.train()
        self._tuned.freeze(epoch <= self.recipe.frozen_epochs)
        for step, (images, labels) in enumerate(self._loader):
            set_rates(self.optimizers[0], self.recipe, epochs=epoch - 1 + step / steps)
            yield self._step(images.to(self.device), labels.to(self.device), of=sizes[step])

    def _step(self, images: Tensor, labels: Tensor, *, of: int) -> tuple[Tensor, Tensor, Tensor]:
        """One optimizer step on this process's part of a batch of ``of`` images."""
        with self._network_time:
            with self._forward_precision():
                logits = self._tuned(images).float()
            loss = F.cross_entropy(
                logits, labels, weight=self._class_weights, label_smoothing=self.recipe.label_smoothing
            )
            torch.autograd.backward(loss * (len(labels) / of))
        processes.sum_gradients(self._tuned.parameters())
        self.optimizers[0].step()
        self.optimizers[0].zero_grad()
        return loss.detach(), logits.detach(), labels

"""Recipes: every number that a training run depends on, besides the pictures and the seed."""

from dataclasses import dataclass, replace
from typing import Literal

from training.augmentation import UNCHANGED, Augmentation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained; written into the record as it stands."""

    network: str  # the file's stem in model/
    origin: str  # where the numbers come from
    epochs: int
    batch_size: int
    validation: float  # share of the training pictures held out for choosing, 0 to 1
    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    momentum: float = 0.0  # of sgd
    weight_decay: float = 0.0  # of filters and heads, not of norms and biases
    warm_up: float = 0.0  # share of the run in which the rate rises to its height
    schedule: Literal["constant", "cosine"] = "constant"  # "cosine": down to zero, over all steps
    label_smoothing: float = 0.0
    augmentation: Augmentation = UNCHANGED
    pretrained: bool = False  # begin with what the network learned on ImageNet
    # From which share of the run on pictures are enlarged to which side (px), by networks that enlarge them.
    sides_px: tuple[tuple[float, int], ...] = ()
    bf16: bool = False  # forward pass in bfloat16, where the processor has it
    threads: int | None = None  # None: what torch takes, one a core


LENET = Recipe(
    network="lenet",
    origin="the CIFAR-10 tutorial of pytorch.org: trains on every picture, keeps the last weights",
    epochs=2,
    batch_size=4,
    validation=0.0,  # nothing is chosen
    optimizer="sgd",
    learning_rate=0.001,
    momentum=0.9,
    threads=1,  # measured: batches of 4 are no faster on two
)

FAST = Recipe(
    network="efficientnet",
    origin="fine-tuning of ImageNet weights (arXiv 1805.08974) at rising resolution (arXiv 2104.00298)",
    epochs=6,
    batch_size=64,
    validation=0.04,
    optimizer="adamw",
    learning_rate=0.001,
    weight_decay=0.05,
    warm_up=0.05,
    schedule="cosine",
    label_smoothing=0.1,
    augmentation=Augmentation(mirror=True, translate_px=2, contrast=0.2, brightness=0.1),
    pretrained=True,
    sides_px=((0.0, 49), (0.25, 65), (0.75, 97)),
    bf16=True,
)

ACCURATE = replace(
    FAST,
    epochs=8,
    label_smoothing=0.05,  # as much as calibration by one temperature can mend
    augmentation=Augmentation(mirror=True, translate_px=4, cutout_px=8, contrast=0.2, brightness=0.1),
    sides_px=((0.0, 65), (0.42, 97), (0.8, 129)),
)

"""Recipes: every number that a training run depends on, besides the pictures and the seed."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained; written into the record as it stands."""

    network: str  # the file's stem in model/
    origin: str  # where the numbers come from
    epochs: int
    batch_size: int
    validation: float  # share of the training pictures held out for choosing, 0 to 1
    learning_rate: float
    momentum: float
    threads: int | None = None  # None: what torch takes, one a core


LENET = Recipe(
    network="lenet",
    origin="the CIFAR-10 tutorial of pytorch.org: trains on every picture, keeps the last weights",
    epochs=2,
    batch_size=4,
    validation=0.0,  # nothing is chosen
    learning_rate=0.001,
    momentum=0.9,
    threads=1,  # measured: batches of 4 are no faster on two
)

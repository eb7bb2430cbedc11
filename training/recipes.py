"""Recipes: every number that a training run depends on, besides the pictures and the seed."""

from dataclasses import dataclass, replace
from typing import Literal

from training.augmentation import UNCHANGED, Augmentation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained; written into the record as it stands.

    With ``muon`` the filters learn by Muon, everything else by Nesterov SGD; the rates of the latter are per picture,
    as their source (airbench94_muon) has them, and count against the sum over a batch.
    """

    network: str  # the file's stem in model/
    groups: tuple[tuple[int, bool, int], ...] = ()  # of a residual network, see model/resnet.py; none: its own
    origin: str  # where the numbers come from
    epochs: int
    batch_size: int
    validation: float  # share of the training pictures held out for choosing, 0 to 1
    optimizer: Literal["sgd", "muon"]
    learning_rate: float
    momentum: float
    head_learning_rate: float = 0.0  # per picture
    bias_learning_rate: float = 0.0  # per picture
    bias_momentum: float = 0.0  # of heads and biases
    weight_decay: float = 0.0  # per picture, of heads and biases, whatever their rate
    schedule: Literal["constant", "to zero"] = "constant"  # "to zero": linearly, over all steps
    label_smoothing: float = 0.0
    augmentation: Augmentation = UNCHANGED
    # Until which share of the run pictures are shrunk to which side (px), to go faster.
    small: tuple[tuple[float, int], ...] = ()
    cutmix: float = 0.0  # share of the pictures that get a square of another
    teaching: float = 0.0  # weight of what trained networks answer, beside the labels; with CutMix
    bf16: bool = False  # forward pass in bfloat16, where the processor has it
    half_filters: bool = False  # filters of convolutions are kept in float16 once trained: half the file
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
    network="resnet",
    origin="airbench94_muon and airbench96 (github.com/KellerJordan/cifar10-airbench), tuned for compressed pictures",
    groups=((64, True, 1), (192, True, 1), (320, True, 1)),
    epochs=16,
    batch_size=1000,
    validation=0.04,
    optimizer="muon",
    learning_rate=0.13,
    momentum=0.6,
    head_learning_rate=0.67,
    bias_learning_rate=0.053,
    bias_momentum=0.85,
    weight_decay=2e-6,
    schedule="to zero",
    label_smoothing=0.2,
    augmentation=Augmentation(mirror=True, translate_px=4, contrast=0.2, brightness=0.1),
    small=((0.25, 20), (0.6, 24)),
    bf16=True,
    half_filters=True,
)

# A wider network, and pictures that are hard to learn by heart, for as many epochs as that takes.
ACCURATE = replace(
    FAST,
    groups=(),
    epochs=40,
    small=((0.5, 24),),
    label_smoothing=0.1,
    augmentation=replace(FAST.augmentation, cutout_px=8, blur=0.1),
    cutmix=0.5,
)

# Too wide to be served, and so better: it is there to teach. For a GPU.
TEACHER = replace(
    ACCURATE,
    groups=((128, True, 1), (256, False, 2), (512, True, 2), (512, True, 1)),
    epochs=90,
)

# The network that is served, from nothing and for long, by what others answer. For a GPU, whose steps take the same
# time with half the pictures.
STUDENT = replace(
    ACCURATE,
    epochs=205,
    batch_size=2000,
    learning_rate=0.2,
    small=((0.35, 24),),
    label_smoothing=0.0,
    teaching=0.9,
)

# For weights that ACCURATE has trained; others may teach. No smoothing beside what is taught, no step that tears down.
DISTIL = replace(
    ACCURATE,
    epochs=12,
    learning_rate=0.04,
    head_learning_rate=0.2,
    bias_learning_rate=0.016,
    label_smoothing=0.0,
    small=(),
    teaching=0.7,
)

"""Recipes: every number that a training run depends on, besides the images and the seed."""

from dataclasses import dataclass, replace
from typing import Literal

from training.augmentation import UNCHANGED, Augmentation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained; written into the record as it stands.

    With ``muon`` the weights of convolutions are trained by Muon, everything else by Nesterov SGD. The learning rates
    of the latter are per image, as in their source (airbench94_muon): the loss they belong to is a sum over the batch.
    """

    network: str  # the file's stem in model/
    groups: tuple[tuple[int, bool, int], ...] = ()  # of a residual network, see model/resnet.py; empty: its own
    origin: str  # where the numbers come from
    epochs: int
    batch_size: int
    validation_fraction: float  # of the training images, held out to select the epoch and to calibrate; 0 to 1
    optimizer: Literal["sgd", "muon"]
    learning_rate: float
    momentum: float
    head_learning_rate: float = 0.0  # per image
    bias_learning_rate: float = 0.0  # per image
    bias_momentum: float = 0.0  # of heads and biases
    weight_decay: float = 0.0  # per image, of heads and biases, whatever their learning rate
    schedule: Literal["constant", "linear_decay"] = "constant"  # "linear_decay": to zero over all steps
    label_smoothing: float = 0.0
    augmentation: Augmentation = UNCHANGED
    # Progressive resizing: (until which fraction of the run, side in pixels). Empty: full resolution from the start.
    resolution_schedule: tuple[tuple[float, int], ...] = ()
    cutmix_probability: float = 0.0
    distillation_weight: float = 0.0  # of the teachers' probabilities in the targets, 0 to 1; needs CutMix
    bf16: bool = False  # forward pass in bfloat16, where the processor has it
    fp16_conv_weights: bool = False  # weights of convolutions are stored in float16: half the file
    threads: int | None = None  # None: torch's default, one a core


LENET = Recipe(
    network="lenet",
    origin="the CIFAR-10 tutorial of pytorch.org: trains on every image, keeps the last weights",
    epochs=2,
    batch_size=4,
    validation_fraction=0.0,  # nothing is selected
    optimizer="sgd",
    learning_rate=0.001,
    momentum=0.9,
    threads=1,  # measured: batches of 4 are no faster on two
)

FAST = Recipe(
    network="resnet",
    origin="airbench94_muon and airbench96 (github.com/KellerJordan/cifar10-airbench), tuned for JPEG images",
    groups=((64, True, 1), (192, True, 1), (320, True, 1)),
    epochs=16,
    batch_size=1000,
    validation_fraction=0.04,
    optimizer="muon",
    learning_rate=0.13,
    momentum=0.6,
    head_learning_rate=0.67,
    bias_learning_rate=0.053,
    bias_momentum=0.85,
    weight_decay=2e-6,
    schedule="linear_decay",
    label_smoothing=0.2,
    augmentation=Augmentation(horizontal_flip=True, translate_px=4, contrast=0.2, brightness=0.1),
    resolution_schedule=((0.25, 20), (0.6, 24)),
    bf16=True,
    fp16_conv_weights=True,
)

# A wider network, and augmentation strong enough that it does not overfit in as many epochs as it takes.
ACCURATE = replace(
    FAST,
    groups=(),
    epochs=40,
    resolution_schedule=((0.5, 24),),
    label_smoothing=0.1,
    augmentation=replace(FAST.augmentation, cutout_px=8, blur_probability=0.1),
    cutmix_probability=0.5,
)

# Too wide to be served; more accurate, so that it can teach. For a GPU.
TEACHER = replace(
    ACCURATE,
    groups=((128, True, 1), (256, False, 2), (512, True, 2), (512, True, 1)),
    epochs=90,
)

# The network that is served, distilled from teachers from random weights on. For a GPU, whose steps take the same time
# with half the images.
STUDENT = replace(
    ACCURATE,
    epochs=205,
    batch_size=2000,
    learning_rate=0.2,
    resolution_schedule=((0.35, 24),),
    label_smoothing=0.0,
    distillation_weight=0.9,
)

# The first stage of a cascade, 0.07 GFLOP an image, distilled from the network that is its second. For a GPU.
SMALL = replace(STUDENT, groups=((32, True, 1), (96, True, 1), (160, True, 1)), epochs=188)

# Fine-tunes weights that ACCURATE has trained, by distillation from themselves or others: learning rates low enough to
# keep what is learned, and no label smoothing beside the teachers' probabilities.
DISTILL = replace(
    ACCURATE,
    epochs=12,
    learning_rate=0.04,
    head_learning_rate=0.2,
    bias_learning_rate=0.016,
    label_smoothing=0.0,
    resolution_schedule=(),
    distillation_weight=0.7,
)

# Each recipe by its command of train.py, with the command's help.
RECIPES = {
    "lenet": (LENET, "The CIFAR-10 tutorial's network and recipe."),
    "fast": (FAST, "A residual network in ten minutes on two cores; the default."),
    "accurate": (ACCURATE, "A wider one, for longer, with stronger augmentation."),
    "teacher": (TEACHER, "A network too wide to be served, to distill from; for a GPU."),
    "student": (STUDENT, "The network that is served, distilled from teachers; for a GPU."),
    "small": (SMALL, "The first stage of a cascade, distilled from the second; for a GPU."),
    "distill": (DISTILL, "Fine-tunes trained weights by distillation from themselves or others."),
}

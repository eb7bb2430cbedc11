"""The recipe of fine-tuning: every number that a run depends on, besides the images and the seed."""

from dataclasses import dataclass
from typing import Literal

from training.photo_augmentation import AugmentationName

Balance = Literal["class weights", "sampling", "none"]


@dataclass(frozen=True, kw_only=True)
class FineTuneRecipe:
    """How a torchvision network is trained on photographs; written into the record as it stands.

    For ``frozen_epochs`` the head alone is trained; then everything, the layers below at ``backbone_learning_rate``
    (discriminative rates, arXiv 1801.06146). Rates rise over the first ``warmup_fraction`` of each of the two spans and
    fall to zero along a cosine over the second.
    """

    network: str  # of torchvision's registry, with `torchvision.` before it
    weights: str  # what it began with: a name of torchvision's, a file's name, or `none`
    image_size: int  # px, the side of what the network sees
    epochs: int
    frozen_epochs: int
    batch_size: int
    learning_rate: float  # of the head
    backbone_learning_rate: float
    weight_decay: float
    label_smoothing: float
    warmup_fraction: float
    augmentation: AugmentationName
    balance: Balance
    validation_fraction: float
    test_fraction: float  # of a folder that is one tree
    split_seed: int
    skip_broken: bool
    served_precision: Literal["int8", "fp32"]  # what is exported: int8 beside float32, or float32 alone
    bf16: bool = True  # forward pass in bfloat16, where the processor has it
    fp16_conv_weights: bool = False
    origin: str = "fine-tuning by AdamW, head first; rates of the backbone a tenth of the head's"

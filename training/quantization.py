"""Post-training quantization of an OpenVINO graph to int8 by NNCF, and the top-2 margin below which it is not trusted.

Source of the method: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (arXiv 1712.05877); NNCF estimates the activation ranges on calibration images and corrects the biases.
"""

import hashlib
import logging
from importlib.metadata import version
from typing import Any

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet
from numpy.typing import NDArray

from engine.margins import SMALLEST, top2_margins

CALIBRATION_IMAGES = 300
ENOUGH_IMAGES = 1000
Probabilities = NDArray[np.float32]


def quantize(model: openvino.Model, images: NDArray[np.uint8]) -> openvino.Model:
    """A copy of `model` whose convolutions and matrix products compute in int8, but for the first convolution.

    That one sees the pixels: its activations span the whole range, differences of neighbouring pixels decide, and it is
    a thousandth of the work. In int8 it alone turned 0.8 % of the classes over (2.0, 2,000 held-out images).

    Args:
        model: takes pixels (N, S, S, 3) uint8; left as it is.
        images: calibration images (M, S, S, 3) uint8.
    """
    nncf.set_log_level(logging.ERROR)
    convolutions = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() == "Convolution"]
    quantized: openvino.Model = nncf.quantize(
        model.clone(),
        nncf.Dataset([image[None] for image in images]),
        preset=nncf.QuantizationPreset.MIXED,  # weights symmetric, activations asymmetric: GELU's are
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(names=convolutions[:1]),
        advanced_parameters=AdvancedQuantizationParameters(
            # Ranges of least quantization error, not of the extremes: 99.85 instead of 99.4 % keep their class.
            activations_range_estimator_params=RangeEstimatorParametersSet.HISTOGRAM,
        ),
    )
    return quantized


def quantization_entry(images: NDArray[np.uint8], *, description: str) -> dict[str, Any]:
    """What the record says of a quantization: how, and on which images."""
    return {
        "by": f"nncf {version('nncf')}, post-training, preset mixed, first convolution in float32",
        "images": len(images),
        "of": description,
        "fingerprint": f"sha256:{hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()}",
    }


def fit_min_margin(quantized: Probabilities, exact: Probabilities, *, max_fallback: float = 1.0) -> float:
    """The least top-2 margin with which every int8 answer that stands has the class of float32.

    Fewer than `ENOUGH_IMAGES` may hold no near tie. Then it is the largest change of a margin by int8: no class turns
    over whose margin exceeds the change.

    Args:
        quantized: probabilities (N, classes) of int8, of images that were not used for calibration.
        exact: those of float32, of the same images.
        max_fallback: the largest fraction (0 to 1) of these images that may be computed again; a margin that takes more
            is lowered to it, and some classes may then turn over.
    """
    margins = top2_margins(quantized)
    if len(margins) >= ENOUGH_IMAGES:
        needed = margins[quantized.argmax(axis=1) != exact.argmax(axis=1)]
    else:
        rows, top2 = np.arange(len(margins)), np.argsort(quantized, axis=1)[:, -2:]
        logarithms = np.log(np.maximum(exact, SMALLEST))
        needed = np.abs(margins - (logarithms[rows, top2[:, 1]] - logarithms[rows, top2[:, 0]]))
    least = float(np.nextafter(needed.max(initial=0), np.float32(np.inf))) if len(needed) else 0.0
    return min(least, float(np.quantile(margins, max_fallback))) if max_fallback < 1 else least

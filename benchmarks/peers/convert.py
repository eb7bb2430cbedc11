"""Convert a record's network to OpenVINO's IR, in float32 and quantized to int8 by NNCF.

    python -m benchmarks.peers.convert RECORD FOLDER     writes fp32.xml and int8.xml, each with its .bin

It runs in the peers' environment. The calibration images are a random, seeded sample of the training images.
"""

import sys
from pathlib import Path

import nncf
import numpy as np
import openvino
import torch

from benchmarks.peers.torch_classifier import TorchClassifier, load_network
from benchmarks.uploads import TRAINING_IMAGES, sample_images

CALIBRATION_IMAGES = 960
PRESET = nncf.QuantizationPreset.MIXED  # symmetric weights, asymmetric activations


def convert(record: Path, folder: Path) -> None:
    """Write both networks; their input is (N, 3, S, S) uint8, their output logits (N, classes)."""
    classifier = TorchClassifier(record)
    size = classifier.image_size
    example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
    exported = openvino.convert_model(
        load_network(record), input=[([-1, 3, size, size], np.uint8)], example_input=example
    )
    openvino.save_model(exported, folder / "fp32.xml", compress_to_fp16=False)
    sample = sample_images(CALIBRATION_IMAGES, folder=TRAINING_IMAGES)
    images = [classifier.decode(jpeg).transpose(2, 0, 1)[None] for jpeg in sample.jpegs]
    quantized = nncf.quantize(exported, nncf.Dataset(images), preset=PRESET, subset_size=len(images))
    openvino.save_model(quantized, folder / "int8.xml")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))

"""A small graph in OpenVINO, whose answers tell which image they belong to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import openvino.opset13 as ops
import pytest

from engine.metadata import HashedFile, Stage

SIDE, CLASSES = 4, 3


def write_stage(folder: Path, name: str, model: openvino.Model, *, precision: str = "fp32", **stage: float) -> Stage:
    """Save a graph as the stage of an archive."""
    path = folder / f"{name}.xml"
    openvino.save_model(model, path, compress_to_fp16=False)
    files = {"xml": HashedFile.of(path), "bin": HashedFile.of(path.with_suffix(".bin"))}
    return Stage(name=name, precision=precision, **files, **stage)


def colour_graph(*, scale: float = 10.0) -> openvino.Model:
    """Probabilities of three classes from the mean red, green and blue of an image."""
    pixels = ops.parameter([-1, SIDE, SIDE, 3], np.uint8)
    means = ops.reduce_mean(ops.convert(pixels, np.float32), np.array([1, 2]), keep_dims=False)
    scaled = ops.multiply(means, np.float32(scale / 255))
    return openvino.Model([ops.softmax(scaled, 1)], [pixels])


def graph_that_fails_for_odd_batches() -> openvino.Model:
    """The same, but while it runs the graph splits the batch into halves, and stops where that cannot be done."""
    pixels = ops.parameter([-1, SIDE, SIDE, 3], np.uint8)
    means = ops.reduce_mean(ops.convert(pixels, np.float32), np.array([1, 2]), keep_dims=False)
    halves = ops.softmax(ops.reshape(means, np.array([2, -1, CLASSES]), special_zero=False), 2)
    return openvino.Model([ops.reshape(halves, np.array([-1, CLASSES]), special_zero=False)], [pixels])


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Stage]:
    """Writes a stage into `tmp_path`."""
    return lambda name, model, **stage: write_stage(tmp_path, name, model, **stage)


def images(*colours: int) -> np.ndarray:
    """One image a colour (0 red, 1 green, 2 blue), (N, S, S, 3) uint8."""
    pixels = np.zeros((len(colours), SIDE, SIDE, 3), np.uint8)
    for row, colour in enumerate(colours):
        pixels[row, :, :, colour] = 255
    return pixels

"""Small networks that are explained, as archives have them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import openvino.opset14 as ops
import pytest

from engine.metadata import EngineMetadata, HashedFile, Stage
from explanation.network import ExplainedNetwork

SIDE, SQUARE = 16, slice(4, 8)  # the square of pixels that decides
CLASSES = 3


def network_that_looks_at_a_square() -> openvino.Model:
    """Class 1 where the square at `SQUARE` is bright, whatever the rest holds."""
    pixels = ops.parameter([-1, SIDE, SIDE, 3], np.uint8)
    mask = np.zeros((1, SIDE, SIDE, 3), np.float32)
    mask[:, SQUARE, SQUARE] = 1
    weighted = ops.multiply(ops.convert(pixels, np.float32), mask)
    brightness = ops.reduce_mean(weighted, np.array([1, 2, 3]), keep_dims=False)
    column = ops.reshape(brightness, np.array([-1, 1]), special_zero=False)
    logits = ops.matmul(column, np.array([[0.0, 0.5, 0.1]], np.float32), False, False)
    return openvino.Model([ops.result(ops.softmax(logits, 1))], [pixels])


@pytest.fixture
def explained(tmp_path: Path) -> Callable[[openvino.Model], ExplainedNetwork]:
    """Makes an explained network of a graph."""

    def make(model: openvino.Model, *, side: int = SIDE, classes: int = CLASSES) -> ExplainedNetwork:
        path = tmp_path / "network.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        files = {"xml": HashedFile.of(path), "bin": HashedFile.of(path.with_suffix(".bin"))}
        stage = Stage(name="network", precision="fp32", **files)
        return ExplainedNetwork(tmp_path, EngineMetadata(image_size=side, classes=classes, stages=(stage,)))

    return make

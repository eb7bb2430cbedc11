"""The gradient of each operation, against differences of what OpenVINO computes."""

from collections.abc import Callable

import numpy as np
import openvino.opset14 as ops
import pytest
from openvino import Node

from engine.openvino_network import openvino_core
from explanation.gradient_graph import FloatGraph, forward_model, gradient_model
from explanation.gradient_parts import UnsupportedOperationError

SIDE, CLASSES, STEP = 6, 4, 1e-2
RANDOM = np.random.default_rng(4)


def weights(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def flat(x: Node) -> Node:
    return ops.reshape(x, np.array([0, -1]), special_zero=True)


def pooled(x: Node) -> Node:
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], axis=2).output(0)


OPERATIONS: dict[str, Callable[[Node], Node]] = {
    "Add": lambda x: ops.add(x, weights(1, 3, 1, 1)),
    "Subtract": lambda x: ops.subtract(weights(1, 3, 1, 1), x),
    "Multiply": lambda x: ops.multiply(x, ops.reduce_mean(x, np.array([1]), keep_dims=True)),
    "Divide": lambda x: (
        ops.divide(x, ops.add(ops.reduce_mean(ops.abs_(x), np.array([1]), keep_dims=True), 1.0))
        if hasattr(ops, "abs_")
        else ops.divide(x, ops.exp(weights(1, 3, 1, 1)))
    ),
    "Maximum": lambda x: ops.maximum(x, weights(1, 3, 1, 1)),
    "Minimum": lambda x: ops.minimum(x, weights(1, 3, 1, 1)),
    "Relu": ops.relu,
    "Gelu": lambda x: ops.gelu(x, "erf"),
    "Sigmoid": ops.sigmoid,
    "Tanh": ops.tanh,
    "Swish": ops.swish,
    "HSwish": ops.hswish,
    "HSigmoid": ops.hsigmoid,
    "Clamp": lambda x: ops.clamp(x, -0.5, 0.5),
    "Convolution": lambda x: ops.convolution(x, weights(5, 3, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1]),
    "GroupConvolution": lambda x: ops.group_convolution(x, weights(3, 2, 1, 3, 3), [2, 2], [1, 1], [1, 1], [1, 1]),
    "MaxPool": pooled,
    "AvgPool": lambda x: ops.avg_pool(x, [2, 2], [0, 0], [0, 0], [3, 3], True),
    "MatMul": lambda x: ops.matmul(x, weights(SIDE, 5), False, False),
    "MatMul of itself": lambda x: ops.matmul(x, x, False, True),
    "Softmax": lambda x: ops.softmax(x, 2),
    "ReduceSum": lambda x: ops.reduce_sum(x, np.array([2]), keep_dims=False),
    "ReduceMean": lambda x: ops.reduce_mean(x, np.array([2, 3]), keep_dims=True),
    "ReduceMax": lambda x: ops.reduce_max(x, np.array([3, 2]), keep_dims=False),
    "TopK": lambda x: ops.topk(x, np.int64(2), 3, "max", "value").output(0),
    "Transpose": lambda x: ops.transpose(x, np.array([0, 3, 1, 2])),
    "Slice": lambda x: ops.slice(x, np.array([1]), np.array([2**31]), np.array([2]), np.array([2])),
    "Concat": lambda x: ops.concat([x, ops.relu(x)], 1),
    "a residual": lambda x: ops.add(x, ops.relu(x)),
}


def graph_of(operation: Callable[[Node], Node]) -> FloatGraph:
    """The operation between two layers, for images (N, 6, 6, 3)."""
    pixels = ops.parameter([-1, SIDE, SIDE, 3], np.float32, name="pixels")
    found = flat(operation(ops.transpose(pixels, np.array([0, 3, 1, 2]))))
    width = list(found.output(0).get_partial_shape())[1].get_length()
    return FloatGraph(pixels, ops.matmul(found, weights(width, CLASSES), False, False).output(0))


def log_odds(logits: np.ndarray, target: int) -> np.ndarray:
    others = np.delete(logits, target, axis=1)
    return logits[:, target] - np.log(np.exp(others.astype(np.float64)).sum(axis=1))


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_gradient_is_what_differences_say(name: str) -> None:
    graph = graph_of(OPERATIONS[name])
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    forward = openvino_core().compile_model(forward_model(graph), "CPU", settings)
    backward = openvino_core().compile_model(gradient_model(graph), "CPU", settings)
    pixels = RANDOM.normal(size=(2, SIDE, SIDE, 3)).astype(np.float32)
    one_hot = np.eye(CLASSES, dtype=np.float32)[[1, 1]]
    found = backward({"pixels": pixels, "one_hot": one_hot})[0]

    moved = np.tile(pixels[:1], (2 * pixels[0].size, 1, 1, 1))
    for place in range(pixels[0].size):
        moved[2 * place].reshape(-1)[place] += STEP
        moved[2 * place + 1].reshape(-1)[place] -= STEP
    scores = log_odds(forward({"pixels": moved})[0], 1)
    differences = ((scores[0::2] - scores[1::2]) / (2 * STEP)).reshape(pixels[0].shape)

    close = np.isclose(found[0], differences, atol=0.02 * np.abs(differences).max() + 1e-4, rtol=0.05)
    assert close.mean() > 0.95  # where a maximum changes hands within the step, differences say something else


def test_an_operation_without_a_rule_is_named() -> None:
    with pytest.raises(UnsupportedOperationError, match="operation Sin "):
        gradient_model(graph_of(ops.sin))

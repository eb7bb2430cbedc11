"""The gradient of operations that move elements. See `explanation/gradient_rules.py`."""

from collections.abc import Sequence

import numpy as np
import openvino.opset14 as ops
from openvino import Node, Output

from explanation.gradient_parts import Gradients, Rule, UnsupportedOperationError, constant, gradient_of, zeros_like


def _reshape(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    shape = ops.shape_of(node.input_value(0))
    return {0: ops.reshape(gradient_of(incoming), shape, special_zero=False).output(0)}


def _transpose(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    order = constant(node.input_value(1), node)
    return {0: ops.transpose(gradient_of(incoming), np.argsort(order)).output(0)}


def _slice(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """Zeros but for the places that were taken."""
    x = node.input_value(0)
    starts, stops, steps, axes = (constant(node.input_value(port), node).reshape(-1) for port in range(1, 5))
    if len(axes) != 1:
        raise UnsupportedOperationError(f"operation Slice ({node.get_friendly_name()}) along several axes")
    axis = int(axes[0]) % len(x.get_partial_shape())
    length = list(x.get_partial_shape())[axis].get_length()
    places = np.arange(length)[int(starts[0]) : min(int(stops[0]), length) : int(steps[0])]
    return {0: ops.scatter_update(zeros_like(x), places, gradient_of(incoming), np.int64(axis)).output(0)}


def _concat(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    axis = node.get_attributes()["axis"]
    ends = np.cumsum([0, *(_side(node.input_value(port), axis) for port in range(node.get_input_size()))])
    one, along = np.array([1]), np.array([axis])
    return {
        port: ops.slice(gradient_of(incoming), ends[port : port + 1], ends[port + 1 : port + 2], one, along).output(0)
        for port in wanted
    }


def _side(value: Output, axis: int) -> int:
    length: int = list(value.get_partial_shape())[axis].get_length()
    return length


SHAPES: dict[str, Rule] = {
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "Slice": _slice,
    "Concat": _concat,
}

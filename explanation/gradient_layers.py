"""The gradient of layers and reductions. See `explanation/gradient_rules.py`."""

import math
from collections.abc import Sequence

import numpy as np
import openvino.opset14 as ops
from openvino import Node, Output

from explanation.gradient_parts import (
    Gradients,
    Rule,
    UnsupportedOperationError,
    constant,
    evaluated,
    gradient_of,
    static_sides,
    summed_to,
    zeros_like,
)


def _convolution(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """By the input alone: the transposed convolution with the same filters."""
    if list(wanted) != [0]:
        raise UnsupportedOperationError(f"operation {node.get_type_name()} with filters that depend on the pixels")
    at = node.get_attributes()
    # A copy: OpenVINO 2026.4.1 silently computes wrong where a convolution and a transposed one share square filters
    # (findings/openvino-shared-filters.sh).
    gradient, filters = gradient_of(incoming), ops.constant(evaluated(node.input_value(1))).output(0)
    sides = static_sides(node.input_value(0), node)[1:]
    kernel = [dimension.get_length() for dimension in list(filters.get_partial_shape())[-len(sides) :]]
    given = static_sides(node.output(0), node)[1:]
    reached = [
        stride * (out - 1) + dilation * (taps - 1) + 1 - begin - end
        for stride, out, dilation, taps, begin, end in zip(
            at["strides"], given, at["dilations"], kernel, at["pads_begin"], at["pads_end"], strict=True
        )
    ]
    grouped = node.get_type_name() == "GroupConvolution"
    transposed = ops.group_convolution_backprop_data if grouped else ops.convolution_backprop_data
    return {
        0: transposed(
            gradient,
            filters,
            strides=at["strides"],
            pads_begin=at["pads_begin"],
            pads_end=at["pads_end"],
            dilations=at["dilations"],
            output_padding=[side - end for side, end in zip(sides, reached, strict=True)],
        ).output(0)
    }


def _max_pool(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """Back to the place that each maximum came from."""
    x = node.input_value(0)
    channels, *sides = static_sides(x, node)
    gradient, indices = gradient_of(incoming), node.output(1)  # indices count within one channel map
    if node.get_attributes()["axis"] != 2:
        raise UnsupportedOperationError(f"operation MaxPool ({node.get_friendly_name()}) with axis other than 2")
    flat = np.array([0, channels, -1])
    zeros = ops.reshape(zeros_like(x), flat, special_zero=True)
    scattered = ops.scatter_elements_update(
        zeros,
        ops.reshape(indices, flat, special_zero=True),
        ops.reshape(gradient, flat, special_zero=True),
        np.int64(2),
        reduction="sum",
    )
    return {0: ops.reshape(scattered, np.array([0, channels, *sides]), special_zero=True).output(0)}


def _average_pool(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """Each output spread evenly over its window: a transposed convolution, a group a channel."""
    at = node.get_attributes()
    if any(at["pads_begin"]) or any(at["pads_end"]):
        raise UnsupportedOperationError(f"operation AvgPool ({node.get_friendly_name()}) with padding")
    channels, *sides = static_sides(node.input_value(0), node)
    _, *given = static_sides(node.output(0), node)
    kernel, strides = at["kernel"], at["strides"]
    even = np.full((channels, 1, 1, *kernel), 1 / math.prod(kernel), np.float32)
    beyond = [
        side - (stride * (out - 1) + taps)
        for side, stride, out, taps in zip(sides, strides, given, kernel, strict=True)
    ]
    if min(beyond) < 0:
        raise UnsupportedOperationError(f"operation AvgPool ({node.get_friendly_name()}) with windows cut at the edge")
    none = [0] * len(sides)
    spread = ops.group_convolution_backprop_data(
        gradient_of(incoming),
        even,
        strides=strides,
        pads_begin=none,
        pads_end=none,
        dilations=[1] * len(sides),
        output_padding=beyond,
    )
    return {0: spread.output(0)}


def _matmul(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    at, gradient = node.get_attributes(), gradient_of(incoming)
    left, right = node.input_value(0), node.input_value(1)
    ta, tb = at["transpose_a"], at["transpose_b"]
    found = {}
    if 0 in wanted:
        by_left = ops.matmul(right, gradient, tb, True) if ta else ops.matmul(gradient, right, False, not tb)
        found[0] = summed_to(by_left.output(0), left)
    if 1 in wanted:
        by_right = ops.matmul(gradient, left, True, ta) if tb else ops.matmul(left, gradient, not ta, False)
        found[1] = summed_to(by_right.output(0), right)
    return found


def _softmax(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient, y = gradient_of(incoming), node.output(0)
    weighted = ops.multiply(gradient, y)
    axis = np.array([node.get_attributes()["axis"]])
    return {0: ops.subtract(weighted, ops.multiply(y, ops.reduce_sum(weighted, axis, keep_dims=True))).output(0)}


# Reductions


def _widened(value: Output, node: Node) -> Output:
    """What a reduction gives, with its axes kept."""
    if node.get_attributes()["keep_dims"]:
        return value
    rank = len(node.input_value(0).get_partial_shape())
    axes = sorted(int(axis) % rank for axis in constant(node.input_value(1), node).reshape(-1))
    return ops.unsqueeze(value, np.array(axes)).output(0)


def _reduce_sum(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    shape = ops.shape_of(node.input_value(0))
    return {0: ops.broadcast(_widened(gradient_of(incoming), node), shape).output(0)}


def _reduce_mean(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    shape = list(node.input_value(0).get_partial_shape())
    axes = [int(axis) for axis in constant(node.input_value(1), node).reshape(-1)]
    if any(shape[axis].is_dynamic for axis in axes):
        raise UnsupportedOperationError(f"operation ReduceMean ({node.get_friendly_name()}) over the batch")
    count = math.prod(shape[axis].get_length() for axis in axes)
    summed = _reduce_sum(node, incoming, wanted)[0]
    return {0: ops.divide(summed, np.float32(count)).output(0)}


def _reduce_max(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """To the places of the maximum, in equal shares."""
    x = node.input_value(0)
    highest = ops.convert(ops.equal(x, _widened(node.output(0), node)), "f32")
    count = ops.reduce_sum(highest, node.input_value(1), keep_dims=True)
    return {0: ops.multiply(ops.divide(highest, count), _widened(gradient_of(incoming), node)).output(0)}


def _top_k(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    axis = np.int64(node.get_attributes()["axis"])
    return {
        0: ops.scatter_elements_update(
            zeros_like(node.input_value(0)), node.output(1), gradient_of(incoming), axis, reduction="sum"
        ).output(0)
    }


LAYERS: dict[str, Rule] = {
    "Convolution": _convolution,
    "GroupConvolution": _convolution,
    "MaxPool": _max_pool,
    "AvgPool": _average_pool,
    "MatMul": _matmul,
    "Softmax": _softmax,
    "ReduceSum": _reduce_sum,
    "ReduceMean": _reduce_mean,
    "ReduceMax": _reduce_max,
    "TopK": _top_k,
}

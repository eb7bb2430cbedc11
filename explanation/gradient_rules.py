"""The gradient of each operation, as OpenVINO operations (vector-Jacobian products).

A rule is given the node, the gradients of the score by its outputs (None where the score does not depend on one), and
the ports of the inputs whose gradients are wanted; it returns these by port. A rule may read the node's own output.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino
import openvino.opset14 as ops
from numpy.typing import NDArray
from openvino import Node, Output

DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)  # of the standard normal distribution

Gradients = dict[int, Output]
Rule = Callable[[Node, Sequence[Output | None], Sequence[int]], Gradients]


class UnsupportedOperationError(RuntimeError):
    """A network that cannot be differentiated; the message names what has no gradient here."""


def _gradient(incoming: Sequence[Output | None]) -> Output:
    """The gradient by an operation's only output."""
    first = incoming[0]
    assert first is not None, "walked back from an output that the score does not depend on"
    return first


def _summed_to(gradient: Output, value: Output) -> Output:
    """Undo broadcasting: sum the gradient over the axes along which `value` was repeated."""
    wide, narrow = gradient.get_partial_shape(), value.get_partial_shape()
    extra = len(wide) - len(narrow)
    repeated = [
        axis + extra
        for axis in range(len(narrow))
        if narrow[axis].is_static and narrow[axis].get_length() == 1 and str(wide[axis + extra]) != "1"
    ]
    if repeated:
        gradient = ops.reduce_sum(gradient, np.array(repeated), keep_dims=True).output(0)
    if extra:
        gradient = ops.reduce_sum(gradient, np.arange(extra), keep_dims=False).output(0)
    return gradient


def _evaluated(value: Output) -> NDArray[Any]:
    """What a value is that depends on no parameter, such as weights that are stored as int8 with scales."""
    model = openvino.Model([ops.result(value)], [], "constant")
    computed = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({})
    return np.array(computed[0])


def _constant(value: Output, node: Node) -> NDArray[Any]:
    """Axes or shapes, which must be constants."""
    source = value.get_node()
    if source.get_type_name() == "Constant":
        return np.asarray(source.get_data())
    if source.get_type_name() == "Convert":
        return _constant(source.input_value(0), node)
    raise UnsupportedOperationError(
        f"operation {node.get_type_name()} ({node.get_friendly_name()}) has axes or shapes that are no constants"
    )


def _static(value: Output, node: Node) -> list[int]:
    """The dimensions of a value behind the batch."""
    shape = value.get_partial_shape()
    if any(dimension.is_dynamic for dimension in list(shape)[1:]):
        raise UnsupportedOperationError(
            f"operation {node.get_type_name()} ({node.get_friendly_name()}) takes {shape}; expected fixed sides"
        )
    return [dimension.get_length() for dimension in list(shape)[1:]]


def _zeros_like(value: Output) -> Output:
    return ops.broadcast(np.float32(0), ops.shape_of(value)).output(0)


# Elementwise, of two inputs


def _add(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient = _gradient(incoming)
    return {port: _summed_to(gradient, node.input_value(port)) for port in wanted}


def _subtract(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient = _gradient(incoming)
    signed = {0: gradient, 1: ops.negative(gradient).output(0)}
    return {port: _summed_to(signed[port], node.input_value(port)) for port in wanted}


def _multiply(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient = _gradient(incoming)
    return {
        port: _summed_to(ops.multiply(gradient, node.input_value(1 - port)).output(0), node.input_value(port))
        for port in wanted
    }


def _divide(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    quotient = ops.divide(_gradient(incoming), node.input_value(1))
    parts = {0: quotient, 1: ops.negative(ops.multiply(quotient, node.output(0)))}
    return {port: _summed_to(parts[port].output(0), node.input_value(port)) for port in wanted}


def _extreme(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """Maximum and minimum: to the input that was taken, to both by halves where they are equal."""
    gradient = _gradient(incoming)
    ties = ops.convert(ops.equal(node.input_value(0), node.input_value(1)), "f32")
    found = {}
    for port in wanted:
        taken = ops.convert(ops.equal(node.input_value(port), node.output(0)), "f32")
        share = ops.subtract(taken, ops.multiply(ties, np.float32(0.5)))
        found[port] = _summed_to(ops.multiply(gradient, share).output(0), node.input_value(port))
    return found


# Elementwise, of one input: the slope


def _slope(slope: Callable[[Output, Output, Node], Node]) -> Rule:
    """A rule from the derivative; `slope` is given input, output and node."""

    def rule(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
        found = slope(node.input_value(0), node.output(0), node)
        return {0: ops.multiply(_gradient(incoming), found).output(0)}

    return rule


def _positive(x: Output) -> Node:
    return ops.convert(ops.greater(x, np.float32(0)), "f32")


def _gelu_slope(x: Output, _: Output, node: Node) -> Node:
    """Of x Φ(x); the approximation by tanh differs from it by less than 0.001."""
    cumulative = ops.multiply(
        ops.add(ops.erf(ops.multiply(x, np.float32(math.sqrt(0.5)))), np.float32(1)), np.float32(0.5)
    )
    density = ops.multiply(ops.exp(ops.multiply(ops.multiply(x, x), np.float32(-0.5))), np.float32(DENSITY_AT_0))
    return ops.add(cumulative, ops.multiply(x, density))


def _sigmoid_slope(_: Output, y: Output, node: Node) -> Node:
    return ops.multiply(y, ops.subtract(np.float32(1), y))


def _tanh_slope(_: Output, y: Output, node: Node) -> Node:
    return ops.subtract(np.float32(1), ops.multiply(y, y))


def _swish_slope(x: Output, y: Output, node: Node) -> Node:
    if node.get_input_size() > 1 and not np.array_equal(_constant(node.input_value(1), node), 1):
        raise UnsupportedOperationError(f"operation Swish ({node.get_friendly_name()}) with a beta of its own")
    sigmoid = ops.sigmoid(x)
    return ops.add(sigmoid, ops.multiply(y, ops.subtract(np.float32(1), sigmoid)))


def _clamp_slope(x: Output, y: Output, node: Node) -> Node:
    return ops.convert(ops.equal(x, y), "f32")


def _hswish_slope(x: Output, _: Output, node: Node) -> Node:
    middle = ops.add(ops.divide(x, np.float32(3)), np.float32(0.5))
    return ops.select(
        ops.greater(x, np.float32(3)), np.float32(1), ops.select(ops.less(x, np.float32(-3)), np.float32(0), middle)
    )


def _hsigmoid_slope(x: Output, _: Output, node: Node) -> Node:
    return ops.select(ops.less(ops.abs(x), np.float32(3)), np.float32(1 / 6), np.float32(0))


# Layers


def _convolution(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """By the input alone: the transposed convolution with the same filters."""
    if list(wanted) != [0]:
        raise UnsupportedOperationError(f"operation {node.get_type_name()} with filters that depend on the pixels")
    at = node.get_attributes()
    # A copy: OpenVINO 2026.4.1 silently computes wrong where a convolution and a transposed one share square filters
    # (findings/openvino-shared-filters.sh).
    gradient, filters = _gradient(incoming), ops.constant(_evaluated(node.input_value(1))).output(0)
    sides = _static(node.input_value(0), node)[1:]
    kernel = [dimension.get_length() for dimension in list(filters.get_partial_shape())[-len(sides) :]]
    given = _static(node.output(0), node)[1:]
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
    channels, *sides = _static(x, node)
    gradient, indices = _gradient(incoming), node.output(1)  # indices count within one channel map
    if node.get_attributes()["axis"] != 2:
        raise UnsupportedOperationError(f"operation MaxPool ({node.get_friendly_name()}) with axis other than 2")
    flat = np.array([0, channels, -1])
    zeros = ops.reshape(_zeros_like(x), flat, special_zero=True)
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
    channels, *sides = _static(node.input_value(0), node)
    _, *given = _static(node.output(0), node)
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
        _gradient(incoming),
        even,
        strides=strides,
        pads_begin=none,
        pads_end=none,
        dilations=[1] * len(sides),
        output_padding=beyond,
    )
    return {0: spread.output(0)}


def _matmul(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    at, gradient = node.get_attributes(), _gradient(incoming)
    left, right = node.input_value(0), node.input_value(1)
    ta, tb = at["transpose_a"], at["transpose_b"]
    found = {}
    if 0 in wanted:
        by_left = ops.matmul(right, gradient, tb, True) if ta else ops.matmul(gradient, right, False, not tb)
        found[0] = _summed_to(by_left.output(0), left)
    if 1 in wanted:
        by_right = ops.matmul(gradient, left, True, ta) if tb else ops.matmul(left, gradient, not ta, False)
        found[1] = _summed_to(by_right.output(0), right)
    return found


def _softmax(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient, y = _gradient(incoming), node.output(0)
    weighted = ops.multiply(gradient, y)
    axis = np.array([node.get_attributes()["axis"]])
    return {0: ops.subtract(weighted, ops.multiply(y, ops.reduce_sum(weighted, axis, keep_dims=True))).output(0)}


# Reductions


def _widened(value: Output, node: Node) -> Output:
    """What a reduction gives, with its axes kept."""
    if node.get_attributes()["keep_dims"]:
        return value
    rank = len(node.input_value(0).get_partial_shape())
    axes = sorted(int(axis) % rank for axis in _constant(node.input_value(1), node).reshape(-1))
    return ops.unsqueeze(value, np.array(axes)).output(0)


def _reduce_sum(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    shape = ops.shape_of(node.input_value(0))
    return {0: ops.broadcast(_widened(_gradient(incoming), node), shape).output(0)}


def _reduce_mean(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    shape = list(node.input_value(0).get_partial_shape())
    axes = [int(axis) for axis in _constant(node.input_value(1), node).reshape(-1)]
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
    return {0: ops.multiply(ops.divide(highest, count), _widened(_gradient(incoming), node)).output(0)}


def _top_k(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    axis = np.int64(node.get_attributes()["axis"])
    return {
        0: ops.scatter_elements_update(
            _zeros_like(node.input_value(0)), node.output(1), _gradient(incoming), axis, reduction="sum"
        ).output(0)
    }


# Shapes


def _reshape(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    shape = ops.shape_of(node.input_value(0))
    return {0: ops.reshape(_gradient(incoming), shape, special_zero=False).output(0)}


def _transpose(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    order = _constant(node.input_value(1), node)
    return {0: ops.transpose(_gradient(incoming), np.argsort(order)).output(0)}


def _slice(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """Zeros but for the places that were taken."""
    x = node.input_value(0)
    starts, stops, steps, axes = (_constant(node.input_value(port), node).reshape(-1) for port in range(1, 5))
    if len(axes) != 1:
        raise UnsupportedOperationError(f"operation Slice ({node.get_friendly_name()}) along several axes")
    axis = int(axes[0]) % len(x.get_partial_shape())
    length = list(x.get_partial_shape())[axis].get_length()
    places = np.arange(length)[int(starts[0]) : min(int(stops[0]), length) : int(steps[0])]
    return {0: ops.scatter_update(_zeros_like(x), places, _gradient(incoming), np.int64(axis)).output(0)}


def _concat(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    axis = node.get_attributes()["axis"]
    ends = np.cumsum([0, *(_side(node.input_value(port), axis) for port in range(node.get_input_size()))])
    one, along = np.array([1]), np.array([axis])
    return {
        port: ops.slice(_gradient(incoming), ends[port : port + 1], ends[port + 1 : port + 2], one, along).output(0)
        for port in wanted
    }


def _side(value: Output, axis: int) -> int:
    length: int = list(value.get_partial_shape())[axis].get_length()
    return length


RULES: dict[str, Rule] = {
    "Add": _add,
    "Subtract": _subtract,
    "Multiply": _multiply,
    "Divide": _divide,
    "Maximum": _extreme,
    "Minimum": _extreme,
    "Relu": _slope(lambda x, y, node: _positive(x)),
    "Gelu": _slope(_gelu_slope),
    "Sigmoid": _slope(_sigmoid_slope),
    "Tanh": _slope(_tanh_slope),
    "Swish": _slope(_swish_slope),
    "HSwish": _slope(_hswish_slope),
    "HSigmoid": _slope(_hsigmoid_slope),
    "Clamp": _slope(_clamp_slope),
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
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "Slice": _slice,
    "Concat": _concat,
}

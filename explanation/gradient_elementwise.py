"""The gradient of operations that work element by element. See `explanation/gradient_rules.py`."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import openvino.opset14 as ops
from openvino import Node, Output

from explanation.gradient_parts import (
    Gradients,
    Rule,
    UnsupportedOperationError,
    constant,
    gradient_of,
    summed_to,
)

DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)  # of the standard normal distribution

# Elementwise, of two inputs


def _add(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient = gradient_of(incoming)
    return {port: summed_to(gradient, node.input_value(port)) for port in wanted}


def _subtract(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient = gradient_of(incoming)
    signed = {0: gradient, 1: ops.negative(gradient).output(0)}
    return {port: summed_to(signed[port], node.input_value(port)) for port in wanted}


def _multiply(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    gradient = gradient_of(incoming)
    return {
        port: summed_to(ops.multiply(gradient, node.input_value(1 - port)).output(0), node.input_value(port))
        for port in wanted
    }


def _divide(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    quotient = ops.divide(gradient_of(incoming), node.input_value(1))
    parts = {0: quotient, 1: ops.negative(ops.multiply(quotient, node.output(0)))}
    return {port: summed_to(parts[port].output(0), node.input_value(port)) for port in wanted}


def _extreme(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
    """Maximum and minimum: to the input that was taken, to both by halves where they are equal."""
    gradient = gradient_of(incoming)
    ties = ops.convert(ops.equal(node.input_value(0), node.input_value(1)), "f32")
    found = {}
    for port in wanted:
        taken = ops.convert(ops.equal(node.input_value(port), node.output(0)), "f32")
        share = ops.subtract(taken, ops.multiply(ties, np.float32(0.5)))
        found[port] = summed_to(ops.multiply(gradient, share).output(0), node.input_value(port))
    return found


# Elementwise, of one input: the slope


def _slope(slope: Callable[[Output, Output, Node], Node]) -> Rule:
    """A rule from the derivative; `slope` is given input, output and node."""

    def rule(node: Node, incoming: Sequence[Output | None], wanted: Sequence[int]) -> Gradients:
        found = slope(node.input_value(0), node.output(0), node)
        return {0: ops.multiply(gradient_of(incoming), found).output(0)}

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
    if node.get_input_size() > 1 and not np.array_equal(constant(node.input_value(1), node), 1):
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


ELEMENTWISE: dict[str, Rule] = {
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
}

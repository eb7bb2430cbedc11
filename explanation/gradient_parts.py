"""What the rules of gradients share: their form, constants of a graph, the undoing of broadcasting."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino
import openvino.opset14 as ops
from numpy.typing import NDArray
from openvino import Node, Output

from engine.openvino_network import openvino_core

Gradients = dict[int, Output]
Rule = Callable[[Node, Sequence[Output | None], Sequence[int]], Gradients]


class UnsupportedOperationError(RuntimeError):
    """A network that cannot be differentiated; the message names what has no gradient here."""


def gradient_of(incoming: Sequence[Output | None]) -> Output:
    """The gradient by an operation's only output."""
    first = incoming[0]
    assert first is not None, "walked back from an output that the score does not depend on"
    return first


def summed_to(gradient: Output, value: Output) -> Output:
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


def evaluated(value: Output) -> NDArray[Any]:
    """What a value is that depends on no parameter, such as weights that are stored as int8 with scales."""
    model = openvino.Model([ops.result(value)], [], "constant")
    computed = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({})
    return np.array(computed[0])


def constant(value: Output, node: Node) -> NDArray[Any]:
    """Axes or shapes, which must be constants."""
    source = value.get_node()
    if source.get_type_name() == "Constant":
        return np.asarray(source.get_data())
    if source.get_type_name() == "Convert":
        return constant(source.input_value(0), node)
    raise UnsupportedOperationError(
        f"operation {node.get_type_name()} ({node.get_friendly_name()}) has axes or shapes that are no constants"
    )


def static_sides(value: Output, node: Node) -> list[int]:
    """The dimensions of a value behind the batch."""
    shape = value.get_partial_shape()
    if any(dimension.is_dynamic for dimension in list(shape)[1:]):
        raise UnsupportedOperationError(
            f"operation {node.get_type_name()} ({node.get_friendly_name()}) takes {shape}; expected fixed sides"
        )
    return [dimension.get_length() for dimension in list(shape)[1:]]


def zeros_like(value: Output) -> Output:
    """Zeros of the shape of a value."""
    return ops.broadcast(np.float32(0), ops.shape_of(value)).output(0)

"""Reverse-mode differentiation of an OpenVINO graph: from an IR to a graph that also computes input gradients.

OpenVINO has none of its own, and the library that explains OpenVINO networks (openvino-xai 1.1.0) pins an OpenVINO of
2024 and numpy 1. The rules for single operations stand in `explanation/gradient_rules.py`.
"""

from typing import NamedTuple

import numpy as np
import openvino
import openvino.opset14 as ops
from openvino import Node, Output

from explanation.gradient_parts import UnsupportedOperationError
from explanation.gradient_rules import RULES


class FloatGraph(NamedTuple):
    """A network in float32 that is ready to be differentiated.

    Attributes:
        pixels: parameter (N, S, S, 3) float32, values 0 to 255.
        logits: (N, classes) float32: what the network's softmax is given.
    """

    pixels: Node
    logits: Output


def float_graph(model: openvino.Model) -> FloatGraph:
    """Rewire an IR, which takes (N, S, S, 3) uint8 and ends in a softmax; `model` is consumed.

    Quantizers of activations (FakeQuantize) are taken out: the network computes in float32 with the weights it has, and
    its gradient is that of straight-through estimation.

    Raises:
        UnsupportedOperationError: the graph does not begin or end so.
    """
    last = model.get_results()[0].input_value(0).get_node()
    if last.get_type_name() != "Softmax":
        raise UnsupportedOperationError(f"the network ends in {last.get_type_name()}; expected a Softmax over classes")
    first = model.get_parameters()[0]
    pixels = ops.parameter(first.get_output_partial_shape(0), np.float32, name="pixels")
    for target in first.output(0).get_target_inputs():
        conversion = target.get_node()
        if conversion.get_type_name() != "Convert" or conversion.get_element_type() != openvino.Type.f32:
            raise UnsupportedOperationError(
                f"{conversion.get_type_name()} takes the uint8 pixels; expected their conversion to float32 first"
            )
        for use in conversion.output(0).get_target_inputs():
            use.replace_source_output(pixels.output(0))
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and not _is_constant(node.input_value(0)):
            for use in node.output(0).get_target_inputs():
                use.replace_source_output(node.input_value(0))
    return FloatGraph(pixels, last.input_value(0))


def _is_constant(value: Output) -> bool:
    node = value.get_node()
    return node.get_type_name() == "Constant" or (
        node.get_input_size() > 0 and all(_is_constant(node.input_value(port)) for port in range(node.get_input_size()))
    )


def forward_model(graph: FloatGraph) -> openvino.Model:
    """Pixels (N, S, S, 3) float32 to logits (N, classes) float32."""
    return openvino.Model([ops.result(graph.logits)], [graph.pixels], "logits")


def gradient_model(graph: FloatGraph) -> openvino.Model:
    """Pixels (N, S, S, 3) float32 and the class as one-hot rows (N, classes) float32 to a gradient (N, S, S, 3).

    It is the gradient of the log-odds of that class, its logit less the logarithm of the summed exponentials of the
    others, per grey level.

    Raises:
        UnsupportedOperationError: an operation between pixels and logits has no rule; the message names it.
    """
    one_hot = ops.parameter(graph.logits.get_partial_shape(), np.float32, name="one_hot")
    others = ops.softmax(ops.subtract(graph.logits, ops.multiply(one_hot, np.float32(1e9))), 1)
    seed = ops.subtract(one_hot, others).output(0)
    gradient = _input_gradient(graph, seed)
    return openvino.Model([ops.result(gradient)], [graph.pixels, one_hot], "gradient")


def _input_gradient(graph: FloatGraph, seed: Output) -> Output:
    """Walk from the logits back to the pixels; `seed` is the gradient of the score by the logits."""
    nodes = _between(graph)
    gradients: dict[str, list[Output]] = {_key(graph.logits): [seed]}
    for node in reversed(nodes):
        if node.get_friendly_name() == graph.pixels.get_friendly_name():
            continue
        incoming = [_total(gradients.get(_key(output), [])) for output in node.outputs()]
        if all(gradient is None for gradient in incoming):
            continue
        rule = RULES.get(node.get_type_name())
        if rule is None:
            raise UnsupportedOperationError(
                f"operation {node.get_type_name()} ({node.get_friendly_name()}) has no rule for its gradient"
            )
        wanted = [port for port in range(node.get_input_size()) if _depends(node.input_value(port), nodes)]
        for port, gradient in rule(node, incoming, wanted).items():
            gradients.setdefault(_key(node.input_value(port)), []).append(gradient)
    total = _total(gradients.get(_key(graph.pixels.output(0)), []))
    if total is None:
        raise UnsupportedOperationError("the logits do not depend on the pixels")
    return total


def _between(graph: FloatGraph) -> list[Node]:
    """The nodes on paths from the pixels to the logits, in topological order."""
    model = openvino.Model([ops.result(graph.logits)], [graph.pixels], "path")
    reached: set[str] = {graph.pixels.get_friendly_name()}
    path = []
    for node in model.get_ordered_ops():
        sources = [node.input_value(port).get_node().get_friendly_name() for port in range(node.get_input_size())]
        if node.get_type_name() != "Result" and (
            node.get_friendly_name() in reached or any(name in reached for name in sources)
        ):
            reached.add(node.get_friendly_name())
            path.append(node)
    return path


def _depends(value: Output, path: list[Node]) -> bool:
    name = value.get_node().get_friendly_name()
    return any(node.get_friendly_name() == name for node in path)


def _key(value: Output) -> str:
    return f"{value.get_node().get_friendly_name()}:{value.get_index()}"


def _total(gradients: list[Output]) -> Output | None:
    """The sum of what several uses of a value contribute."""
    if not gradients:
        return None
    total = gradients[0]
    for gradient in gradients[1:]:
        total = ops.add(total, gradient).output(0)
    return total

"""The gradient of each operation, as OpenVINO operations (vector-Jacobian products).

A rule is given the node, the gradients of the score by its outputs (None where the score does not depend on one), and
the ports of the inputs whose gradients are wanted; it returns these by port. A rule may read the node's own output.
"""

from explanation.gradient_elementwise import ELEMENTWISE
from explanation.gradient_layers import LAYERS
from explanation.gradient_parts import Rule
from explanation.gradient_shapes import SHAPES

RULES: dict[str, Rule] = ELEMENTWISE | LAYERS | SHAPES

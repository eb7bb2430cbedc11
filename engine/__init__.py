"""Pixels (N, 3, S, S) uint8 in, logits (N, classes) float32 out: the network of an archive, made fast for this machine.

Called by the handler and by benchmarks. Knows neither image files nor TorchServe.
"""

import sys

# Each `import openvino` reports itself to Google Analytics, unless the package that does so cannot be imported.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

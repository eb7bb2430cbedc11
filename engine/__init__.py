"""Pixels (N, S, S, 3) uint8 in, class probabilities (N, classes) float32 out.

OpenVINO computes on CPUs, torch on GPUs and where OpenVINO is not to be had. Called by the handler, training's export
and benchmarks. Knows neither image files nor TorchServe.
"""

import sys

# Each `import openvino` reports itself to Google Analytics, unless the package that does so cannot be imported.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

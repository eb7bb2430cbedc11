#!/usr/bin/env bash
# OpenVINO on the CPU: where a convolution and a transposed convolution share one constant of filters that has as many
# input as output channels, the second one is computed with the filters transposed the wrong way. Nothing is raised;
# with a copy of the constant the result is right. Whoever builds a gradient graph meets it.
set -euo pipefail
package=openvino==2026.4.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check "$package"
cat > "$work/shared.py" <<'PYTHON'
import sys

sys.modules["openvino_telemetry"] = None
import numpy as np
import openvino
import openvino.opset14 as ops

filters = np.random.default_rng(0).normal(size=(16, 16, 3, 3)).astype(np.float32)
image = np.random.default_rng(1).normal(size=(1, 16, 9, 9)).astype(np.float32)


def transposed(second_copy: bool) -> np.ndarray:
    parameter, constant = ops.parameter(image.shape, np.float32), ops.constant(filters)
    other = ops.constant(filters.copy()) if second_copy else constant
    one = [1, 1]
    forward = ops.convolution(parameter, constant, one, one, one, one)
    backward = ops.convolution_backprop_data(parameter, other, strides=one, pads_begin=one, pads_end=one, dilations=one)
    model = openvino.Model([ops.result(forward), ops.result(backward)], [parameter])
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([image])[1]


difference = np.abs(transposed(False) - transposed(True)).max()
print(f"largest difference of one result, filters shared or copied: {difference:.2f}")
sys.exit(0 if difference > 1 else 1)
PYTHON
echo "$package"
"$work/env/bin/python" "$work/shared.py" || { echo "changed: the result is the same both ways"; exit 1; }

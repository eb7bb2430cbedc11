#!/usr/bin/env bash
# OpenVINO 2026.4.1: a model with a uint8 input takes a float32 array and casts it without a word, so an image with
# values from 0 to 1 arrives black. Only an openvino.Tensor is checked. Seen as: the answer to 0.9 is the answer to 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import openvino
from openvino import opset13

pixels = opset13.parameter([-1, 4], np.uint8)
network = openvino.Model([opset13.convert(pixels, "f32")], [pixels])  # answers with the pixels it got
compiled = openvino.compile_model(network, "CPU")
image = np.full((1, 4), 0.9, np.float32)
array = compiled(image)[0]
print(f"openvino {openvino.__version__}: float32 array 0.9 into a uint8 input gives {array[0, 0]}")
try:
    compiled(openvino.Tensor(image))
except RuntimeError as error:
    print("the same as an openvino.Tensor is refused:", str(error).strip().splitlines()[-1])
else:
    sys.exit("changed: an openvino.Tensor of float32 is accepted, too")
if array.any():
    sys.exit("changed: the float32 array was not cast to 0")
PYTHON

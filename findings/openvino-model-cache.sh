#!/usr/bin/env bash
# OpenVINO 2026.4.1: with CACHE_DIR, compile_model(path) tells models apart by the .xml alone. New weights in the .bin
# beside it are not seen, and the old ones are served. read_model + compile_model sees them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import shutil
import sys

import numpy as np
import openvino
from openvino import opset13


def save(weight: float, name: str) -> None:
    """A network that multiplies by a matrix."""
    image = opset13.parameter([1, 64], np.float32, name="image")
    weights = opset13.constant(np.full((64, 64), weight, np.float32), name="weights")
    product = opset13.matmul(image, weights, False, False, name="product")
    openvino.save_model(openvino.Model([product], [image], "network"), f"{name}.xml", compress_to_fp16=False)


def answer(by_path: bool) -> float:
    core = openvino.Core()
    core.set_property({"CACHE_DIR": "cache"})
    compiled = core.compile_model("network.xml" if by_path else core.read_model("network.xml"), "CPU")
    return float(compiled(np.ones((1, 64), np.float32))[0][0, 0])


save(1.0, "network")
save(2.0, "newer")
before = answer(by_path=True)
shutil.copy("newer.bin", "network.bin")
after, read = answer(by_path=True), answer(by_path=False)
print(f"openvino {openvino.__version__}: {before}; new weights: compile_model(path) {after}, read_model first {read}")
if (before, after, read) != (64.0, 64.0, 128.0):
    sys.exit("changed: expected 64.0, 64.0 (the old weights) and 128.0")
PYTHON

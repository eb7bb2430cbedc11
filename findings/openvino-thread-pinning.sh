#!/usr/bin/env bash
# OpenVINO 2026.4.1: every process with INFERENCE_NUM_THREADS=1 pins its thread to the same core, so two workers share
# one. ENABLE_CPU_PINNING=False ends that. Seen as: the affinity of the thread that infers, in two processes at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1
cd "$folder"
cat > worker.py <<'PYTHON'
import os
import sys
import threading
import time

import numpy as np
import openvino
from openvino import opset13

image = opset13.parameter([1, 1024], np.float32)
weights = opset13.constant(np.ones((1024, 1024), np.float32))
network = openvino.Model([opset13.matmul(image, weights, False, False)], [image])
settings = {"INFERENCE_NUM_THREADS": 1} | ({"ENABLE_CPU_PINNING": False} if sys.argv[1] == "unpinned" else {})
compiled = openvino.compile_model(network, "CPU", settings)


def infer() -> None:
    end = time.monotonic() + 2
    while time.monotonic() < end:
        compiled(np.zeros((1, 1024), np.float32))


thread, narrowest = threading.Thread(target=infer), os.sched_getaffinity(0)
thread.start()
for _ in range(100):  # a second: the thread is pinned while it infers, not in between
    narrowest = min(narrowest, os.sched_getaffinity(thread.native_id), key=len)
    time.sleep(0.01)
print(sorted(narrowest))
PYTHON
venv/bin/python - <<'PYTHON'
import os
import subprocess
import sys

import openvino

if len(os.sched_getaffinity(0)) < 2:
    sys.exit("this needs two cores")


def cores_of_two_processes(pinning: str) -> list[str]:
    command = [sys.executable, "worker.py", pinning]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return [process.communicate()[0].strip() for process in both]


pinned, unpinned = cores_of_two_processes("pinned"), cores_of_two_processes("unpinned")
print(f"openvino {openvino.__version__}: cores of two processes: {pinned}; with ENABLE_CPU_PINNING False: {unpinned}")
if pinned[0] != pinned[1] or "," in pinned[0]:
    sys.exit("changed: the two processes are not pinned to one core")
if unpinned != [str(sorted(os.sched_getaffinity(0)))] * 2:
    sys.exit("changed: without pinning a process may not run on every core")
PYTHON

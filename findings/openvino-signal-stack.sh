#!/usr/bin/env bash
# OpenVINO 2026.4.1: a Core with the CPU plugin gives its thread an alternate signal stack and unmaps it when it goes.
# Of two Cores that go oldest first, the younger one puts the older one's stack back, which is unmapped by then; one
# Core for the whole process avoids it. Seen as: where sigaltstack(2) points, against /proc/self/maps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1
"$folder/venv/bin/python" - <<'PYTHON'
import ctypes
import sys

import numpy as np
import openvino
from openvino import opset13


class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def signal_stack() -> str:
    stack = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    if not stack.start:
        return "none"
    with open("/proc/self/maps") as maps:
        ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
    return "mapped" if any(first <= stack.start < last for first, last in ranges) else "unmapped"


def core() -> openvino.Core:
    number = opset13.parameter([1], np.float32)
    opened = openvino.Core()
    opened.compile_model(openvino.Model([opset13.relu(number)], [number]), "CPU")
    return opened


seen = [signal_stack()]
older, younger = core(), core()
seen.append(signal_stack())
del older
seen.append(signal_stack())
del younger
seen.append(signal_stack())
print(f"openvino {openvino.__version__}: before {seen[0]}, two Cores {seen[1]}, the younger {seen[2]}, none {seen[3]}")
if seen != ["none", "mapped", "mapped", "unmapped"]:
    sys.exit("changed: the thread is no longer left with a signal stack that is unmapped")
PYTHON

"""The environment variables through which the benchmark tells a peer what to serve, and how."""

import os

ENGINE = "BENCHMARK_ENGINE"  # torch, openvino, or project
RECORD = "BENCHMARK_RECORD"  # the training record: the class names, and for torch the network and its weights
IR = "BENCHMARK_IR"  # for OpenVINO: the .xml file of the network
MODEL_DIR = "BENCHMARK_MODEL_DIR"  # for the project: the folder of an unpacked archive
PRECISION = "BENCHMARK_PRECISION"
WORKERS = "BENCHMARK_WORKERS"
PORT = "BENCHMARK_PORT"
SCRATCH = "BENCHMARK_SCRATCH"  # a folder of its own, empty


def integer(name: str) -> int:
    """The value of a variable that holds an integer."""
    return int(os.environ[name])

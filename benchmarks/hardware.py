"""What a measurement ran on, and with which versions: figures mean nothing without it."""

import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from serving.java import find_java, java_version
from serving.machine import this_machine

PACKAGES = ("torch", "openvino", "torchserve", "pillow", "simplejpeg", "numpy")
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_tile")  # what int8 and bf16 need


def describe() -> dict[str, Any]:
    """The processor, cores, memory (GB), kernel, and the version of everything of the project's that matters."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "processor": processor(cpuinfo),
        "instruction_sets": instruction_sets(cpuinfo),
        "cores": this_machine().cores,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "load_before": round(psutil.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            "java": str(java_version(find_java())),
            "wrk": wrk_version(),
            **{package: found for package in PACKAGES if (found := installed(package))},
        },
    }


def command_line() -> str:
    """The command that runs, as one would type it."""
    module = (spec := sys.modules["__main__"].__spec__) and spec.name
    return " ".join(["python", "-m", module or sys.argv[0], *sys.argv[1:]])


def processor(cpuinfo: str) -> str:
    """The processor's name, where Linux tells it in /proc/cpuinfo."""
    found = re.search(r"model name\s*: (.+)", cpuinfo)
    return found[1] if found else platform.processor() or platform.machine()


def instruction_sets(cpuinfo: str) -> list[str]:
    """Which of `INSTRUCTION_SETS` the processor has."""
    flags = re.search(r"flags\s*: (.+)", cpuinfo)
    return [name for name in INSTRUCTION_SETS if flags and name in flags[1].split()]


def installed(package: str) -> str | None:
    """The version of a package of this environment, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def wrk_version() -> str:
    """What wrk calls itself; it exits with 1 after saying so."""
    output = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return output.partition(" [")[0].removeprefix("wrk ")

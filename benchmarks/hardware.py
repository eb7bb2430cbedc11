"""What a measurement ran on, and with which versions: figures mean nothing without it."""

import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.environment import ENVIRONMENT
from serving.java import find_java, java_version
from serving.machine import this_machine

PACKAGES = ("torch", "torchserve", "pillow", "numpy")
PEERS = ("flask", "gunicorn", "fastapi", "uvicorn", "litserve", "bentoml")


def describe() -> dict[str, Any]:
    """Return the processor, cores, memory (GB), kernel, and the version of everything measured."""
    return {
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": this_machine().cores,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "load_before": round(psutil.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            "java": str(java_version(find_java())),
            "wrk": wrk_version(),
            **{package: version(package) for package in PACKAGES},
            **peer_versions(),
        },
    }


def processor(cpuinfo: Path) -> str:
    """Return the processor's name, where Linux tells it."""
    found = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def wrk_version() -> str:
    """Return what wrk calls itself; it exits with 1 after saying so."""
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return said.partition(" [")[0].removeprefix("wrk ")


def peer_versions() -> dict[str, str]:
    """Return the version of each peer, from its own environment."""
    code = f"from importlib.metadata import version\nfor name in {PEERS}: print(name, version(name))"
    command = [str(ENVIRONMENT / "bin" / "python"), "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())

"""Other people's clients, each in an environment of its own: their pins conflict, also with each other's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serving.server import Server
from serving.settings import PROJECT
from tests.conftest import CAT

HERE = Path(__file__).parent
ENVIRONMENTS = PROJECT / ".venv-clients"


def answers_to(server: Server, *, script: str, library: str) -> dict[str, Any]:
    """What a client's script prints of a server; skips where its packages cannot be had."""
    python = environment(library)
    addresses = [str(server.settings.front).removeprefix("http://"), grpc_address(server)]
    command = [python, HERE / script, *addresses, CAT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def grpc_address(server: Server) -> str:
    return f"127.0.0.1:{server.settings.properties['front_grpc_port']}"


def environment(library: str) -> Path:
    """The interpreter of a client's environment, which is made where it is not there yet."""
    folder, requirements = ENVIRONMENTS / library, HERE / f"requirements-{library}.txt"
    python, complete = folder / "bin" / "python", folder / "requirements.txt"
    if complete.exists() and complete.read_text() == requirements.read_text():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    done = subprocess.run([*pip, "--requirement", requirements], capture_output=True, text=True, timeout=600)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        pytest.skip(f"{requirements.read_text().strip()} cannot be installed here: {' '.join(last)}")
    complete.write_text(requirements.read_text())
    return python

"""OpenVINO's usage statistics are switched off: importing the engine sends nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.settings import PROJECT

# Reports each attempt to reach the network, or to fork a process that could.
WATCH = """
import sys, threading
NETWORK = {"socket.connect", "socket.getaddrinfo", "urllib.Request", "os.fork"}
sys.addaudithook(lambda event, arguments: print(event, arguments) if event in NETWORK else None)
"""
END = """
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
"""


def network_events(code: str, home: Path) -> list[str]:
    """What a new process that imports `code` tries to send, and what it leaves in the user's home folder."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # CI switches it off as well
    done = subprocess.run(
        [sys.executable, "-c", WATCH + code + END],
        cwd=PROJECT, env=environment | {"HOME": str(home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines() + [path.name for path in home.iterdir()]


@pytest.mark.parametrize("module", ["openvino", "nncf"])
def test_nothing_is_sent_when_the_engine_is_imported_first(module: str, tmp_path: Path) -> None:
    assert network_events(f"import engine, {module}", tmp_path) == []


def test_openvino_by_itself_would_report_its_import(tmp_path: Path) -> None:
    blocked = "import urllib.request; urllib.request.urlopen = lambda *_, **__: None\n"  # tried, and not sent
    assert "os.fork" in " ".join(network_events(f"{blocked}import openvino", tmp_path))

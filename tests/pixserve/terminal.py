"""A command run under a pseudo-terminal, its standard output redirected as a shell does it."""

import os
import pty
import shlex
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from serving.settings import PROJECT


@dataclass(frozen=True)
class Run:
    """How a command ended, what its standard output received, and what appeared on the terminal."""

    returncode: int
    stdout: bytes
    screen: str


PIXSERVE = (sys.executable, "-m", "pixserve")


def run_in_terminal(*arguments: object, stdout: Path, pipe: str = "") -> Run:
    """Run `pixserve ARGUMENTS > stdout`, or with a `pipe` before it such as `tail -n 3`, at a terminal."""
    command = [*PIXSERVE, *map(str, arguments)]
    if pipe:
        command = ["sh", "-c", f"{shlex.join(command)} | {pipe}"]
    with stdout.open("wb") as file:
        returncode, screen = _run(command, stdout=file)
    return Run(returncode, stdout.read_bytes(), screen)


def run_on_screen(*arguments: object, environment: Mapping[str, str] | None = None) -> Run:
    """Run `pixserve ARGUMENTS` with everything on the terminal, with further environment variables."""
    returncode, screen = _run([*PIXSERVE, *map(str, arguments)], stdout=None, environment=environment)
    return Run(returncode, b"", screen)


def _run(
    command: list[str], *, stdout: IO[bytes] | None, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                came = os.read(ours, 65536)
            except OSError:  # Linux says EIO where nobody has the other end open
                return
            if not came:
                return
            seen.append(came)

    reader = threading.Thread(target=read)
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | dict(environment or {}),
    ) as process:
        os.close(theirs)
        reader.start()
        returncode = process.wait(120)
    reader.join(10)
    os.close(ours)
    return returncode, b"".join(seen).decode(errors="replace")

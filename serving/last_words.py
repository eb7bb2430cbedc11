"""Why TorchServe ended: its exit status, and the last of what it printed and logged."""

import os
import re
import signal
from pathlib import Path

from pixserve.runtime_directory import RuntimeDirectory

LOGGED_ERROR = re.compile(r"^\d{4}-\S+ \S+ ERROR .*(?:\n(?!\d{4}-).*)*", re.MULTILINE)  # with its stack trace
STACK_FRAME = re.compile(r"\tat |\t\.\.\. \d+ more")
HARMLESS = (  # what TorchServe prints at every start
    "WARNING: sun.reflect.Reflection.getCallerClass is not supported",
    "nvidia-smi not available or failed",
    "Model server started.",
    "Model server stopped.",
)
MAX_CHARACTERS = 1000  # of each of the two


def how_it_ended(pid: int) -> str:
    """Return how a child that has ended, and has not been reaped, ended: ``exit code 1`` or ``killed by SIGKILL``."""
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if result is None or result.si_code == os.CLD_EXITED:
        return f"exit code {result.si_status if result else 'unknown'}"
    return f"killed by {signal.Signals(result.si_status).name}"


def last_words(directory: RuntimeDirectory, *, log_start: int) -> str:
    """Return the last errors of TorchServe's log and the end of what it printed, without stack frames.

    Args:
        directory: the server's.
        log_start: where this run begins in TorchServe's log, in bytes.
    """
    logged = "\n".join(LOGGED_ERROR.findall(_text(directory.server_log, start=log_start)))
    printed = [line for line in _text(directory.console_log).splitlines() if not line.startswith(HARMLESS)]
    parts = [_end_of(logged.splitlines()), _end_of(printed)]
    return "\n".join(part for part in parts if part)


def _end_of(lines: list[str]) -> str:
    told = [line for line in lines if line.strip() and not STACK_FRAME.match(line)]
    return "\n".join(told)[-MAX_CHARACTERS:].strip()


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _text(path: Path, *, start: int = 0) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(start if start <= size_of(path) else 0)  # the log has been rotated since
        return file.read().decode(errors="replace")

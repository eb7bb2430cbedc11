"""Holds a worker that is about to be taken away, so that it is doing nothing when TorchServe kills it.

Whoever may write to the server's home asks for it with a file `hold-<process id>` there. The worker sees it when the
next description is asked for, says so by renaming the file to `held-<process id>`, and keeps the description back
until that file is gone. A worker runs one batch at a time: it has answered all it had, and takes nothing more.
"""

import os
import time
from pathlib import Path

MOST_HOLD_S = 10.0  # whoever asked may have died; far below responseTimeout, which ends a worker
POLL_S = 0.01


def wait_while_held(home: Path) -> None:
    """Return at once where nobody asked this worker to hold, else when its file is gone or `MOST_HOLD_S` are over."""
    held = home / f"held-{os.getpid()}"
    try:
        (home / f"hold-{os.getpid()}").rename(held)
    except FileNotFoundError:
        return
    deadline_s = time.monotonic() + MOST_HOLD_S
    while held.exists() and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    held.unlink(missing_ok=True)

"""Quiesces a worker that is about to be removed, so that it is doing nothing when TorchServe kills it.

Whoever may write to the server's runtime directory asks for it with a file `quiesce-<process id>` there. The worker
sees it when the next description is asked for, answers by renaming the file to `quiesced-<process id>`, and keeps the
description back until that file is gone. A worker runs one batch at a time: it has answered all it had, and takes
nothing more.

An archive cannot import pixserve, so the names here repeat those of `pixserve/runtime_directory.py`; a test compares.
"""

import os
import time
from pathlib import Path

RUNTIME_DIR_VARIABLE = "PIXSERVE_RUNTIME_DIR"  # names the server's runtime directory to its workers
MAX_QUIESCE_S = 10.0  # whoever asked may have died; far below responseTimeout, which ends a worker
POLL_S = 0.01


def draining_file(runtime_dir: str) -> str:
    """Return the path of the file that exists while new requests are refused."""
    return f"{runtime_dir}/draining"


def quiesce_request(runtime_dir: str, pid: int) -> Path:
    """Return the path of the file that asks a worker to quiesce."""
    return Path(runtime_dir, f"quiesce-{pid}")


def quiesced(runtime_dir: str, pid: int) -> Path:
    """Return the path of the worker's answer."""
    return Path(runtime_dir, f"quiesced-{pid}")


def wait_while_quiesced(runtime_dir: str) -> None:
    """Return at once if nobody asked this worker to quiesce, else once its file is gone or `MAX_QUIESCE_S` are over."""
    answer = quiesced(runtime_dir, os.getpid())
    try:
        quiesce_request(runtime_dir, os.getpid()).rename(answer)
    except FileNotFoundError:
        return
    deadline_s = time.monotonic() + MAX_QUIESCE_S
    while answer.exists() and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    answer.unlink(missing_ok=True)

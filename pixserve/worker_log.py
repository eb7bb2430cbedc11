"""Why workers ended, read from the log of what they print (`RuntimeDirectory.worker_log`).

TorchServe starts each line with the worker's thread, `W-<worker id>-<model>_<version>-stdout - `.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE = re.compile(r"W-(?P<worker>[^-\s]+)-(?P<version>\S+)-stdout - (?P<text>.*)")
DIED = "Backend worker process died."  # printed before the traceback
LOAD_FAILED = re.compile(r"Failed to load model \S+, exception (?P<reason>.+)")


@dataclass(frozen=True)
class WorkerDeath:
    """A worker process that ended with an exception.

    Args:
        worker: its id, which TorchServe never gives twice.
        model_version: its model and version, such as ``cifar10_1.0``.
        reason: the handler's own message where it gave one, else the last line of the traceback.
        traceback: the Python traceback.
    """

    worker: str
    model_version: str
    reason: str
    traceback: str


def worker_deaths(log: str) -> Iterator[WorkerDeath]:
    """Yield the deaths that a log tells of, in the order of the workers' first lines.

    Args:
        log: the text of the worker log.
    """
    lines: dict[tuple[str, str], list[str]] = {}
    for line in LINE.finditer(log):
        lines.setdefault((line["worker"], line["version"]), []).append(line["text"])
    for (worker, version), printed in lines.items():
        if DIED in printed:
            traceback = [text for text in printed[printed.index(DIED) + 1 :] if text.strip()]
            yield WorkerDeath(worker, version, _reason(printed), "\n".join(traceback))


def _reason(printed: list[str]) -> str:
    for text in printed:
        if failed := LOAD_FAILED.match(text):
            return failed["reason"].strip().rstrip(":")
    return next(text for text in reversed(printed) if text.strip())

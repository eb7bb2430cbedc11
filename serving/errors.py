"""What the launcher raises: one sentence for a person, and the worker's traceback where there is one."""

from pathlib import Path


class ServingError(Exception):
    """A server that cannot be started, reached or stopped; the message is fit to print as it is."""


class AlreadyRunningError(ServingError):
    """A server runs in this runtime directory.

    Args:
        pid: its launcher's process id, or 0 where that is not known.
        runtime_dir: the directory.
    """

    def __init__(self, pid: int, runtime_dir: Path) -> None:
        super().__init__(f"a server runs already in {runtime_dir}: process {pid or 'unknown'}; `make stop` ends it")


class EndedError(ServingError):
    """TorchServe ended by itself.

    Args:
        how: such as ``exit code 1`` or ``killed by SIGKILL``.
        last_words: the end of what it printed and logged.
    """

    def __init__(self, how: str, last_words: str) -> None:
        super().__init__(
            f"TorchServe ended by itself ({how})" + (f"; its last words:\n{last_words}" if last_words else "")
        )
        self.how = how


class GaveUpError(ServingError):
    """TorchServe ended again and again, and is not started any more."""


class WorkerLoadError(ServingError):
    """A worker process that died while it loaded its model.

    Args:
        model: the worker's model and version, such as ``cifar10_1.0``.
        reason: what the handler said, or the last line of the traceback.
        traceback: the worker's own Python traceback.
    """

    def __init__(self, model: str, reason: str, traceback: str) -> None:
        super().__init__(f"a worker of {model} died while it loaded the model: {reason}\nIts traceback:\n{traceback}")
        self.model = model
        self.reason = reason
        self.traceback = traceback

"""What the launcher raises: one sentence for a person, and the worker's traceback where there is one."""


class ServingError(Exception):
    """A server that cannot be started, reached or stopped; the message is fit to print as it is."""


class WorkerLoadError(ServingError):
    """A worker process that died while it loaded its model.

    Args:
        model: the worker's model and version, such as ``cifar10_1.0``.
        traceback: the worker's own Python traceback.
    """

    def __init__(self, model: str, traceback: str) -> None:
        super().__init__(f"a worker of {model} died while it loaded the model; its traceback:\n{traceback}")
        self.model = model
        self.traceback = traceback

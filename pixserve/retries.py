"""Which calls are made again, and when: exponential back-off with jitter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pixserve.errors import (
    ClientError,
    NotAcceptedError,
    NoWorkerError,
    TorchServeRaceError,
    UnreachableError,
    WorkerDiedError,
)

Result = TypeVar("Result")


def is_torchserve_race(fault: BaseException) -> bool:
    """Whether two of TorchServe's threads collided, which the next call hardly ever meets again."""
    return isinstance(fault, TorchServeRaceError)


def is_transient(fault: BaseException) -> bool:
    """Whether the same call may succeed in a moment: the server was busy or restarts, or its worker restarts."""
    if isinstance(fault, NoWorkerError) or not isinstance(fault, ClientError):
        return False
    return isinstance(fault, (UnreachableError, NotAcceptedError, WorkerDiedError))


@dataclass(frozen=True)
class Retries:
    """How often a call is made at most, and how long to wait between two attempts.

    A prediction changes nothing on the server, and neither does reading a description: both are repeated.
    Registering and unregistering are never repeated; setting the number of workers, which is idempotent, only after a
    race inside TorchServe. A timeout is not repeated: asking twice makes a slow server slower.

    Args:
        attempts: how many calls at most; 1 turns retries off.
        first_wait_s: the longest wait before the second call; it doubles each time.
        longest_wait_s: where it stops to double.
    """

    attempts: int = 4
    first_wait_s: float = 0.1
    longest_wait_s: float = 2.0

    def call(
        self, function: Callable[[], Result], *, should_retry: Callable[[BaseException], bool] = is_transient
    ) -> Result:
        """Call until it succeeds, fails for good, or the attempts are used up; the last error is raised.

        Args:
            should_retry: whether to call again after an error.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=self.first_wait_s, max=self.longest_wait_s),
            retry=retry_if_exception(should_retry),
            reraise=True,
        )
        return retrying(function)


DEFAULT_RETRIES = Retries()
NO_RETRIES = Retries(attempts=1)

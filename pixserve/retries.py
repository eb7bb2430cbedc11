"""When a call is made again: only what is safe to repeat, after a growing, random wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pixserve.errors import (
    ClientError,
    NotAcceptedError,
    NoWorkerError,
    StumbledError,
    UnreachableError,
    WorkerDiedError,
)

Result = TypeVar("Result")


def has_stumbled(fault: BaseException) -> bool:
    """Whether TorchServe stumbled over its own threads, which it may not do again."""
    return isinstance(fault, StumbledError)


def worth_repeating(fault: BaseException) -> bool:
    """Whether the same call may succeed in a moment: the server was busy, restarts, or its worker does."""
    if isinstance(fault, NoWorkerError) or not isinstance(fault, ClientError):
        return False
    return isinstance(fault, (UnreachableError, NotAcceptedError, WorkerDiedError))


@dataclass(frozen=True)
class Retries:
    """How often a call is made, and how long at most to wait before the second time and before the last.

    A prediction changes nothing on the server, and neither does reading a description: both are repeated.
    What registers or removes is never repeated, and asking for a number of workers only where TorchServe stumbled over
    it: it comes to the same however often it is asked. A timeout is not repeated either: a server that is too slow
    gets no faster by being asked twice.
    """

    attempts: int = 4
    first_wait_s: float = 0.1
    longest_wait_s: float = 2.0

    def call(
        self, function: Callable[[], Result], *, repeat: Callable[[BaseException], bool] = worth_repeating
    ) -> Result:
        """Call until it succeeds, fails for good, or the attempts are used up; the last error is raised.

        Args:
            repeat: whether an error is one to call again after.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=self.first_wait_s, max=self.longest_wait_s),
            retry=retry_if_exception(repeat),
            reraise=True,
        )
        return retrying(function)


DEFAULT_RETRIES = Retries()
NO_RETRIES = Retries(attempts=1)

"""What can stop a rollout; all are ClientErrors.

RolloutError                  stopped; the server is as it was before
├── NotLoadedError            a worker of the new version did not load
├── GateRefusedError          the new version is worse; it has been taken away again
├── RolledBackError           it failed once it was the default; the old one is the default again
├── NotQuietError             a version cannot be emptied: requests keep coming
└── NoEarlierVersionError     there is nothing to roll back to
"""

from typing import TYPE_CHECKING

from pixserve.errors import ClientError

if TYPE_CHECKING:
    from operations.gate import Verdict


class RolloutError(ClientError):
    """A change of versions or workers that was not made; the server is as it was before."""


class NotLoadedError(RolloutError):
    """A worker of the new version did not load its archive."""


class GateRefusedError(RolloutError):
    """The new version answers worse than the old one.

    Args:
        verdict: the figures of both.
    """

    def __init__(self, message: str, *, verdict: "Verdict") -> None:
        super().__init__(message)
        self.verdict = verdict


class RolledBackError(RolloutError):
    """The new version failed while it was watched as the default."""


class NotQuietError(RolloutError):
    """Requests that name the version keep coming, so that removing it would lose some."""


class NoEarlierVersionError(RolloutError):
    """No version that was the default before is still registered."""

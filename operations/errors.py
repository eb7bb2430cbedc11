"""What can stop a change of versions or workers; all are ClientErrors.

RolloutError                  nothing was changed, or it was changed back
├── ClassNamesError           classes are named differently by the versions or by the folders of images
├── NotLoadedError            a worker of the new version did not load
├── GateRefusedError          the new version is worse; it has been unregistered again
├── RolledBackError           it failed once it was the default; the old one is the default again
├── DrainTimedOutError        requests for a version kept coming, or its workers stayed busy
└── NoEarlierVersionError     there is nothing to roll back to
"""

from operations.verdict import Verdict
from pixserve.errors import ClientError


class RolloutError(ClientError):
    """A change of versions or workers that was not made; the server is as it was before."""


class ClassNamesError(RolloutError):
    """Two versions, or a version and the folders of images, have different names for their classes."""


class NotLoadedError(RolloutError):
    """A worker of the new version did not load its archive."""


class GateRefusedError(RolloutError):
    """The new version answers worse than the old one.

    Args:
        verdict: the figures of both.
    """

    def __init__(self, message: str, *, verdict: Verdict) -> None:
        super().__init__(message)
        self.verdict = verdict


class RolledBackError(RolloutError):
    """The new version failed while it was watched as the default."""


class DrainTimedOutError(RolloutError):
    """Requests for a version kept coming, or its workers stayed busy: removing them now would lose requests."""


class NoEarlierVersionError(RolloutError):
    """No version that was the default before is still registered."""

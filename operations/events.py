"""What a rollout tells its caller while it works: phases, how far the present one is, and remarks."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """The phases of a rollout, in their order; the last two only where it fails."""

    REGISTERING = "registering"
    LOADING = "loading"
    WARMING_UP = "warming up"
    COMPARING = "comparing"
    CANARY = "canary"  # a share of the requests goes to the new version; once for each share
    WATCHING = "watching"  # the new version is the default from here on
    RESTORING_DEFAULT = "restoring the default"  # the old version is the default again from here on
    UNREGISTERING = "unregistering"


@dataclass(frozen=True)
class PhaseStarted:
    """A phase begins.

    Args:
        old: the version that was the default before.
        new: the version that is rolled out.
        workers: how many workers the new version gets.
        percent: of a canary, the share of the requests.
    """

    phase: Phase
    old: str
    new: str
    workers: int
    percent: float | None = None


@dataclass(frozen=True)
class PhaseAdvanced:
    """A share (0 to 1) of a phase is done."""

    phase: Phase
    share: float


@dataclass(frozen=True)
class Remark:
    """What the user should know of the images of the gate, as a sentence."""

    sentence: str


Event = PhaseStarted | PhaseAdvanced | Remark
Listener = Callable[[Event], None]

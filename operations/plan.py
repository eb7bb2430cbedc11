"""What is asked of a rollout, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from operations.loading import READY_TIMEOUT_S
from operations.verdict import Limits, Verdict


@dataclass(frozen=True)
class Plan:
    """What is asked of a rollout.

    Args:
        archive: the name of a file in the model store.
        images: a folder with a folder of images for each class.
        workers: of the new version; None for as many as the old one has.
        most_images: how many of the images are used at most.
        limits: how much worse the new version may be.
        watch_s: how long it is watched as the default.
        max_errors: the share of errors accepted while it is watched.
        ready_timeout_s: how long a worker may take to load.
        class_names: other names of the default version's classes, in the archive or as folders of images.
        canary: per cent of the gateway's requests that the new version gets, one after the other, each for `canary_s`
            seconds, before it becomes the default; empty for none.
        canary_s: see there.
    """

    archive: str
    images: Path
    workers: int | None = None
    most_images: int = 500
    limits: Limits = field(default_factory=Limits)
    watch_s: float = 30.0
    max_errors: float = 0.01
    ready_timeout_s: float = READY_TIMEOUT_S
    class_names: Mapping[str, str] = field(default_factory=dict)
    canary: Sequence[float] = ()
    canary_s: float = 30.0


@dataclass(frozen=True)
class Outcome:
    """A rollout that succeeded.

    Args:
        model: the model's name.
        old, new: the default version before and now.
        verdict: what the gate found; None where the version was the default already.
        watched: what the watch saw, in a sentence; empty likewise.
    """

    model: str
    old: str
    new: str
    verdict: Verdict | None = None
    watched: str = ""

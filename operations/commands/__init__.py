"""The commands that change what a server serves, or watch it; `pixserve` offers them in a checkout, which has this."""

from collections.abc import Callable

from operations.commands import drift, rollout, top, versions

COMMANDS: tuple[Callable[..., None], ...] = (
    versions.register,
    rollout.rollout,
    versions.promote,
    versions.rollback,
    versions.scale,
    versions.retire,
    top.top,
    drift.drift,
)

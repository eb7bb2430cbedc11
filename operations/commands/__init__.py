"""The commands that change what a server serves; `pixserve` offers them where this folder is at hand (a checkout)."""

from collections.abc import Callable

from operations.commands import rollout, versions

COMMANDS: tuple[Callable[..., None], ...] = (
    versions.register,
    rollout.rollout,
    versions.promote,
    versions.rollback,
    versions.scale,
    versions.retire,
)

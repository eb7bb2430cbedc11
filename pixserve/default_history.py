"""The history of default versions, in the server's runtime directory: what `rollback` goes back to.

It is a stack for each model: a change of the default pushes the new version, undoing a change pops it. The order is
that of the list; no clock is asked. Whoever changes a default holds the lock from before the change until it is
recorded. The launcher records, under the same lock, what was changed by others (`curl`, say).
"""

import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pixserve.runtime_directory import RuntimeDirectory
from pixserve.state_files import read_json, set_aside, write_json

MAX_CHANGES = 100  # kept for each model


class DefaultHistory:
    """Which versions of each model were the default, oldest first; the last one is the present default.

    Get one from `default_history`, which holds the lock and writes the file.

    Args:
        changes: model name to versions.
    """

    def __init__(self, changes: dict[str, list[str]]) -> None:
        self.changes = changes

    def record(self, model: str, version: str) -> None:
        """Record that a version has been made the default. Repeating the present default is no change."""
        versions = self.changes.setdefault(model, [])
        if versions[-1:] != [version]:
            versions.append(version)
            del versions[:-MAX_CHANGES]

    def previous(self, model: str, registered: Collection[str]) -> str | None:
        """Return the default before the last change, or None. Versions that are not registered are passed over."""
        versions = self.changes.get(model, [])
        present = versions[-1] if versions else None
        return next((v for v in reversed(versions[:-1]) if v in registered and v != present), None)

    def undo(self, model: str, to: str) -> None:
        """Record that the default went back to `to`: the changes since are forgotten, so undoing again goes further."""
        versions = self.changes.setdefault(model, [])
        earlier = versions[:-1]
        if to not in earlier:
            self.record(model, to)
            return
        del versions[len(earlier) - earlier[::-1].index(to) :]


@contextmanager
def default_history(directory: RuntimeDirectory) -> Iterator[DefaultHistory]:
    """Hold the lock on a server's defaults; yield their history, and write it at the end of the block if it changed.

    Make the change inside the block: ``with default_history(d) as history: set_default(...); history.record(...)``.

    Raises:
        OSError: the runtime directory cannot be written.
    """
    with directory.default_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        history = DefaultHistory(_read(directory))
        before = {model: list(versions) for model, versions in history.changes.items()}
        yield history
        if history.changes != before:
            write_json(directory.default_history, history.changes)


def _read(directory: RuntimeDirectory) -> dict[str, list[str]]:
    content = read_json(directory.default_history)
    if content is None:
        return {}
    if isinstance(content, dict) and all(_is_versions(versions) for versions in content.values()):
        return content
    set_aside(directory.default_history, "expected a list of versions for each model")
    return {}


def _is_versions(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(version, str) for version in content)

"""The runtime directory before a start: made, and cleared of what an earlier run left in it."""

import shutil
from pathlib import Path

from pixserve.runtime_directory import RuntimeDirectory


def prepare(directory: RuntimeDirectory, management_socket: Path | None) -> None:
    """Make the runtime directory, which only its owner may enter, and remove what an earlier run left in it.

    State, history and logs stay. The logs of workers and console are of one run each; the one before is kept.
    Call it only while no server runs there.

    Args:
        directory: the server's.
        management_socket: where the management API will listen, if on a unix socket.
    """
    directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.path.chmod(0o700)
    for folder in (directory.temporary, directory.snapshots):  # unpacked archives of a server that was killed
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (directory.logs, directory.temporary, directory.metrics):
        folder.mkdir(exist_ok=True)
    for log in (directory.worker_log, directory.console_log, directory.front_console_log):
        keep_previous(log)
    for path in [
        directory.draining,
        directory.started,
        directory.key_file,
        *directory.quiesce_files(),
        management_socket,
    ]:
        if path:
            path.unlink(missing_ok=True)


def publish_key(directory: RuntimeDirectory, public_key: Path | None) -> None:
    """Keep a copy of the key that archives must be signed with, for rollouts; without a key, none."""
    if public_key:
        shutil.copyfile(public_key, directory.archive_public_key)
    else:
        directory.archive_public_key.unlink(missing_ok=True)


def clear_metrics(directory: RuntimeDirectory) -> None:
    """Let counters start at zero; call it when the launcher starts, and not when it starts TorchServe again."""
    shutil.rmtree(directory.metrics, ignore_errors=True)
    directory.metrics.mkdir(mode=0o700, parents=True)


def keep_previous(log: Path) -> None:
    """Rename a log to `<name>-previous.log`."""
    if log.exists():
        log.replace(log.with_stem(f"{log.stem}-previous"))

"""Small files that must survive a crash: written atomically, read with doubt."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

UNREADABLE_SUFFIX = ".unreadable"


def write_json(path: Path, content: Any) -> None:
    """Replace a file by JSON; see `write_text`."""
    write_text(path, json.dumps(content, indent=1))


def write_text(path: Path, text: str) -> None:
    """Replace a file: whoever reads it, after a power cut too, finds the old content or the new, whole.

    Raises:
        OSError: it could not be written, such as on a full disk; the old content is still there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, str(path)) from fault  # a failed write does not name its file


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None if there is none.

    A file that cannot be parsed is set aside as `<name>.unreadable`, and a warning on standard error says so.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as fault:
        set_aside(path, str(fault))
        return None


def set_aside(path: Path, reason: str) -> None:
    """Rename a file whose content makes no sense to `<name>.unreadable`, and say so on standard error."""
    aside = path.with_name(path.name + UNREADABLE_SUFFIX)
    path.replace(aside)
    print(f"warning: {path} cannot be read ({reason}); it is set aside as {aside.name}", file=sys.stderr)


def _sync_directory(folder: Path) -> None:
    """Make a rename durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Files written whole or not at all: an interrupt or a full disk never leaves half of one under its name."""

import io
from pathlib import Path
from typing import Any

import torch


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and rename it to ``path``; makes missing folders.

    Raises OSError where that is not possible; ``path`` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def torch_bytes(value: dict[str, Any]) -> bytes:
    """What ``torch.save`` writes, the same whatever the file is called."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()

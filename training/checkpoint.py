"""A checkpoint an epoch: written whole or not at all, and refused for any run but its own."""

from pathlib import Path
from typing import Any

import torch

from training.errors import CheckpointError

State = dict[str, Any]


def save_checkpoint(path: Path, *, identity: State, state: State) -> None:
    """Write ``state`` (tensors, numbers, strings, lists, dicts) so that an interrupt never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({"identity": identity, "state": state}, partial)
    partial.replace(path)


def load_checkpoint(path: Path, *, identity: State) -> State:
    """Read the state back; raises CheckpointError if there is none or it is of another run."""
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path} to resume: start without --resume.")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    differing = sorted(key for key in identity if saved["identity"].get(key) != identity[key])
    if differing:
        raise CheckpointError(
            f"{path} is of another run: it differs in {', '.join(differing)}. "
            "Give the options it was started with, or start without --resume."
        )
    state: State = saved["state"]
    return state

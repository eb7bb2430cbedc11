"""A checkpoint an epoch: written whole or not at all, and refused for any run but its own."""

import pickle
from pathlib import Path
from typing import Any

import torch

from training.errors import CheckpointError
from training.files import torch_bytes, write_atomically
from training.record import SCHEMA_VERSION

State = dict[str, Any]


def write_checkpoint(path: Path, *, identity: State, state: State) -> None:
    """Write the ``state`` of the run ``identity`` (tensors, numbers, strings, lists, dicts)."""
    checkpoint = {"schema_version": SCHEMA_VERSION, "identity": identity, "state": state}
    write_atomically(path, torch_bytes(checkpoint))


def load_checkpoint(path: Path, *, identity: State) -> State:
    """The state in a file; raises CheckpointError if there is none, or it is of another run or schema version."""
    saved = read_checkpoint(path)
    if saved.get("schema_version", 1) == 1:
        raise CheckpointError(f"{path} is of an older release: migrate it with `python train.py migrate {path}`.")
    differing = sorted(key for key in identity if saved["identity"].get(key) != identity[key])
    if differing:
        raise CheckpointError(
            f"{path} is of another run: it differs in {', '.join(differing)}. "
            "Give the options it was started with, or start without --resume."
        )
    state: State = saved["state"]
    return state


def read_checkpoint(path: Path) -> State:
    """All that a checkpoint file holds, of any schema version; raises CheckpointError if it is none."""
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path} to resume: start without --resume.")
    try:
        saved: State = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({error}): start without --resume.") from error
    if not {"identity", "state"} <= set(saved):
        raise CheckpointError(f"{path} is no checkpoint of a run: give the one that training wrote.")
    return saved

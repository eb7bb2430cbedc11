"""Migrates records, weights and checkpoints of the first schema version to today's: ``python train.py migrate FILE``.

Only names change: of keys in records and checkpoints, of options in recorded commands, and of the buffer that
calibrates a network.
"""

import re
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import read_checkpoint, write_checkpoint
from training.errors import WeightsError
from training.files import torch_bytes, write_atomically
from training.record import SCHEMA_VERSION, Record, parse_record, sha256_of, write_record

RECIPE = {
    "small": "resolution_schedule",
    "teaching": "distillation_weight",
    "validation": "validation_fraction",
    "cutmix": "cutmix_probability",
    "half_filters": "fp16_conv_weights",
}
AUGMENTATION = {"mirror": "horizontal_flip", "blur": "blur_probability"}
SCHEDULES = {"to zero": "linear_decay"}
TRAINING = {
    "chosen_epoch": "best_epoch",
    "chosen_by": "selected_by",
    "pictures_per_s": "images_per_s",
    "network_share_of_seconds": "network_time_fraction",
    "taught_by": "teachers",
    "earlier": "initial_weights",
}
WEIGHTS = {"flops_per_picture": "flops_per_image"}
CALIBRATION = {"sharpness": "coefficients", "test_ece_before": "test_ece_uncalibrated"}
IDENTITY = {"pictures": "data_fingerprint", "started_from": "initial_weights", "taught_by": "teachers"}
PROGRESS = {"earlier": "initial_weights", "chosen_epoch": "best_epoch", "chosen_weights": "best_state"}
OPTIONS = {
    "--start-from": "--initial-weights",
    "--taught-by": "--teacher",
    "--validation": "--validation-fraction",
}
BUFFERS = {"sharpness": "calibration"}


def migrate(path: Path) -> bool:
    """Migrate a record (.json) and the weights beside it, or a checkpoint (.pt), in place; False if up to date.

    Raises TrainingError where there is no such file, or it is neither.
    """
    if not path.is_file():
        raise WeightsError(f"There is no {path}: give a record (.json) or a checkpoint (.pt).")
    if path.suffix == ".json":
        return _migrate_record_file(path)
    if path.with_suffix(".json").is_file():
        raise WeightsError(f"{path} is migrated with its record: give {path.with_suffix('.json')}.")
    return _migrate_checkpoint_file(path)


def _migrate_record_file(path: Path) -> bool:
    record = parse_record(path)
    if record.get("schema_version") == SCHEMA_VERSION or "training" not in record:
        return False
    weights = path.with_suffix(".pt")
    if not weights.is_file():
        raise WeightsError(f"There is no {weights}: a record is migrated with the weights beside it.")
    try:
        migrated = _migrated_record(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is not as training wrote it and cannot be migrated: {error!r}.") from error
    # The weights first: if this is interrupted between the two, the record is still found to be an older one.
    state = torch.load(weights, map_location="cpu", weights_only=True)
    if not state.keys().isdisjoint(BUFFERS):
        write_atomically(weights, torch_bytes(_renamed(state, BUFFERS)))
    migrated["weights"] |= {"bytes": weights.stat().st_size, "sha256": sha256_of(weights)}
    write_record(path, migrated)
    return True


def _migrate_checkpoint_file(path: Path) -> bool:
    checkpoint = read_checkpoint(path)
    if checkpoint.get("schema_version") == SCHEMA_VERSION:
        return False
    identity, state = checkpoint["identity"], checkpoint["state"]
    identity = _renamed(identity, IDENTITY) | {"recipe": _migrated_recipe(identity["recipe"])}
    progress = _renamed(state["progress"], PROGRESS)
    progress["best_state"] = _renamed(progress["best_state"], BUFFERS)
    if progress["initial_weights"]:
        progress["initial_weights"] = _migrated_training(progress["initial_weights"])
    state = state | {"network": _renamed(state["network"], BUFFERS), "progress": progress}
    write_checkpoint(path, identity=identity, state=state)
    return True


def _migrated_record(record: Record) -> Record:
    migrated = {"schema_version": SCHEMA_VERSION, **_renamed(record, {"numerics": "reduced_precision"})}
    migrated["reduced_precision"] = None  # until it is exported: earlier figures are of an engine that is gone
    migrated["calibration"] = _renamed(record["calibration"], CALIBRATION)
    migrated["training"] = _migrated_training(record["training"])
    migrated["weights"] = _renamed(record["weights"], WEIGHTS)
    return migrated


def _migrated_training(training: Record) -> Record:
    migrated = _renamed(_with_migrated_recipe(training), TRAINING)
    if "teachers" in migrated:
        migrated["teachers"] = [_migrated_teacher(teacher) for teacher in migrated["teachers"]]
    if "initial_weights" in migrated:
        migrated["initial_weights"] = _migrated_training(migrated["initial_weights"])
    return migrated


def _migrated_teacher(teacher: Record) -> Record:
    return _renamed(_with_migrated_recipe(teacher), WEIGHTS)


def _with_migrated_recipe(training: Record) -> Record:
    """The entries with today's names in ``recipe`` and ``command``, where they have these."""
    changed: Record = {}
    if "recipe" in training:
        changed["recipe"] = _migrated_recipe(training["recipe"])
    if "command" in training:
        changed["command"] = _migrated_command(training["command"])
    return training | changed


def _migrated_command(command: str) -> str:
    """The command line with today's names of commands and options, so that it can be repeated."""
    command = re.sub(r"(?<=train\.py )distil(?!\S)", "distill", command)
    return re.sub(r"(?<!\S)--[a-z-]+", lambda option: OPTIONS.get(option[0], option[0]), command)


def _migrated_recipe(recipe: Record) -> Record:
    migrated = _renamed(recipe, RECIPE)
    migrated["augmentation"] = _renamed(migrated["augmentation"], AUGMENTATION)
    migrated["schedule"] = SCHEDULES.get(migrated["schedule"], migrated["schedule"])
    return migrated


def _renamed(entries: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The same entries in the same order, under other names where ``names`` has one."""
    return {names.get(key, key): value for key, value in entries.items()}
